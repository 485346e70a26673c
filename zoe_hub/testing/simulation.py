"""What simulations share: a hub's controllers over an engine and a store that outlive them, all in virtual time.

Used by ``tests/simulation`` and by authors of policies. Needs ``looptime``, which comes with the tests' extras.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from zoe_hub.backends.base import ProcessSpec
from zoe_hub.backends.fake import FakeBackend, FakeEngine
from zoe_hub.controllers.hub import Controllers
from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.core.clock import Reading
from zoe_hub.core.errors import FieldError, ZoeError
from zoe_hub.core.executions.commands import ScaleExecution, StartZApp, TerminateExecution
from zoe_hub.core.executions.invariants import violations
from zoe_hub.core.executions.model import Execution, Observed
from zoe_hub.core.executions.rendered import RenderedZApp
from zoe_hub.core.executions.spec import Connector, Drain, ExecutionSpec, Group, Ready, Resources, Restart, Secret
from zoe_hub.core.reasons import because
from zoe_hub.core.words import words
from zoe_hub.store.memory import MemoryStore

HOUR = 3600.0
Result = TypeVar("Result")


class SimulatedShop:
    """A catalog of two ZApps: a ``cluster`` that lives until it is ended, and a ``job`` that ends by itself."""

    def __init__(self) -> None:
        self.zapps = dict.fromkeys(("cluster", "job"))
        self.problems: tuple[FieldError, ...] = ()

    async def refresh(self) -> bool:
        """Its definitions have no files."""
        return False

    def groups(self, zapp: str, parameters: Mapping[str, Any]) -> tuple[Group, ...]:
        """The processes of a ZApp; other scenarios have others."""
        if zapp != "cluster":
            command = ("do", f"sleep {parameters.get('seconds', 20)}", f"exit {parameters.get('code', 0)}")
            return (
                Group(
                    name="job",
                    framework="f",
                    image="i",
                    command=command,
                    decides_result=True,
                    resources=Resources(cores=parameters.get("cores", 0.1)),
                ),
            )
        ready, restart = Ready(kind="log", pattern="up", timeout=30), Restart(limit=50)
        master = Group(
            name="master", framework="f", image="i", command=("do", "print up", "sleep"), ready=ready, restart=restart
        )
        worker = Group(
            name="worker",
            framework="f",
            image="i",
            command=("do", "on PWR drained", "print up", "sleep"),
            count=parameters.get("workers", 2),
            essential=1,
            maximum=8,
            needs=("master",),
            ready=ready,
            drain=Drain(signal="PWR", timeout=10),
            resources=Resources(cores=0.5),
            restart=restart,
        )
        return master, worker

    def render(self, zapp: str, parameters: Mapping[str, Any]) -> RenderedZApp:
        """A ZApp as ``groups`` has it, with a token of the hub."""
        groups = self.groups(zapp, parameters)
        spec = ExecutionSpec(
            zapp=zapp,
            title=zapp,
            version="1",
            kind="job",
            groups=groups,
            secrets=(Secret(name="hub", source="token"),),
            attach={"python": Connector()},
        )
        sized = frozenset(group.name for group in groups if "workers" in parameters and group.maximum > group.essential)
        return RenderedZApp(spec=spec, counts={group.name: group.count for group in groups}, sized=sized)

    def attachable(self, name: str) -> str:
        """Every ZApp is."""
        return name

    def folder(self, framework: str) -> Path:
        """No files are read."""
        return Path("/nowhere")


class SimulatedEngine(FakeEngine):
    """A fake engine that remembers how much ran at the same time."""

    peak = 0.0  # cores

    def start(self, spec: ProcessSpec) -> Observed:
        """Start a process and add up what runs."""
        seen = super().start(spec)
        self.peak = max(
            self.peak, sum(process.spec.resources.cores for process in self.all.values() if process.running)
        )
        return seen


class World:
    """An engine and a store that outlive the hubs that use them."""

    def __init__(self, seed: int = 0, *, shop: SimulatedShop | None = None, cores: float = 64.0) -> None:
        """:param cores: what the one machine has"""
        self.random = random.Random(seed)  # noqa: S311
        self.engine = SimulatedEngine(seed=seed)
        self.store = MemoryStore()
        self.shop = shop or SimulatedShop()
        self.cores = cores
        self.slept = 0.0  # seconds
        self.hub: Controllers | None = None

    async def boot(self) -> Controllers:
        """Start a hub; its tasks are known, so that it can be killed."""
        self.before = asyncio.all_tasks()
        self.backend = FakeBackend(deployment="sim", data="/nowhere", engine=self.engine, node_cores=self.cores)
        log = logging.getLogger("simulation")
        while True:
            try:
                await self.store.open()
                await self.backend.open()
                self.hub = Controllers(
                    store=self.store,
                    backend=self.backend,
                    catalog=self.shop,
                    deployment="sim",
                    hub_url="http://hub",
                    clock=Clock(self.reading),
                    log=log,
                )
                await self.hub.start()
                break
            except ZoeError:
                await self.kill()  # as the process would end: nothing of the half-started hub goes on
                await asyncio.sleep(1)
        return self.hub

    def reading(self) -> Reading:
        """What the clocks of the machine show."""
        awake = asyncio.get_running_loop().time()
        return Reading(wall=self.engine.now().timestamp(), awake=awake, passed=awake + self.slept)

    def set_clock(self, by: float) -> None:
        """Set the machine's time of day forwards by so many seconds, or back."""
        self.engine.set_clock(by)

    def suspend(self, seconds: float) -> None:
        """Have the machine sleep: for whatever runs on it, no time passes."""
        self.slept += seconds
        self.engine.set_clock(seconds)

    async def kill(self) -> None:
        """As SIGKILL: everything the hub was doing stops where it is."""
        tasks = [task for task in asyncio.all_tasks() - self.before if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.hub is not None:
            await self.hub.stop()  # its tasks are gone: nothing is done any more, only its timers are forgotten

    async def start(self, zapp: str, owner: str = "ada", **parameters: Any) -> Execution:
        """Start a ZApp with these parameters."""
        return await self._living.executions.start(owner, StartZApp(zapp=zapp, parameters=parameters))

    async def scale(self, execution: str, count: int) -> Execution:
        """Change the size of the only group that can grow."""
        return await self._living.executions.scale(ScaleExecution(execution=execution, count=count))

    async def end(self, execution: str, reason: str = "") -> Execution:
        """End an execution."""
        told = because("told", words=reason) if reason else None
        return await self._living.executions.terminate(TerminateExecution(execution=execution, reason=told))

    @property
    def _living(self) -> Controllers:
        assert self.hub is not None
        return self.hub

    async def until(self, condition: Callable[[], bool], what: str, every: float = 0.5) -> None:
        """Wait in virtual time, at most for an hour, until ``condition`` holds; it is looked at ``every`` so many
        seconds.
        """
        waited = 0.0
        while not condition():
            assert waited < HOUR, (
                f"never: {what}: {[(each.id, each.phase, words(each.reason)) for each in self.store.active()]}"
            )
            await asyncio.sleep(every)
            waited += every

    def check(self) -> None:
        """What must hold at every moment."""
        for execution in self.store.everything.values():
            assert violations(execution) == []

    def started_twice(self) -> list[tuple[str, int]]:
        """Names and incarnations that the engine really started more than once."""
        return [start for start, times in Counter(self.engine.starts).items() if times > 1]

    async def running(self) -> dict[str, list[str]]:
        """What really runs, by execution."""
        found: dict[str, list[str]] = {}
        for seen in await self.backend.processes():
            if seen.state == "running":
                found.setdefault(seen.execution, []).append(seen.name)
        return found


def virtually(scenario: Callable[[World], Awaitable[Result]], world: World) -> Result:
    """Run a scenario in virtual time: a minute passes as soon as nothing is left to do in it."""
    import looptime  # noqa: PLC0415 - the hub does not need it

    loop = looptime.new_event_loop()
    try:
        return loop.run_until_complete(_to_its_end(scenario, world))
    finally:
        loop.close()


async def _to_its_end(scenario: Callable[[World], Awaitable[Result]], world: World) -> Result:
    """The scenario, and then the end of its hub: a failure is not hidden by tasks that nobody ended."""
    try:
        return await scenario(world)
    finally:
        await world.kill()
