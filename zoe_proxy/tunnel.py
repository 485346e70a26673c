"""Bytes both ways between two connections that have left HTTP, with backpressure.

A WebSocket passes as it is: texts, binaries, pings, close codes, compression, messages of any length. The proxy neither
parses nor re-frames it, so nothing about it can get lost. Used by ``zoe_proxy.handler``.
"""

from __future__ import annotations

import asyncio

from tornado.iostream import IOStream, StreamClosedError

from zoe_proxy.upstream import PIECE


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
