"""Looks at the clock often, and has everything looked at again when time has jumped.

Timers go by a clock that stands still while the machine sleeps: one that rings in an hour rings an hour after the
machine has woken. So no part of the hub relies on a long timer alone: this one is short, and what waits is decided
about anew. The first part of ``controllers.hub``, since the others' moments begin with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from logging import Logger

from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.loop import Loop
from zoe_hub.controllers.kit.part import LoopPart
from zoe_hub.core.clock import Jump, reasons
from zoe_hub.core.events import Event
from zoe_hub.core.words import words
from zoe_hub.store.base import Batch, Store

LOOK = 5.0  # seconds between two looks: what was due while the machine slept is done so soon after it has woken


class Timekeeper(LoopPart):
    """Keeps the hub's time."""

    def __init__(self, clock: Clock, store: Store, jumped: Callable[[], None], log: Logger) -> None:
        """:param jumped: has everything that waits for a time decided about anew; called before anybody is told the
        time after the jump
        """
        self._clock, self._store, self._jumped, self._log = clock, store, jumped, log
        self._loop = Loop("The look at the clock", self._look_round, log, longest=LOOK)
        self._untold: list[Jump] = []  # jumps that are not on record yet
        self._jumps = 0

    async def start(self) -> None:
        """Go on behind the last time on record, then look again and again."""
        last = self._store.last_seq
        newest = await self._store.events(since=last - 1, limit=1) if last >= self._store.first_seq else ()
        self._clock.noticed = self._on_jump
        self._clock.begin(newest[-1].time if newest else None)
        await super().start()

    @property
    def stats(self) -> Mapping[str, float]:
        """Counts for the metrics."""
        return {"clock_jumps": float(self._jumps)}

    def _on_jump(self, jump: Jump) -> None:
        self._jumps += 1
        self._untold.append(jump)
        self._jumped()
        self._loop.wake()

    async def _look_round(self) -> float:
        self._clock.look()
        if self._untold:
            await self._tell()
        self._clock.look(again=LOOK)
        return LOOK

    async def _tell(self) -> None:
        """Put the jumps on record."""
        now = self._clock.now()
        jumps = tuple(self._untold)
        found = [reason for jump in jumps for reason in reasons(jump)]
        events = tuple(Event(time=now, kind="clock.jumped", owner="", reason=each) for each in found)
        await self._store.commit(Batch(events=events))
        del self._untold[: len(jumps)]
        for each in found:
            self._log.warning("Time has jumped: %s.", words(each))
