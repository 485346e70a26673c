"""The one way of a request through the hub, to the operation that is bound to its method and path (see ``web.call``).

In this order: size, origin, authentication, scope, here; then what ``web.perform`` does with the body. Everything that
can be decided by the headers is decided before the body is read. Used by ``web.server``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError

from zoe_hub.core.access import Principal
from zoe_hub.core.errors import ZoeError
from zoe_hub.web import problems
from zoe_hub.web.base import AnsweringHandler, as_zoe_error, log
from zoe_hub.web.call import Answer, Bound
from zoe_hub.web.decode import refuse_tokens
from zoe_hub.web.perform import perform
from zoe_hub.web.transport import Transport

_DRAINED = 2**30  # bytes of a refused body that are read and dropped, so that the sender sees the answer


class ApiHandler(AnsweringHandler):
    """Takes all methods of one path of the table."""

    def initialize(self, methods: Mapping[str, Bound], names: tuple[str, ...]) -> None:
        """:param methods: HTTP method -> operation; :param names: of the path's parameters"""
        self._methods = methods
        self._names = names
        self._body = bytearray()
        self._failure: ZoeError | None = None
        self._answered_early = False
        self._principal: Principal | None = None
        self._late: asyncio.TimerHandle | None = None  # runs while the body comes
        self._transport: TornadoTransport | None = None  # while the operation runs

    @property
    def allowed(self) -> Iterable[str]:
        """The methods of the table."""
        return self._methods

    @property
    def connection(self) -> HTTP1Connection:
        """The connection that the request came by."""
        return cast(HTTP1Connection, self.request.connection)

    # --- before the body ---

    async def prepare(self) -> None:
        """Decide what the headers decide. A refusal is answered after the body, so that the connection can be kept."""
        request = self.request
        self.connection.set_max_body_size(_DRAINED)
        bound = self._methods.get(str(request.method))
        if bound is not None:
            self.operation_id = bound.operation.id
        length = request.headers.get("Content-Length", "0")
        if length.isascii() and length.isdigit() and int(length) > self.hub.limits.max_body:
            await self._refuse_early()
            return
        if length != "0" or "Transfer-Encoding" in request.headers:
            self._late = asyncio.get_running_loop().call_later(self.hub.limits.body_timeout, self._too_late)
        try:
            self.hub.origins.check(request)
            if bound is None:
                raise ZoeError("method-not-allowed")
            refuse_tokens(request.query_arguments)
            self._principal = await self.hub.authenticator.authenticate(request)
            if self._principal is None:
                raise ZoeError("not-authenticated")
            self.hub.touch()
            self.hub.gate.check_scope(self._principal, bound.operation.scope)
        except ZoeError as error:
            self._failure = error.with_traceback(None)  # which would hold on to this handler

    async def _refuse_early(self) -> None:
        """Answer at once, then read and drop the body: a connection that is closed on unread data would lose the
        answer.
        """
        self._answered_early = True
        error = self._too_large()
        body = problems.problem(error)
        self.set_status(error.kind.status, "Problem")
        self.set_header("Content-Type", problems.MEDIA)
        self.set_header("Content-Length", str(len(body)))
        self.set_header("Connection", "close")
        self.connection.set_body_timeout(self.hub.limits.body_timeout)
        self.write(body)
        await self.flush()
        if "Expect" in self.request.headers:  # the client waits before it sends the body: there is nothing to drop
            self.finish()

    def _too_large(self) -> ZoeError:
        return ZoeError("too-large", f"The body of a request may have {self.hub.limits.max_body} bytes.")

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body, unless it will not be used."""
        if self._failure is not None or self._answered_early:
            return
        if len(self._body) + len(chunk) > self.hub.limits.max_body:
            self._body.clear()
            self._failure = self._too_large()
        else:
            self._body += chunk

    def _too_late(self) -> None:
        """Answer instead of waiting for the rest of the body; the connection ends with that."""
        if not self._finished:
            words = f"The body did not come within {self.hub.limits.body_timeout:g} s."
            self.write_problem(self._failure or ZoeError("request-timeout", words))

    def on_connection_close(self) -> None:
        """The client has left: wait no more for its body, and tell a streaming operation."""
        self._stop_waiting()
        if self._transport is not None:
            self._transport.has_gone()
        super().on_connection_close()

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()

    # --- after the body ---

    async def respond(self, *values: str) -> None:
        """Do what was asked."""
        self._stop_waiting()
        if self._answered_early:
            self.finish()
            return
        transport = self._transport = TornadoTransport(self)
        try:
            await self._answer(values, transport)
        except StreamClosedError:
            pass
        except Exception as error:
            if transport.begun:  # too late for a problem: the client sees a broken answer, not a whole one
                if not isinstance(error, ZoeError):
                    log.error("%s broke off", self.operation_id, exc_info=error)
                transport.abort()
            else:
                self.write_problem(as_zoe_error(error))
        finally:
            self._transport = None

    async def _answer(self, values: tuple[str, ...], transport: Transport) -> None:
        if self._failure is not None:
            raise self._failure
        assert self._principal is not None
        answer = await perform(
            self.hub,
            self._methods[str(self.request.method)],
            self._principal,
            transport,
            path=dict(zip(self._names, values, strict=True)),
            query=self.request.query_arguments,
            body=bytes(self._body),
        )
        if answer is not None:
            self._write_answer(answer)

    def _write_answer(self, answer: Answer) -> None:
        self.set_status(answer.status or 200)
        if answer.status != 304:
            self.set_header("Content-Type", answer.media or "application/json")
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self._until_read(self.finish(answer.body or None))

    def _until_read(self, sent: asyncio.Future[None]) -> None:
        """Let go of an answer that its client does not read."""
        if not sent.done():
            stalled = asyncio.get_running_loop().call_later(self.hub.stall, self.connection.stream.close)
            sent.add_done_callback(lambda _: stalled.cancel())


class TornadoTransport:
    """The way back of one request that came over Tornado. See ``web.transport``."""

    def __init__(self, handler: ApiHandler) -> None:
        self._handler = handler
        self.gone = False
        self._when_gone: list[Callable[[], None]] = []

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Call when the client has left."""
        if self.gone:
            tell()
        else:
            self._when_gone.append(tell)

    def has_gone(self) -> None:
        """The client has left."""
        self.gone = True
        for tell in self._when_gone:
            tell()
        self._when_gone.clear()

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the request."""
        return self._handler.request.headers

    @property
    def begun(self) -> bool:
        """Whether the head of the answer has been sent."""
        return self._handler._headers_written

    def head(self, headers: Mapping[str, str], status: int | None = None) -> None:
        """Set headers and status."""
        if status is not None:
            self._handler.set_status(status)
        for name, value in headers.items():
            self._handler.set_header(name, value)

    def write(self, data: bytes) -> None:
        """Append."""
        self._handler.write(data)

    def flush(self) -> asyncio.Future[None] | None:
        """Send. Mostly all goes into the socket's buffer at once."""
        sent = self._handler.flush()
        return sent if self._handler.connection.stream.writing() or sent.done() else None

    def finish(self) -> asyncio.Future[None]:
        """Send the end."""
        return self._handler.finish()

    def abort(self) -> None:
        """Close the connection."""
        self.has_gone()
        self._handler.connection.stream.close()
