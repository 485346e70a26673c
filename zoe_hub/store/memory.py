"""A store without a disk: the same rules, nothing survives the process. For simulations on virtual time and unit tests,
where a writing thread would let the clock run ahead. Never used by a hub that people rely on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, TypeVar

import msgspec

from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.record import Key, Record
from zoe_hub.store.base import Batch, Filter, Stored
from zoe_hub.store.draft import Draft
from zoe_hub.store.kinds import EVENTS, EXECUTIONS, KIND_OF, KINDS, Kind
from zoe_hub.store.state import State
from zoe_hub.store.view import Listed, StateStore, wanted_of

R = TypeVar("R", bound=Record)


def _size(record: Record) -> int:
    return len(msgspec.json.encode(record))


class MemoryStore(StateStore):
    """Keeps its state over ``close`` and ``open`` of the same object, as a database would."""

    def __init__(self) -> None:
        super().__init__()
        self._state = State(tail=None)
        self._disk: dict[Kind[Any], dict[Key, Listed]] = {kind: {} for kind in KINDS}  # what is not in memory

    async def open(self) -> None:
        """Begin. See ``Store``."""
        self._opened = True

    async def close(self) -> None:
        """End; who waits in ``changed`` gets a ``RuntimeError``."""
        self._opened = False
        self._publish()

    async def commit(self, batch: Batch) -> tuple[Event, ...]:
        """See ``Store``. Other tasks get a turn first, as with a real database."""
        self._ensure_open()
        await asyncio.sleep(0)
        draft = Draft(self._state)
        events = draft.add(batch)
        draft.settle({(kind, key) for kind, key in draft.unknown() if key in self._disk[kind]})
        for kind, changes in draft.changes.items():
            for key, record in changes.items():
                if record is None:
                    self._disk[kind].pop(key, None)
                elif kind.has_ended(record) or not kind.in_memory:
                    self._disk[kind][key] = (draft.ordinal_of(kind, key) if kind.listed else 0), record
        draft.apply()
        if events:
            self._publish()
        return events

    @property
    def everything(self) -> Mapping[str, Execution]:
        """All executions by id, active or not, in order of creation: for tests, which may look without waiting."""
        ordinals = self._state.ordinals[EXECUTIONS]
        active = ((ordinals[key], each) for key, each in self._state.records[EXECUTIONS].items())
        listed = sorted((*self._disk[EXECUTIONS].values(), *active), key=itemgetter(0))
        return {each.id: each for _, each in listed}

    async def _stored(self, kind: Kind[Any], key: Key) -> Any:
        await asyncio.sleep(0)
        return self._disk[kind].get(key, (0, None))[1]

    async def _ended(self, kind: Kind[Any], wanted: Filter, before: int, limit: int) -> list[Listed]:
        await asyncio.sleep(0)
        ordinals = {kind.key_of(each): ordinal for ordinal, each in self._disk[kind].values() if ordinal < before}
        records = (self._disk[kind][key][1] for key in ordinals)
        found = [(ordinals[kind.key_of(each)], each) for each in wanted_of(kind, wanted, records)]
        return sorted(found, key=itemgetter(0), reverse=True)[: max(limit, 0)]

    async def _count_ended(self, kind: Kind[Any], wanted: Filter) -> int:
        await asyncio.sleep(0)
        return sum(1 for _ in wanted_of(kind, wanted, (record for _, record in self._disk[kind].values())))

    async def oldest(self, type_: type[R], limit: int) -> tuple[Stored[R], ...]:
        """See ``Store``."""
        await asyncio.sleep(0)
        return tuple(Stored(each, _size(each)) for each in self._old(KIND_OF[type_])[:limit])

    async def size(self, type_: type[Record]) -> int:
        """See ``Store``."""
        await asyncio.sleep(0)
        return sum(map(_size, self._old(KIND_OF[type_])))

    def _old(self, kind: Kind[Any]) -> list[Any]:
        """What is not in memory, the oldest first."""
        if kind is EVENTS:
            return list(self._state.recent(self._begin(None), self.last_seq, None, None) or ())
        listed = (record for _, record in sorted(self._disk[kind].values(), key=itemgetter(0)))
        return sorted(listed, key=lambda record: (getattr(record, kind.age) is not None, getattr(record, kind.age)))

    async def events(
        self, *, since: int | None = None, limit: int = 1000, owner: str | None = None, execution: str | None = None
    ) -> tuple[Event, ...]:
        """See ``Store``."""
        return self._state.recent(self._begin(since), limit, owner, execution) or ()
