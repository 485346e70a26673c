"""Bytes both ways between two connections that have left HTTP, with backpressure.

A WebSocket passes as it is: texts, binaries, pings, close codes, compression, messages of any length. The proxy neither
parses nor re-frames it, so nothing about it can get lost. Used by ``zoe_proxy.handler``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from tornado.iostream import IOStream, StreamClosedError

from zoe_proxy.connecting import PIECE

_tunnels: set[asyncio.Task[None]] = set()  # an event loop keeps no strong reference to its tasks


def begin_tunnel(outer: IOStream, inner: IOStream, headers: Iterable[tuple[str, str]]) -> None:
    """Tell the client at ``outer`` that the protocol changes, then splice; both connections are the tunnel's from now
    on.

    :param headers: of the answer
    """
    task = asyncio.create_task(_tunnel(outer, inner, headers))
    _tunnels.add(task)
    task.add_done_callback(_tunnels.discard)


async def _tunnel(outer: IOStream, inner: IOStream, headers: Iterable[tuple[str, str]]) -> None:
    lines = ["HTTP/1.1 101 Switching Protocols", *(f"{name}: {value}" for name, value in headers), "", ""]
    try:
        await outer.write("\r\n".join(lines).encode("latin-1", "replace"))
    except StreamClosedError:
        inner.close()
        return
    await splice(outer, inner)


async def splice(one: IOStream, other: IOStream) -> None:
    """Pass bytes in both directions until either side ends its connection; then end the other's, after what was under
    way.
    """
    one.set_nodelay(True)
    other.set_nodelay(True)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pass(one, other))
            group.create_task(_pass(other, one))
    finally:
        one.close()
        other.close()


async def _pass(source: IOStream, sink: IOStream) -> None:
    try:
        while True:
            # The next piece is read when this one has left: a slow reader slows its writer down.
            await sink.write(await source.read_bytes(PIECE, partial=True))
    except StreamClosedError:
        pass
    finally:
        source.close()
        sink.close()
