"""What the backend says, kept at hand: listed once, then watched, listed again when the watch may have missed
something.

Used by ``controllers.hub``; the reconciler asks for the processes of one execution and is told which executions
changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from logging import Logger

from zoe_hub.backends.base import Backend, Resync, Temporary
from zoe_hub.controllers.kit.loop import Loop
from zoe_hub.core.executions.model import Observed
from zoe_hub.core.reasons import Reason
from zoe_hub.core.words import words


class Observer:
    """A cache of everything the backend knows of this deployment."""

    def __init__(self, backend: Backend, changed: Callable[[str], None], log: Logger, *, resync: float = 30.0) -> None:
        """:param changed: called with the id of an execution about which something new is known
        :param resync: seconds between two full listings
        """
        self._backend, self._changed, self._resync = backend, changed, resync
        self._known: dict[str, dict[str, Observed]] = defaultdict(dict)
        self._where: dict[str, str] = {}  # process -> execution
        self._stamps: dict[str, int] = {}  # process -> when it last changed, counted
        self._count = 0
        self._log = log
        self._watching = Loop("The watch of the backend", self._watch, log, shortest=0.2)
        self._listing = Loop("The listing of the backend", self._relist, log)

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

    async def start(self) -> None:
        """List everything, then watch, and list again from time to time.

        :raises Temporary: the backend does not answer
        """
        await self.list()
        self._watching.start()
        self._listing.start(after=self._resync)

    async def stop(self) -> None:
        """Stop watching."""
        await self._watching.stop()
        await self._listing.stop()

    @property
    def problem(self) -> Reason | None:
        """Why the backend could not be looked at, the last time this was tried."""
        return self._watching.problem or self._listing.problem

    @property
    def stats(self) -> Mapping[str, float]:
        """Counts for the metrics."""
        return {"observed_processes": float(len(self._where))}

    async def _watch(self) -> None:
        async for item in self._backend.watch():
            if isinstance(item, Resync):
                self._log.debug("The backend's processes are listed again: %s", words(item.reason))
                await self.list()
            else:
                self.note(item)
            self._watching.works()
        raise Temporary("backend-unavailable", "The watch of the backend has ended.", delay=0.2)

    async def _relist(self) -> float:
        await self.list()
        return self._resync
