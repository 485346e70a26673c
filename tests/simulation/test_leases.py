"""Leases in a whole hub, in virtual time: holders that fall silent, clusters that nobody uses, hubs that were away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from zoe_hub.core.attachments.commands import AttachHolder
from zoe_hub.core.attachments.upkeep import ReportedHolder, ReportHolders
from zoe_hub.core.executions.model import Execution, Outcome, Phase
from zoe_hub.testing.simulation import World, virtually


async def attached(world: World, key: str = "/n/a.ipynb", **fields: str) -> Execution:
    assert world.hub is not None
    request = AttachHolder(key=key, kernel=f"k-{key}", zapp="cluster", parameters={"workers": 4}, **fields)
    attachment, _ = await world.hub.attachments.attach("ada", request)
    execution = attachment.execution
    await world.until(lambda: world.store.everything[execution].phase is Phase.RUNNING, "the cluster runs")
    return world.store.everything[execution]


async def renewing(world: World, key: str, *, busy: Callable[[], bool] = lambda: False, kind: str = "notebook") -> None:
    """What a server extension does; goes on over restarts of the hub."""
    while True:
        if world.hub is not None:
            holder = ReportedHolder(kernel=f"k-{key}", kind=kind, key=key, busy=busy())
            await world.hub.leases.report(ReportHolders(owner="ada", holders=(holder,)))
        await asyncio.sleep(40)


def now(world: World) -> datetime:
    assert world.hub is not None
    return world.hub.clock.now()


def workers(world: World, execution: Execution) -> int:
    return world.store.everything[execution.id].counts["worker"]


def test_a_silent_notebook_leaves_essentials_and_finds_them_again():
    async def scenario(world: World) -> None:
        await world.boot()
        life = asyncio.create_task(renewing(world, "/n/a.ipynb"))
        await asyncio.sleep(1)
        execution = await attached(world)
        await asyncio.sleep(600)
        assert workers(world, execution) == 4
        life.cancel()
        died = now(world)
        await world.until(lambda: workers(world, execution) == 1, "the cluster shrinks")
        assert 80 <= (now(world) - died).total_seconds() <= 125, "after the rest of its TTL"
        (attachment,) = world.store.attachments.values()
        assert attachment.gone is not None
        life = asyncio.create_task(renewing(world, "/n/a.ipynb"))
        await world.until(lambda: next(iter(world.store.attachments.values())).gone is None, "the notebook is back")
        life.cancel()

    virtually(scenario, World())


def test_a_batch_run_that_dies_leaves_no_cluster_and_one_that_works_for_long_keeps_it():
    async def scenario(world: World) -> None:
        await world.boot()
        life = asyncio.create_task(renewing(world, "batch-1", busy=lambda: True, kind="batch"))
        await asyncio.sleep(1)
        execution = await attached(world, key="batch-1")
        await asyncio.sleep(3 * 3600)
        assert (world.store.everything[execution.id].phase, workers(world, execution)) == (Phase.RUNNING, 4)
        life.cancel()
        await world.until(lambda: world.store.everything[execution.id].phase is Phase.ENDED, "the cluster ends")
        assert world.store.everything[execution.id].reason.code == "holders-gone"
        assert world.store.everything[execution.id].outcome is Outcome.CANCELLED
        assert not world.store.attachments

    virtually(scenario, World())


def test_an_open_notebook_that_does_nothing_is_told_of_then_shrunk_then_ended():
    async def scenario(world: World) -> None:
        await world.boot()
        life = asyncio.create_task(renewing(world, "/n/a.ipynb"))
        await asyncio.sleep(1)
        execution = await attached(world)
        await world.until(lambda: world.store.everything[execution.id].idle is not None, "the countdown is shown")
        idle = world.store.everything[execution.id].idle
        assert idle is not None
        assert idle.action == "shrink"
        await world.until(lambda: workers(world, execution) == 1, "the cluster shrinks")
        assert 0 <= (now(world) - idle.at).total_seconds() < 2, "when it was said"
        await world.until(lambda: world.store.everything[execution.id].idle is not None, "the next countdown is shown")
        assert world.hub is not None
        await world.hub.leases.keep(execution.id, "ada", 5 * 3600)
        await asyncio.sleep(5 * 3600)
        assert world.store.everything[execution.id].phase is Phase.RUNNING, "it was kept"
        for _ in range(4):
            if world.store.everything[execution.id].phase is not Phase.ENDED:
                await asyncio.sleep(2400)
        assert world.store.everything[execution.id].reason.code == "unused"
        life.cancel()

    virtually(scenario, World())


def test_no_lease_runs_out_while_no_hub_is_there():
    async def scenario(world: World) -> None:
        await world.boot()
        life = asyncio.create_task(renewing(world, "/n/a.ipynb"))
        await asyncio.sleep(1)
        execution = await attached(world)
        life.cancel()
        await world.kill()
        world.hub = None
        await asyncio.sleep(8 * 3600)
        await world.boot()
        back = now(world)
        await world.until(lambda: workers(world, execution) == 1, "nobody renews: the cluster shrinks after all")
        assert (now(world) - back).total_seconds() >= 119, "a whole TTL after the hub came back"

    virtually(scenario, World())


def test_a_hub_that_is_killed_anywhere_carries_a_wish_out_once():
    async def scenario(world: World) -> None:
        await world.boot()
        life = asyncio.create_task(renewing(world, "/n/a.ipynb"))
        await asyncio.sleep(1)
        execution = await attached(world)
        life.cancel()
        for _ in range(20):
            await asyncio.sleep(world.random.random() * 60)
            await world.kill()
            await world.boot()
        await world.until(lambda: workers(world, execution) == 1, "the cluster shrinks")
        assert world.hub is not None
        await world.scale(execution.id, 3)
        await asyncio.sleep(600)
        assert workers(world, execution) == 3, "what somebody asked for afterwards stays"

    for seed in range(4):
        virtually(scenario, World(seed))
