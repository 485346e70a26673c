"""Tells the hub who is there: the notebooks, consoles and terminals of this Jupyter server, what they do, and what
their files are called.

An attachment is a lease that ends when its holder is gone. This server knows its kernels, their sessions and files, so
it renews the leases of all of them: every third of the lease's time, and at once when something changes. Who renames a
notebook gets the answer only after the hub knows: the next notebook of the old name must not take over the cluster of
the first. Made by ``app``; the hub's side is ``POST /api/v1/leases``.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

from jupyter_zoe.client import AsyncClient, ZoeProblem
from jupyter_zoe.client.operations import HolderReport, Move
from jupyter_zoe.extension import terminals
from jupyter_zoe.extension.keeper import Keeper
from jupyter_zoe.hub.info import HubError

CONTENTS_EVENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"
LOOK = 1.0  # seconds between two looks at what kernels do; only changes are reported
PATIENCE = 2.0  # seconds that a browser waits for the hub to know of a change
FIRST_TTL = 60.0  # seconds, until the hub has said it


class Kernel(NamedTuple):
    """One kernel of this server, and what it is the kernel of."""

    id: str
    session: str  # ``notebook``, ``console`` or what else the session says; empty: it has none
    path: str  # absolute, of the notebook
    busy: bool


def holder(kernel: Kernel) -> HolderReport:
    """How a kernel is reported. What is no notebook is known by its kernel and ends with it."""
    if kernel.session == "notebook":
        return {"kernel": kernel.id, "kind": "notebook", "key": kernel.path, "busy": kernel.busy}
    kind = "console" if kernel.session else "editor"
    return {"kernel": kernel.id, "kind": kind, "key": kernel.id, "busy": kernel.busy}  # type: ignore[typeddict-item]


class Holders:
    """The report of one Jupyter server."""

    def __init__(self, serverapp: Any, keeper: Keeper, log: logging.Logger) -> None:
        self._app, self._keeper, self._log = serverapp, keeper, log
        self._moved: list[Move] = []
        self._deleted: list[str] = []
        self._told: list[HolderReport] = []
        self._due = 0.0
        self._ttl = FIRST_TTL
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._client: AsyncClient | None = None

    def begin(self) -> None:
        """Begin to report, and to listen to what happens to sessions and files."""
        self._app.event_logger.add_listener(schema_id=CONTENTS_EVENTS, listener=self._file_changed)
        sessions = self._app.session_manager
        for name in ("create_session", "update_session", "delete_session"):
            setattr(sessions, name, self._followed(getattr(sessions, name)))
        self._task = asyncio.create_task(self._run(), name="zoe-holders")

    async def stop(self) -> None:
        """Report no more. Leases run out by themselves if the kernels end with this server."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._disconnect()

    def _followed(self, change: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """``change`` of a session, which is over when the hub knows of it, or does not listen."""

        async def changed(*arguments: Any, **named: Any) -> Any:
            result = await change(*arguments, **named)
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self.report()
            return result

        return changed

    async def _file_changed(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        action = data.get("action")
        if action == "rename":
            self._moved.append({"source": self._absolute(data["source_path"]), "target": self._absolute(data["path"])})
        elif action == "delete":
            self._deleted.append(self._absolute(data["path"]))
        else:
            return
        await self.report()

    def _absolute(self, path: str) -> str:
        """The path of a file as a kernel is told it (``JPY_SESSION_NAME``)."""
        folder, name = os.path.split(path.strip("/"))
        return os.path.join(self._app.kernel_manager.cwd_for_path(folder), name)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK)
            try:
                now = await self._holders()
                if now != self._told or self._moved or self._deleted or loop.time() >= self._due:
                    await self.report()
            except Exception:
                self._log.exception("Zoe: the kernels of this server could not be looked at")
                self._due = loop.time() + self._ttl / 3

    async def report(self) -> None:
        """Tell the hub, unless it is away; then what has happened to files is told it later."""
        async with self._lock:
            self._due = asyncio.get_running_loop().time() + self._ttl / 3
            holders = await self._holders()
            moved, deleted = list(self._moved), list(self._deleted)
            try:
                terms = await (await self._hub()).report_holders(holders=holders, moved=moved, deleted=deleted)
            except (ZoeProblem, HubError, OSError) as error:
                self._log.debug("Zoe: the hub does not hear who is there: %s", error)
                await self._disconnect()
                return
            self._ttl, self._told = terms["ttl"], holders
            self._due = asyncio.get_running_loop().time() + self._ttl / 3
            del self._moved[: len(moved)], self._deleted[: len(deleted)]

    async def _hub(self) -> AsyncClient:
        """A connection to the hub of this server. One that does not run is not started for this."""
        info = self._keeper.known()
        if info is None:
            raise HubError("The hub does not run.")
        if self._client is None or self._client.info != info:
            await self._disconnect()
            self._client = AsyncClient(info)
        return self._client

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _holders(self) -> list[HolderReport]:
        """Everybody that is there: kernels by their session, terminals by their folder."""
        sessions = {each["kernel"]["id"]: each for each in await self._app.session_manager.list_sessions()}
        kernels = self._app.kernel_manager
        found = []
        for identifier in kernels.list_kernel_ids():
            session = sessions.get(identifier, {})
            found.append(
                holder(
                    Kernel(
                        id=identifier,
                        session=session.get("type", ""),
                        path=self._absolute(session.get("path", "")),
                        busy=getattr(kernels.get_kernel(identifier), "execution_state", "") == "busy",
                    )
                )
            )
        return found + terminals.reports(self._app.web_app.settings.get("terminal_manager"))
