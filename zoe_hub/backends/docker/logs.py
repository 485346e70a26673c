"""The logs of all processes of a deployment: journals on disk, followers of what runs, and reading both as one.

Called by ``backend``.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from zoe_hub.backends.base import Chunk, Permanent
from zoe_hub.backends.docker import objects
from zoe_hub.backends.docker.engine import Engine
from zoe_hub.backends.docker.follow import Follower, reader
from zoe_hub.backends.docker.journal import Journal

LABEL = objects.LABEL
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
Inspect = Callable[[str], dict[str, Any] | None]


class Logs:
    """Logs and ends of processes, by name. ``where`` tells the execution of each name that was seen."""

    def __init__(self, folder: Path, *, segment: int, segments: int) -> None:
        """:param segment: bytes of one part of a log
        :param segments: how many parts are kept
        """
        self.folder = folder
        self.where: dict[str, str] = {}
        self._segment = segment
        self._segments = segments
        self._journals: dict[str, Journal] = {}
        self._followers: dict[str, Follower] = {}

    async def close(self) -> None:
        """End the followers."""
        for follower in list(self._followers.values()):
            follower.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(follower.ended.wait(), 2)
        self._followers.clear()

    def journal(self, name: str, execution: str) -> Journal:
        """What is kept of a process, made if there is none."""
        journal = self._journals.get(name)
        if journal is None:
            journal = self._journals.setdefault(
                name, Journal(self.folder / execution, name, segment=self._segment, segments=self._segments)
            )
        return journal

    def known(self, name: str) -> Journal | None:
        """What is kept of a process that was seen, by this hub or an earlier one."""
        if not NAME.fullmatch(name):
            return None
        execution = self.where.get(name)
        if execution is None:
            found = next(self.folder.glob(f"*/{name}.json"), None)
            if found is None:
                return None
            execution = self.where[name] = found.parent.name
        return self.journal(name, execution)

    async def read(
        self, engine: Engine | None, own: Inspect, name: str, *, offset: int, follow: bool
    ) -> AsyncIterator[Chunk]:
        """The log from ``offset``, as the contract says. Without an engine, what was copied before.

        :param own: the container of a name, inspected
        """
        inspection = await engine.run(own, name) if engine else None
        if inspection is not None and inspection["State"]["Status"] != "created":
            self.where[name] = inspection["Config"]["Labels"][f"{LABEL}execution"]
        else:
            inspection = None
        journal = self.known(name)
        if journal is None or (inspection is None and not journal.exists()):
            raise Permanent("no-log", f"There is no log of {name}.")
        negative = offset < 0
        if engine is not None and inspection is not None and self._follower(name, inspection) is None:
            await engine.run(self._pump, engine, journal, inspection)
        position = max(0, journal.size() + offset) if negative else offset
        while True:
            running = inspection is not None and inspection["State"]["Running"]
            follower = self._follower(name, inspection)
            if follower is None and follow and running and engine is not None and inspection is not None:
                follower = self._followers[name] = Follower(engine, journal, inspection["Id"])
            if follower is not None and (follow or not running):
                async for chunk in self._followed(follower, journal, position):
                    position = chunk.offset + len(chunk.data)
                    yield chunk
                if follow and follower.error is not None:
                    raise follower.error
            while (piece := journal.read(position)) is not None:
                position = piece.offset + len(piece.data)
                yield piece
            if not follow or not running or engine is None:
                return
            # The stream has ended: with the container, or with a break of the connection.
            inspection = await engine.run(own, name)
            if inspection is not None:
                await engine.run(self._pump, engine, journal, inspection)
                if inspection["State"]["Running"]:
                    await asyncio.sleep(0.5)

    def _follower(self, name: str, inspection: dict[str, Any] | None) -> Follower | None:
        """The copy that runs. One of an earlier container, held by a reader that stalls, is not it."""
        found = self._followers.get(name)
        return found if found is None or inspection is None or found.container == inspection["Id"] else None

    async def _followed(self, follower: Follower, journal: Journal, position: int) -> AsyncIterator[Chunk]:
        follower.readers += 1
        try:
            while True:
                news = follower.news()
                ended = follower.ended.is_set()
                while (piece := journal.read(position)) is not None:
                    position = piece.offset + len(piece.data)
                    yield piece
                if ended:
                    return
                await news.wait()
        finally:
            follower.readers -= 1
            if follower.readers == 0:
                follower.close()
                if self._followers.get(journal.name) is follower:
                    del self._followers[journal.name]

    @staticmethod
    def _pump(engine: Engine, journal: Journal, inspection: dict[str, Any]) -> None:
        journal.pump(inspection["Id"], reader(engine, inspection["Id"]), exited=not inspection["State"]["Running"])

    def copy(self, engine: Engine, name: str, container: str) -> None:
        """Copy the rest of an exited container's log, in a thread. Waits for a follower, which ends with the
        container.
        """
        self.journal(name, self.where[name]).pump(container, reader(engine, container), exited=True)

    async def forget(self, execution: str) -> None:
        """Delete what was kept of an execution."""
        if NAME.fullmatch(execution):
            for name in [name for name, where in self.where.items() if where == execution]:
                self._journals.pop(name, None)
                self.where.pop(name, None)
            await asyncio.get_running_loop().run_in_executor(
                None, lambda: shutil.rmtree(self.folder / execution, ignore_errors=True)
            )
