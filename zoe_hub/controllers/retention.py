"""Forgets what is over, as the admin's limits say: executions with their logs and events, old events, old replies.

One small step after the other, so that nobody waits for it, and so that a hub that is killed between two steps leaves
nothing half-done: an execution goes from the lists together with the note (``Remains``) that something of it is left,
in one commit, and the note goes last. Decides by ``core.retention``. Part of ``controllers.hub``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Hashable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from traitlets import Float, Int
from traitlets.config import LoggingConfigurable

from zoe_hub.backends.base import Backend
from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.loop import Loop
from zoe_hub.controllers.kit.part import LoopPart
from zoe_hub.core.events import Event
from zoe_hub.core.executions.history import event
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.record import Record
from zoe_hub.core.retention import Going, Limits, Past, going
from zoe_hub.core.words import words
from zoe_hub.store.base import Batch, Filter, Ref, Remains, Reply, Store

K = TypeVar("K", bound=Hashable)

FORGOTTEN = "execution.forgotten"
"""The event by which whoever follows events learns that an execution is not there any more."""

STEP = 10  # executions at a time
ROWS = 500  # events or replies at a time
ROWS_OF_ONE = 100  # events of one execution at a time
_NOUNS: Mapping[type[Record], str] = {Execution: "executions", Event: "events", Reply: "replies"}
PAUSE = 0.02  # seconds between two steps, in which others have their turn
FIRST = 5.0  # seconds after the start until the first look


class Retention(LoopPart, LoggingConfigurable):
    """Knows how much of the past is kept, and forgets the rest."""

    executions_age = Float(
        0.0,
        min=0.0,
        help=(
            "Days that an execution is kept after its end, with its logs and its history; 0: for ever. Longer answers"
            " questions about the past; what has gone cannot be had back."
        ),
    ).tag(config=True)
    executions_number = Int(
        100_000,
        min=0,
        help=(
            "Ended executions that are kept, the latest ones, with their logs and their history; 0: all. The hub starts"
            " and answers as fast with 100,000 as with none; each takes some 10 KB of the disk, and its logs."
        ),
    ).tag(config=True)
    executions_size = Int(
        0,
        min=0,
        help=(
            "Bytes that ended executions may take, records and logs together; 0: whatever there is. A limit keeps the"
            " disk from filling up and takes the oldest executions however young they are; to measure costs a look at"
            " every log at each 'interval'."
        ),
    ).tag(config=True)
    events_age = Float(
        0.0,
        min=0.0,
        help=(
            "Days that events are kept, those of active executions too; 0: for ever. Shorter saves disk; the history of"
            " an execution that runs for longer then begins later than its start."
        ),
    ).tag(config=True)
    events_number = Int(
        1_000_000,
        min=0,
        help=(
            "Events that are kept, the latest ones; 0: all. Each takes some 0.5 KB. Who was away for longer than they"
            " reach back reads everything again."
        ),
    ).tag(config=True)
    events_size = Int(
        0,
        min=0,
        help=(
            "Bytes that events may take; 0: whatever there is. To measure costs a second for each gigabyte at each"
            " 'interval'."
        ),
    ).tag(config=True)
    replies_age = Float(
        1.0,
        min=0.0,
        help=(
            "Days that the answer to a request with an Idempotency-Key is kept; 0: for ever. A request that is repeated"
            " later is carried out a second time."
        ),
    ).tag(config=True)
    replies_number = Int(
        0, min=0, help="Answers to requests with an Idempotency-Key that are kept, the latest ones; 0: all."
    ).tag(config=True)
    replies_size = Int(
        0, min=0, help="Bytes that answers to requests with an Idempotency-Key may take; 0: whatever there is."
    ).tag(config=True)
    interval = Float(
        600.0,
        min=1.0,
        help=(
            "Seconds between two looks at what may go. Shorter keeps closer to the limits; longer costs less where a"
            " size is limited."
        ),
    ).tag(config=True)

    def __init__(self, store: Store, backend: Backend, clock: Clock, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._store, self._backend, self._clock = store, backend, clock
        self._loop = Loop("Forgetting what is over", self._look, self.log)
        self._sizes: dict[type[Record], int] = {}  # bytes by type, as far as this look has measured them
        self._forgotten: dict[type[Record], int] = dict.fromkeys(_NOUNS, 0)

    def limits(self, what: str) -> Limits:
        """What the options say. :param what: ``executions``, ``events`` or ``replies``"""
        age, number, size = (getattr(self, f"{what}_{name}") or None for name in ("age", "number", "size"))
        return Limits(age=None if age is None else timedelta(days=age), number=number, size=size)

    # --- as a part ---

    async def start(self) -> None:
        """Begin to look, soon."""
        self._loop.start(after=min(FIRST, self.interval))

    @property
    def stats(self) -> Mapping[str, float]:
        """Counts for the metrics."""
        forgotten = {f"forgotten_{_NOUNS[type_]}": float(count) for type_, count in self._forgotten.items()}
        return {**forgotten, "remains": float(len(self._store.records(Remains)))}

    async def _look(self) -> float:
        if await self.step():
            return PAUSE
        self._sizes.clear()  # measured anew with the next look
        return self.interval

    async def step(self) -> bool:
        """One bounded piece of what is to be done. Whether there may be more."""
        return (
            await self._clear()
            or await self._forget_executions()
            or await self._forget_events()
            or await self._forget_replies()
            or await self._store.tidy()
        )

    # --- executions ---

    async def _forget_executions(self) -> bool:
        limits = self.limits("executions")
        held = {each.parent.id for each in self._store.active() if each.parent and each.parent.kind != "attachment"}
        oldest = await self._store.oldest(Execution, STEP + len(held))  # so that not all of them are held
        past = [
            Past(
                key=each.record.id,
                since=each.record.ended or each.record.created,
                size=each.size + (await self._backend.measure_logs(each.record.id) if limits.size else 0),
                refers_to=frozenset([each.record.parent.id] if each.record.parent else ()),
            )
            for each in oldest
        ]
        number = await self._store.count(Execution, Filter(active=False))
        gone = await self._over(Execution, limits, past, number, held)
        if not gone:
            return False
        now, known = self._clock.now(), {each.record.id: each.record for each in oldest}
        await self._store.commit(
            Batch(
                put=tuple(Remains(execution=each.key, since=now) for each in gone),
                drop=tuple(Ref(Execution, each.key) for each in gone),
                events=tuple(event(known[each.key], now, FORGOTTEN, each.reason) for each in gone),
            )
        )
        self._tell(Execution, gone, ", ".join(each.key for each in gone))
        return True

    async def _clear(self) -> bool:
        """Delete what is left of executions that have been forgotten."""
        remains = tuple(self._store.records(Remains))[:STEP]
        results = await asyncio.gather(*map(self._clear_one, remains), return_exceptions=True)
        for problem in filter(None, results):
            raise problem
        return bool(remains)

    async def _clear_one(self, execution: str) -> None:
        await self._backend.forget_logs(execution)
        while True:
            events = await self._store.events(execution=execution, limit=ROWS_OF_ONE)
            # The newest event of all stays, since the next one is numbered after it.
            old = [each.seq for each in events if each.kind != FORGOTTEN and each.seq < self._store.last_seq]
            if not old:
                break
            await self._store.commit(Batch(drop=tuple(Ref(Event, each) for each in old)))
        await self._store.commit(Batch(drop=(Ref(Remains, execution),)))

    # --- events and replies ---

    async def _forget_events(self) -> bool:
        past = [
            Past(each.record.seq, each.record.time, each.size)
            for each in await self._store.oldest(Event, ROWS)
            if each.record.seq < self._store.last_seq
        ]
        number = self._store.last_seq - self._store.first_seq + 1
        gone = await self._over(Event, self.limits("events"), past, number)
        if gone:
            await self._store.commit(Batch(first_seq=gone[-1].key + 1))
            self._tell(Event, gone, f"{gone[0].key} to {gone[-1].key}")
        return bool(gone)

    async def _forget_replies(self) -> bool:
        past = [
            Past((each.record.owner, each.record.key), each.record.created, each.size)
            for each in await self._store.oldest(Reply, ROWS)
        ]
        gone = await self._over(Reply, self.limits("replies"), past, await self._store.count(Reply))
        if gone:
            await self._store.commit(Batch(drop=tuple(Ref(Reply, each.key) for each in gone)))
            self._tell(Reply, gone, f"of {', '.join(sorted({owner for (owner, _), _ in gone}))}")
        return bool(gone)

    # --- for all of them ---

    async def _over(
        self, type_: type[Record], limits: Limits, past: Sequence[Past[K]], number: int, held: Collection[K] = ()
    ) -> tuple[Going[K], ...]:
        """What goes of the oldest ones."""
        if limits.size is not None and type_ not in self._sizes:
            self._sizes[type_] = await self._size(type_)
        size = self._sizes.get(type_, 0)
        gone = going(limits, past, number=number, size=size, now=self._clock.now(), held=held)
        keys = {each.key for each in gone}
        self._sizes[type_] = size - sum(each.size for each in past if each.key in keys)
        return gone

    async def _size(self, type_: type[Record]) -> int:
        size = await self._store.size(type_)
        if type_ is Execution:
            size += await self._backend.measure_logs()
            for each in self._store.active():
                size -= await self._backend.measure_logs(each.id)
        return size

    def _tell(self, type_: type[Record], gone: Sequence[Going[Any]], which: str) -> None:
        """Count what is gone, and name it in the log, with the reason of the first."""
        self._forgotten[type_] += len(gone)
        reason = words(gone[0].reason)
        self.log.info("Forgot %d old %s (%s): the first %s.", len(gone), _NOUNS[type_], which, reason)
