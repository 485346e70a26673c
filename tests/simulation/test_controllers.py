"""The whole hub without its web side, in virtual time, on a fake engine with faults: seeded, so a failure can be repeated.

The hub is killed at random moments and comes back; calls to the engine fail before or after they were done, news comes
late, twice or never, processes die. Once the trouble is over nothing is lost, nothing runs twice, nothing is left over.
"""

from __future__ import annotations

import asyncio
import logging
import random
from pathlib import Path

import looptime
import pytest

from zoe_hub.backends.fake import FakeBackend, FakeEngine, Faults
from zoe_hub.controllers.hub import Controllers
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.invariants import violations
from zoe_hub.core.model import Drain, ExecutionSpec, Group, Outcome, Phase, Ready, Record, Resources, Restart, Secret
from zoe_hub.store.memory import MemoryStore

SEEDS = range(12)
HOUR = 3600.0


class Rendered(Record, kw_only=True):
    """What a catalog gives back."""

    spec: ExecutionSpec
    given: dict[str, str] = {}
    counts: dict[str, int] = {}


class Shop:
    """A catalog of two ZApps: a cluster that lives until it is ended, and a job that ends by itself."""

    def render(self, zapp, parameters):
        if zapp == "cluster":
            master = Group(name="master", framework="f", image="i", command=("do", "print up", "sleep"), ready=Ready(kind="log", pattern="up", timeout=30), restart=Restart(limit=50))
            worker = Group(
                name="worker", framework="f", image="i", command=("do", "on PWR drained", "print up", "sleep"), count=parameters.get("workers", 2), essential=1, maximum=8,
                needs=("master",), ready=Ready(kind="log", pattern="up", timeout=30), drain=Drain(signal="PWR", timeout=10), resources=Resources(cores=0.5), restart=Restart(limit=50),
            )  # fmt: skip
            groups: tuple[Group, ...] = (master, worker)
        else:
            code, seconds = parameters.get("code", 0), parameters.get("seconds", 20)
            groups = (Group(name="job", framework="f", image="i", command=("do", f"sleep {seconds}", f"exit {code}"), decides_result=True),)
        spec = ExecutionSpec(zapp=zapp, title=zapp, version="1", kind="job", groups=groups, secrets=(Secret(name="hub", source="token"),))
        return Rendered(spec=spec, counts={group.name: group.count for group in groups})

    def attachable(self, name):
        return name

    def folder(self, framework):
        return Path("/nowhere")


class World:
    """An engine and a store that outlive the hubs that use them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.engine = FakeEngine(seed=seed)
        self.store = MemoryStore()
        self.hub: Controllers | None = None
        self.tasks: set[asyncio.Task] = set()

    async def boot(self) -> Controllers:
        """Start a hub; its tasks are known, so that it can be killed."""
        self.before = asyncio.all_tasks()
        self.backend = FakeBackend(deployment="sim", data="/nowhere", engine=self.engine)
        log = logging.getLogger("simulation")
        while True:
            try:
                await self.store.open()
                await self.backend.open()
                self.hub = Controllers(store=self.store, backend=self.backend, catalog=Shop(), deployment="sim", hub_url="http://hub", log=log)
                await self.hub.start()
                break
            except ZoeError:
                await self.kill()  # as the process would end: nothing of the half-started hub goes on
                await asyncio.sleep(1)
        return self.hub

    async def kill(self) -> None:
        """As SIGKILL: everything the hub was doing stops where it is."""
        tasks = [task for task in asyncio.all_tasks() - self.before if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.hub is not None:
            await self.hub.stop()  # its tasks are gone: nothing is done any more, only its timers are forgotten

    async def until(self, condition, what: str) -> None:
        """Wait in virtual time, at most for an hour, until ``condition`` holds."""
        waited = 0.0
        while not condition():
            assert waited < HOUR, f"never: {what}: {[(each.id, each.phase, each.reason) for each in self.store.active()]}"
            await asyncio.sleep(0.5)
            waited += 0.5

    def check(self) -> None:
        for execution in self.store.executions.values():
            assert violations(execution) == []

    async def running(self) -> dict[str, list[str]]:
        """What really runs, by execution."""
        found: dict[str, list[str]] = {}
        for seen in await self.backend.processes():
            if seen.state == "running":
                found.setdefault(seen.execution, []).append(seen.name)
        return found


def virtually(scenario, seed):
    """Run a scenario in virtual time: a minute passes as soon as nothing is left to do in it."""
    loop = looptime.new_event_loop()
    try:
        return loop.run_until_complete(scenario(seed))
    finally:
        loop.close()


async def commands(world: World) -> dict[str, int]:
    """Random commands for a while; the jobs that were started, with the exit code each will have."""
    jobs: dict[str, int] = {}
    for _ in range(25):
        hub = world.hub
        assert hub is not None
        draw = world.random.random()
        live = [each for each in world.store.active() if each.desired == "running" and each.spec.zapp == "cluster"]
        try:
            if draw < 0.25:
                await hub.service.start("ada", zapp="cluster", parameters={"workers": world.random.randint(1, 4)})
            elif draw < 0.5:
                code = world.random.choice([0, 0, 3])
                execution = await hub.service.start("ada", zapp="job", parameters={"code": code, "seconds": world.random.randint(0, 40)})
                jobs[execution.id] = code
            elif draw < 0.7 and live:
                await hub.service.scale(world.random.choice(live).id, group=None, count=world.random.randint(1, 8))
            elif draw < 0.8 and live:
                await hub.service.terminate(world.random.choice(live).id)
        except ZoeError as error:
            assert error.code in ("backend-unavailable", "conflict", "already-ended"), error  # noqa: PT017
        await asyncio.sleep(world.random.random() * 8)
        world.check()
        if world.random.random() < 0.3:
            await world.kill()
            await asyncio.sleep(world.random.random() * 30)
            await world.boot()
    return jobs


async def trouble(seed: int) -> None:
    world = World(seed)
    await world.boot()
    world.engine.faults = Faults(before=0.1, after=0.1, delay=0.3, duplicate=0.2, lost=0.1, late=0.9, silence=0.02)
    jobs = await commands(world)
    world.engine.faults = Faults()
    assert world.hub is not None
    await settle(world)
    running = await world.running()
    for execution in world.store.executions.values():
        want = {process.name for process in execution.processes if process.live}
        assert set(running.pop(execution.id, [])) == want, execution.id
        if execution.active:
            assert execution.phase is Phase.RUNNING, (execution.phase, execution.reason)
            assert len(want) == sum((execution.granted or {}).values())
    assert running == {}, "processes without an execution"
    for identifier, code in jobs.items():
        execution = world.store.executions[identifier]
        assert execution.phase is Phase.ENDED
        assert "waits" not in execution.reason
        assert (execution.outcome, execution.exit_code) == (Outcome.COMPLETED if code == 0 else Outcome.FAILED, code), execution.reason
    for execution in list(world.store.active()):
        await world.hub.service.terminate(execution.id)
    await world.until(lambda: not list(world.store.active()), "all end")
    await world.until(lambda: True, "")
    assert await world.running() == {}
    assert await world.backend.executions() == ()
    events = await world.store.events(limit=100000)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    await world.kill()


async def settle(world: World) -> None:
    """Until every execution that can run does, and every job has ended."""

    def calm() -> bool:
        for each in world.store.active():
            if each.spec.zapp == "job" or each.desired == "ended":
                return False
            if each.granted is None or any(process.state not in ("ready", "ended") for process in each.processes):
                return False
            if sum(process.live for process in each.processes) != sum(each.granted.values()):
                return False
        return True

    await world.until(calm, "everything settles")
    await asyncio.sleep(120)  # two resyncs later it still holds
    await world.until(calm, "everything stays settled")


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_or_doubled_whatever_fails(seed):
    virtually(trouble, seed)


async def refused_for_long(seed: int) -> None:
    world = World(seed)
    hub = await world.boot()
    for _ in range(12):
        world.engine.fail_next("start")
    execution = await hub.service.start("ada", zapp="job", parameters={"seconds": 1})
    await world.until(lambda: not list(world.store.active()), "it ends")
    told = [event for event in await world.store.events(limit=1000) if event.kind in ("execution.reason", "execution.phase")]
    assert [event.reason for event in told if "waits for the backend" in event.reason] == ["waits for job: 0 of 1 essential ready; waits for the backend: Simulated failure."]
    assert world.store.executions[execution.id].outcome is Outcome.COMPLETED
    await world.kill()


def test_what_is_waited_for_is_told_once_and_not_with_every_try():
    virtually(refused_for_long, 0)


async def engine_away(seed: int) -> None:
    world = World(seed)
    hub = await world.boot()
    assert hub.degraded == ""
    world.engine.faults = Faults(before=1.0)
    world.engine.break_watches()
    await world.until(lambda: "did not get through" in hub.degraded, "the hub says what is wrong")
    world.engine.faults = Faults()
    await world.until(lambda: hub.degraded == "", "the hub is well again")
    await world.kill()


def test_a_hub_whose_backend_is_away_says_so_until_it_is_back():
    virtually(engine_away, 0)
