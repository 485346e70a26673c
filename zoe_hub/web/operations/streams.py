"""Answers that go on: the event stream and logs. Bound to the table by ``bind``; ``web.handler`` says what comes
before.

Both end when the client leaves, when the hub shuts down, and when the token that opened them is not valid any more. A
reader who does not read is disconnected from the event stream and may resume: nothing is held for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import Any, TypeVar

import msgspec
from tornado.iostream import StreamClosedError

from zoe_hub.backends.base import Chunk
from zoe_hub.core.errors import FieldError, ZoeError
from zoe_hub.core.events import Event
from zoe_hub.web.call import Call, bind
from zoe_hub.web.views import event_view

T = TypeVar("T")

_BATCH = 500  # events read and written at a time
_PATIENCE = 0.2  # seconds until a client that follows a silent log sees the head of the answer
_LAST = 1.0  # seconds for the last bytes of a stream
_RETRY = 1000  # milliseconds after which a browser connects again


class Over(Exception):
    """The stream has to end: the client has left or the hub shuts down."""


@contextlib.asynccontextmanager
async def _stream(call: Call) -> AsyncIterator[Any]:
    """Counts a stream as use of the hub; gives a function that waits for something or raises ``Over``."""
    hub = call.hub
    ends = [asyncio.ensure_future(call.handler.gone.wait()), asyncio.ensure_future(hub.closing.wait())]
    work: set[asyncio.Future[Any]] = set()

    async def waited(awaitable: Awaitable[T], patience: float | None = None) -> T:
        """:raises TimeoutError: after ``patience`` seconds; ``awaitable`` is cancelled"""
        future = asyncio.ensure_future(awaitable)
        work.add(future)
        await asyncio.wait([future, *ends], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if future.done():
            work.discard(future)
            return future.result()
        future.cancel()
        if any(end.done() for end in ends):
            raise Over
        raise TimeoutError

    hub.streams += 1
    try:
        yield waited
    finally:
        hub.streams -= 1
        hub.touch()
        for future in (*ends, *work):
            future.cancel()
        await asyncio.gather(*ends, *work, return_exceptions=True)


def _still_valid(call: Call) -> None:
    """Look the token up again. :raises Over: it has been revoked or has expired"""
    if call.hub.authenticator.of_token(call.principal.digest) is None:
        raise Over


# --- events --------------------------------------------------------------------------------------------------------


def encode_event(event: Event) -> bytes:
    """An event as the stream writes it: its id is the sequence number, its data an EventView."""
    return b"id: %d\ndata: %b\n\n" % (event.seq, msgspec.json.encode(event_view(event)))


@bind("stream_events")
async def stream_events(call: Call) -> None:
    """Write events from where the client was, then as they happen."""
    store, handler = call.hub.store, call.handler
    if call.query.execution is not None:
        await call.own_execution(call.query.execution)
    owner = None if call.principal.admin else call.principal.name
    cursor = _start(call)
    handler.set_header("Content-Type", "text/event-stream; charset=utf-8")
    handler.set_header("X-Accel-Buffering", "no")
    head = b"retry: %d\n" % _RETRY
    if cursor > store.last_seq:  # a cursor of another database: what this client knows is of no use any more
        cursor = store.last_seq
        head += b'event: reset\nid: %d\ndata: {"seq":%d}\n\n' % (cursor, cursor)
    else:
        head += b"id: %d\n\n" % cursor  # no event, but a client that reconnects resumes here
    async with _stream(call) as waited:
        try:
            await _write(call, waited, head)
            while True:
                _still_valid(call)
                last = store.last_seq
                events = await store.events(since=cursor, limit=_BATCH, owner=owner, execution=call.query.execution)
                if events:
                    await _write(call, waited, b"".join(map(encode_event, events)))
                # events of others are passed over, unless there may be more of one's own before them
                cursor = events[-1].seq if len(events) == _BATCH else max(last, events[-1].seq if events else cursor)
                if len(events) < _BATCH and cursor >= store.last_seq:
                    await _news(call, waited, cursor)
        except (Over, StreamClosedError):
            pass
        await _finish(call)


def _start(call: Call) -> int:
    last = call.handler.request.headers.get("Last-Event-ID", "").strip()
    if last:
        if not (last.isascii() and last.isdigit() and len(last) <= 18):
            raise ZoeError(
                "bad-parameter",
                "Last-Event-ID is a sequence number.",
                (FieldError(path="/Last-Event-ID", message="is not a sequence number"),),
            )
        return int(last)
    return call.hub.store.last_seq if call.query.since is None else int(call.query.since)


async def _news(call: Call, waited: Any, cursor: int) -> None:
    """Return when there is something after ``cursor``; show signs of life meanwhile."""
    while True:
        try:
            await waited(call.hub.store.changed(cursor), call.hub.heartbeat)
        except TimeoutError:
            _still_valid(call)
            await _write(call, waited, b": still here\nid: %d\n\n" % cursor)
        except RuntimeError:  # the store was closed
            raise Over from None
        else:
            return


async def _write(call: Call, waited: Any, data: bytes) -> None:
    """Write and wait until the client takes it; one that does not is disconnected."""
    call.handler.write(data)
    try:
        await waited(asyncio.shield(call.handler.flush()), call.hub.stall)
    except TimeoutError:
        call.handler.gone.set()
        call.handler.connection.stream.close()
        raise Over from None


async def _finish(call: Call) -> None:
    """End the answer as a whole one. The stream counts until its last bytes are on their way."""
    if not call.handler.gone.is_set():
        await asyncio.wait([asyncio.ensure_future(call.handler.finish())], timeout=_LAST)


# --- logs ----------------------------------------------------------------------------------------------------------


@bind("get_logs")
async def get_logs(call: Call) -> None:
    """Write a part of a process's log."""
    assert call.execution is not None
    name = call.hub.views.process_name(call.execution, call.path["process"])
    if name is None:
        raise ZoeError("unknown-process", f"{call.execution.name} has no process {call.path['process']!r}.")
    handler, query = call.handler, call.query
    asked = None if query.follow else _range(handler.request.headers.get("Range", ""))
    offset, limit = query.offset, query.limit
    size = await _size(call, name) if asked is not None or (query.follow and offset < 0) else None
    if size is not None:
        if asked is not None:
            first, last = asked
            offset = max(0, size + first) if first < 0 else first
            limit = (size if last is None else min(last + 1, size)) - offset
            if limit <= 0:
                _unsatisfiable(call, size)
                return
        else:
            offset = max(0, size + offset)
    chunks = aiter(call.hub.backend.logs(name, offset=offset, follow=query.follow))
    async with _stream(call) as waited:
        log = _Log(call, waited, chunks)
        try:
            await log.write(offset, limit, size if asked is not None else None)
        except (Over, StreamClosedError):
            pass
        finally:
            await log.close()
        await _finish(call)


class _Log:
    """A log on its way to a client."""

    def __init__(self, call: Call, waited: Any, chunks: AsyncIterator[Chunk]) -> None:
        self._call = call
        self._handler = call.handler
        self._waited = waited
        self._chunks = chunks
        self._coming: asyncio.Future[Chunk] | None = None

    async def close(self) -> None:
        """Let go of the backend's log, in whatever state it is."""
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)
        if isinstance(self._chunks, AsyncGenerator):
            await self._chunks.aclose()

    async def write(self, offset: int, limit: int | None, size: int | None) -> None:
        """Write from ``offset``, ``limit`` bytes at the most; as a range of ``size`` bytes if that is given."""
        handler = self._handler
        handler.set_header("Content-Type", "text/plain; charset=utf-8")
        handler.set_header("Accept-Ranges", "bytes")
        handler.set_header("Zoe-Log-Offset", str(max(0, offset)))
        begun = False
        while limit is None or limit > 0:
            chunk = await self._next()
            if chunk is None:
                break
            if not begun:
                begun = True
                if size is not None and limit is not None:
                    limit -= max(0, chunk.offset - offset)  # the beginning was rotated away
                    if limit <= 0:
                        break
                    handler.set_status(206)
                    handler.set_header("Content-Range", f"bytes {chunk.offset}-{chunk.offset + limit - 1}/{size}")
                if not handler._headers_written:
                    handler.set_header("Zoe-Log-Offset", str(chunk.offset))
            _still_valid(self._call)
            data = chunk.data if limit is None else chunk.data[:limit]
            if limit is not None:
                limit -= len(data)
            handler.write(data)
            await self._waited(
                asyncio.shield(handler.flush())
            )  # as long as it takes: a person may have stopped to read
        if size is not None and not handler._headers_written:
            _unsatisfiable(self._call, size)

    async def _next(self) -> Chunk | None:
        """The next chunk, None at the end. A client that follows sees the head of the answer though nothing was logged
        yet.
        """
        self._coming = asyncio.ensure_future(_anext(self._chunks))
        patience = (
            _PATIENCE if self._call.query.follow and not self._handler._headers_written else self._call.hub.heartbeat
        )
        while True:
            try:
                return await self._waited(asyncio.shield(self._coming), patience)  # type: ignore[no-any-return]
            except StopAsyncIteration:
                return None
            except TimeoutError:
                _still_valid(self._call)
                if self._call.query.follow and not self._handler._headers_written:
                    await self._waited(asyncio.shield(self._handler.flush()))
                patience = self._call.hub.heartbeat


async def _anext(chunks: AsyncIterator[Chunk]) -> Chunk:
    return await anext(chunks)


async def _size(call: Call, name: str) -> int:
    """How many bytes a log has at this moment, those rotated away included."""
    size = 0
    async for chunk in call.hub.backend.logs(name, offset=-1):
        size = chunk.offset + len(chunk.data)
    return size


_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")


def _range(header: str) -> tuple[int, int | None] | None:
    """First and last byte of a range; the first negative: counted from the end. What is not one range is ignored, as
    HTTP says.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        return (-int(suffix), None) if int(suffix) else None
    if last and int(last) < int(first):
        return None
    return int(first), int(last) if last else None


def _unsatisfiable(call: Call, size: int) -> None:
    call.handler.set_status(416)
    call.handler.set_header("Content-Range", f"bytes */{size}")
