"""The base class of handlers that pass a request on to an upstream and its answer back.

A subclass says in ``upstream`` who may pass and where to, and in ``upstream_failed`` what a person is told when the
upstream does not answer. Everything else happens here: bodies are streamed both ways with backpressure, a client that
leaves ends the upstream's request, a connection that changes its protocol (WebSocket) becomes a tunnel.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import http
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ClassVar

from tornado import httputil
from tornado.iostream import StreamClosedError
from tornado.log import gen_log
from tornado.web import HTTPError, RequestHandler, stream_request_body

from zoe_proxy import rewrite
from zoe_proxy.connecting import UpstreamError
from zoe_proxy.edits import edits_of
from zoe_proxy.headers import request_headers, response_headers
from zoe_proxy.target import Upstream
from zoe_proxy.tunnel import begin_tunnel
from zoe_proxy.upstream import Exchange, Head

METHODS = (
    *("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS"),
    *("PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH"),  # WebDAV
)
"""What is passed on. CONNECT and TRACE are not."""

_REQUEST_LIMIT = 2**40  # bytes of a body that is passed on and never held

_LINGER = 5.0  # seconds
_DROPPED = 2**30  # bytes of a refused body that are read, and dropped


@stream_request_body
class ProxyHandler(RequestHandler, abc.ABC):
    """Passes requests on. Subclasses override ``upstream``, and may override ``upstream_failed``, ``retry`` and
    ``edit_body``.
    """

    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = METHODS  # type: ignore[misc]

    _upstream: Upstream | None = None
    _exchange: Exchange | None = None
    _answer: asyncio.Task[None] | None = None
    _held: list[bytes] | None = None
    _own_answer: Callable[[], object] | None = None
    _gone = False
    _received: asyncio.Event | None = None  # set when the request's body is complete
    _patience: asyncio.TimerHandle | None = None  # runs while the client is to send a piece of the body

    # -- for subclasses

    @property
    def body_timeout(self) -> float:
        """Seconds between two pieces of the request's body, and for all of one that is dropped; 0: for ever."""
        return 60.0

    @abc.abstractmethod
    async def upstream(self) -> Upstream | Callable[[], object]:
        """Decide about the request before its body is read, with ``self.request`` as all there is.

        :return: where it goes, or a function that answers it (called when the body has been read and dropped)
        :raises tornado.web.HTTPError: it may not pass
        """

    def upstream_failed(self, error: UpstreamError) -> None:
        """Answer instead of an upstream that did not: nothing has been sent to the client yet."""
        self.send_error(
            http.HTTPStatus.GATEWAY_TIMEOUT if error.kind == "timeout" else http.HTTPStatus.BAD_GATEWAY, reason=None
        )

    async def retry(self, error: UpstreamError) -> Upstream | None:
        """Another upstream after no connection could be made to the first, asked once; ``None``: give up."""
        return None

    def edit_body(self, body: bytes) -> bytes:
        """The body to send instead of ``body``, for requests whose ``Upstream.collect`` is not 0."""
        return body

    def answer_headers(self, code: int, headers: rewrite.Pairs) -> rewrite.Pairs:
        """Last changes to the headers of an answer."""
        return headers

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Also for methods that are not passed on: which are (RFC 9110, 15.5.6)."""
        if status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(self.SUPPORTED_METHODS))
        super().write_error(status_code, **kwargs)

    # -- the way up

    async def prepare(self) -> None:
        """Ask the subclass, then connect; the body is read only when the upstream is there."""
        self._received = asyncio.Event()
        try:
            before: Awaitable[Any] | None = super().prepare()
            if before is not None:
                await before
            if not self._finished:
                await self._decide()
        except Exception as error:
            self._answer_later(partial(_raise, error))
        self._await_piece()

    async def _decide(self) -> None:
        upstream = await self.upstream()
        if not isinstance(upstream, Upstream):
            self._answer_later(upstream)
            return
        if rewrite.escapes(upstream.rest):
            raise HTTPError(400, "The path leaves its prefix.")
        # What is passed on is passed on as it is: no compression, and no limit that is meant for what is held.
        self._transforms: list[Any] = []
        _call(self.request.connection, "set_max_body_size", _REQUEST_LIMIT)
        _call(self.request.connection, "set_body_timeout", None)
        self._upstream = upstream
        if upstream.collect and self._has_body():
            self._held = []
            return
        await self._begin()

    def _answer_later(self, answer: Callable[[], object]) -> None:
        """Answer after the body: who writes first and reads then would find the connection reset, and no answer.

        Without a body that is at once, and the connection can be used again. A client that waits to be asked for its
        body is answered now.
        """
        if self._received is None or self._received.is_set() or "Expect" in self.request.headers:
            answer()
            return
        self._own_answer = answer
        _call(self.request.connection, "set_max_body_size", _DROPPED)
        _call(self.request.connection, "set_body_timeout", self.body_timeout or None)

    def _has_body(self) -> bool:
        headers = self.request.headers
        return "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0"

    async def _begin(self, length: int | None = None) -> bool:
        """Connect and send the head of the request. ``length``: of a body that was changed.

        :return: whether an upstream has the request
        """
        assert self._upstream is not None
        try:
            stream = await self._upstream.connected()
        except UpstreamError as error:
            other = await self.retry(error)
            try:
                if other is None:
                    raise
                self._upstream = other
                stream = await other.connected()
            except UpstreamError as last:
                self._fail(last)
                return False
        if self._gone:
            stream.close()
            return False
        upstream = self._upstream
        exchange = self._exchange = Exchange(stream, upstream.timeouts)
        given = self.request.headers
        headers = request_headers(given.get_all(), upstream.route, upstream.client, upstream.rules)
        if length is not None:
            headers = [pair for pair in headers if pair[0].lower() != "content-length"] + [
                ("Content-Length", str(length))
            ]
        upgrade = (
            given.get("Upgrade", "")
            if "upgrade" in given.get("Connection", "").lower() and not self._has_body()
            else ""
        )
        chunked = length is None and "Transfer-Encoding" in given
        await exchange.begin(
            self.request.method or "GET",
            rewrite.target(upstream.route, upstream.rest, upstream.query),
            headers,
            chunked=chunked,
            upgrade=upgrade,
        )
        if upgrade:
            await self._change_protocol(exchange)
        if not self._finished:
            self._answer = asyncio.create_task(self._pass_answer(exchange))
        return True

    async def data_received(self, chunk: bytes) -> None:
        """Pass a piece of the body on; the next is read when the upstream has taken it."""
        self._stop_waiting()
        await self._pass_piece(chunk)
        self._await_piece()

    async def _pass_piece(self, chunk: bytes) -> None:
        if self._held is not None and self._upstream is not None:
            self._held.append(chunk)
            if sum(map(len, self._held)) <= self._upstream.collect:
                return
            held, self._held = self._held, None  # too much to hold: it goes on as it is
            if not await self._begin():
                return
            chunk = b"".join(held)
        if self._exchange is not None:
            await self._exchange.send(chunk)

    def _await_piece(self) -> None:
        """Give the client time for the next piece of the body. A client that may take its time while the upstream does
        not read is not blamed.
        """
        seconds = self.body_timeout
        if seconds and self._has_body() and not self._finished and not self._gone:
            self._patience = asyncio.get_running_loop().call_later(seconds, self._abandoned, seconds)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _abandoned(self, seconds: float) -> None:
        """The client has announced more of the body than it sends: the connection ends."""
        path = rewrite.for_the_log(self.request.path)
        gen_log.info("%s %s: no more of the body within %g s", self.request.method, path, seconds)
        self._gone = True
        if self._exchange is not None:
            self._exchange.close()
        if self._headers_written:
            self.detach().close()
        elif not self._finished:
            self.send_error(http.HTTPStatus.REQUEST_TIMEOUT)

    async def forward(self, *_: str, **__: str) -> None:
        """Called when the body is complete, for every method: the answer is (or was) passed on meanwhile."""
        self._stop_waiting()
        if self._received is not None:
            self._received.set()
        if self._own_answer is not None:
            self._own_answer()
            return
        if self._held is not None:
            body = self.edit_body(b"".join(self._held))
            self._held = None
            if not await self._begin(len(body)):
                return
            if self._exchange is not None:
                await self._exchange.send(body)
        if self._exchange is not None:
            await self._exchange.end()
        if self._answer is not None:
            await self._answer

    get = head = post = delete = patch = put = options = forward
    propfind = proppatch = mkcol = copy = move = lock = unlock = report = search = forward

    # -- the way down

    async def _pass_answer(self, exchange: Exchange) -> None:
        try:
            head = await exchange.head()
            assert self._upstream is not None
            edits = edits_of(head.code, head.headers, self._upstream.rules)
            self._write_head(head, edited=edits is not None)
            await self.flush()
            async for piece in exchange.body():
                self.write(edits.feed(piece) if edits else piece)
                await self.flush()
            if edits:
                self.write(edits.end())
            await self._linger()
            self.finish()
        except UpstreamError as error:
            if self._gone:
                return
            if self._headers_written:
                # The client must not take a part for the whole: only an aborted connection says so.
                gen_log.info("%s %s: %s", self.request.method, rewrite.for_the_log(self.request.path), error)
                self.detach().close()
            else:
                self._fail(error)
        except StreamClosedError:
            pass  # the client has left
        finally:
            exchange.close()

    async def _linger(self) -> None:
        """After an early answer, take what the client still sends for a moment: a client that writes first and reads
        then would find its connection reset, and no answer."""
        if self._received is not None and not self._received.is_set() and self._exchange is not None:
            self._exchange.close()  # what still comes goes nowhere
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._received.wait(), _LINGER)

    def _write_head(self, head: Head, *, edited: bool) -> None:
        assert self._upstream is not None
        self._clear_headers()
        self.set_status(head.code, head.words())
        pairs = response_headers(
            head.headers.get_all(), self._upstream.route, self._upstream.client, self._upstream.rules, edited=edited
        )
        for name, value in self.answer_headers(head.code, pairs):
            self.add_header(name, value)
        _call(getattr(self.request.connection, "stream", None), "set_nodelay", True)  # events go out at once

    def _clear_headers(self) -> None:
        """The answer's headers are the upstream's, without defaults of the server in front."""
        self._headers = httputil.HTTPHeaders()

    def _fail(self, error: UpstreamError) -> None:
        if not self._gone and not self._finished:
            gen_log.info("%s %s: %s", self.request.method, rewrite.for_the_log(self.request.path), error)
            self._answer_later(partial(self.upstream_failed, error))

    # -- WebSocket

    async def _change_protocol(self, exchange: Exchange) -> None:
        """If the upstream agrees to change the protocol, leave HTTP on both sides."""
        assert self._upstream is not None
        try:
            head = await exchange.head()
        except UpstreamError as error:
            exchange.close()
            self._fail(error)
            return
        if head.code != http.HTTPStatus.SWITCHING_PROTOCOLS:
            return
        inner = exchange.detach()
        pairs = response_headers(
            head.headers.get_all(), self._upstream.route, self._upstream.client, self._upstream.rules
        )
        pairs += [("Connection", "Upgrade"), ("Upgrade", head.headers.get("Upgrade", "websocket"))]
        outer = self.detach()
        if outer is None or outer.closed():
            inner.close()
            return
        begin_tunnel(outer, inner, pairs)

    # -- the client leaves

    def on_connection_close(self) -> None:
        """The client has left: the upstream need not go on, and nothing is kept of the request."""
        self._stop_waiting()
        self._gone = True
        self._held = self._own_answer = None
        if self._received is not None:
            self._received.set()
        if self._exchange is not None:
            self._exchange.close()
        super().on_connection_close()


def _raise(error: Exception) -> None:
    raise error


def _call(thing: object, name: str, value: object) -> None:
    """Call a method of the connection that only its HTTP/1 kind has."""
    method: Callable[[object], object] | None = getattr(thing, name, None)
    if method is not None:
        method(value)
