"""A connection to an upstream server that is known to be the one that was meant. Used by ``zoe_proxy.target`` and by
the hub's probes.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpclient import TCPClient

from zoe_loopback import Unsettled

PIECE = 64 * 1024
"""Bytes that are read at once."""

_PAUSE = 0.02  # seconds between connections to a server whose queue is full


class UpstreamError(Exception):
    """The upstream did not do its part.

    ``connect``: nobody listens, nothing was sent; ``timeout``; ``died``: the connection ended too early; ``malformed``:
    not HTTP.
    """

    def __init__(self, kind: Literal["connect", "timeout", "died", "malformed"], detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


Check = Callable[[socket.socket], Awaitable[None]]
"""Looks at a connection before anything is sent over it, and raises ``OSError`` if nothing may be;
``zoe_loopback.Unsettled`` if another connection shall be tried."""


class UpstreamConnection(IOStream):
    """A connection without TLS, which can tell that it has ended."""

    _tell: Callable[[], object] | None = None

    def when_closed(self, tell: Callable[[], object]) -> None:
        """Call ``tell`` once, when either side has ended it. HTTP takes the stream's own callback for itself."""
        if self.closed():
            tell()
        else:
            self._tell = tell

    def close(self, exc_info: Any = False) -> None:
        """See ``IOStream``."""
        super().close(exc_info)
        tell, self._tell = self._tell, None
        if tell is not None:
            tell()


async def connect(
    host: str,
    port: int,
    *,
    timeout: float,  # noqa: ASYNC109
    tls: ssl.SSLContext | None = None,
    check: Check | None = None,
) -> IOStream:
    """A connection to the upstream.

    :param timeout: seconds, 0 for ever
    :param check: whether it is the upstream that was meant; not asked with ``tls``, whose certificate says so
    :raises UpstreamError: ``connect``: nothing was sent
    """
    try:
        async with asyncio.timeout(timeout or None):
            if tls is not None:
                stream = await TCPClient().connect(host, port, ssl_options=tls)
            else:
                stream = await _checked(host, port, check)
    except TimeoutError as error:
        raise UpstreamError("connect", f"{host}:{port} did not accept a connection within {timeout:g} s") from error
    except (OSError, StreamClosedError) as error:
        raise UpstreamError(
            "connect", f"{host}:{port} does not accept connections: {getattr(error, 'real_error', None) or error}"
        ) from error
    stream.set_nodelay(True)
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a host that is gone ends a silent stream
    return stream


async def _checked(host: str, port: int, check: Check | None) -> IOStream:
    """The first address of a name that accepts a connection and passes the check: a name such as ``localhost`` has
    several, and each may have another listener.
    """
    failure: Exception = OSError("it has no address")
    for family, address in await _addresses(host, port):
        try:
            return await _settled(family, address, check)
        except (OSError, StreamClosedError) as error:
            failure = error
    raise failure


async def _settled(family: socket.AddressFamily, address: Any, check: Check | None) -> IOStream:
    """A connection that the server has taken: a page has many parts, and some servers' queues are short (Spark's pages
    let two connections wait).
    """
    while True:
        stream = UpstreamConnection(socket.socket(family), read_chunk_size=PIECE)
        try:
            await stream.connect(address)
            if check is not None:
                await check(stream.socket)
            return stream
        except Unsettled:
            stream.close()
            await asyncio.sleep(_PAUSE)
        except BaseException:
            stream.close()
            raise


async def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    try:  # spares the thread that looks up names
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(each[0], each[4]) for each in found]
    return [(family, (host, port))]
