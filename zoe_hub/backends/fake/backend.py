"""One hub's connection to the simulated processes, as the contract wants it. Found by the entry point ``zoe.backends:
fake``.
"""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from traitlets import Dict, Float, Instance, Int, Unicode

from zoe_hub.backends.base import Backend, Capabilities, Chunk, Permanent, ProcessSpec, Resync, Temporary
from zoe_hub.core.executions.model import Address, Observed
from zoe_hub.core.executions.spec import Port
from zoe_hub.core.nodes import Node
from zoe_hub.core.reasons import because

from .engine import FakeEngine
from .programs import FakeProcess


class FakeBackend(Backend):
    """One hub's connection to a ``FakeEngine``."""

    engine = Instance(FakeEngine, help="What runs the simulated processes. Without one, a new one is made.")
    node_count = Int(
        1, min=1, max=10**5, help="Simulated machines. More machines let more fit altogether, and nothing bigger."
    ).tag(config=True)
    node_cores = Float(
        64.0, min=0.1, max=10.0**6, help="Cores of each simulated machine. More lets more processes run at once."
    ).tag(config=True)
    node_memory = Int(
        256 * 2**30, min=1, help="Bytes of memory of each simulated machine. More lets more processes run at once."
    ).tag(config=True)
    node_labels = Dict(help="Labels of all simulated machines.").tag(config=True)
    label = Unicode("fake", help="What the backend calls itself in its capabilities.").tag(config=True)
    watch_timeout = Float(
        60.0,
        min=0.001,
        max=10.0**8,
        help=(
            "Seconds without news after which a watch is taken for silent. Shorter notices sooner, and lists more often"
            " for nothing."
        ),
    ).tag(config=True)

    async def open(self) -> None:
        """Connect."""
        if not self.trait_has_value("engine"):
            self.engine = FakeEngine()
        await self.engine.call("open", lambda: None)

    async def close(self) -> None:
        """Nothing to let go of."""

    def capabilities(self) -> Capabilities:
        """Nothing special."""
        return Capabilities(backend=self.label, nodes=self.node_count > 1)

    async def nodes(self) -> tuple[Node, ...]:
        """As the options say."""
        return await self.engine.call("nodes", self._nodes)

    def _nodes(self) -> tuple[Node, ...]:
        labels = dict(self.node_labels)
        return tuple(
            Node(name=f"node-{i}", cores=self.node_cores, memory=self.node_memory, labels=labels)
            for i in range(self.node_count)
        )

    def _mine(self, name: str) -> FakeProcess | None:
        process = self.engine.all.get(name)
        return process if process is not None and process.spec.deployment == self.deployment else None

    async def prepare(self, execution: str, owner: str) -> None:
        """Remember the execution."""
        await self.engine.call("prepare", lambda: self.engine.prepared.setdefault(execution, self.deployment))

    async def allocate(self, execution: str, name: str, ports: tuple[Port, ...]) -> Mapping[str, Address]:
        """Numbers that nobody else has."""
        return await self.engine.call("allocate", lambda: self.engine.allocate(name, ports))

    async def start(self, spec: ProcessSpec) -> Observed:
        """Start a script."""
        if not spec.command:
            raise Permanent("bad-request", f"The command of {spec.name} is empty.")
        if any(not name or name.startswith("/") or ".." in name.split("/") for name in spec.files):
            raise Permanent("bad-request", f"A file of {spec.name} does not stay inside its folder.")
        return await self.engine.call("start", lambda: self.engine.start(spec))

    async def addresses(self, name: str) -> Mapping[str, Address]:
        """As they were given."""

        def find() -> Mapping[str, Address]:
            process = self._mine(name)
            if process is None:
                raise Permanent("unknown-process", f"There is no process {name}.")
            return process.spec.addresses

        return await self.engine.call("addresses", find)

    async def signal(self, name: str, signal: str) -> None:
        """The script's ``on`` decides."""
        if f"SIG{signal}" not in signals.Signals.__members__:
            raise Permanent("bad-request", f"This system has no signal {signal}.")
        await self._to(name, "signal", lambda process: process.signal(signal))

    async def stop(self, name: str, grace: float) -> None:
        """As ``FakeProcess.stop``."""
        await self._to(name, "stop", lambda process: process.stop(grace))

    def _to(self, name: str, method: str, action: Callable[[FakeProcess], None]) -> Awaitable[None]:
        def act() -> None:
            process = self._mine(name)
            if process is not None and process.running:
                action(process)

        return self.engine.call(method, act)

    async def remove(self, name: str) -> None:
        """Forget an exited process. ``Temporary`` while it runs."""

        def forget() -> None:
            process = self._mine(name)
            if process is None:
                return
            if process.running:
                raise Temporary("backend-refused", f"{name} still runs.", delay=0.5)
            del self.engine.all[name]

        await self.engine.call("remove", forget)

    async def clean(self, execution: str) -> None:
        """Forget an execution. ``Temporary`` while something of it runs."""

        def forget() -> None:
            if self.engine.prepared.get(execution, self.deployment) != self.deployment:
                return
            mine = [
                p
                for p in self.engine.all.values()
                if p.spec.execution == execution and p.spec.deployment == self.deployment
            ]
            living = [process.spec.name for process in mine if process.running]
            for process in mine:
                if not process.running:
                    del self.engine.all[process.spec.name]
            if living:
                raise Temporary("backend-refused", f"These processes still run: {', '.join(living)}.", delay=0.5)
            self.engine.prepared.pop(execution, None)
            prefix = f"zoe-{self.deployment}-{execution}-"
            self.engine.reserved = {
                port: name for port, name in self.engine.reserved.items() if not name.startswith(prefix)
            }
            self.engine.given = {
                name: given for name, given in self.engine.given.items() if not name.startswith(prefix)
            }

        await self.engine.call("clean", forget)

    async def processes(self) -> tuple[Observed, ...]:
        """All of this deployment."""
        return await self.engine.call(
            "processes", lambda: tuple(p.seen for p in self.engine.all.values() if p.spec.deployment == self.deployment)
        )

    async def executions(self) -> tuple[str, ...]:
        """All that were prepared and not cleaned."""
        return await self.engine.call(
            "executions", lambda: tuple(e for e, of in self.engine.prepared.items() if of == self.deployment)
        )

    async def watch(self) -> AsyncIterator[Observed | Resync]:
        """News, and ``Resync`` when there was none for so long that the watch may be dead."""
        watcher = self.engine.watch(self.deployment)
        try:
            yield Resync(reason=because("watch-begins"))
            while True:
                try:
                    async with asyncio.timeout(self.watch_timeout):
                        item = await watcher[1].get()
                except TimeoutError:
                    item = Resync(reason=because("watch-silent", silence=self.watch_timeout))
                yield item
        finally:
            self.engine.unwatch(watcher)

    async def logs(self, name: str, *, offset: int = 0, follow: bool = False) -> AsyncIterator[Chunk]:
        """From memory."""
        written = self.engine.written.get(name)
        if written is None or self.engine.homes[name][0] != self.deployment:
            raise Permanent("no-log", f"There is no log of {name}.")
        await asyncio.sleep(0)
        if offset < 0:
            offset = max(len(written) + offset, 0)
        while True:
            process = self._mine(name)
            last = not follow or process is None or not process.running
            if len(written) > offset:
                data = bytes(written[offset : offset + 65536])
                yield Chunk(offset=offset, data=data)
                offset += len(data)
            elif last:
                return
            else:
                await self.engine.grown(name)

    async def log_start(self, name: str, incarnation: int) -> int:
        """As the engine noted it."""

        def find() -> int:
            if name not in self.engine.written or self.engine.homes[name][0] != self.deployment:
                raise Permanent("no-log", f"There is no log of {name}.")
            return self.engine.begins.get((name, incarnation), 0)

        return await self.engine.call("log_start", find)

    async def forget_logs(self, execution: str) -> None:
        """Delete logs."""

        def forget() -> None:
            for name, home in list(self.engine.homes.items()):
                if home == (self.deployment, execution):
                    del self.engine.homes[name]
                    self.engine.written.pop(name, None)

        await self.engine.call("forget_logs", forget)

    async def measure_logs(self, execution: str = "") -> int:
        """What was written."""

        def measure() -> int:
            own = {(self.deployment, execution)} if execution else set(self.engine.homes.values())
            return sum(
                len(self.engine.written.get(name, b""))
                for name, home in self.engine.homes.items()
                if home in own and home[0] == self.deployment
            )

        return await self.engine.call("measure_logs", measure)
