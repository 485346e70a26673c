"""The connections of clients: how many there may be, how long each may take, which one goes when there are too many.

Anybody who reaches the hub's port can open connections, announce requests and never send them; no token is needed for
that. So every stage of a connection has a time limit, their number is bounded, and a hub that has run out of file
descriptors pauses instead of asking the kernel again and again. Made by ``web.server``; ``web.metrics`` shows the
counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections.abc import Awaitable, Iterable

from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream

from zoe_hub.web.limits import ClientLimits, Connections, ConnectionStage

log = logging.getLogger("zoe_hub.web")

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_AT_ONCE = 64  # connections that are accepted before others have their turn
_PAUSE = 0.25  # seconds until the next attempt to accept after the system had no descriptor or memory for it
_AGAIN = 60.0  # seconds until the log says again that there are too many connections
_GONE = (
    ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))
    if hasattr(socket, "TCP_KEEPIDLE")
    else ()
)
"""A peer whose machine or network is gone is noticed after two minutes of silence."""
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 34\r\n\r\nThe hub has too many connections.\n"
)


class HubServer(HTTPServer):
    """Tornado's server with ``ClientLimits``. It accepts by itself: Tornado's accept handler spins when descriptors are
    used up.
    """

    def initialize(  # type: ignore[override]
        self,
        application: HTTPServerConnectionDelegate,
        limits: ClientLimits,
        connections: Connections[HTTP1ServerConnection],
    ) -> None:
        """:param connections: kept up to date here"""
        super().initialize(
            application,
            max_body_size=limits.max_body,
            idle_connection_timeout=limits.keep_alive,
            body_timeout=limits.body_timeout,
        )
        self._open = connections
        self._first_request = HTTP1ConnectionParameters(  # for the first request of a connection
            header_timeout=limits.header_timeout,
            max_body_size=self.conn_params.max_body_size,
            body_timeout=self.conn_params.body_timeout,
        )
        self._known: set[HTTP1ServerConnection] = set()  # that have begun to wait for their first request
        self._accepting: dict[socket.socket, asyncio.Task[None]] = {}
        self._said = -_AGAIN

    # --- accepting ---

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections at these sockets, which do not block."""
        for each in sockets:
            self._accepting[each] = asyncio.get_running_loop().create_task(self._accept(each))

    def stop(self) -> None:
        """Accept no more; what is open goes on."""
        for listener, task in self._accepting.items():
            asyncio.get_running_loop().remove_reader(listener)
            task.cancel()
            listener.close()
        self._accepting.clear()

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            await _somebody(listener)  # without descriptors accepting fails, even if nobody wants to be
            for coming in range(_AT_ONCE):
                try:
                    connection, address = listener.accept()
                except BlockingIOError:
                    break
                except OSError as error:
                    await self._failed(error)
                    break
                self._welcome(connection, address, coming)
            await asyncio.sleep(0)  # those that came are counted from now on

    def _welcome(self, connection: socket.socket, address: object, coming: int) -> None:
        """Serve a connection, if there is room beside ``coming`` others that are not counted yet."""
        if self._open.room() > coming or self._give_up_one():
            _notice_gone(connection)
            self.handle_stream(IOStream(connection), address)  # type: ignore[arg-type]
        else:
            self._say(
                "The hub has as many connections as ZoeHub.max_connections allows, and all are being served: new ones"
                " are refused."
            )
            _refuse(connection)

    async def _failed(self, error: OSError) -> None:
        """Accepting has failed: wait until it may succeed."""
        if error.errno in _EXHAUSTED:
            self._say("The hub cannot accept connections: %s. It closes idle ones and tries again.", error)
            if self._give_up_one():
                return
        elif error.errno != errno.ECONNABORTED:
            log.error("Accepting a connection failed: %s", error)
        await asyncio.sleep(_PAUSE)

    def _give_up_one(self) -> bool:
        connection = self._open.expendable()
        if connection is None:
            return False
        self._open.leave(connection)
        connection.stream.close()
        return True

    def _say(self, words: str, *values: object) -> None:
        if time.monotonic() - self._said >= _AGAIN:
            self._said = time.monotonic()
            log.warning(words, *values)

    # --- the stages of a connection, told by Tornado ---

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """A connection begins to wait for a request, the first or the next one."""
        assert isinstance(server_conn, HTTP1ServerConnection)
        assert isinstance(request_conn, HTTP1Connection)
        if server_conn not in self._known:
            self._known.add(server_conn)
            request_conn.params = self._first_request
        self._open.enter(server_conn, ConnectionStage.WAITING)
        return _Watched(super().start_request(server_conn, request_conn), self._open, server_conn)

    def on_close(self, server_conn: object) -> None:
        """A connection has ended, or has left HTTP."""
        assert isinstance(server_conn, HTTP1ServerConnection)
        self._known.discard(server_conn)
        self._open.leave(server_conn)
        super().on_close(server_conn)


class _Watched(HTTPMessageDelegate):
    """Passes on what comes of a request, and keeps the connection's stage."""

    def __init__(
        self,
        inner: HTTPMessageDelegate,
        connections: Connections[HTTP1ServerConnection],
        connection: HTTP1ServerConnection,
    ) -> None:
        self._inner, self._open, self._connection = inner, connections, connection

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        self._open.enter(self._connection, ConnectionStage.RECEIVING)
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        self._open.enter(self._connection, ConnectionStage.SERVING)
        self._inner.finish()

    def on_connection_close(self) -> None:
        self._inner.on_connection_close()


async def _somebody(listener: socket.socket) -> None:
    """Return when somebody wants to connect."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(listener, lambda: None if ready.done() else ready.set_result(None))
    await ready
    loop.remove_reader(listener)


def _notice_gone(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _GONE:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _refuse(connection: socket.socket) -> None:
    """Say why, as far as that goes without waiting: what has been sent already is read, or the answer would be lost."""
    with connection, contextlib.suppress(OSError):
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            connection.recv(65536)
        connection.send(_FULL)
        connection.shutdown(socket.SHUT_WR)
