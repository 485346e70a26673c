# ruff: noqa: D102 - fixtures are told by their names
"""Tiny programs, fixtures and waiting, for tests of backends. Used by ``backend_contract`` and by a backend's own
tests.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
import pytest_asyncio

from zoe_hub.backends.base import Backend, ProcessSpec
from zoe_hub.core.executions.model import Address, Observed, process_name
from zoe_hub.core.executions.spec import Port

BackendFactory = Callable[..., Backend]

_PRELUDE = """
import os, signal, sys, time
def say(text):
    os.write(1, (text + chr(10)).encode())
def serve(port, body):
    import http.server
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())
        def log_message(self, *args):
            pass
    http.server.HTTPServer.allow_reuse_address = True
    address = (os.environ["ZOE_BIND"], int(os.environ["ZOE_PORT_" + port.upper()]))
    http.server.HTTPServer(address, Handler).serve_forever()
def wait():
    while True:
        time.sleep(3600)
"""


class Programs:
    """Tiny programs for an engine on which Python runs. Override the methods for any other."""

    def __init__(self, image: str = "zoe/test:1", python: str = "python3") -> None:
        self.image = image
        self.python = python

    def run(self, code: str) -> tuple[str, ...]:
        """A Python program."""
        return (self.python, "-I", "-S", "-c", _PRELUDE + code)

    def printing(self, text: str, code: int = 0) -> tuple[str, ...]:
        """Prints a line and exits."""
        return self.run(f"say({text!r}); sys.exit({code})")

    def dying(self, signal: str) -> tuple[str, ...]:
        """Ends by a signal that it sends itself."""
        return self.run(f"os.kill(os.getpid(), signal.SIG{signal}); wait()")

    def sleeping(self) -> tuple[str, ...]:
        """Says ``ready`` and runs until somebody ends it; SIGTERM does."""
        return self.run("say('ready'); wait()")

    def polite(self, code: int) -> tuple[str, ...]:
        """Says ``ready``; at SIGTERM it exits with ``code``."""
        return self.run(f"signal.signal(signal.SIGTERM, lambda *a: sys.exit({code})); say('ready'); wait()")

    def stubborn(self) -> tuple[str, ...]:
        """Says ``ready``; ignores SIGTERM."""
        return self.run("signal.signal(signal.SIGTERM, signal.SIG_IGN); say('ready'); wait()")

    def obeying(self, signal: str, text: str) -> tuple[str, ...]:
        """Says ``ready``; at that signal it prints ``text`` and goes on."""
        return self.run(f"signal.signal(signal.SIG{signal}, lambda *a: say({text!r})); say('ready'); wait()")

    def serving(self, port: str, body: str) -> tuple[str, ...]:
        """Answers on a port, by HTTP."""
        return self.run(f"serve({port!r}, {body!r})")

    def family(self, port: str, body: str) -> tuple[str, ...]:
        """Has a grandchild in a session of its own, without a living parent, that ignores SIGTERM and answers on a
        port.

        The program itself says ``ready`` and exits with 0 at SIGUSR1.
        """
        return self.run(
            "signal.signal(signal.SIGUSR1, lambda *a: sys.exit(0))\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "    if os.fork():\n"
            "        os._exit(0)\n"
            "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "    signal.signal(signal.SIGUSR1, signal.SIG_IGN)\n"
            f"    serve({port!r}, {body!r})\n"
            "say('ready'); wait()"
        )

    def talking(self, size: int) -> tuple[str, ...]:
        """Writes ``size`` bytes (a multiple of 100) in lines of 100 bytes, and exits with 0."""
        return self.run(f"[say('x' * 99) for i in range({size // 100})]")

    def environment(self, name: str) -> tuple[str, ...]:
        """Prints a variable of its environment."""
        return self.run(f"say(os.environ.get({name!r}, ''))")

    def file(self, name: str) -> tuple[str, ...]:
        """Prints mode (octal, without type) and content of a file in its own folder, with a blank between."""
        return self.run(
            f"path = os.path.join(os.environ['ZOE_FOLDER'], {name!r})\nsay('%o ' % (os.stat(path).st_mode & 0o777) +"
            " open(path).read())"
        )

    def missing(self) -> tuple[str, ...]:
        """A program that does not exist."""
        return ("zoe-no-such-program", "argument")


class BackendHarness:
    """What the tests of a backend have in common. ``DEADLINE``: seconds within which anything must have happened that
    happens by itself.
    """

    DEADLINE = 30.0

    async def reach(self, address: Address) -> bytes | None:
        """What a GET to an endpoint gives; ``None`` if nobody answers."""
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(address.endpoint_host, address.endpoint_port)
                try:
                    writer.write(b"GET / HTTP/1.0\r\n\r\n")
                    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return None
        return body if b" 200 " in head.split(b"\r\n")[0] else None

    def connected(self, address: Address) -> socket.socket | None:
        """A connection to an endpoint; ``None`` where endpoints are simulated."""
        return socket.create_connection((address.endpoint_host, address.endpoint_port), timeout=5)

    async def visible(self, backend: Backend, name: str) -> str:
        """All that a user of the machine who may not look into processes can see of one: its argument lists."""
        return ""

    async def until(self, what: str, condition: Callable[[], Awaitable[Any]]) -> Any:
        """Wait until ``condition`` gives something true; what it gave."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self.DEADLINE
        while not (result := await condition()):
            assert loop.time() < due, f"{what}: not within {self.DEADLINE} s"
            await asyncio.sleep(0.01)
        return result

    # --- fixtures
    # -------------------------------------------------------------------------------------------------------

    @pytest.fixture
    def programs(self) -> Programs:
        return Programs(python=sys.executable)

    @pytest_asyncio.fixture
    async def backends(self, backend_factory: BackendFactory) -> AsyncIterator[BackendFactory]:
        """Like ``backend_factory``, but the backends are closed and what they started is gone at the end."""
        made: list[Backend] = []

        def make(deployment: str = "one") -> Backend:
            made.append(backend_factory(deployment))
            return made[-1]

        yield make
        for backend in made:
            await backend.close()
        for deployment in {backend.deployment for backend in made}:
            last = backend_factory(deployment)
            await last.open()
            await self.clear(last)
            await last.close()

    async def clear(self, backend: Backend) -> None:
        """End and forget everything of a deployment."""

        async def gone() -> bool:
            seen = await backend.processes()
            for process in seen:
                if process.state == "running":
                    await backend.stop(process.name, 0)
            return all(process.state == "exited" for process in seen)

        await self.until("end of all processes", gone)
        for execution in {*await backend.executions(), *(process.execution for process in await backend.processes())}:
            await backend.clean(execution)
            await backend.forget_logs(execution)

    @pytest_asyncio.fixture
    async def backend(self, backends: BackendFactory) -> Backend:
        backend = backends()
        await backend.open()
        return backend

    @pytest_asyncio.fixture
    async def execution(self, backend: Backend) -> str:
        ident = "e" + secrets.token_hex(4)
        await backend.prepare(ident, "ann")
        return ident

    # --- helpers
    # --------------------------------------------------------------------------------------------------------

    async def spec(
        self,
        backend: Backend,
        programs: Programs,
        execution: str,
        command: tuple[str, ...],
        *,
        index: int = 0,
        ports: tuple[Port, ...] = (),
        environment: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> ProcessSpec:
        """A process as the controllers bind it: ports allocated and in the environment."""
        name = process_name(backend.deployment, execution, "main", index)
        addresses = await backend.allocate(execution, name, ports) if ports else {}
        given = {f"ZOE_PORT_{port.upper()}": str(address.number) for port, address in addresses.items()}
        known: dict[str, Any] = {
            "name": name,
            "deployment": backend.deployment,
            "execution": execution,
            "owner": "ann",
            "group": "main",
            "index": index,
            "incarnation": 1,
            "framework": "test",
            "image": programs.image,
            "command": command,
            "ports": ports,
            "addresses": addresses,
            "environment": {"ZOE_BIND": backend.bind(), **given, **(environment or {})},
            "grace": 5.0,
        }
        return ProcessSpec(**known | changes)

    async def seen(self, backend: Backend, name: str) -> Observed | None:
        """What ``processes`` says of one."""
        return next((process for process in await backend.processes() if process.name == name), None)

    async def exited(self, backend: Backend, name: str) -> Observed:
        """Wait for the end of a process."""

        async def ended() -> Observed | None:
            process = await self.seen(backend, name)
            return process if process is not None and process.state == "exited" else None

        result = await self.until(f"end of {name}", ended)
        assert isinstance(result, Observed)
        return result

    async def log(self, backend: Backend, name: str, offset: int = 0) -> bytes:
        """All that was logged until now."""
        return b"".join([chunk.data async for chunk in backend.logs(name, offset=offset)])

    async def logged(self, backend: Backend, name: str, text: str) -> bytes:
        """Wait until a text is in the log."""

        async def there() -> bytes:
            data = await self.log(backend, name)
            return data if text.encode() in data else b""

        result = await self.until(f"{text!r} in the log of {name}", there)
        assert isinstance(result, bytes)
        return result

    async def ready(self, backend: Backend, spec: ProcessSpec) -> None:
        """Start a program that says ``ready`` and wait until it has."""
        await backend.start(spec)
        await self.logged(backend, spec.name, "ready")
