"""What is over is forgotten as the limits say, whatever is killed or fails meanwhile. In virtual time."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest

from zoe_hub.backends.base import Temporary
from zoe_hub.backends.fake import Faults
from zoe_hub.controllers import retention
from zoe_hub.core.executions.model import Execution, Phase
from zoe_hub.core.retention import Limits
from zoe_hub.core.words import words
from zoe_hub.store.base import Batch, Remains, Reply
from zoe_hub.testing.simulation import World, virtually
from zoe_hub.testing.store_records import reply

DAY, HOUR = 86400.0, 3600.0


async def over(world: World, *seconds: int) -> list[str]:
    """Jobs that have ended, one after the other."""
    made = []
    for each in seconds:
        made.append((await world.start("job", seconds=each)).id)
        await world.until(lambda: world.store.everything[made[-1]].phase is Phase.ENDED, "the job ends", every=1)
    return made


def logs(world: World) -> set[str]:
    """The executions whose logs the engine has."""
    return {execution for _, execution in world.engine.homes.values()}


async def events_of(world: World, execution: str) -> list[str]:
    return [each.kind for each in await world.store.events(limit=10**6, execution=execution)]


def test_only_the_latest_are_kept_with_their_logs_and_events(caplog):
    caplog.set_level("INFO")

    async def scenario(world: World) -> None:
        hub = await world.boot()
        hub.retention.executions_number = 3
        hub.retention.interval = 60
        active = await world.start("cluster", workers=1)
        made = await over(world, *[20] * 8)
        await world.until(lambda: len(world.store.everything) == 4, "five are forgotten", every=10)
        await asyncio.sleep(61)
        assert set(world.store.everything) == {active.id, *made[-3:]} == logs(world)
        assert not world.store.records(Remains)
        for each in made[:5]:
            (told,) = await world.store.events(execution=each)
            assert (told.kind, told.owner) == ("execution.forgotten", "ada")
            assert words(told.reason) == "is the oldest, and no more than 3 are kept"
        for each in (active.id, *made[5:]):
            assert "execution.created" in await events_of(world, each)
        assert hub.stats["forgotten_executions"] == 5
        assert all(each in caplog.text for each in made[:5]), "by name, in the hub's log"
        assert hub.problem is None

    virtually(scenario, World())


def test_age_is_counted_from_the_end_and_what_is_active_never_goes():
    async def scenario(world: World) -> None:
        hub = await world.boot()
        hub.retention.executions_age = hub.retention.events_age = 2 * HOUR / DAY
        hub.retention.interval = 60
        active = await world.start("cluster", workers=1)
        long = (await world.start("job", seconds=HOUR)).id
        (short,) = await over(world, 20)
        await asyncio.sleep(1.9 * HOUR)
        assert short in world.store.everything
        await asyncio.sleep(0.2 * HOUR)
        assert set(world.store.everything) == {active.id, long}, "it began before the other, and ended later"
        await asyncio.sleep(HOUR)
        assert set(world.store.everything) == {active.id}
        assert world.store.first_seq > 1
        assert [each.kind for each in await world.store.events(limit=10**6)] == ["execution.forgotten"] * 2
        assert world.store.executions[active.id].phase is Phase.RUNNING

    virtually(scenario, World())


def test_sizes_count_logs_of_what_has_ended_only():
    async def scenario(world: World) -> None:
        hub = await world.boot()
        await world.start("cluster", workers=1)
        made = await over(world, 20, 20, 20)
        record = await world.store.size(Execution) // 3
        for each in [name for name, home in world.engine.homes.items() if home[1] in made]:
            world.engine.written[each].extend(b"x" * 100_000)
        for name, home in world.engine.homes.items():
            if home[1] not in made:
                world.engine.written[name].extend(b"x" * 10**7)
        hub.retention.executions_size = 2 * (100_000 + record) + 5_000
        await asyncio.sleep(700)
        assert set(world.store.everything) - set(world.store.executions) == set(made[1:])

    virtually(scenario, World())


def test_old_events_and_replies_go_by_number():
    async def scenario(world: World) -> None:
        hub = await world.boot()
        hub.retention.events_number, hub.retention.replies_number = 40, 2
        made = await over(world, *[20] * 12)
        await world.store.commit(Batch(put=tuple(reply(f"k{n}", created=hub.clock.now()) for n in range(5))))
        await asyncio.sleep(700)
        assert world.store.last_seq - world.store.first_seq + 1 == 40 == len(await world.store.events(limit=10**6))
        assert [await world.store.reply("ann", f"k{n}") is not None for n in range(5)] == [False] * 3 + [True] * 2
        assert set(world.store.everything) == set(made), "their records stay"
        hub.retention.replies_age = 0.5 * HOUR / DAY
        await asyncio.sleep(HOUR)
        assert await world.store.count(Reply) == 0

    virtually(scenario, World())


def test_by_default_nothing_goes_but_replies():
    async def scenario(world: World) -> None:
        hub = await world.boot()
        assert (hub.retention.limits("executions"), hub.retention.limits("replies").age) == (
            Limits(number=100_000),
            timedelta(days=1),
        )
        made = await over(world, 20)
        before = len(await world.store.events(limit=10**6))
        await asyncio.sleep(3 * HOUR)
        assert set(world.store.everything) == set(made) == logs(world)
        assert len(await world.store.events(limit=10**6)) == before

    virtually(scenario, World())


def test_logs_that_cannot_be_deleted_are_told_and_tried_again():
    async def scenario(world: World) -> None:
        hub = await world.boot()
        (made,) = await over(world, 20)
        hub.retention.executions_age = 0.001
        error = Temporary("backend-unavailable", "The engine is away.", delay=30)
        for _ in range(3):
            world.engine.fail_next("forget_logs", error)
        await world.until(lambda: hub.problem is not None, "the problem is shown", every=1)
        assert "The engine is away" in words(hub.problem)
        assert made not in world.store.everything, "it is gone for everyone"
        assert logs(world) == {made}
        await world.until(lambda: not world.store.records(Remains), "all is gone", every=5)
        assert not logs(world)
        assert hub.problem is None

    virtually(scenario, World())


@pytest.mark.parametrize("seed", range(12))
def test_a_hub_that_is_killed_at_any_moment_leaves_nothing_half_done(seed, monkeypatch):
    monkeypatch.setattr(retention, "ROWS_OF_ONE", 2)
    monkeypatch.setattr(retention, "STEP", 2)

    async def scenario(world: World) -> None:
        chance = random.Random(seed)
        await world.boot()
        made = await over(world, *[5] * 9)
        world.engine.faults = Faults(before=0.1, after=0.1, delay=0.3, slowest=0.5)
        for _ in range(30):
            await world.kill()
            hub = await world.boot()
            hub.retention.executions_number = 2
            hub.retention.events_number = 60
            monkeypatch.setattr(retention, "FIRST", 0.01)
            await asyncio.sleep(chance.random() * 0.4)
            listed, remains = set(world.store.everything), set(world.store.records(Remains))
            assert not listed & remains
            for each in listed:
                assert each in logs(world), "what is listed has its logs"
        world.engine.faults = Faults()
        await world.until(lambda: not world.store.records(Remains), "all is gone", every=5)
        assert set(world.store.everything) == set(made[-2:]) == logs(world)
        for each in made[:-2]:
            assert set(await events_of(world, each)) <= {"execution.forgotten"}

    virtually(scenario, World(seed))
