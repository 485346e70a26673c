"""A whole hub on a machine whose clock is set, forwards and back, and which sleeps: in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from zoe_hub.core.attachments.commands import AttachHolder
from zoe_hub.core.attachments.upkeep import ReportedHolder, ReportHolders
from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Execution, Outcome, Phase, Process, ProcessState
from zoe_hub.core.executions.spec import Group, Ready, Restart
from zoe_hub.testing.simulation import HOUR, SimulatedShop, World, virtually

DAY = 24 * HOUR
SOON = 10.0  # seconds in which the hub has noticed, and done what is due


class Unsteady(SimulatedShop):
    """``flaps`` fails and is started again after a quarter of an hour; ``slow`` never gets ready."""

    def groups(self, zapp: str, parameters: Mapping[str, Any]) -> tuple[Group, ...]:
        """The processes of a ZApp."""
        if zapp not in ("flaps", "slow"):
            return super().groups(zapp, parameters)
        ready, restart = Ready(kind="log", pattern="up", timeout=600), Restart(delay=900, longest=900, limit=50)
        command = ("do", "sleep 5", "exit 1") if zapp == "flaps" else ("do", "sleep")
        return (Group(name="main", framework="f", image="i", command=command, ready=ready, restart=restart),)


def now(world: World) -> datetime:
    assert world.hub is not None
    return world.hub.clock.now()


def wall(world: World) -> datetime:
    return world.engine.now()


def process(world: World, execution: Execution) -> Process:
    return world.store.everything[execution.id].processes[0]


async def events(world: World) -> tuple[Event, ...]:
    return await world.store.events(limit=10**6)


async def jumps(world: World) -> list[tuple[str, Mapping[str, Any]]]:
    return [(each.reason.code, each.reason.facts) for each in await events(world) if each.kind == "clock.jumped"]


async def starting(world: World, zapp: str) -> Execution:
    execution = await world.start(zapp)
    await world.until(lambda: world.store.everything[execution.id].processes != (), "it is admitted")
    await world.until(lambda: process(world, execution).state is ProcessState.STARTING, "it starts", every=0.1)
    return execution


async def failed_once(world: World) -> Execution:
    execution = await starting(world, "flaps")
    await world.until(lambda: process(world, execution).not_before is not None, "it has failed")
    return execution


async def restarts(world: World, execution: Execution) -> float:
    """Seconds until the process that has failed is started again."""
    loop = asyncio.get_running_loop()
    begun, before = loop.time(), process(world, execution).incarnation
    await world.until(lambda: process(world, execution).incarnation > before, "it starts again")
    return loop.time() - begun


async def set_back(world: World, by: float, *, restart: bool) -> None:
    if restart:
        await world.kill()
    world.set_clock(-by)
    if restart:
        await world.boot()


# --- the machine sleeps ----------------------------------------------------------------------------------------------


def test_after_a_night_of_sleep_the_hubs_time_is_right_and_a_job_is_not_shown_as_old():
    async def scenario(world: World) -> None:
        await world.boot()
        await asyncio.sleep(60)
        world.suspend(10 * HOUR)
        job = await world.start("job")
        assert abs((job.created - wall(world)).total_seconds()) < 1, "by the first that asks, before any timer"
        await asyncio.sleep(SOON)
        assert await jumps(world) == [("machine-slept", {"slept": 10 * HOUR})]

    virtually(scenario, World())


def test_what_was_due_while_the_machine_slept_is_done_soon_after_it_has_woken():
    async def scenario(world: World) -> None:
        await world.boot()
        execution = await failed_once(world)
        world.suspend(2 * HOUR)
        assert await restarts(world, execution) <= SOON, "the timer would ring in a quarter of an hour"

    virtually(scenario, World(shop=Unsteady()))


def test_what_was_about_to_get_ready_has_its_whole_time_after_the_sleep():
    async def scenario(world: World) -> None:
        await world.boot()
        execution = await starting(world, "slow")
        await asyncio.sleep(590)
        world.suspend(8 * HOUR)
        await asyncio.sleep(590)
        assert process(world, execution).state is ProcessState.STARTING
        await asyncio.sleep(30)
        assert process(world, execution).failures == 1

    virtually(scenario, World(shop=Unsteady()))


async def attached(world: World, **parameters: Any) -> Execution:
    assert world.hub is not None
    request = AttachHolder(key="/n/a.ipynb", kernel="k", zapp="cluster", parameters={"workers": 4, **parameters})
    holder = ReportedHolder(kernel="k", kind="notebook", key="/n/a.ipynb")
    await world.hub.leases.report(ReportHolders(owner="ada", holders=(holder,)))
    attachment, _ = await world.hub.attachments.attach("ada", request)
    execution = attachment.execution
    await world.until(lambda: world.store.everything[execution].phase is Phase.RUNNING, "the cluster runs")
    await world.hub.leases.report(ReportHolders(owner="ada", holders=(holder,)))
    return world.store.everything[execution]


def workers(world: World, execution: Execution) -> int:
    return world.store.everything[execution.id].counts["worker"]


@pytest.mark.parametrize(
    "jump",
    [
        lambda world: world.suspend(8 * HOUR),
        lambda world: world.set_clock(8 * HOUR),
        lambda world: world.set_clock(-DAY),
    ],
)
def test_a_holder_that_could_not_renew_loses_nothing_and_one_that_is_gone_is_noticed(jump):
    async def scenario(world: World) -> None:
        await world.boot()
        execution = await attached(world)
        await asyncio.sleep(110)
        jump(world)
        await asyncio.sleep(115)
        assert workers(world, execution) == 4, "a whole TTL after the jump"
        await asyncio.sleep(15)
        assert workers(world, execution) == 1, "and not a day of it"

    virtually(scenario, World())


def test_who_has_reported_is_known_after_a_sleep_and_forgotten_in_time_though_the_clock_was_set_back():
    async def scenario(world: World) -> None:
        await world.boot()
        await attached(world)
        assert world.hub is not None
        world.suspend(8 * HOUR)
        await asyncio.sleep(SOON)
        assert world.hub.leases.holder("ada", "k") is not None
        world.set_clock(-DAY)
        await asyncio.sleep(130)
        assert world.hub.leases.holder("ada", "k") is None

    virtually(scenario, World())


def test_what_was_recorded_while_the_clock_was_ahead_is_no_sign_of_life_when_that_time_comes():
    async def scenario(world: World) -> None:
        hub = await world.boot()
        hub.leases.shrink_after = hub.leases.end_after = 0.0
        world.set_clock(HOUR)
        execution = await attached(world)
        world.set_clock(-HOUR)
        await asyncio.sleep(140)
        assert workers(world, execution) == 1, "its holder is gone"
        await world.scale(execution.id, 3)
        await asyncio.sleep(HOUR + 300)
        assert workers(world, execution) == 3
        assert [each.kind for each in await events(world)].count("attachment.gone") == 1

    virtually(scenario, World())


@pytest.mark.parametrize("restart", [False, True])
def test_idleness_is_counted_anew_when_the_clock_was_set_back_and_a_promise_to_keep_ends(restart):
    async def scenario(world: World) -> None:
        await world.boot()
        execution = await attached(world)
        assert world.hub is not None
        await world.hub.leases.keep(execution.id, "ada", HOUR)
        await set_back(world, 30 * DAY, restart=restart)
        world.hub.leases.longest_keep = 2 * HOUR
        await asyncio.sleep(SOON)
        kept = world.store.everything[execution.id].kept_until
        assert kept is not None
        assert kept <= now(world) + timedelta(hours=2), "not for a month"
        await asyncio.sleep(2 * HOUR + 1800 + 7200 + 120)
        assert world.store.everything[execution.id].phase is Phase.ENDED

    virtually(scenario, World())


# --- the clock is set ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [DAY, 365 * DAY])
@pytest.mark.parametrize("restart", [False, True])
def test_stored_restarts_and_deadlines_come_though_the_clock_was_set_back(by, restart):
    async def scenario(world: World) -> None:
        await world.boot()
        flaps, slow = await failed_once(world), await starting(world, "slow")
        await set_back(world, by, restart=restart)
        assert await restarts(world, flaps) <= 900 + SOON
        await world.until(lambda: process(world, slow).failures > 0, "it is given up")
        assert {code for code, _ in await jumps(world)} == {"clock-set-back"}
        job = await world.start("job")
        assert abs((job.created - wall(world)).total_seconds()) < 1
        await world.until(lambda: world.store.everything[job.id].outcome is Outcome.COMPLETED, "the job ends")
        for each in world.store.everything[flaps.id].processes:
            assert each.since <= now(world), "nothing is on record since a time to come"

    virtually(scenario, World(shop=Unsteady()))


def test_nothing_is_late_because_the_clock_was_set_forwards():
    async def scenario(world: World) -> None:
        await world.boot()
        execution = await starting(world, "slow")
        world.set_clock(DAY)
        await asyncio.sleep(590)
        assert (process(world, execution).state, process(world, execution).failures) == (ProcessState.STARTING, 0)
        await asyncio.sleep(30)
        assert process(world, execution).failures == 1

    virtually(scenario, World(shop=Unsteady()))


def test_a_hub_that_starts_a_moment_behind_the_record_goes_on_behind_it():
    async def scenario(world: World) -> None:
        await world.boot()
        first = await world.start("job")
        await set_back(world, 8, restart=True)
        second = await world.start("job")
        assert second.created >= first.created
        assert await jumps(world) == []

    virtually(scenario, World())


# --- all of it, in any order -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_clock_does_everything_ends_and_the_log_goes_back_only_where_it_says_so(seed):
    async def scenario(world: World) -> None:
        await world.boot()
        started = [await world.start("cluster", workers=2)]
        for _ in range(25):
            await asyncio.sleep(world.random.random() * 200)
            match world.random.choice(["sleeps", "forwards", "back", "a bit", "killed"]):
                case "sleeps":
                    world.suspend(world.random.random() * 10 * HOUR)
                case "forwards":
                    world.set_clock(world.random.random() * DAY)
                case "back":
                    world.set_clock(-world.random.random() * DAY)
                case "a bit":
                    world.set_clock(world.random.random() * 10 - 5)
                case _:
                    await world.kill()
                    world.set_clock(world.random.random() * DAY - HOUR)
                    await world.boot()
            started.append(await world.start(world.random.choice(["job", "cluster"]), workers=1))
            world.check()
        for each in started:
            if world.store.everything[each.id].active:
                await world.end(each.id)
        await world.until(lambda: not world.store.executions, "all has ended")
        assert await world.running() == {}
        assert world.started_twice() == []
        log = await events(world)
        back = {each.seq for each in log if each.kind == "clock.jumped" and each.reason.code == "clock-set-back"}
        for before, after in pairwise(log):
            if after.time < before.time:
                assert any(abs(seq - after.seq) <= 2 for seq in back), (before, after)

    virtually(scenario, World(seed))
