"""What becomes of executions when the hub was away, and when the backend or a definition says no. In virtual time."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from zoe_hub.backends.base import Permanent, Temporary
from zoe_hub.backends.fake import Faults
from zoe_hub.controllers.executions import facts
from zoe_hub.controllers.kit.tokens import jws
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Outcome, Phase, ProcessState
from zoe_hub.core.executions.spec import Drain, Group, Ready, Restart, Secret
from zoe_hub.core.executions.standing import standing
from zoe_hub.core.reasons import because
from zoe_hub.core.words import words
from zoe_hub.testing.simulation import SimulatedShop, World, virtually


class One(SimulatedShop):
    """A shop whose only ZApp has one group."""

    def __init__(self, *steps: str, secrets=(), given=None, **fields) -> None:
        self.group = Group(name="one", framework="f", image="i", command=("do", *steps), maximum=3, **fields)
        self.secrets, self.given = tuple(secrets), given or {}

    def groups(self, zapp, parameters):
        return (self.group,)

    def render(self, zapp, parameters):
        rendered = super().render(zapp, parameters)
        return replace(rendered, spec=replace(rendered.spec, secrets=self.secrets), given=self.given)


def only(world: World):
    """The one execution there is."""
    (execution,) = world.store.everything.values()
    return execution


def state(world: World) -> list[str]:
    return [process.state.value for process in only(world).processes]


def why(world: World) -> str:
    """The whole reason, with the log lines that it quotes."""
    reason = standing(only(world))
    return "\n".join((words(reason), *reason.tail))


async def told(world: World) -> str:
    """All reasons that were ever given."""
    reasons = [event.reason for event in await world.store.events(limit=10000)]
    return "\n".join(line for reason in reasons for line in (words(reason), *reason.tail))


# --- a hub that was away
# -----------------------------------------------------------------------------------------------


def test_what_became_ready_while_the_hub_was_away_is_not_taken_for_late():
    async def scenario(world):
        await world.boot()
        await world.start("z")
        await asyncio.sleep(2)
        assert state(world) == ["starting"]
        await world.kill()
        await asyncio.sleep(300)
        await world.boot()
        await world.until(lambda: state(world) == ["ready"], "it is ready")
        assert world.engine.starts == [(only(world).processes[0].name, 0)]
        assert "was not ready" not in await told(world)

    virtually(
        scenario, World(shop=One("sleep 5", "print up", "sleep", ready=Ready(kind="log", pattern="up", timeout=30)))
    )


def test_what_does_not_get_ready_is_still_late_after_its_time_with_the_hub_that_came_back():
    async def scenario(world):
        await world.boot()
        await world.start("z")
        await asyncio.sleep(2)
        await world.kill()
        await asyncio.sleep(300)
        await world.boot()
        await asyncio.sleep(29)
        assert state(world) == ["starting"]
        await asyncio.sleep(2)
        assert "was not ready within 30 s" in await told(world)

    virtually(scenario, World(shop=One("sleep", ready=Ready(kind="log", pattern="up", timeout=30))))


def test_what_was_to_end_is_asked_before_it_is_killed_however_long_the_hub_was_away():
    async def scenario(world):
        await world.boot()
        execution = await world.start("z")
        await asyncio.sleep(2)
        world.engine.faults = Faults(before=1.0)
        await world.end(execution.id)
        await asyncio.sleep(1)
        await world.kill()
        world.engine.faults = Faults()
        (process,) = world.engine.all.values()
        assert process.signals == []
        await asyncio.sleep(300)
        await world.boot()
        await world.until(lambda: not only(world).active, "it ends")
        assert process.signals == ["TERM"]
        assert process.seen.exit_code == 0
        assert "killed" not in await told(world)

    virtually(scenario, World(shop=One("on-term 0", "sleep", grace=60.0)))


def test_what_hands_over_its_work_has_its_time_with_the_hub_that_came_back():
    async def scenario(world):
        await world.boot()
        execution = await world.start("z")
        await asyncio.sleep(1)
        await world.scale(execution.id, 2)
        await asyncio.sleep(1)
        await world.scale(execution.id, 1)
        await asyncio.sleep(1)
        assert state(world) == ["ready", "draining"]
        await world.kill()
        await asyncio.sleep(300)
        await world.boot()
        await asyncio.sleep(39)
        assert state(world) == ["ready", "draining"]
        assert list(world.engine.all.values())[1].signals == [
            "PWR",
            "PWR",
        ]  # the new hub cannot know whether it was asked
        await world.until(lambda: state(world) == ["ready", "ended"], "it is stopped once its time is over")

    virtually(scenario, World(shop=One("on PWR drains", "sleep", drain=Drain(signal="PWR", timeout=40))))


# --- what the backend refuses
# ---------------------------------------------------------------------------------------------


def test_a_refused_preparation_is_not_the_end_of_what_runs():
    async def scenario(world):
        await world.boot()
        execution = await world.start("cluster", workers=2)
        await asyncio.sleep(5)
        await world.kill()
        await world.boot()
        await asyncio.sleep(5)
        world.engine.fail_next("prepare", Permanent("backend-refused", "Read-only file system"))
        await world.scale(execution.id, 3)
        await asyncio.sleep(10)
        assert only(world).phase is Phase.RUNNING
        assert state(world) == ["ready"] * 4  # tried again after a moment
        assert "Read-only file system" in await told(world)
        assert [incarnation for _, incarnation in world.engine.starts] == [0, 0, 0, 1]

    virtually(scenario, World())


def test_processes_are_stopped_also_while_a_preparation_has_to_wait():
    async def scenario(world):
        await world.boot()
        execution = await world.start("cluster", workers=3)
        await asyncio.sleep(5)
        await world.kill()
        await world.boot()
        await asyncio.sleep(5)

        async def prepare(execution, owner):
            raise Temporary("backend-unavailable", "not now", delay=1.0)

        world.backend.prepare = prepare
        stopped = []
        real = world.backend.signal

        async def signal(name, number):
            stopped.append(name[-8:])
            await real(name, number)

        world.backend.signal = signal
        world.engine.kill(
            next(name for name in world.engine.all if name.endswith("worker-0")), None, because("port-lost")
        )
        await asyncio.sleep(3)
        assert "waits for the backend: not now" in why(world)
        await world.scale(execution.id, 2)
        await asyncio.sleep(5)
        assert stopped == ["worker-2"]

    virtually(scenario, World())


@pytest.mark.parametrize("method", ["clean", "remove"])
def test_what_cannot_be_cleaned_up_is_told_and_tried_again(method):
    async def scenario(world):
        await world.boot()
        execution = await world.start("cluster", workers=2)
        await asyncio.sleep(5)
        real, tries, broken = getattr(world.backend, method), [], [True]

        async def refuses(name):
            tries.append(name)
            if broken:
                raise Permanent("backend-refused", "Permission denied")
            await real(name)

        setattr(world.backend, method, refuses)
        if method == "clean":
            await world.end(execution.id)
        else:
            await world.scale(execution.id, 1)
        await world.until(lambda: "waits for the backend: Permission denied" in why(world), "it is told")
        await asyncio.sleep(600)
        assert 15 < len(tries) < 40
        broken.clear()
        await world.until(lambda: "Permission denied" not in why(world), "it is tried again")
        assert (await world.backend.processes() == ()) == (method == "clean")
        assert only(world).active == (method == "remove")

    virtually(scenario, World())


# --- what cannot be bound
# -----------------------------------------------------------------------------------------------------


def test_a_text_that_can_never_be_bound_fails_the_execution_with_the_reason():
    async def scenario(world):
        await world.boot()
        await world.start("z")
        await world.until(lambda: not only(world).active, "it ends")
        assert only(world).outcome is Outcome.FAILED
        assert "'jws' signs with a secret that is random" in why(world)

    shop = One(
        "sleep", environment={"T": "⟦jws:pw⟧"}, secrets=[Secret(name="pw", source="given")], given={"pw": "short"}
    )
    virtually(scenario, World(shop=shop))


def test_what_the_shop_lacks_is_told_until_it_is_back():
    class Shelf(One):
        missing = False

        def folder(self, framework):
            if self.missing:
                raise ZoeError("unknown-framework", f"There is no framework {framework!r}.")
            return super().folder(framework)

    async def scenario(world):
        await world.boot()
        await world.start("z")
        await asyncio.sleep(5)
        world.shop.missing = True
        world.engine.kill(only(world).processes[0].name, 1)
        await asyncio.sleep(10)
        assert only(world).phase is Phase.STARTING
        assert "There is no framework 'f'." in why(world)
        world.shop.missing = False
        await world.until(lambda: only(world).phase is Phase.RUNNING, "it runs again")

    virtually(scenario, World(shop=Shelf("sleep", "⟦folder:f⟧")))


# --- what a log says of an end
# ---------------------------------------------------------------------------------------------


def test_an_end_quotes_the_log_of_this_start_alone():
    async def scenario(world):
        await world.boot()
        await world.start("z")
        await world.until(lambda: not only(world).active, "it ends")
        assert only(world).processes[0].incarnation == 1
        assert only(world).reason.tail == ("ValueError: no",)

    virtually(scenario, World(shop=One("print ValueError: no", "exit 3", restart=Restart(limit=1, delay=0.1))))


@pytest.mark.parametrize("away", [False, True])
def test_what_was_logged_before_this_start_does_not_make_it_ready(away):
    """Also for a hub that has not started it."""

    async def scenario(world):
        await world.boot()
        await world.start("z")
        await world.until(lambda: only(world).phase is Phase.RUNNING, "it runs")
        name = only(world).processes[0].name
        world.engine.interpret = lambda command: ("print silent", "sleep")
        world.engine.kill(name, 1)
        await world.until(lambda: only(world).processes[0].state is ProcessState.STARTING, "it starts again")
        if away:
            await world.kill()
            await world.boot()
        await asyncio.sleep(5)
        assert only(world).processes[0].state is ProcessState.STARTING

    shop = One("print up", "sleep", ready=Ready(kind="log", pattern="up", timeout=60))
    virtually(scenario, World(shop=shop))


# --- secrets
# ----------------------------------------------------------------------------------------------------------------------

KEY = "k" * 43
TAIL = f"very-secret {KEY}\n{jws(KEY)}\nthe end\n"  # what is logged from the middle of a secret on


@pytest.mark.parametrize("filler", ["", "z" * (facts.TAIL - len(TAIL) - 1)])
def test_no_reason_quotes_a_secret_that_a_program_logged(filler):
    async def scenario(world):
        await world.boot()
        await world.start("z")
        await world.until(lambda: not only(world).active, "it ends")
        reasons = await told(world) + why(world)
        assert "the end" in reasons
        for secret in ("hunter2", "very-secret", jws(KEY).rpartition(".")[2], KEY):
            assert secret not in reasons

    shop = One(
        "print-env PASSWORD",
        "print-env SIGNED",
        f"print {filler}",
        "print the end",
        "exit 3",
        decides_result=True,
        environment={"PASSWORD": "x ⟦secret:pw⟧ y ⟦secret:long⟧ ⟦secret:key⟧", "SIGNED": "⟦jws:key⟧"},
        secrets=[Secret(name=name, source="given") for name in ("pw", "long", "key")],
        given={"pw": "hunter2", "long": "hunter2-very-secret", "key": KEY},
    )
    virtually(scenario, World(shop=shop))


def test_no_reason_quotes_a_secret_that_the_backend_names_in_its_refusal():
    async def scenario(world):
        await world.boot()
        for _ in range(3):
            world.engine.fail_next("start", Temporary("backend-unavailable", "cannot pass hunter2 yet"))
        world.engine.fail_next("start", Permanent("backend-refused", "cannot pass hunter2"))
        await world.start("z")
        await world.until(lambda: not only(world).active, "it ends")
        reasons = await told(world)
        assert "cannot pass *** yet" in reasons
        assert "hunter2" not in reasons + why(world)

    shop = One("sleep", secrets=[Secret(name="pw", source="given")], given={"pw": "hunter2"})
    virtually(scenario, World(shop=shop))
