# ruff: noqa: D102 - the names of the tests say what must hold
"""What every backend must tell a hub that was not there when it happened, as tests: a second hub over the same engine
finds, learns and watches. Part of ``backend_contract``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from zoe_hub.backends.base import Backend, Permanent, Resync
from zoe_hub.core.executions.model import Observed
from zoe_hub.core.executions.spec import Port
from zoe_hub.testing.backend_harness import BackendFactory, BackendHarness, Programs


class RestartContract(BackendHarness):
    """A hub that was restarted, and what it watches."""

    async def test_another_hub_finds_what_runs(
        self, backend: Backend, backends: BackendFactory, programs: Programs, execution: str
    ) -> None:
        ports = (Port(name="web", number=8080, protocol="http"),)
        lives = await self.spec(backend, programs, execution, programs.serving("web", "alive"), ports=ports)
        ends = await self.spec(backend, programs, execution, programs.printing("gone", 3), index=1)
        for spec in (lives, ends):
            await backend.start(spec)
        await self.exited(backend, ends.name)
        before = {process.name: process for process in await backend.processes()}
        addresses = await backend.addresses(lives.name)
        await backend.close()
        second = backends()
        await second.open()
        assert {process.name: process for process in await second.processes()} == before
        assert await second.executions() == (execution,)
        assert await second.addresses(lives.name) == addresses
        assert await self.until("an answer", lambda: self.reach(addresses["web"])) == b"alive"
        assert (await second.start(lives)).state == "running"
        assert len(await second.processes()) == 2
        assert await self.log(second, ends.name) == b"gone\n"
        await second.stop(lives.name, 0)
        assert (await self.exited(second, lives.name)).exit_code == -9

    async def test_another_hub_learns_what_ended_meanwhile(
        self, backend: Backend, backends: BackendFactory, programs: Programs, execution: str
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.polite(5))
        await self.ready(backend, spec)
        await backend.stop(spec.name, self.DEADLINE)
        await backend.close()
        second = backends()
        await second.open()
        assert (await self.exited(second, spec.name)).exit_code == 5
        assert (await second.start(spec)).exit_code == 5

    async def test_deployments_do_not_see_each_other(
        self, backend: Backend, backends: BackendFactory, programs: Programs, execution: str
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.sleeping())
        await self.ready(backend, spec)
        other = backends("one-" + execution)  # its names begin like those of "one"
        await other.open()
        assert await other.processes() == ()
        assert await other.executions() == ()
        for nothing in (
            other.stop(spec.name, 0),
            other.signal(spec.name, "KILL"),
            other.remove(spec.name),
            other.clean(execution),
        ):
            await nothing
        await other.forget_logs(execution)
        for refused in (other.addresses(spec.name), self.log(other, spec.name)):
            with pytest.raises(Permanent):
                await refused
        still = await self.seen(backend, spec.name)
        assert still is not None
        assert still.state == "running"
        assert await self.log(backend, spec.name) == b"ready\n"

    # --- watching
    # ---------------------------------------------------------------------------------------------------------------

    async def next_about(self, watch: AsyncIterator[Observed | Resync], name: str, state: str) -> Observed:
        """Wait until the watch tells of that state."""
        async with asyncio.timeout(self.DEADLINE):
            async for item in watch:
                if isinstance(item, Observed) and item.name == name and item.state == state:
                    return item
        raise AssertionError("the watch ended")

    async def test_a_watch_tells_what_happens(self, backend: Backend, programs: Programs, execution: str) -> None:
        watch = backend.watch()
        async with asyncio.timeout(self.DEADLINE):
            assert isinstance(await anext(watch), Resync)
        spec = await self.spec(backend, programs, execution, programs.polite(5))
        await self.ready(backend, spec)
        assert (await self.next_about(watch, spec.name, "running")).incarnation == 1
        await backend.stop(spec.name, self.DEADLINE)
        ended = await self.next_about(watch, spec.name, "exited")
        assert ended.exit_code == 5
        assert ended == await self.seen(backend, spec.name)
        await watch.aclose()  # type: ignore[attr-defined]

    async def test_another_hub_watches_what_it_found(
        self, backend: Backend, backends: BackendFactory, programs: Programs, execution: str
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.polite(5))
        await self.ready(backend, spec)
        await backend.close()
        second = backends()
        await second.open()
        watch = second.watch()
        async with asyncio.timeout(self.DEADLINE):
            assert isinstance(await anext(watch), Resync)
        await second.processes()
        await second.stop(spec.name, self.DEADLINE)
        assert (await self.next_about(watch, spec.name, "exited")).exit_code == 5
        await watch.aclose()  # type: ignore[attr-defined]
