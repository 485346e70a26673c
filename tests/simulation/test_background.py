"""What goes on in the background goes on: an error that nobody foresaw ends no loop, and one leftover keeps no
other.
"""

from __future__ import annotations

import asyncio

import pytest

from zoe_hub.backends.base import Permanent
from zoe_hub.core.executions.model import Outcome, Phase
from zoe_hub.core.executions.spec import Group
from zoe_hub.core.words import words
from zoe_hub.store.memory import MemoryStore
from zoe_hub.testing.simulation import SimulatedShop, World, virtually


def told(hub):
    """What the hub says is wrong."""
    return "" if hub.problem is None else words(hub.problem)


@pytest.mark.parametrize("method", ["nodes", "processes"])
def test_an_unforeseen_error_ends_no_loop_and_is_told(method):
    async def scenario(world):
        hub = await world.boot()
        await asyncio.sleep(1)
        world.engine.fail_next(method, ValueError("out of the blue"))
        await world.until(lambda: "out of the blue" in told(hub), "the hub says what is wrong", every=0.1)
        await world.until(lambda: hub.problem is None, "the hub is well again")
        world.engine.fail_next(method, ValueError("once more"))
        await world.until(lambda: "once more" in told(hub), "it still looks", every=0.1)
        await world.until(lambda: hub.problem is None, "the hub is well again")
        execution = await world.start("job", seconds=1)
        await world.until(lambda: not world.store.everything[execution.id].active, "a job ends")
        assert world.store.everything[execution.id].outcome is Outcome.COMPLETED

    virtually(scenario, World())


def test_a_watch_that_breaks_by_an_unforeseen_error_begins_again():
    async def scenario(world):
        hub = await world.boot()
        await asyncio.sleep(1)
        real, broken = world.backend.watch, []

        async def watch():
            broken.append(True)
            if len(broken) < 3:
                raise ValueError("out of the blue")
            async for item in real():
                yield item

        world.backend.watch = watch
        for _, queue in world.engine._watchers:
            queue.put_nowait(None)  # no backend would say that
        await world.until(lambda: len(broken) == 3, "the watch begins again")
        await world.until(lambda: hub.problem is None, "the hub is well again")
        execution = await world.start("job", seconds=1)
        await asyncio.sleep(5)
        assert world.store.everything[execution.id].phase is Phase.ENDED

    virtually(scenario, World())


class Polite(SimulatedShop):
    """One process that ends with 0 when it is asked to."""

    def groups(self, zapp, parameters):
        return (Group(name="one", framework="f", image="i", command=("do", "on-term 0", "sleep")),)


async def forgotten(world: World, number: int) -> list[str]:
    """Processes that run, and a store that knows nothing of them."""
    await world.boot()
    for _ in range(number):
        await world.start("z")
    await asyncio.sleep(5)
    await world.kill()
    world.store = MemoryStore()
    return sorted(name for name, process in world.engine.all.items() if process.running)


def test_what_nobody_remembers_is_asked_to_end_before_it_is_killed():
    async def scenario(world):
        names = await forgotten(world, 3)
        processes = [world.engine.all[name] for name in names]
        hub = await world.boot()
        assert len(hub.report.reaped) == 3
        await world.until(lambda: not world.engine.all, "nothing is left")
        assert [(process.signals, process.seen.exit_code) for process in processes] == [(["TERM"], 0)] * 3
        assert await world.backend.executions() == ()

    virtually(scenario, World(shop=Polite()))


@pytest.mark.parametrize("error", [None, Permanent("backend-refused", "it is stuck"), ValueError("it is stuck")])
def test_one_leftover_that_cannot_be_reaped_keeps_no_other(error):
    async def scenario(world):
        names = await forgotten(world, 3)
        boot, stop, stuck = world.boot, None, names[1]

        async def deaf(name, grace):
            if name != stuck:
                await stop(name, grace)
            elif error is not None:
                raise error

        hub = await boot()
        stop, world.backend.stop = world.backend.stop, deaf
        await world.until(lambda: list(world.engine.all) == [stuck], "the others are gone")
        await asyncio.sleep(100)
        assert world.engine.all[stuck].running
        assert ("it is stuck" in told(hub)) == (error is not None)
        world.backend.stop = stop
        await world.until(lambda: not world.engine.all, "nothing is left")
        assert hub.problem is None

    virtually(scenario, World(shop=Polite()))


def test_a_leftover_that_does_not_end_when_asked_is_killed():
    class Stubborn(Polite):
        def groups(self, zapp, parameters):
            return (Group(name="one", framework="f", image="i", command=("do", "ignore-term", "sleep")),)

    async def scenario(world):
        (name,) = await forgotten(world, 1)
        process = world.engine.all[name]
        await world.boot()
        await asyncio.sleep(9)
        assert process.running
        await asyncio.sleep(3)
        assert process.seen.exit_code == -9
        await world.until(lambda: not world.engine.all, "nothing is left")

    virtually(scenario, World(shop=Stubborn()))
