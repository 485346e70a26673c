"""Ends what the backend has of executions that nobody remembers: asked first, killed after a grace, then cleaned up.

Such as what a hub had started whose database is gone. All of them at the same time: one that cannot be reaped does not
keep the others. Part of ``controllers.hub``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from logging import Logger

from zoe_hub.backends.base import Backend
from zoe_hub.controllers.executions.observer import Observer
from zoe_hub.controllers.kit.loop import Loop
from zoe_hub.controllers.kit.part import LoopPart
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.reasons import Reason, because, reason_of
from zoe_hub.core.words import words
from zoe_hub.store.base import Store

GRACE = 10.0  # seconds that a process has from the request to end until it is killed
FIRST, LONGEST = 0.1, 30.0  # seconds between two looks, doubled each time


class Reaper(LoopPart):
    """Knows what nobody remembers, and ends it."""

    def __init__(self, store: Store, backend: Backend, observer: Observer, log: Logger) -> None:
        self._store, self._backend, self._observer, self._log = store, backend, observer, log
        self._loop = Loop("The reaper", self._reap, log)
        self._left: tuple[str, ...] = ()
        self._asked_to_end: set[str] = set()  # processes that were asked to end
        self._stuck: Reason | None = None
        self._due = self._pause = 0.0
        self.found: tuple[str, ...] = ()  # at the start

    @property
    def problem(self) -> Reason | None:
        """Why something could not be reaped yet."""
        return self._stuck or super().problem

    @property
    def stats(self) -> Mapping[str, float]:
        """Counts for the metrics."""
        return {"unreaped": float(len(self._left))}

    async def start(self) -> None:
        """Find out what nobody remembers, and begin with its end. The observer must have listed the backend.

        :raises Temporary: the backend does not answer; nothing was changed
        """
        have = dict.fromkeys((*self._observer.executions(), *await self._backend.executions()))
        self.found = self._left = tuple(name for name in have if name not in self._store.executions)
        self._due, self._pause = asyncio.get_running_loop().time() + GRACE, FIRST
        if self._left:
            await super().start()

    async def _reap(self) -> float | None:
        if self._asked_to_end:
            with suppress(ZoeError):  # the observer's own listings tell of it
                await self._observer.list()
        grace, problems = max(0.0, self._due - asyncio.get_running_loop().time()), list[Reason]()
        done = await asyncio.gather(*(self._one(execution, grace, problems) for execution in self._left))
        self._stuck = next(iter(problems), None)
        self._left = tuple(execution for execution, gone in zip(self._left, done, strict=True) if not gone)
        if not self._left:
            return None
        pause, self._pause = self._pause, min(LONGEST, self._pause * 2)
        return min(pause, grace) or pause

    async def _one(self, execution: str, grace: float, problems: list[Reason]) -> bool:
        """One look at one of them; whether nothing of it is left."""
        try:
            running = [name for name, seen in self._observer.of(execution).items() if seen.state == "running"]
            for name in running:
                if not grace or name not in self._asked_to_end:
                    await self._backend.stop(name, grace)
                    self._asked_to_end.add(name)
            if not running:
                await self._backend.clean(execution)
            return not running
        except Exception as error:
            problems.append(because("not-reaped", execution=execution, cause=reason_of(error, "The backend")))
            self._log.warning("%s", words(problems[-1]), exc_info=not isinstance(error, ZoeError))
        return False
