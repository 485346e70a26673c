"""The local backend as the contract wants it. Found by the entry point ``zoe.backends: local``.

Nothing about a process is known only here: all is on disk (``records``) and in the shims. What is in memory are the
open pidfds that tell of ends, the ports allocated to processes that have not started yet, and the watchers' queues.
Whatever may block runs in threads of its own.
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
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Address, Observed
from zoe_hub.core.executions.spec import Port
from zoe_hub.core.scheduling.nodes import Node

from . import launch as launching
from . import machine, records, reserving
from .holders import Holders
from .options import LocalOptions
from .polling import Polling
from .ports import Ports
from .records import Alive, Begins, Launch, Layout, Prepared, translating
from .watching import Endings, signal_number

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
GIB = 2**30


class LocalBackend(LocalOptions):
    """Runs processes on the hub's machine as the hub's user. No isolation, no limits: the user's own files and
    programs.
    """

    def __init__(self, *, deployment: str, data: str, **kwargs: object) -> None:
        super().__init__(deployment=deployment, data=data, **kwargs)
        self._layout = Layout(os.path.abspath(data))
        self._ports = Ports(self.port_range[0], self.port_range[1], self._reservations)
        self._holders = Holders()
        self._reserved_in: Path | None = None
        self._queues: set[asyncio.Queue[Observed | Resync]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._homes: dict[str, str] = {}  # process -> execution, as far as seen
        self._starting: dict[str, asyncio.Lock] = {}
        self._running: dict[str, asyncio.Event] = {}  # set when it ends
        self._endings: Endings | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._settings: launching.Settings | None = None

    def _reservations(self) -> Path:
        """Where ports are reserved."""
        if self._reserved_in is None:
            usual = Path(self.ports_folder) if self.ports_folder else reserving.usual_folder()
            own = Path(self.data, "ports")  # of this hub alone
            self._reserved_in = reserving.first_usable(filter(None, (usual, own)))
        return self._reserved_in

    # --- life ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Make the folders, find what runs, and settle what ended while nobody looked."""
        self._pool = ThreadPoolExecutor(self.threads, "zoe-local")
        self._endings = Endings(self._shim_ended, self.poll_interval)
        umask = machine.umask()

        def make() -> str:
            for folder in (self._layout.executions, self._layout.logs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return machine.compiled_shim(self._layout.executions.parent)

        shim = await self._blocking("preparing the data folder", make)
        self._settings = launching.Settings(shim=shim, log_size=self.log_size, log_files=self.log_files, umask=umask)
        found = await self.processes()
        self.log.debug("local backend: %d processes found", len(found))

    async def close(self) -> None:
        """Stop looking. Processes run on; reserved ports of processes that were not started are free again."""
        if self._endings is not None:
            self._endings.close()
            self._endings = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
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

        def look() -> None:
            environment = machine.environment(image, self.prefixes, self.pass_environment, {})
            for requirement in requires:
                machine.require(requirement, environment)

        await self._blocking("looking at the machine", look)

    # --- executions ---------------------------------------------------------------------------------------------

    async def prepare(self, execution: str, owner: str) -> None:
        """Make the folder of an execution."""
        folder = self._layout.execution(execution)
        mine = Prepared(deployment=self.deployment, owner=owner)

        def make() -> None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            known = records.read(folder / "execution.json", Prepared)
            if known is not None and known.deployment != self.deployment:
                raise Permanent("conflict", f"The execution {execution} belongs to the deployment {known.deployment}.")
            if known is None:
                records.write(folder / "execution.json", mine)

        await self._blocking("making the folder of an execution", make)

    async def executions(self) -> tuple[str, ...]:
        """Every execution with a folder of this deployment."""

        def find() -> tuple[str, ...]:
            found = []
            for path in sorted(self._layout.executions.glob("*/execution.json")):
                prepared = records.read(path, Prepared)
                if prepared is not None and prepared.deployment == self.deployment:
                    found.append(path.parent.name)
            return tuple(found)

        return await self._blocking("listing executions", find)

    async def clean(self, execution: str) -> None:
        """Remove the folder of an execution. ``Temporary`` while something of it still runs."""
        self._ports.release_execution(execution)
        folder = self._layout.execution(execution)

        def remove() -> None:
            prepared = records.read(folder / "execution.json", Prepared)
            if prepared is not None and prepared.deployment != self.deployment:
                return
            living = []
            for place, launch in self._layout.launches(self.deployment, records.checked(execution)):
                found = launching.look(self._layout, launch)
                if found is not None and found.state == "running":
                    living.append(launch.name)
                else:
                    _delete(place)
            if living:
                raise Temporary("backend-refused", f"These processes still run: {', '.join(living)}.", delay=0.5)
            _delete(folder)

        await self._blocking("removing the folder of an execution", remove)

    # --- processes ----------------------------------------------------------------------------------------------

    async def allocate(self, execution: str, name: str, ports: tuple[Port, ...]) -> Mapping[str, Address]:
        """Reserve free ports on 127.0.0.1. A running process keeps those it has."""

        def choose() -> Mapping[str, Address]:
            launch = self._find(name)
            if launch is not None and set(launch.addresses) == {port.name for port in ports}:
                found = launching.look(self._layout, launch)
                if found is not None and found.state == "running":
                    return launch.addresses
            return self._ports.allocate(execution, records.checked(name), ports)

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
        records.checked(spec.name)
        environment = machine.environment(spec.image, self.prefixes, self.pass_environment, spec.environment)
        settings = self._settings

        def run() -> Observed:
            return launching.start(
                spec, self._layout, environment, lambda: self._ports.take(spec.name, spec.addresses), settings
            )

        guard = self._starting.setdefault(spec.name, asyncio.Lock())
        async with guard:
            known = await self._blocking("looking for a process", self._known, spec)
            if known is None:
                known = await asyncio.shield(self._blocking("starting a process", run))
                self._publish(known)
        self._note(known)
        await self._follow_life(known)
        return known

    def _known(self, spec: ProcessSpec) -> Observed | None:
        """What is there already of this very incarnation."""
        launch = records.read(self._layout.process(spec.execution, spec.name) / "launch.json", Launch)
        if launch is None or launch.incarnation != spec.incarnation:
            return None
        return launching.look(self._layout, launch)

    async def addresses(self, name: str) -> Mapping[str, Address]:
        """The addresses as they were given to the process."""
        launch = await self._blocking("looking for a process", self._find, name)
        if launch is None:
            raise Permanent("unknown-process", f"There is no process {name}.")
        return launch.addresses

    async def check_listener(self, name: str, connection: socket.socket) -> None:
        """That the connection ends in the process's own tree."""
        place = zoe_loopback.places(connection)[0]
        if not zoe_loopback.sees_all():
            await zoe_loopback.far_end(connection, await self._tree(name))
            return
        end = await zoe_loopback.far_end(connection)
        if self._holders.knows(name, end):
            return
        for _ in range(2):  # a process of the tree may have been forked between two looks
            tree = await self._tree(name)
            found = await self._blocking("looking for the owner of a port", self._holders.find, name, tree, end)
            if found:
                return
        user = "nobody who is known" if end.uid is None else zoe_loopback.user_name(end.uid)
        raise zoe_loopback.Stranger(place, user, f"and not by {name}")

    async def _tree(self, name: str) -> list[int]:
        """The pids of a process that runs; empty if it does not."""

        def look() -> list[int]:
            launch = self._find(name)
            if launch is None:
                return []
            alive = records.read(self._layout.process(launch.execution, name) / "alive.json", Alive)
            return zoe_loopback.processes(alive.shim[0]) if alive is not None and records.shim_lives(alive) else []

        return await self._blocking("looking for the processes of a tree", look)

    async def signal(self, name: str, signal: str) -> None:
        """Send a signal to the program itself, through its shim."""
        number = signal_number(signal)
        if number is None:
            raise Permanent("bad-request", f"This system has no signal {signal}.")
        await self._command(name, f"signal {number}")

    async def stop(self, name: str, grace: float) -> None:
        """End the tree; the shim kills what is left after ``grace`` seconds, whether or not a hub is there."""
        await self._command(name, f"stop {max(grace, 0.0):.3f}")

    async def _command(self, name: str, command: str) -> None:
        def give() -> None:
            launch = self._find(name)
            if launch is not None:
                launching.control(self._layout.process(launch.execution, name), command)

        await self._blocking("speaking to a supervisor", give)

    async def remove(self, name: str) -> None:
        """Delete the folder of an exited process. ``Temporary`` while it runs."""
        self._ports.release(name)

        def forget() -> None:
            launch = self._find(name)
            if launch is None:
                return
            found = launching.look(self._layout, launch)
            if found is not None and found.state == "running":
                raise Temporary("backend-refused", f"{name} still runs.", delay=0.5)
            _delete(self._layout.process(launch.execution, name))

        await self._blocking("removing a process", forget)
        self._starting.pop(name, None)

    async def processes(self) -> tuple[Observed, ...]:
        """Every process with a folder. What ended while nobody looked is settled on the way."""

        def look() -> tuple[tuple[Observed, Alive | None], ...]:
            found = []
            for folder, launch in self._layout.launches(self.deployment):
                what = launching.look(self._layout, launch)
                if what is not None:
                    found.append((what, records.read(folder / "alive.json", Alive)))
            return tuple(found)

        result = await self._blocking("listing processes", look)
        for what, alive in result:
            self._note(what)
            self._watch_shim(what, alive)
        return tuple(what for what, _ in result)

    def _find(self, name: str) -> Launch | None:
        home = self._homes.get(name)
        if home is not None:
            launch = records.read(self._layout.process(home, name) / "launch.json", Launch)
            if launch is not None and launch.deployment == self.deployment:
                return launch
        return self._layout.find(self.deployment, name)

    def _find_log(self, name: str) -> Path | None:
        return self._layout.find_log(self.deployment, name, self._homes.get(name, "*"))

    # --- changes ------------------------------------------------------------------------------------------------

    def _note(self, what: Observed) -> None:
        self._homes[what.name] = what.execution

    async def _follow_life(self, what: Observed) -> None:
        if what.state == "running" and what.name not in self._running:
            place = self._layout.process(what.execution, what.name) / "alive.json"
            self._watch_shim(what, await self._blocking("looking at a process", records.read, place, Alive))

    def _watch_shim(self, what: Observed, alive: Alive | None) -> None:
        if what.state == "running" and self._endings is not None:
            self._running.setdefault(what.name, asyncio.Event())
            current = alive if alive is not None and alive.incarnation == what.incarnation else None
            self._endings.add(what.name, self._layout.process(what.execution, what.name), current)

    def _shim_ended(self, name: str) -> None:
        task = asyncio.get_running_loop().create_task(self._tell_end(name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_end(self, name: str) -> None:
        def look() -> Observed | None:
            launch = self._find(name)
            return launching.look(self._layout, launch) if launch is not None else None

        try:
            found = await self._blocking("looking at the end of a process", look)
        except ZoeError as error:
            self._publish(Resync(reason=f"the end of {name} could not be read: {error}"))
            found = None
        self._holders.forget(name)
        event = self._running.pop(name, None)
        if event is not None:
            event.set()
        if found is None:
            return
        if found.state == "running":  # the next incarnation has begun already
            await self._follow_life(found)
        self._publish(found)

    def _publish(self, what: Observed | Resync) -> None:
        for queue in self._queues:
            queue.put_nowait(what)

    async def watch(self) -> AsyncIterator[Observed | Resync]:
        """Starts and ends as they happen, and a ``Resync`` at the beginning and every ``resync_interval`` seconds."""
        queue: asyncio.Queue[Observed | Resync] = asyncio.Queue()
        self._queues.add(queue)
        loop = asyncio.get_running_loop()
        try:
            yield Resync(reason="the watch begins")
            due = loop.time() + self.resync_interval
            while True:
                try:
                    async with asyncio.timeout_at(due):
                        item = await queue.get()
                except TimeoutError:
                    item = Resync(reason=f"{self.resync_interval:g} s have passed")
                    due = loop.time() + self.resync_interval
                yield item
        finally:
            self._queues.discard(queue)

    # --- logs ---------------------------------------------------------------------------------------------------

    async def logs(self, name: str, *, offset: int = 0, follow: bool = False) -> AsyncIterator[Chunk]:
        """From the journal that the process's shim writes."""
        folder = await self._blocking("looking for a log", self._find_log, name)
        journal = Journal(folder) if folder is not None else None
        if journal is None or not await self._blocking("looking for a log", journal.files):
            raise Permanent("no-log", f"{name} has written no log, or its log was deleted.")
        growth = Polling(self._running.get(name)).next_growth if follow else None
        async with contextlib.aclosing(stream(journal, offset, growth)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def log_start(self, name: str, incarnation: int) -> int:
        """As it was written down before the start."""
        folder = await self._blocking("looking for a log", self._find_log, name)
        if folder is None:
            raise Permanent("no-log", f"There is no log of {name}.")
        begins = await self._blocking("looking for a log", records.read, folder / "begins.json", Begins)
        return begins.offset if begins is not None and begins.incarnation == incarnation else 0

    async def forget_logs(self, execution: str) -> None:
        """Delete the logs and exit records of an execution."""
        folder = self._layout.logs / records.checked(execution)

        def remove() -> None:
            for place in self._layout.log_folders(self.deployment, execution):
                _delete(place)
            with contextlib.suppress(OSError):
                folder.rmdir()  # unless another deployment has logs there

        await self._blocking("deleting logs", remove)
        self._homes = {name: home for name, home in self._homes.items() if home != execution}


def _delete(folder: Path) -> None:
    """Delete a folder whole. A crash in between leaves no process that looks complete, and no execution that is
    forgotten.
    """
    with contextlib.suppress(FileNotFoundError):
        (folder / "launch.json").unlink(missing_ok=True)
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                records.remove_tree(path)
        records.remove_tree(folder)
