# ruff: noqa: D102 - the names of the tests say what must hold
"""What every backend must do, as tests. Derive a test class from ``BackendContract`` and give it two fixtures::

    class TestMyBackend(BackendContract):
        @pytest.fixture
        def backend_factory(self, tmp_path):
            return lambda deployment="one": MyBackend(deployment=deployment, data=str(tmp_path))

        @pytest.fixture
        def programs(self):
            return Programs(image="python:3", python="python3")

``backend_factory(deployment)`` gives a backend that is not open yet; each call one over the same engine and the same
data, so that a second one plays the hub after a restart. ``programs`` says how a few tiny programs are written there.
``reach`` and ``visible`` may be overridden. Uses pytest and pytest-asyncio; nothing is waited for without a deadline.
This module has the tests of what processes are given and how they end; ``backend_logs`` those of their output,
``backend_restarts`` those of a hub that comes later.
"""

from __future__ import annotations

import asyncio
import secrets
import socket

import pytest

from zoe_hub.backends.base import Backend, Permanent, Temporary
from zoe_hub.core.executions.model import process_name
from zoe_hub.core.executions.spec import Port
from zoe_hub.testing import strangers
from zoe_hub.testing.backend_harness import BackendFactory, Programs
from zoe_hub.testing.backend_logs import LogContract
from zoe_hub.testing.backend_restarts import RestartContract

__all__ = ["BackendContract", "BackendFactory", "Programs"]


class BackendContract(LogContract, RestartContract):
    """The tests."""

    # --- what it is
    # -----------------------------------------------------------------------------------------------------

    async def test_it_says_what_it_can_do(self, backend: Backend, programs: Programs) -> None:
        capabilities = backend.capabilities()
        assert capabilities.backend
        nodes = await backend.nodes()
        assert nodes
        assert all(node.cores > 0 and node.memory > 0 for node in nodes)
        assert len({node.name for node in nodes}) == len(nodes)
        assert capabilities.nodes or len(nodes) == 1
        assert await backend.image_present(programs.image)
        await backend.check(programs.image, ())

    # --- start and end
    # --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("code", [0, 3])
    async def test_exit_code(self, backend: Backend, programs: Programs, execution: str, code: int) -> None:
        spec = await self.spec(backend, programs, execution, programs.printing("hello", code))
        started = await backend.start(spec)
        assert (started.name, started.execution, started.group, started.index, started.incarnation) == (
            spec.name,
            execution,
            "main",
            0,
            1,
        )
        ended = await self.exited(backend, spec.name)
        assert ended.exit_code == code
        assert ended.started is not None
        assert ended.ended is not None
        assert ended.started <= ended.ended
        assert await self.log(backend, spec.name) == b"hello\n"

    async def test_end_by_a_signal_is_a_negative_exit_code(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.dying("KILL"))
        await backend.start(spec)
        told = backend.capabilities().tells_signals
        assert (await self.exited(backend, spec.name)).exit_code == (-9 if told else 128 + 9)

    @pytest.mark.parametrize("code", [129, 137, 143, 255])
    async def test_a_program_that_exits_as_if_by_a_signal_was_not_ended_by_one(
        self, backend: Backend, programs: Programs, execution: str, code: int
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.printing("hello", code))
        await backend.start(spec)
        ended = await self.exited(backend, spec.name)
        assert (ended.exit_code, ended.reason) == (code, None)

    async def test_a_program_that_does_not_exist_is_told(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.missing())
        try:
            await backend.start(spec)
        except Permanent:
            assert await self.seen(backend, spec.name) is None or (await self.exited(backend, spec.name)).exit_code
        else:
            assert (await self.exited(backend, spec.name)).exit_code == 127
            assert await self.log(backend, spec.name)

    async def test_started_twice_it_runs_once(self, backend: Backend, programs: Programs, execution: str) -> None:
        spec = await self.spec(backend, programs, execution, programs.sleeping())
        first, second = await asyncio.gather(backend.start(spec), backend.start(spec))
        assert first.incarnation == second.incarnation == 1
        await self.logged(backend, spec.name, "ready")
        again = await backend.start(spec)
        assert again.state == "running"
        assert again.started == (await self.seen(backend, spec.name) or first).started
        assert len(await backend.processes()) == 1
        await backend.stop(spec.name, 0)
        await self.exited(backend, spec.name)
        assert await self.log(backend, spec.name) == b"ready\n"

    async def test_an_ended_incarnation_does_not_run_again(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.printing("once", 3))
        await backend.start(spec)
        ended = await self.exited(backend, spec.name)
        assert await backend.start(spec) == ended
        assert await self.log(backend, spec.name) == b"once\n"

    async def test_a_new_incarnation_replaces_an_ended_one_and_keeps_its_log(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        first = await self.spec(backend, programs, execution, programs.printing("first", 3))
        await backend.start(first)
        await self.exited(backend, first.name)
        second = await self.spec(backend, programs, execution, programs.sleeping(), incarnation=2)
        await self.ready(backend, second)
        (now,) = await backend.processes()
        assert (now.incarnation, now.state, now.exit_code) == (2, "running", None)
        assert await self.log(backend, first.name) == b"first\nready\n"
        assert await self.log(backend, first.name, len(b"first\n")) == b"ready\n"

    async def test_stop_asks_first(self, backend: Backend, programs: Programs, execution: str) -> None:
        spec = await self.spec(backend, programs, execution, programs.polite(5))
        await self.ready(backend, spec)
        await backend.stop(spec.name, self.DEADLINE)
        assert (await self.exited(backend, spec.name)).exit_code == 5

    async def test_stop_ends_what_does_nothing_about_it(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.sleeping())
        await self.ready(backend, spec)
        await backend.stop(spec.name, self.DEADLINE)
        assert (await self.exited(backend, spec.name)).exit_code == -15

    async def test_stop_does_not_wait_and_a_kill_follows(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.stubborn())
        await self.ready(backend, spec)
        async with asyncio.timeout(self.DEADLINE / 2):
            await backend.stop(spec.name, self.DEADLINE * 2)
        still = await self.seen(backend, spec.name)
        assert still is not None
        assert still.state == "running"
        await backend.stop(spec.name, 0)
        assert (await self.exited(backend, spec.name)).exit_code == -9

    async def test_stop_and_signal_of_an_ended_one_do_nothing(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.printing("done", 3))
        await backend.start(spec)
        ended = await self.exited(backend, spec.name)
        await backend.stop(spec.name, 5)
        await backend.stop(spec.name, 0)
        await backend.signal(spec.name, "TERM")
        assert await self.seen(backend, spec.name) == ended

    @pytest.mark.parametrize("how", ["stop", "itself"])
    async def test_the_whole_tree_ends(self, backend: Backend, programs: Programs, execution: str, how: str) -> None:
        ports = (Port(name="web", number=8080, protocol="http"),)
        spec = await self.spec(backend, programs, execution, programs.family("web", "grandchild"), ports=ports)
        await self.ready(backend, spec)
        address = (await backend.addresses(spec.name))["web"]
        assert await self.until("an answer of the grandchild", lambda: self.reach(address)) == b"grandchild"
        if how == "stop":
            await backend.stop(spec.name, 0)
        else:
            await backend.signal(spec.name, "USR1")
        assert (await self.exited(backend, spec.name)).exit_code == (-9 if how == "stop" else 0)
        assert await self.reach(address) is None

    async def test_a_signal_reaches_the_process(self, backend: Backend, programs: Programs, execution: str) -> None:
        spec = await self.spec(backend, programs, execution, programs.obeying("PWR", "heard"))
        await self.ready(backend, spec)
        await backend.signal(spec.name, "PWR")
        await self.logged(backend, spec.name, "heard")
        with pytest.raises(Permanent):
            await backend.signal(spec.name, "NONSENSE")
        still = await self.seen(backend, spec.name)
        assert still is not None
        assert still.state == "running"

    # --- what it is given
    # -----------------------------------------------------------------------------------------------

    async def test_environment_arrives_and_is_in_no_argument_list(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        secret = secrets.token_hex(16) + " 'ä\n$HOME"
        spec = await self.spec(
            backend, programs, execution, programs.environment("SECRET"), environment={"SECRET": secret}
        )
        await backend.start(spec)
        await self.exited(backend, spec.name)
        assert await self.log(backend, spec.name) == secret.encode() + b"\n"
        still = await self.spec(
            backend, programs, execution, programs.sleeping(), index=1, environment={"SECRET": secret}
        )
        await self.ready(backend, still)
        assert secret[:32] not in await self.visible(backend, still.name)
        assert secret[:32] not in repr(still)

    async def test_files_arrive_and_are_private(self, backend: Backend, programs: Programs, execution: str) -> None:
        spec = await self.spec(
            backend, programs, execution, programs.file("conf.txt"), files={"conf.txt": "täxt: ${X}"}
        )
        await backend.start(spec)
        assert (await self.exited(backend, spec.name)).exit_code == 0
        assert await self.log(backend, spec.name) == "600 täxt: ${X}\n".encode()

    @pytest.mark.parametrize("name", ["../evil", "/etc/zoe-evil", "a/../../evil", ""])
    async def test_files_stay_in_their_folder(
        self, backend: Backend, programs: Programs, execution: str, name: str
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.sleeping(), files={name: "x"})
        with pytest.raises(Permanent):
            await backend.start(spec)
        assert await self.seen(backend, spec.name) is None

    async def test_addresses_are_honoured_and_reachable(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        ports = (Port(name="web", number=8080, protocol="http"),)
        specs = [
            await self.spec(backend, programs, execution, programs.serving("web", f"I am {i}"), index=i, ports=ports)
            for i in range(2)
        ]
        for spec in specs:
            await backend.start(spec)
        for i, spec in enumerate(specs):
            found = (await backend.addresses(spec.name))["web"]
            given = spec.addresses["web"]
            assert (found.number, found.host, found.port) == (given.number, given.host, given.port)
            assert await self.until("an answer", lambda found=found: self.reach(found)) == f"I am {i}".encode()  # type: ignore[misc]

    async def test_the_listener_of_an_endpoint_is_known_from_others(
        self, backend: Backend, backends: BackendFactory, programs: Programs, execution: str
    ) -> None:
        """A connection to an endpoint ends at the process, also for another hub; one to another user's listener is
        refused whatever process it is said to be.
        """
        ports = (Port(name="web", number=8080, protocol="http"),)
        spec = await self.spec(backend, programs, execution, programs.serving("web", "I am it"), ports=ports)
        await backend.start(spec)
        address = (await backend.addresses(spec.name))["web"]
        await self.until("an answer", lambda: self.reach(address))
        connection = self.connected(address)
        if connection is None:
            pytest.skip("endpoints of this engine are no sockets")
        second = backends()
        await second.open()
        with connection:
            await backend.check_listener(spec.name, connection)
            await second.check_listener(spec.name, connection)
        if not strangers.possible():
            pytest.skip("only root can start a process of another user")
        with (
            strangers.Listener() as stranger,
            socket.create_connection((stranger.host, stranger.port)) as elsewhere,
            pytest.raises(OSError, match="nobody"),
        ):
            await backend.check_listener(spec.name, elsewhere)

    async def test_addresses_differ(self, backend: Backend, backends: BackendFactory, execution: str) -> None:
        other = backends("two")
        await other.open()
        await other.prepare(execution + "x", "bob")
        ports = (Port(name="a", number=4000), Port(name="b", number=4001))
        names = [(backend, execution, process_name("one", execution, "main", i)) for i in range(10)]
        names += [(other, execution + "x", process_name("two", execution + "x", "main", i)) for i in range(10)]
        answers = await asyncio.gather(*(of.allocate(home, name, ports) for of, home, name in names))
        assert all(set(answer) == {"a", "b"} for answer in answers)
        places = [(address.host, address.port) for answer in answers for address in answer.values()]
        assert len(set(places)) == len(places)

    # --- names that mean nothing
    # ------------------------------------------------------------------------------------------

    async def test_unknown_names(self, backend: Backend, execution: str) -> None:
        name = process_name(backend.deployment, execution, "main", 7)
        await backend.stop(name, 5)
        await backend.stop(name, 0)
        await backend.signal(name, "TERM")
        await backend.remove(name)
        await backend.clean("e00000000")
        await backend.forget_logs("e00000000")
        with pytest.raises(Permanent) as error:
            await backend.addresses(name)
        assert error.value.code == "unknown-process"
        with pytest.raises(Permanent) as error:
            await self.log(backend, name)
        assert error.value.code == "no-log"

    # --- executions
    # ---------------------------------------------------------------------------------------------------------

    async def test_executions_are_prepared_and_cleaned(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        await backend.prepare(execution, "ann")
        assert await backend.executions() == (execution,)
        spec = await self.spec(backend, programs, execution, programs.printing("x"))
        await backend.start(spec)
        await self.exited(backend, spec.name)
        await backend.clean(execution)
        await backend.clean(execution)
        assert await backend.executions() == ()
        assert await backend.processes() == ()
        await backend.prepare(execution, "ann")
        assert await backend.executions() == (execution,)

    async def test_what_runs_is_neither_removed_nor_cleaned_away(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.sleeping())
        await self.ready(backend, spec)
        for attempt in (backend.remove(spec.name), backend.clean(execution)):
            with pytest.raises(Temporary):
                await attempt
        still = await self.seen(backend, spec.name)
        assert still is not None
        assert still.state == "running"
        assert await backend.executions() == (execution,)
