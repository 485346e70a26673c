"""What strangers can do with a port: requests that are announced and abandoned, half-open connections, too many of
them. Nothing of it stays, and others are served.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tornado.web import RequestHandler

from zoe_hub.web.limits import ClientLimits, Connections, ConnectionStage

BODY = 200_000  # bytes that are announced; half of them are sent


class Wire:
    """One connection to the hub, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, *lines: str, body: bytes = b"", whole: bool = True) -> None:
        self.writer.write("\r\n".join(lines).encode() + (b"\r\n\r\n" if whole else b"") + body)
        await self.writer.drain()

    async def answer(self) -> str:
        """All that the hub sends until it closes, even on what it has not read."""
        received = b""
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                while piece := await self.reader.read(65536):
                    received += piece
        return received.decode()

    async def head(self) -> str:
        """The status line of one answer whose body is not read."""
        async with asyncio.timeout(10):
            return (await self.reader.readuntil(b"\r\n\r\n")).decode().splitlines()[0]

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


async def connect(world: Any) -> Wire:
    return Wire(*await asyncio.open_connection("127.0.0.1", world.port))


def announce(world: Any, path: str, person: str | None) -> list[str]:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", f"Content-Length: {BODY}"]
    return [*lines, f"Authorization: Bearer {world.tokens[person]}"] if person else lines


def handlers() -> list[RequestHandler]:
    """All requests that are held in memory, answered or not."""
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, RequestHandler)]


async def until_none_is_open(world: Any) -> None:
    async with asyncio.timeout(10):
        while any(world.hub.connections.counts().values()):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def running(make_world: Any, **limits: Any) -> AsyncIterator[Any]:
    world = make_world()
    world.options["limits"] = ClientLimits(**limits)
    await world.start()
    yield world
    await world.close()


PATHS = ("/api/v1/executions", "/api/v1/nothing", "/zoe/pages/e1/main-0/web/", "/zoe/login", "/healthz")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("person", [None, "root"])
async def test_requests_that_are_abandoned_leave_nothing(world, path, person):
    tasks = len(asyncio.all_tasks())
    assert handlers() == []
    gc.disable()  # it would come late, to a lot
    try:
        await abandon(world, path, person)
        assert [each for each in gc.get_objects() if isinstance(each, RequestHandler)] == []
        assert len(asyncio.all_tasks()) == tasks
    finally:
        gc.enable()


async def abandon(world: Any, path: str, person: str | None) -> None:
    for _ in range(20):
        wire = await connect(world)
        await wire.send(*announce(world, path, person), body=b" " * (BODY // 2))
        await wire.close()
    await until_none_is_open(world)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("person", [None, "root"])
async def test_a_body_that_never_comes_is_not_awaited(make_world, path, person):
    async with running(make_world, body_timeout=0.2) as world:
        wire = await connect(world)
        await wire.send(*announce(world, path, person), body=b" ")
        await wire.answer()  # whether it is told why or not, the connection ends
        await until_none_is_open(world)
        assert handlers() == []
        await wire.close()


async def test_the_sender_of_a_slow_body_is_told(make_world):
    async with running(make_world, body_timeout=0.3) as world:
        wire = await connect(world)
        await wire.send(*announce(world, "/api/v1/executions", "root"))

        async def drip() -> None:
            with contextlib.suppress(OSError):
                while True:
                    await wire.send(body=b" ", whole=False)
                    await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        answer = await wire.answer()
        assert answer.startswith("HTTP/1.1 408 ")
        assert '"code":"request-timeout"' in answer
        dripping.cancel()
        await wire.close()
        await until_none_is_open(world)


async def test_a_head_that_never_ends_is_not_awaited(make_world):
    async with running(make_world, header_timeout=0.3, keep_alive=60) as world:
        silent, slow = await connect(world), await connect(world)

        async def drip() -> None:
            with contextlib.suppress(OSError):
                await slow.send("GET /healthz HTTP/1.1\r\nX-Slow: ", whole=False)
                while True:
                    await slow.send(body=b"a", whole=False)
                    await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert await silent.answer() == await slow.answer() == ""
        dripping.cancel()
        for wire in (silent, slow):
            await wire.close()


async def test_a_connection_is_kept_for_the_next_request_only_so_long(make_world):
    async with running(make_world, header_timeout=60, keep_alive=0.3) as world:
        wire = await connect(world)
        for _ in range(2):
            await wire.send("GET /healthz HTTP/1.1", "Host: localhost")
            assert await wire.head() == "HTTP/1.1 200 OK"
            assert await wire.reader.readexactly(3) == b"ok\n"
        assert await wire.answer() == ""
        await wire.close()


async def test_an_answer_that_nobody_reads_is_let_go(make_world):
    world = make_world()
    world.options["stall"] = 0.2
    await world.start()
    client = await world.client("root")
    await world.running(client)
    wire = await connect(world)
    lines = ("GET /api/v1/openapi.json HTTP/1.1", "Host: localhost", f"Authorization: Bearer {world.tokens['root']}")
    wire.writer.transport.pause_reading()
    for _ in range(200):  # more than fits into the buffers in between
        await wire.send(*lines)
    await client.aclose()
    await until_none_is_open(world)
    assert handlers() == []
    await wire.close()
    await world.close()


async def test_the_connection_that_is_idle_for_longest_makes_room(make_world):
    async with running(make_world, max_connections=16) as world:
        idle = [await connect(world) for _ in range(30)]
        assert await idle[0].answer() == ""  # the first one was closed
        await idle[-1].send("GET /healthz HTTP/1.1", "Host: localhost")
        assert await idle[-1].head() == "HTTP/1.1 200 OK"
        assert sum(world.hub.connections.counts().values()) == 16
        for wire in idle:
            await wire.close()


async def test_what_is_being_served_is_never_cut_off_and_newcomers_are_told(make_world):
    async with running(make_world, max_connections=4) as world:
        readers = []
        for _ in range(4):
            wire = await connect(world)
            token = f"Authorization: Bearer {world.tokens['root']}"
            await wire.send("GET /api/v1/events HTTP/1.1", "Host: localhost", token)
            assert await wire.head() == "HTTP/1.1 200 OK"
            readers.append(wire)
        late = await connect(world)
        assert (await late.answer()).startswith("HTTP/1.1 503 ")
        assert world.hub.connections.counts()["serving"] == 4
        await readers[0].close()
        async with asyncio.timeout(10):
            while not world.hub.connections.room():
                await asyncio.sleep(0.005)
        again = await connect(world)
        await again.send("GET /healthz HTTP/1.1", "Host: localhost")
        assert await again.head() == "HTTP/1.1 200 OK"
        for wire in (*readers, late, again):
            await wire.close()


async def test_the_metrics_count_connections(world):
    wire = await connect(world)
    text = (await (await world.client("root")).get("/metrics")).text
    assert 'zoe_connections{stage="waiting"} 1.0' in text
    assert 'zoe_connections{stage="serving"} 1.0' in text  # the one that asks
    await wire.close()


def test_idle_ones_go_first_then_those_that_send_for_longest():
    connections = Connections[str](4)
    for name, stage in (("a", "serving"), ("b", "receiving"), ("c", "waiting"), ("d", "waiting")):
        connections.enter(name, ConnectionStage.WAITING)
        connections.enter(name, ConnectionStage(stage))
    assert connections.room() == 0
    gone = []
    while (name := connections.expendable()) is not None:
        gone.append(name)
        connections.leave(name)
    assert gone == ["c", "d", "b"]
    assert connections.room() == 3
    assert connections.counts() == {"waiting": 0, "receiving": 0, "serving": 1}
