"""The logs of all processes of a deployment: copies on disk, followers of what runs, and reading both as one.

Called by ``backend``.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from zoe_hub.backends.base import Chunk, Permanent
from zoe_hub.backends.docker import objects
from zoe_hub.backends.docker.copying import LogCopy
from zoe_hub.backends.docker.engine import Engine
from zoe_hub.backends.docker.follow import Follower, reader
from zoe_hub.backends.journal import stream
from zoe_hub.backends.listing import below, of_process

LABEL = objects.LABEL
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
Inspect = Callable[[str], dict[str, Any] | None]


class ContainerLogs:
    """Logs and ends of processes, by name. ``where`` tells the execution of each name that was seen."""

    def __init__(self, folder: Path, *, part_size: int, parts: int) -> None:
        """:param part_size: bytes of one part of a log
        :param parts: how many parts are kept
        """
        self.folder = folder
        self.where: dict[str, str] = {}
        self._part_size = part_size
        self._parts = parts
        self._copies: dict[str, LogCopy] = {}
        self._followers: dict[str, Follower] = {}

    async def close(self) -> None:
        """End the followers."""
        for follower in list(self._followers.values()):
            follower.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(follower.ended.wait(), 2)
        self._followers.clear()

    def kept(self, name: str, execution: str) -> LogCopy:
        """What is kept of a process, made if there is none."""
        found = self._copies.get(name)
        if found is None:
            made = LogCopy(self.folder / execution, name, part_size=self._part_size, parts=self._parts)
            found = self._copies.setdefault(name, made)
        return found

    def known(self, name: str) -> LogCopy | None:
        """What is kept of a process that was seen, by this hub or an earlier one."""
        if not NAME.fullmatch(name):
            return None
        execution = self.where.get(name)
        if execution is None:
            found = next(of_process(self.folder, name, f"{name}.json"), None)
            if found is None:
                return None
            execution = self.where[name] = found.parent.name
        return self.kept(name, execution)

    async def read(
        self, engine: Engine | None, own: Inspect, name: str, *, offset: int, follow: bool
    ) -> AsyncIterator[Chunk]:
        """The log from ``offset``, as the contract says. Without an engine, what was copied before.

        :param own: the container of a name, inspected
        """
        inspection = await self._inspected(engine, own, name)
        kept = self.known(name)
        if kept is None or (inspection is None and not kept.exists()):
            raise Permanent("no-log", f"There is no log of {name}.")
        if engine is not None and inspection is not None and self._follower(name, inspection) is None:
            await engine.run(self._update, engine, kept, inspection)
        position = max(0, kept.journal.end() + offset) if offset < 0 else offset
        while True:
            running = inspection is not None and inspection["State"]["Running"]
            follower = self._follower(name, inspection)
            if follower is None and follow and running and engine is not None and inspection is not None:
                follower = self._followers[name] = Follower(engine, kept, inspection["Id"])
            if follower is not None and (follow or not running):
                async with aclosing(self._followed(follower, kept, position)) as chunks:
                    async for chunk in chunks:
                        position = chunk.offset + len(chunk.data)
                        yield chunk
                if follow and follower.error is not None:
                    raise follower.error
            async with aclosing(stream(kept.journal, position)) as chunks:
                async for chunk in chunks:
                    position = chunk.offset + len(chunk.data)
                    yield chunk
            if not follow or not running or engine is None:
                return
            # The stream has ended: with the container, or with a break of the connection.
            inspection = await engine.run(own, name)
            if inspection is not None:
                await engine.run(self._update, engine, kept, inspection)
                if inspection["State"]["Running"]:
                    await asyncio.sleep(0.5)

    async def start(self, engine: Engine | None, own: Inspect, name: str, incarnation: int) -> int:
        """Where the log of a start begins, the latest of that name; 0 if another one was the latest."""
        inspection = await self._inspected(engine, own, name)
        kept = self.known(name)
        if kept is None or (inspection is None and not kept.exists()):
            raise Permanent("no-log", f"There is no log of {name}.")
        if engine is not None and inspection is not None:
            if inspection["Config"]["Labels"][f"{LABEL}incarnation"] != str(incarnation):
                return 0
            follower = self._follower(name, inspection)
            if follower is None:
                await engine.run(self._update, engine, kept, inspection)
            else:
                await follower.begun.wait()
        return kept.position().begin

    async def _inspected(self, engine: Engine | None, own: Inspect, name: str) -> dict[str, Any] | None:
        """The container of a name, if it has been started."""
        inspection = await engine.run(own, name) if engine else None
        if inspection is None or inspection["State"]["Status"] == "created":
            return None
        self.where[name] = inspection["Config"]["Labels"][f"{LABEL}execution"]
        return inspection

    def _follower(self, name: str, inspection: dict[str, Any] | None) -> Follower | None:
        """The copy that runs. One of an earlier container, held by a reader that stalls, is not it."""
        found = self._followers.get(name)
        return found if found is None or inspection is None or found.container == inspection["Id"] else None

    async def _followed(self, follower: Follower, kept: LogCopy, position: int) -> AsyncGenerator[Chunk, None]:
        follower.readers += 1
        try:
            async with aclosing(stream(kept.journal, position, follower.next_growth)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            follower.readers -= 1
            if follower.readers == 0:
                follower.close()
                if self._followers.get(kept.name) is follower:
                    del self._followers[kept.name]

    @staticmethod
    def _update(engine: Engine, kept: LogCopy, inspection: dict[str, Any]) -> None:
        kept.update(inspection["Id"], reader(engine, inspection["Id"]), exited=not inspection["State"]["Running"])

    def copy(self, engine: Engine, name: str, container: str) -> None:
        """Copy the rest of an exited container's log, in a thread. Waits for a follower, which ends with the
        container.
        """
        self.kept(name, self.where[name]).update(container, reader(engine, container), exited=True)

    async def size(self, execution: str = "") -> int:
        """Bytes of the files with what was kept of an execution; without one, of all."""
        if execution and not NAME.fullmatch(execution):
            return 0
        return await asyncio.to_thread(_size, self.folder, execution or "*")

    async def forget(self, execution: str) -> None:
        """Delete what was kept of an execution."""
        if NAME.fullmatch(execution):
            for name in [name for name, where in self.where.items() if where == execution]:
                self._copies.pop(name, None)
                self.where.pop(name, None)
            await asyncio.get_running_loop().run_in_executor(
                None, lambda: shutil.rmtree(self.folder / execution, ignore_errors=True)
            )


def _size(folder: Path, execution: str) -> int:
    total = 0
    for path in below(folder, execution, "*"):
        with contextlib.suppress(FileNotFoundError):  # deleted just now
            total += path.stat().st_size
    return total
