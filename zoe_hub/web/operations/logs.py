"""Logs of processes: parts of them, ranges, and as they grow."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator

from zoe_hub.backends.base import Chunk
from zoe_hub.contract.processes import LogQuery
from zoe_hub.core.errors import ZoeError
from zoe_hub.web.call import Call, bind
from zoe_hub.web.streaming import OpenStream, still_valid, streaming

_PATIENCE = 0.2  # seconds until a client that follows a silent log sees the head of the answer


@bind("get_logs")
async def get_logs(call: Call) -> None:
    """Write a part of a process's log."""
    name = call.hub.views.process_name(call.execution, call.path["process"])
    if name is None:
        raise ZoeError("unknown-process", f"{call.execution.name} has no process {call.path['process']!r}.")
    query: LogQuery = call.query
    byte_range = None if query.follow else _range(call.transport.headers.get("Range", ""))
    offset, limit = query.offset, query.limit
    size = await _size(call, name) if byte_range is not None or (query.follow and offset < 0) else None
    if size is not None:
        if byte_range is not None:
            first, last = byte_range
            offset = max(0, size + first) if first < 0 else first
            limit = (size if last is None else min(last + 1, size)) - offset
            if limit <= 0:
                _unsatisfiable(call, size)
                await call.transport.finish()
                return
        else:
            offset = max(0, size + offset)
    chunks = aiter(call.hub.backend.logs(name, offset=offset, follow=query.follow))
    async with streaming(call.hub.streams, call.transport, call.principal.name) as stream:
        log = _Log(call, stream, chunks)
        try:
            await log.write(offset, limit, size if byte_range is not None else None)
        finally:
            await log.close()


class _Log:
    """A log on its way to a client."""

    def __init__(self, call: Call, stream: OpenStream, chunks: AsyncIterator[Chunk]) -> None:
        self._call = call
        self._stream = stream
        self._transport = call.transport
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
        transport = self._transport
        transport.head(
            {
                "Content-Type": "text/plain; charset=utf-8",
                "Accept-Ranges": "bytes",
                "Zoe-Log-Offset": str(max(0, offset)),
            }
        )
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
                    transport.head({"Content-Range": f"bytes {chunk.offset}-{chunk.offset + limit - 1}/{size}"}, 206)
                if not transport.begun:
                    transport.head({"Zoe-Log-Offset": str(chunk.offset)})
            still_valid(self._call.hub.authenticator, self._call.principal)
            data = chunk.data if limit is None else chunk.data[:limit]
            if limit is not None:
                limit -= len(data)
            transport.write(data)
            await self._sent()
        if size is not None and not transport.begun:
            _unsatisfiable(self._call, size)

    async def _next(self) -> Chunk | None:
        """The next chunk, None at the end. A client that follows sees the head of the answer though nothing was logged
        yet.
        """
        self._coming = asyncio.ensure_future(_anext(self._chunks))
        follows, heartbeat = self._call.query.follow, self._call.hub.heartbeat
        patience = _PATIENCE if follows and not self._transport.begun else heartbeat
        while True:
            try:
                return await self._stream.until(self._coming, patience)
            except StopAsyncIteration:
                return None
            except TimeoutError:
                still_valid(self._call.hub.authenticator, self._call.principal)
                if follows and not self._transport.begun:
                    await self._sent()
                patience = heartbeat

    async def _sent(self) -> None:
        """Send what was written; wait as long as it takes: a person may have stopped to read."""
        taken = self._transport.flush()
        if taken is not None:
            await self._stream.until(taken)


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
    call.transport.head({"Content-Range": f"bytes */{size}"}, 416)
