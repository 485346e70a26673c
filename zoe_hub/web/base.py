"""What all of the hub's handlers share: headers that protect, errors as problems, requests counted, bodies that nobody
wants dropped.

``web.handler`` takes the operations of the table, the modules in ``web.pages`` the other addresses. Errors become
problems here and nowhere else.
"""

from __future__ import annotations

import abc
import asyncio
import logging
import secrets
from collections.abc import Awaitable, Iterable
from typing import Any, ClassVar

from tornado.httputil import format_timestamp
from tornado.util import ObjectDict
from tornado.web import HTTPError, RequestHandler, stream_request_body

from zoe_hub.backends.base import Temporary
from zoe_hub.core.errors import ZoeError
from zoe_hub.web import problems
from zoe_hub.web.context import WebHub

log = logging.getLogger("zoe_hub.web")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}


@stream_request_body
class ZoeHandler(RequestHandler):
    """Headers, problems and counting for everything that the hub itself answers.

    Bodies come in pieces, and those that nobody wants are dropped: what a stranger sends is never held.
    """

    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # type: ignore[misc]
    operation_id = "other"

    @property
    def allowed(self) -> Iterable[str]:
        """The methods that this address takes."""
        return self.SUPPORTED_METHODS

    @property
    def hub(self) -> WebHub:
        """The hub that answers."""
        hub: WebHub = self.settings["hub"]
        return hub

    def set_default_headers(self) -> None:
        """Protect every answer, and say the hub's time (``Date``), against which ages are to be shown."""
        self.set_header("Date", format_timestamp(self.hub.now()))
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
        if error.code == "method-not-allowed":
            self.set_header("Allow", ", ".join(self.allowed))
        if error.code == "not-authenticated":
            self.set_header("WWW-Authenticate", 'Bearer realm="zoe"')
        if isinstance(error, Temporary):
            self.set_header("Retry-After", str(max(1, round(error.delay))))
        self.finish(problems.problem(error, incident))


class AnsweringHandler(ZoeHandler, abc.ABC):
    """A handler that answers every method itself, in one place; others (pages) pass requests on."""

    async def _run(self, *values: str) -> None:
        await self.respond(*values)

    get = head = post = put = patch = delete = options = _run

    @abc.abstractmethod
    async def respond(self, *values: str) -> None:
        """Answer any method, once the body has come. :param values: of the path's parameters"""


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
