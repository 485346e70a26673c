"""The one way of a request through the hub, to the operation that is bound to its method and path (see ``web.call``).

In this order: size, origin, authentication, scope, query, body, ownership, Idempotency-Key, version, the operation
itself, its answer. Everything that can be decided by the headers is decided before the body is read. Errors become
problems here and nowhere else. Used by ``web.server``; the operations are in the modules beside this one.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Mapping
from typing import Any, ClassVar, cast

import msgspec
from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError
from tornado.util import ObjectDict
from tornado.web import HTTPError, RequestHandler, stream_request_body

from zoe_hub.backends.base import Temporary
from zoe_hub.contract.operations import Operation
from zoe_hub.core.errors import ZoeError
from zoe_hub.web import problems
from zoe_hub.web.access.auth import Principal
from zoe_hub.web.call import Answer, Bound, Call, Run
from zoe_hub.web.context import Hub, KeyInFlight
from zoe_hub.web.decode import decode_body, decode_query, refuse_tokens

log = logging.getLogger("zoe_hub.web")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}
_DRAINED = 2**30  # bytes of a refused body that are read and dropped, so that the sender sees the answer


@stream_request_body
class ZoeHandler(RequestHandler):
    """Headers, problems and counting for everything that the hub itself answers.

    Bodies come in pieces, and those that nobody wants are dropped: what a stranger sends is never held.
    """

    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # type: ignore[misc]
    operation_id = "other"

    @property
    def hub(self) -> Hub:
        """The hub that answers."""
        hub: Hub = self.settings["hub"]
        return hub

    def set_default_headers(self) -> None:
        """Protect every answer."""
        for name, value in HEADERS.items():
            self.set_header(name, value)
        self.clear_header("Server")

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Drop a piece of a body that is not used."""
        return None

    def on_connection_close(self) -> None:
        """The client has left. What would wait for the garbage collector is let go now: it could be a lot."""
        super().on_connection_close()
        self.ui = ObjectDict()  # refers to this handler; Tornado lets go of it only when an answer is finished
        body = self.request._body_future
        error = body.exception() if body.done() else None
        if error is not None:  # whoever waited for the body is told first
            asyncio.get_running_loop().call_soon(error.with_traceback, None)

    async def _run(self, *values: str) -> None:
        await self.respond(*values)

    get = head = post = put = patch = delete = options = _run

    async def respond(self, *values: str) -> None:
        """Answer any method, once the body has come. :param values: of the path's parameters"""
        raise NotImplementedError

    def compute_etag(self) -> str | None:
        """None: ETags are versions here, not hashes."""
        return None

    def on_finish(self) -> None:
        """Count the request."""
        self.hub.metrics.count(self.operation_id, self.get_status(), self.request.request_time())

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer what was raised anywhere as a problem."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        self.write_problem(
            as_zoe_error(error) if error is not None else ZoeError(_BY_STATUS.get(status_code, "bad-request"))
        )

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Nothing: ``write_problem`` logs with the incident's number."""

    def write_problem(self, error: ZoeError) -> None:
        """Finish with a problem."""
        incident = ""
        if error.kind.status == 500:
            incident = secrets.token_hex(6)
            log.error("incident %s in %s", incident, self.operation_id, exc_info=error.__cause__ or error)
        elif error.kind.status > 500:
            log.warning("%s: %s: %s", self.operation_id, error.code, error.detail)
        self.set_status(error.kind.status, "Problem")
        self.set_header("Content-Type", problems.MEDIA)
        if error.code == "not-authenticated":
            self.set_header("WWW-Authenticate", 'Bearer realm="zoe"')
        if isinstance(error, Temporary):
            self.set_header("Retry-After", str(max(1, round(error.delay))))
        self.finish(problems.problem(error, incident))


_BY_STATUS = {404: "not-found", 405: "method-not-allowed", 408: "request-timeout", 413: "too-large"}


def as_zoe_error(error: BaseException) -> ZoeError:
    """Any error as a declared one; what is not known becomes ``internal``, without its text."""
    if isinstance(error, ZoeError):
        return error
    if isinstance(error, HTTPError) and error.status_code < 500:
        return ZoeError(_BY_STATUS.get(error.status_code, "bad-request"))
    internal = ZoeError(
        "internal", "Something unexpected happened. The hub's log has more under the incident's number."
    )
    internal.__cause__ = error
    return internal


class ApiHandler(ZoeHandler):
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
        self.gone = asyncio.Event()  # the client has left

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
                self.set_header("Allow", ", ".join(self._methods))
                raise ZoeError("method-not-allowed")
            refuse_tokens(request.query_arguments)
            self._principal = await self.hub.authenticator.authenticate(request)
            if self._principal is None:
                raise ZoeError("not-authenticated")
            self.hub.touch()
            if not self._principal.allows(bound.operation.scope):
                raise ZoeError("not-allowed", f"This needs a token with the scope {bound.operation.scope!r}.")
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
        self.gone.set()
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
        try:
            await self._answer(values)
        except StreamClosedError:
            pass
        except Exception as error:
            if self._headers_written:  # too late for a problem: the client sees a broken answer, not a whole one
                if not isinstance(error, ZoeError):
                    log.error("%s broke off", self.operation_id, exc_info=error)
                self.connection.stream.close()
            else:
                self.write_problem(as_zoe_error(error))

    async def _answer(self, values: tuple[str, ...]) -> None:
        if self._failure is not None:
            raise self._failure
        assert self._principal is not None
        bound = self._methods[str(self.request.method)]
        operation = bound.operation
        call = Call(self, self.hub, operation, self._principal, dict(zip(self._names, values, strict=True)))
        call.query = decode_query(operation.query, self.request.query_arguments)
        call.raw = bytes(self._body)
        if operation.input is not None:
            call.body = decode_body(operation.input, call.raw, self.request.headers.get("Content-Type"))
        if operation.owns == "execution":
            call.execution = await call.own_execution(call.path["execution"])
        elif operation.owns == "attachment":
            call.attachment = await call.own_attachment(call.path["attachment"])
        if operation.creates:
            call.key = self._key()
        if operation.versioned and operation.method != "GET":
            call.version = self._version()
        if call.key:
            result = await self._once(call, bound.run)
        else:
            result = await bound.run(call)
        if result is not None:
            self._write_answer(operation, result)

    async def _once(self, call: Call, run: Run) -> Any:
        """Run, unless the key has been used; requests with the same key at the same time wait for the first."""
        place = (call.principal.name, call.key)
        held = self.hub.keys.setdefault(place, KeyInFlight())
        held.users += 1
        try:
            async with held.lock:
                return await run(call)
        finally:
            held.users -= 1
            if not held.users:
                del self.hub.keys[place]

    def _key(self) -> str:
        key = self.request.headers.get("Idempotency-Key", "")
        if len(key) > 255 or not key.isascii() or not (key.isprintable() or key == ""):
            raise ZoeError("bad-request", "An Idempotency-Key has at most 255 printable ASCII characters.")
        return key

    def _version(self) -> int | None:
        given = self.request.headers.get("If-Match", "*").strip()
        if given == "*":
            return None
        number = given[1:-1] if len(given) > 2 and given[0] == given[-1] == '"' else given
        if not number.isascii() or not number.isdigit() or len(number) > 18:
            raise ZoeError("bad-request", 'If-Match takes the ETag of one answer, for example "7".')
        return int(number)

    def _write_answer(self, operation: Operation, result: Any) -> None:
        answer = result if isinstance(result, Answer) else Answer(msgspec.json.encode(result))
        self.set_status(answer.status or operation.status)
        if answer.status == 304:
            self.set_header("ETag", answer.headers["ETag"])
            self.finish()
            return
        media = answer.media or operation.media
        self.set_header("Content-Type", f"{media}; charset=utf-8" if media.startswith("text/") else media)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self._until_read(self.finish(answer.body))

    def _until_read(self, sent: asyncio.Future[None]) -> None:
        """Let go of an answer that its client does not read."""
        if not sent.done():
            stalled = asyncio.get_running_loop().call_later(self.hub.stall, self.connection.stream.close)
            sent.add_done_callback(lambda _: stalled.cancel())


class UnknownHandler(ZoeHandler):
    """Everything outside of the table."""

    async def respond(self, *_: str) -> None:
        """Say that there is nothing."""
        raise ZoeError("not-found")


class LivenessHandler(ZoeHandler):
    """``GET /healthz`` without a token: says that the hub answers, and nothing else."""

    async def respond(self, *_: str) -> None:
        """Answer. Only the host is checked."""
        self.hub.origins.check(self.request)
        if self.request.method not in ("GET", "HEAD"):
            self.set_header("Allow", "GET, HEAD")
            raise ZoeError("method-not-allowed")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("ok\n")
