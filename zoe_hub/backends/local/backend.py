"""The local backend as the contract wants it. Found by the entry point ``zoe.backends: local``.

Nothing about a process is known only here: all is on disk (``deployment``) and in the shims. What is in memory are the
open pidfds that tell of ends and the watchers' queues (``changes``), the ports allocated to processes that have not
started yet (``ports``), and whose listeners were found (``holders``). Whatever may block runs in threads of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import zoe_loopback
from zoe_hub.backends.base import Capabilities, Chunk, Permanent, ProcessSpec, Resync, Temporary
from zoe_hub.backends.journal import Journal, stream
from zoe_hub.backends.local import launch, machine, reserving
from zoe_hub.backends.local.changes import Changes
from zoe_hub.backends.local.compiling import compiled_shim
from zoe_hub.backends.local.deployment import Deployment, Seen
from zoe_hub.backends.local.holders import KnownListeners
from zoe_hub.backends.local.layout import checked
from zoe_hub.backends.local.options import LocalOptions
from zoe_hub.backends.local.polling import Polling
from zoe_hub.backends.local.ports import Ports
from zoe_hub.backends.local.translating import translating
from zoe_hub.backends.local.watching import signal_number
from zoe_hub.core.executions.model import Address, Observed
from zoe_hub.core.executions.spec import Port
from zoe_hub.core.nodes import Node

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
GIB = 2**30


class LocalBackend(LocalOptions):
    """Runs processes on the hub's machine as the hub's user. No isolation, no limits: the user's own files and
    programs.
    """

    def __init__(self, *, deployment: str, data: str, **kwargs: object) -> None:
        super().__init__(deployment=deployment, data=data, **kwargs)
        self._disk = Deployment(deployment, os.path.abspath(data))
        self._ports = Ports(self.port_range[0], self.port_range[1], self._reservations)
        self._holders = KnownListeners()
        self._reserved_in: Path | None = None
        self._changes = Changes(self._observe_end, self.poll_interval)
        self._starting: dict[str, asyncio.Lock] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._settings: launch.Settings | None = None

    def _reservations(self) -> Path:
        """Where ports are reserved."""
        if self._reserved_in is None:
            usual = Path(self.ports_folder).expanduser() if self.ports_folder else reserving.usual_folder()
            own = Path(self.data, "ports")  # of this hub alone
            self._reserved_in = reserving.first_usable(filter(None, (usual, own)))
        return self._reserved_in

    # --- life ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Make the folders, find what runs, and settle what ended while nobody looked."""
        self._pool = ThreadPoolExecutor(self.threads, "zoe-local")
        umask = machine.umask()
        await self._blocking("preparing the data folder", self._disk.make_folders)
        shim = await self._blocking("preparing the data folder", compiled_shim, self._disk.layout.executions.parent)
        self._settings = launch.Settings(shim=shim, log_size=self.log_size, log_files=self.log_files, umask=umask)
        found = await self.processes()
        self.log.debug("local backend: %d processes found", len(found))

    async def close(self) -> None:
        """Stop looking. Processes run on; reserved ports of processes that were not started are free again."""
        await self._changes.close()
        self._ports.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    async def _blocking(
        self, doing: str, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Run what may block in a thread; errors of the system come as the contract's."""

        def call() -> Result:
            with translating(doing):
                return function(*args, **kwargs)

        if self._pool is None:
            raise Temporary("backend-unavailable", "The local backend is not open.")
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def capabilities(self) -> Capabilities:
        """No isolation, no limits, no images: processes are the user's own."""
        return Capabilities(backend="local")

    async def nodes(self) -> tuple[Node, ...]:
        """This machine."""
        total = self.memory
        if not total:
            all_memory = machine.memory()
            reserve = self.reserved_memory if self.reserved_memory >= 0 else min(all_memory // 8, 4 * GIB)
            total = max(all_memory - reserve, 0)
        return (Node(name="local", cores=self.cores or machine.cores() * self.overcommit_cores, memory=total),)

    async def check(self, image: str, requires: tuple[str, ...]) -> None:
        """That the image's environment exists and the machine has what a bare one must: ``java>=17``, or any
        program.
        """

        def check() -> None:
            environment = machine.environment(image, self.prefixes, self.pass_environment, {})
            for requirement in requires:
                machine.require(requirement, environment)

        await self._blocking("looking at the machine", check)

    # --- executions ---------------------------------------------------------------------------------------------

    async def prepare(self, execution: str, owner: str) -> None:
        """Make the folder of an execution."""
        await self._blocking("making the folder of an execution", self._disk.prepare, execution, owner)

    async def executions(self) -> tuple[str, ...]:
        """Every execution with a folder of this deployment."""
        return await self._blocking("listing executions", self._disk.executions)

    async def clean(self, execution: str) -> None:
        """Remove the folder of an execution. ``Temporary`` while something of it still runs."""
        self._ports.release_execution(execution)
        await self._blocking("removing the folder of an execution", self._disk.clean, execution)

    # --- processes ----------------------------------------------------------------------------------------------

    async def allocate(self, execution: str, name: str, ports: tuple[Port, ...]) -> Mapping[str, Address]:
        """Reserve free ports on 127.0.0.1. A running process keeps those it has."""

        def choose() -> Mapping[str, Address]:
            running = self._disk.find_running(name, execution)
            if running is not None and set(running.addresses) == {port.name for port in ports}:
                return running.addresses
            return self._ports.allocate(execution, checked(name), ports)

        return await self._blocking("reserving ports", choose)

    async def start(self, spec: ProcessSpec) -> Observed:
        """Start a process under a shim; returns once the program is on its way and on record.

        A port that was lost to another program makes it ``exited`` with the reason ``port-lost``: allocate again and
        start the next incarnation.
        """
        if not spec.command:
            raise Permanent("bad-request", f"The command of {spec.name} is empty.")
        if self._settings is None:
            raise Temporary("backend-unavailable", "The local backend is not open.")
        checked(spec.name)
        environment = machine.environment(spec.image, self.prefixes, self.pass_environment, spec.environment)
        settings = self._settings

        def run() -> Observed:
            return launch.start(
                spec, self._disk.layout, environment, lambda: self._ports.take(spec.name, spec.addresses), settings
            )

        async with self._starting.setdefault(spec.name, asyncio.Lock()):
            seen = await self._observe(spec.name, spec.execution)
            if seen is not None and seen.process.incarnation == spec.incarnation:
                self._changes.follow(seen)
                return seen.process
            started = await asyncio.shield(self._blocking("starting a process", run))
            self._changes.tell(started)
            seen = await self._observe(spec.name, spec.execution)
        if seen is not None:
            self._changes.follow(seen)
            if seen.process != started:  # it has ended already
                self._changes.tell(seen.process)
        return started

    async def _observe(self, name: str, execution: str = "") -> Seen | None:
        return await self._blocking("looking at a process", self._disk.observe, name, execution)

    async def _observe_end(self, name: str) -> Seen | None:
        try:
            return await self._observe(name)
        finally:
            self._holders.forget(name)

    async def addresses(self, name: str) -> Mapping[str, Address]:
        """The addresses as they were given to the process."""
        found = await self._blocking("looking for a process", self._disk.find, name)
        if found is None:
            raise Permanent("unknown-process", f"There is no process {name}.")
        return found.addresses

    async def check_listener(self, name: str, connection: socket.socket) -> None:
        """That the connection ends in the process's own tree."""
        place = zoe_loopback.places(connection)[0]
        if not zoe_loopback.sees_all():
            await zoe_loopback.far_end(connection, await self._tree(name))
            return
        end = await zoe_loopback.far_end(connection)
        if await self._holds(name, end):
            if end.uid is None:
                raise zoe_loopback.Unsettled(place)
            return
        user = "nobody who is known" if end.uid is None else zoe_loopback.user_name(end.uid)
        raise zoe_loopback.Stranger(place, user, f"and not by {name}")

    async def _holds(self, name: str, end: zoe_loopback.FarEnd) -> bool:
        """Whether an end of a connection, or the listener that is to take it, is open in a process's tree."""
        if self._holders.knows(name, end):
            return True
        for _ in range(2):  # a process of the tree may have been forked between two looks
            tree = await self._tree(name)
            if await self._blocking("looking for the owner of a port", self._holders.find, name, tree, end):
                return True
        return False

    async def _tree(self, name: str) -> list[int]:
        return await self._blocking("looking for the processes of a tree", self._disk.tree, name)

    async def signal(self, name: str, signal: str) -> None:
        """Send a signal to the program itself, through its shim."""
        number = signal_number(signal)
        if number is None:
            raise Permanent("bad-request", f"This system has no signal {signal}.")
        await self._blocking("speaking to a supervisor", self._disk.command, name, f"signal {number}")

    async def stop(self, name: str, grace: float) -> None:
        """End the tree; the shim kills what is left after ``grace`` seconds, whether or not a hub is there."""
        await self._blocking("speaking to a supervisor", self._disk.command, name, f"stop {max(grace, 0.0):.3f}")

    async def remove(self, name: str) -> None:
        """Delete the folder of an exited process. ``Temporary`` while it runs."""
        self._ports.release(name)
        await self._blocking("removing a process", self._disk.remove, name)
        self._starting.pop(name, None)

    async def processes(self) -> tuple[Observed, ...]:
        """Every process with a folder. What ended while nobody looked is settled on the way."""
        found = await self._blocking("listing processes", self._disk.observe_all)
        for seen in found:
            self._changes.follow(seen)
        return tuple(seen.process for seen in found)

    def watch(self) -> AsyncIterator[Observed | Resync]:
        """Starts and ends as they happen, and a ``Resync`` at the beginning and every ``resync_interval`` seconds."""
        return self._changes.watch(self.resync_interval)

    # --- logs ---------------------------------------------------------------------------------------------------

    async def logs(self, name: str, *, offset: int = 0, follow: bool = False) -> AsyncIterator[Chunk]:
        """From the journal that the process's shim writes."""
        journal = Journal(await self._blocking("looking for a log", self._disk.log_folder, name))
        if not await self._blocking("looking for a log", journal.files):
            raise Permanent("no-log", f"{name} has written no log, or its log was deleted.")
        growth = Polling(self._changes.ended(name)).next_growth if follow else None
        async with contextlib.aclosing(stream(journal, offset, growth)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def log_start(self, name: str, incarnation: int) -> int:
        """As it was written down before the start."""
        return await self._blocking("looking for a log", self._disk.log_start, name, incarnation)

    async def forget_logs(self, execution: str) -> None:
        """Delete the logs and exit records of an execution."""
        await self._blocking("deleting logs", self._disk.forget_logs, execution)

    async def measure_logs(self, execution: str = "") -> int:
        """Bytes of the files with logs."""
        return await self._blocking("measuring logs", self._disk.measure_logs, execution)
