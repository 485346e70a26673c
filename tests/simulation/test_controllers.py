"""The whole hub without its web side, in virtual time, on a fake engine with faults: seeded, so a failure can be
repeated.

The hub is killed at random moments and comes back; calls to the engine fail before or after they were done, news comes
late, twice or never, processes die. Once the trouble is over nothing is lost, nothing runs twice, nothing is left over.
"""

from __future__ import annotations

import asyncio

import pytest

from zoe_hub.backends.fake import Faults
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Outcome, Phase
from zoe_hub.core.words import words
from zoe_hub.testing.simulation import World, virtually

SEEDS = range(12)


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
                await world.start("cluster", workers=world.random.randint(1, 4))
            elif draw < 0.5:
                code = world.random.choice([0, 0, 3])
                execution = await world.start("job", code=code, seconds=world.random.randint(0, 40))
                jobs[execution.id] = code
            elif draw < 0.7 and live:
                await world.scale(world.random.choice(live).id, world.random.randint(1, 8))
            elif draw < 0.8 and live:
                await world.end(world.random.choice(live).id)
        except ZoeError as error:
            assert error.code in ("backend-unavailable", "conflict", "already-ended"), error  # noqa: PT017
        await asyncio.sleep(world.random.random() * 8)
        world.check()
        if world.random.random() < 0.3:
            await world.kill()
            await asyncio.sleep(world.random.random() * 30)
            await world.boot()
    return jobs


async def trouble(world: World) -> None:
    await world.boot()
    world.engine.faults = Faults(before=0.1, after=0.1, delay=0.3, duplicate=0.2, lost=0.1, late=0.9, silence=0.02)
    jobs = await commands(world)
    world.engine.faults = Faults()
    assert world.hub is not None
    await settle(world)
    running = await world.running()
    for execution in world.store.everything.values():
        want = {process.name for process in execution.processes if process.live}
        assert set(running.pop(execution.id, [])) == want, execution.id
        if execution.active:
            assert execution.phase is Phase.RUNNING, (execution.phase, execution.reason)
            assert len(want) == sum((execution.granted or {}).values())
    assert running == {}, "processes without an execution"
    for identifier, code in jobs.items():
        execution = world.store.everything[identifier]
        assert execution.phase is Phase.ENDED
        assert execution.reason.code == "result-decided"
        assert execution.waits_for is None
        assert (execution.outcome, execution.exit_code) == (Outcome.COMPLETED if code == 0 else Outcome.FAILED, code), (
            execution.reason
        )
    for execution in list(world.store.active()):
        await world.end(execution.id)
    await world.until(lambda: not list(world.store.active()), "all end")
    await world.until(lambda: True, "")
    assert await world.running() == {}
    assert await world.backend.executions() == ()
    events = await world.store.events(limit=100000)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert world.started_twice() == []


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
    virtually(trouble, World(seed))


async def refused_for_long(world: World) -> None:
    await world.boot()
    for _ in range(12):
        world.engine.fail_next("start")
    execution = await world.start("job", seconds=1)
    await world.until(lambda: not list(world.store.active()), "it ends")
    told = [
        event for event in await world.store.events(limit=1000) if event.kind in ("execution.reason", "execution.phase")
    ]
    assert [words(event.reason) for event in told if event.reason.code == "backend-awaited"] == [
        "waits for job: 0 of 1 essential ready; waits for the backend: Simulated failure."
    ]
    assert world.store.everything[execution.id].outcome is Outcome.COMPLETED


def test_what_is_waited_for_is_told_once_and_not_with_every_try():
    virtually(refused_for_long, World())


async def engine_away(world: World) -> None:
    hub = await world.boot()
    assert hub.problem is None
    world.engine.faults = Faults(before=1.0)
    world.engine.break_watches()
    await world.until(
        lambda: hub.problem is not None and "did not get through" in words(hub.problem), "the hub says what is wrong"
    )
    world.engine.faults = Faults()
    await world.until(lambda: hub.problem is None, "the hub is well again")


def test_a_hub_whose_backend_is_away_says_so_until_it_is_back():
    virtually(engine_away, World())
