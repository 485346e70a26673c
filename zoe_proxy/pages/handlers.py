"""What a listener answers beside the pages: begins sessions, proves that it is the right one, says what is lost;
and gives pages in the sandbox a storage.

Used by the listener and by the servers in front, which register ``EnterHandler`` too. Nothing here looks at Jupyter's
cookies or tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

from tornado.web import RequestHandler

from zoe_proxy.pages import documents
from zoe_proxy.pages.confinement import for_a_person
from zoe_proxy.pages.opening import Door
from zoe_proxy.pages.origins import can_keep_secure_cookies
from zoe_proxy.pages.visits import Visit, cookie_name

LOST = "This page was opened too long ago, or its server has been started again."
AGAIN = "Open it again: from Zoe's panel in JupyterLab, or with 'zoe open' in a terminal."
STORAGE = "/storage.js"
"""Path of the script for pages in the sandbox, beside the one at which a session begins."""

_FRAMES = ("iframe", "frame", "embed", "object")


def write_document(
    handler: RequestHandler,
    status: int,
    page: tuple[str, str],
    *,
    frames: str = "'self'",
    headers: Mapping[str, str] | None = None,
) -> None:
    """Finish with a small page of ``documents``.

    :param frames: sources of pages that may show it in a frame
    :param headers: further ones
    """
    content, policy = page
    handler.clear()
    handler.set_status(status)
    for name, value in {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": f"{policy}; frame-ancestors {frames}",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        **(headers or {}),
    }.items():
        handler.set_header(name, value)
    for name in ("Server", "X-Frame-Options"):
        handler.clear_header(name)
    handler.finish(content)


def write_lost(handler: RequestHandler) -> None:
    """Answer a request whose session is unknown: words for people, which say nothing that others should not know, so
    that any page may show them; a problem for programs.
    """
    write_refusal(handler, 401, "not-authenticated", title="This page is not open any more", detail=LOST)


def write_refusal(
    handler: RequestHandler, status: int, code: str, *, title: str, detail: str, remedy: str = AGAIN, allow: str = ""
) -> None:
    """Answer with words for people, or a problem (RFC 9457) for programs.

    :param allow: the methods that the address takes, if that is what is wrong
    """
    headers = {"Allow": allow} if allow else {}
    if for_a_person(handler.request.method or "", handler.request.headers):
        page = documents.document(title=title, words=detail, hint=remedy)
        write_document(handler, status, page, frames="*", headers=headers)
        return
    handler.clear()
    handler.set_status(status)
    for name, value in headers.items():
        handler.set_header(name, value)
    handler.set_header("Content-Type", "application/problem+json")
    handler.set_header("Cache-Control", "no-store")
    handler.clear_header("Server")
    problem = {
        "type": f"urn:zoe:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "remedy": remedy,
    }
    handler.finish(json.dumps(problem))


class _Handler(RequestHandler):
    """What the handlers of this module share."""

    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = ("GET",)  # type: ignore[misc]

    @property
    def door(self) -> Door:
        """Opens the pages of this server; the application's setting ``zoe_door``."""
        door: Door = self.settings["zoe_door"]
        return door

    def compute_etag(self) -> str | None:
        """None: nothing here is kept."""
        return None

    def set_default_headers(self) -> None:
        """For all answers."""
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.clear_header("Server")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """In words, without a trace."""
        allowed = ", ".join(self.SUPPORTED_METHODS) if status_code == HTTPStatus.METHOD_NOT_ALLOWED else ""
        write_refusal(
            self,
            status_code,
            "bad-request",
            title="This request is not for this address",
            detail=self._reason,
            allow=allowed,
        )


class EnterHandler(_Handler):
    """``GET .../enter?ticket=``: begins a session and goes on to the page.

    At the listener for pages of an own origin, at the server in front for pages of the other two places.
    """

    def initialize(self, own: bool) -> None:
        """:param own: whether this is the listener"""
        self.own = own

    def get(self) -> None:
        """Redeem the ticket."""
        framed = self.request.headers.get("Sec-Fetch-Dest") in _FRAMES
        tickets = self.request.query_arguments.get("ticket", [])
        begun = self.door.visits.begin(tickets[0].decode("ascii", "replace"), framed=framed) if tickets else None
        if begun is None or not self._belongs(begun[1]):
            write_lost(self)
            return
        secret, visit = begun
        prefix = f"{visit.prefix}/~{secret}" if visit.place == "sandbox" else visit.prefix
        if visit.place != "sandbox":
            self.set_header("Set-Cookie", self._cookie(secret, visit))
        self.set_status(303)
        self.set_header("Location", f"{prefix}/{visit.start}")
        self.finish()

    def _belongs(self, visit: Visit) -> bool:
        if (visit.place == "own") != self.own:
            return False
        return not self.own or self.door.origins.at(self.request.host, visit.execution)

    def _cookie(self, secret: str, visit: Visit) -> str:
        """The session's cookie. In a frame of another site browsers keep only what asks for it, by the site that the
        frame is in (CHIPS); a window of its own keeps others out of its requests (Lax).
        """
        port = self.door.origins.port if visit.place == "own" else 0
        scope = visit.scope or f"/{visit.execution}/"
        parts = [
            f"{cookie_name(visit.place, visit.execution, port)}={secret}",
            f"Path={visit.prefix}{scope}",
            "HttpOnly",
        ]
        if visit.place == "own" and can_keep_secure_cookies(self.door.origins.of(visit.execution)):
            parts += ["Secure", *(("SameSite=None", "Partitioned") if visit.framed else ("SameSite=Lax",))]
        else:
            parts += ["SameSite=Strict" if visit.place == "trusted" else "SameSite=Lax"]
            parts += ["Secure"] if self.request.protocol == "https" else []
        return "; ".join(parts)


class HereHandler(_Handler):
    """``GET /zoe/here``: proves to a browser that it reached this listener and not another program at its port."""

    def get(self) -> None:
        """Say the proof."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Access-Control-Allow-Origin", "*")
        self.finish(self.door.proof)


class StorageHandler(_Handler):
    """``GET .../storage.js``: a storage in memory for pages in the sandbox. Anybody may read it: a document without an
    origin comes with no session.
    """

    script: ClassVar[bytes] = Path(__file__).with_name("storage.js").read_bytes()

    def get(self) -> None:
        """The script."""
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "max-age=3600")
        self.finish(self.script)
