"""What the backend says, kept at hand: listed once, then watched, listed again when the watch may have missed
something.

Used by ``controllers.hub``; the reconciler asks for the processes of one execution and is told which executions
changed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from logging import Logger

from zoe_hub.backends.base import Backend, Resync
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Observed
from zoe_hub.core.reasons import Reason, reason_of


class Observer:
    """A cache of everything the backend knows of this deployment."""

    def __init__(self, backend: Backend, changed: Callable[[str], None], log: Logger, *, resync: float = 30.0) -> None:
        """:param changed: called with the id of an execution about which something new is known
        :param resync: seconds between two full listings
        """
        self._backend, self._changed, self._log, self._resync = backend, changed, log, resync
        self._known: dict[str, dict[str, Observed]] = defaultdict(dict)
        self._where: dict[str, str] = {}  # process -> execution
        self._stamps: dict[str, int] = {}  # process -> when it last changed, counted
        self._count = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.problem: Reason | None = None  # why the backend could not be looked at, the last time this was tried

    def of(self, execution: str) -> Mapping[str, Observed]:
        """What is known of one execution, by process."""
        return dict(self._known.get(execution, {}))

    def executions(self) -> tuple[str, ...]:
        """The executions of which anything is known."""
        return tuple(name for name, processes in self._known.items() if processes)

    def note(self, seen: Observed) -> None:
        """Take in what is surely newer than what was known, such as the answer to a start."""
        old = self._known[seen.execution].get(seen.name)
        if old is not None and (seen.incarnation, seen.state == "exited") < (old.incarnation, old.state == "exited"):
            return  # a late notice about an earlier life
        self._take(seen)

    def _take(self, seen: Observed) -> None:
        if self._known[seen.execution].get(seen.name) == seen:
            return
        self._count += 1
        self._stamps[seen.name] = self._count
        self._where[seen.name] = seen.execution
        self._known[seen.execution][seen.name] = seen
        self._changed(seen.execution)

    def drop(self, name: str) -> None:
        """The backend was told to forget a process."""
        execution = self._where.pop(name, "")
        self._known.get(execution, {}).pop(name, None)
        if not self._known.get(execution):
            self._known.pop(execution, None)
        self._stamps.pop(name, None)

    async def list(self) -> None:
        """List everything once. It wins over what was known before, and what changed during the listing wins over
        it.
        """
        begun = self._count
        listed = {seen.name: seen for seen in await self._backend.processes()}
        for name in [
            name for name, execution in self._where.items() if name not in listed and self._stamps.get(name, 0) <= begun
        ]:
            execution = self._where[name]
            self.drop(name)
            self._changed(execution)
        for seen in listed.values():
            # An older life than the one known is no late notice here: a request of a killed hub may have come through
            # after all.
            take = self._take if self._stamps.get(seen.name, 0) <= begun else self.note
            take(seen)
        self.problem = None

    def start(self) -> None:
        """Begin to watch, and to list from time to time."""
        self._tasks = [
            asyncio.create_task(self._watch(), name="watch"),
            asyncio.create_task(self._relist(), name="resync"),
        ]

    async def _watch(self) -> None:
        delay = 0.2
        while True:
            try:
                async for item in self._backend.watch():
                    delay = 0.2
                    if isinstance(item, Resync):
                        await self.list()
                    else:
                        self.note(item)
            except Exception as error:
                self._failed("The watch of the backend", error)
            await asyncio.sleep(delay)
            delay = min(30.0, delay * 2)

    async def _relist(self) -> None:
        while True:
            await asyncio.sleep(self._resync)
            try:
                await self.list()
            except Exception as error:
                self._failed("The listing of the backend", error)

    def _failed(self, what: str, error: Exception) -> None:
        """Remember and log an error; neither loop ends by one, foreseen or not."""
        self.problem = reason_of(error, what)
        if isinstance(error, ZoeError):
            self._log.warning("%s failed: %s", what, error)
        else:
            self._log.error("%s failed", what, exc_info=error)

    async def close(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
