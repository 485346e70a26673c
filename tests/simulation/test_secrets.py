"""Secrets that may be known to somebody are made anew: values, tokens and the record change in one commit."""

import asyncio

import pytest

from zoe_hub.controllers.kit.tokens import digest
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.executions.spec import Group, Port, Ready
from zoe_hub.core.reasons import because
from zoe_hub.store.base import SecretValue, Token
from zoe_hub.testing.simulation import SimulatedShop, World, virtually


class Pages(SimulatedShop):
    """One process with a page and a token of the hub."""

    def groups(self, zapp, parameters):
        return (
            Group(
                name="page",
                framework="f",
                image="i",
                command=("do", "print up", "sleep"),
                environment={"HUB": "⟦secret:hub⟧"},
                ports=(Port(name="ui", number=80),),
                ready=Ready(kind="log", pattern="up"),
            ),
        )


@pytest.mark.parametrize("kill", [False, True])
def test_a_lost_port_makes_the_token_of_its_process_void(kill):
    async def scenario(world):
        await world.boot()
        execution = await world.start("page")
        await world.until(lambda: world.store.executions[execution.id].phase.value == "running", "running")
        (process,) = world.store.executions[execution.id].processes
        old = world.store.secrets(execution.id)["hub"]
        assert world.engine.all[process.name].spec.environment["HUB"] == old
        assert world.store.token(digest(old)) is not None

        batches = []
        commit = world.store.commit

        async def watched(batch):
            result = await commit(batch)
            batches.append(batch)
            if kill and any(isinstance(each, SecretValue) for each in batch.put):
                raise asyncio.CancelledError  # the hub dies before it can act on it
            return result

        world.store.commit = watched
        world.engine.kill(process.name, None, because("port-lost"))
        if kill:
            await world.until(lambda: any(isinstance(each, Token) for batch in batches for each in batch.put), "anew")
            await world.kill()
            await world.boot()
        await world.until(lambda: world.store.executions[execution.id].processes[0].incarnation == 1, "started again")
        await world.until(lambda: world.store.executions[execution.id].phase.value == "running", "running")

        new = world.store.secrets(execution.id)["hub"]
        assert new != old
        assert world.engine.all[process.name].spec.environment["HUB"] == new
        assert world.store.token(digest(old)) is None
        assert world.store.token(digest(new)).scopes == ("read", "write")
        (anew,) = [batch for batch in batches if any(isinstance(each, SecretValue) for each in batch.put)]
        assert {type(each) for each in anew.put} == {Execution, SecretValue, Token}
        assert [ref.key for ref in anew.drop] == [digest(old)]
        assert "execution.secrets" in {each.kind for each in anew.events}
        told = "".join(str(each) for batch in batches for each in (*batch.events, *batch.put[:1]))
        assert new not in told
        assert old not in told

    virtually(scenario, World(shop=Pages()))
