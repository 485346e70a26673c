"""Operations without a server: what ``perform`` needs is a transport, and one in memory will do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from zoe_hub.controllers.kit.tokens import digest
from zoe_hub.core.access import Principal
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event
from zoe_hub.core.executions.commands import TerminateExecution
from zoe_hub.core.reasons import because
from zoe_hub.store.base import Batch
from zoe_hub.web.call import BOUND
from zoe_hub.web.perform import perform


class MemoryTransport:
    """Keeps what an operation writes."""

    def __init__(self, **headers: str) -> None:
        self.headers = headers
        self.gone = self.begun = self.whole = False
        self.status = 200
        self.answer_headers: dict[str, str] = {}
        self.sent = b""
        self.flushed = asyncio.Event()
        self._waiting = b""
        self._told: list[Any] = []

    def when_gone(self, tell: Any) -> None:
        self._told.append(tell)

    def abort(self) -> None:
        self.gone = True
        for tell in self._told:
            tell()

    def head(self, headers: Any, status: int | None = None) -> None:
        assert not self.begun
        self.answer_headers |= headers
        self.status = status or self.status

    def write(self, data: bytes) -> None:
        self._waiting += data

    def flush(self) -> None:
        self.begun = True
        self.sent += self._waiting
        self._waiting = b""
        self.flushed.set()

    def finish(self) -> asyncio.Future[None]:
        self.flush()
        self.whole = True
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def until(self, part: bytes) -> None:
        async with asyncio.timeout(10):
            while part not in self.sent:
                self.flushed.clear()
                await self.flushed.wait()


def ask(world: Any, operation: str, transport: Any, body: bytes = b"", path: Any = None, **query: str) -> Any:
    return perform(
        world.hub,
        BOUND[operation],
        Principal(name="root", scopes=("admin",), digest=world.digest),
        transport,
        path=path or {},
        query={name: [value.encode()] for name, value in query.items()},
        body=body,
    )


@pytest.fixture
async def started(world):
    world.digest = digest(world.tokens["root"])
    transport = MemoryTransport(**{"Content-Type": "application/json"})
    answer = await ask(world, "start_execution", transport, b'{"zapp":"cluster"}')
    assert answer.status == 202
    (execution,) = world.store.executions.values()
    await world.until(lambda: world.store.executions[execution.id].phase == "running")
    return world.store.executions[execution.id]


async def test_a_log_is_written_to_whatever_takes_it(world, started):
    path = {"execution": started.id, "process": "main-0"}
    transport = MemoryTransport(Range="bytes=0-4")
    assert await ask(world, "get_logs", transport, path=path) is None
    assert (transport.status, transport.sent, transport.whole) == (206, b"hello", True)
    assert transport.answer_headers["Content-Range"] == "bytes 0-4/9"
    with pytest.raises(ZoeError, match="main-7"):
        await ask(world, "get_logs", MemoryTransport(), path={**path, "process": "main-7"})


async def test_events_go_on_until_the_client_leaves(world, started):
    transport = MemoryTransport()
    streaming = asyncio.create_task(ask(world, "stream_events", transport, since="0"))
    await transport.until(b'"phase":"running"')
    await world.hub.executions.terminate(TerminateExecution(execution=started.id))
    await transport.until(b'"phase":"ended"')
    assert len(world.hub.streams) == 1
    transport.abort()
    await streaming
    assert (len(world.hub.streams), transport.whole) == (0, False)


async def test_a_reader_who_is_overtaken_by_the_old_end_is_told_in_the_stream(world, started):
    transport = MemoryTransport()
    streaming = asyncio.create_task(ask(world, "stream_events", transport, since="0"))
    await transport.until(b'"phase":"running"')
    slow = asyncio.get_running_loop().create_future()
    transport.flush, flush = lambda: slow, transport.flush
    made = Event(time=world.hub.now(), kind="test", owner="root", reason=because("told", words="x"))
    for _ in range(4):  # more than the feed keeps; the first of them are on their way to the reader
        await world.store.commit(Batch(events=(made,) * 500))
        await asyncio.sleep(0.01)
    before = world.store.last_seq
    await world.store.commit(Batch(first_seq=before))
    transport.flush = flush
    slow.set_result(None)
    await transport.until(b"id: %d\ndata: {" % before)
    reset = b'event: reset\nid: %d\ndata: {"seq":%d,"first_seq":%d}\n\n' % (before - 1, before - 1, before)
    assert reset in transport.sent
    transport.abort()
    await streaming


async def test_a_stream_that_the_hub_ends_is_whole(world, started):
    transport = MemoryTransport()
    streaming = asyncio.create_task(ask(world, "stream_events", transport, since="0"))
    await transport.until(b"data: ")
    world.hub.streams.close()
    await streaming
    assert transport.whole
