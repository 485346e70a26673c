"""Many executions on little room: who waits, what is told of it, and that never more runs than the nodes have."""

from __future__ import annotations

import asyncio

import pytest

from zoe_hub.backends.fake import Faults
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution, Outcome, Phase
from zoe_hub.core.executions.standing import standing
from zoe_hub.core.reasons import because
from zoe_hub.core.words import words
from zoe_hub.testing.simulation import World, virtually


def counted(world: World) -> list[int]:
    """The number of executions in each commit from now on."""
    real, sizes = world.store.commit, []

    async def commit(batch):
        sizes.append(sum(isinstance(record, Execution) for record in batch.put))
        return await real(batch)

    world.store.commit = commit
    return sizes


def test_a_queue_that_moves_up_is_told_in_proportion_to_its_length():
    async def scenario(world):
        hub = await world.boot()
        commits = counted(world)
        jobs = [await world.start("job", seconds=5, cores=64.0) for _ in range(40)]

        def told(number):
            execution = world.store.executions[jobs[number].id]
            return words(standing(execution, hub.executions.place(execution)))

        await asyncio.sleep(1)
        names = [world.store.executions[each.id].name for each in jobs]
        assert told(1) == "queued at position 1: 64 cores are needed and 0 of 64 are free on 1 node"
        assert [told(number) for number in range(2, 40)] == [
            f"queued at position {place}: waits behind {names[1]}" for place in range(2, 40)
        ]
        await world.until(lambda: world.store.executions[jobs[9].id].phase is Phase.RUNNING, "ten have had their turn")
        await asyncio.sleep(1)
        assert told(39) == f"queued at position 30: waits behind {names[10]}"
        assert world.store.executions[jobs[39].id].version == 1, "its record has not changed"
        await world.until(lambda: not list(world.store.active()), "all end")
        events = await world.store.events(limit=100000)
        queued = [event for event in events if event.kind == "execution.queued"]
        assert len(queued) == 39, "each is told once that it is the next"
        moved = [event for event in events if event.kind == "queue.moved"]
        assert 30 < len(moved) <= 41, "lists that are open learn of it"
        assert len(events) < 40 * 12
        assert max(commits) == 1
        assert len(commits) < 40 * 14

    virtually(scenario, World())


def test_what_is_ended_while_admission_decides_stays_as_it_was_ended():
    async def scenario(world):
        await world.boot()
        blocker = await world.start("job", seconds=3600, cores=64.0)
        jobs = [await world.start("job", seconds=3600, cores=1.0 if number < 5 else 60.0) for number in range(30)]
        await asyncio.sleep(1)
        real, met = world.store.commit, []

        async def commit(batch):
            if not met and any(event.kind == "execution.granted" for event in batch.events):
                met.append(batch)
                for number in (4, 20):
                    await world.end(jobs[number].id, reason="ada has changed her mind")
            return await real(batch)

        world.store.commit = commit
        await world.end(blocker.id)
        await asyncio.sleep(60)
        assert met
        for number in (4, 20):
            ended = world.store.everything[jobs[number].id]
            assert (ended.phase, ended.outcome, ended.granted, ended.reason) == (
                Phase.ENDED,
                Outcome.CANCELLED,
                None,
                because("told", words="ada has changed her mind"),
            )
        assert [world.store.everything[each.id].phase for each in jobs[:6]] == [Phase.RUNNING] * 4 + [
            Phase.ENDED,
            Phase.RUNNING,
        ]

    virtually(scenario, World())


@pytest.mark.parametrize("seed", range(6))
def test_never_more_runs_than_the_nodes_have(seed):
    async def scenario(world):
        await world.boot()
        world.engine.faults = Faults(before=0.1, after=0.1, delay=0.3, duplicate=0.2, lost=0.1)
        for _ in range(40):
            live = [each for each in world.store.active() if each.desired == "running" and each.spec.zapp == "cluster"]
            draw = world.random.random()
            try:
                if draw < 0.2:
                    await world.start("job", seconds=10, cores=world.random.choice([0.5, 1.0, 2.0]))
                elif draw < 0.35:
                    await world.start("cluster", workers=world.random.randint(1, 6))
                elif draw < 0.9 and live:
                    await world.scale(world.random.choice(live).id, world.random.randint(1, 8))
                elif live:
                    await world.end(world.random.choice(live).id)
            except ZoeError as error:
                assert error.code in ("backend-unavailable", "already-ended"), error  # noqa: PT017
            await asyncio.sleep(world.random.random() * 6)
            world.check()
            if world.random.random() < 0.15:
                await world.kill()
                await asyncio.sleep(world.random.random() * 60)
                await world.boot()
        assert 3.0 < world.engine.peak <= world.cores + 1e-6
        assert world.started_twice() == []

    virtually(scenario, World(seed, cores=4.0))
