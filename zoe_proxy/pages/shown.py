"""The base class of handlers that show pages: who has a session, and headers that keep each answer in its place.

A subclass (of the hub, of the server extension) says in ``place`` which of the places it serves, finds its ``Door`` and
passes requests on. Whatever it answers, the process's words or its own, leaves with the headers of ``confinement``.
"""

from __future__ import annotations

import re
from asyncio import Future
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tornado import httputil
from tornado.httputil import HTTPServerRequest

from zoe_proxy.handler import ProxyHandler
from zoe_proxy.pages.confinement import (
    Place,
    confined,
    denied_cookies,
    dropped_headers,
    is_document,
    may_ask,
    may_ask_in_sandbox,
    preflight,
)
from zoe_proxy.pages.handlers import STORAGE, write_lost, write_refusal
from zoe_proxy.pages.opening import Door
from zoe_proxy.pages.visits import Visit
from zoe_proxy.rewrite import Pairs, Rules

_IN_SANDBOX = re.compile(r"/~([^/]+)(/.*)", re.DOTALL)


class Admission(NamedTuple):
    """A request that has a session."""

    visit: Visit
    prefix: str  # path in front of the execution as the browser sees it
    path: str  # below the prefix: "/e1/web-0/ui/jobs"


def admit(request: HTTPServerRequest, door: Door, place: Place) -> Admission | None:
    """The session of a request, if it has one for this place and for what it asks."""
    if place == "sandbox":
        found = _IN_SANDBOX.fullmatch(request.path.removeprefix(door.base))
        visit = door.visits.find(found[1], place) if found else None
        if found is None or visit is None or not visit.covers(visit.prefix + found[2]):
            return None
        return Admission(visit, f"{door.base}/~{found[1]}", found[2])
    visit = door.visits.of_cookies(request.headers.get_list("Cookie"), place, request.path)
    if visit is None or (place == "own" and not door.origins.at(request.host, visit.execution)):
        return None
    return Admission(visit, visit.prefix, request.path[len(visit.prefix) :])


class PageHandler(ProxyHandler):
    """Shows pages of processes."""

    admission: Admission | None = None

    def admit(self, door: Door, place: Place) -> Callable[[], object] | None:
        """Set ``admission``; or say what answers a request that has no session or may not be sent.

        Called at the beginning of ``upstream``.
        """
        request = self.request
        self.admission = admit(request, door, place)
        if self.admission is None:
            return partial(self.lost, door)
        if place == "sandbox":
            answer = preflight(request.method or "", request.headers)
            if answer is not None:
                return partial(self._permit, answer)
            allowed = may_ask_in_sandbox(request.headers, host=request.host)
        elif place == "trusted" and "Service-Worker" in request.headers:
            allowed = False  # it would stay at the origin of the server in front when the trust has ended
        else:
            allowed = may_ask(request.method or "", request.headers, host=request.host, frames=place == "own")
        return None if allowed else self._refuse_origin

    def lost(self, door: Door) -> None:
        """Answer a request without a session. A window that a page opened goes where it can get one: what a frame's
        browser keeps for it stays with the frame.
        """
        headers = self.request.headers
        path = self.request.path + (f"?{self.request.query}" if self.request.query else "")
        own = headers.get("Sec-Fetch-Dest") == "document" and headers.get("Sec-Fetch-Site") in ("same-origin", "none")
        if own and self.request.method == "GET" and (home := door.home(self.request.host, path)):
            self.set_status(303)
            self.set_header("Location", home)
            self.set_header("Cache-Control", "no-store")
            self.finish()
            return
        write_lost(self)

    def scheme(self, door: Door) -> str:
        """By which the browser came, also if a proxy in front of the listener ends its TLS."""
        if self.admission is None or self.admission.visit.place != "own":
            return str(self.request.protocol)
        return door.origins.of(self.admission.visit.execution).partition(":")[0]

    def rules(self) -> Rules:
        """What of cookies and headers does not pass in this place."""
        assert self.admission is not None
        visit = self.admission.visit
        return Rules(
            denied_cookies=denied_cookies(visit.place),
            dropped=dropped_headers(visit.place),
            framed=visit.framed and visit.place == "own",
            script=self._storage() if visit.place == "sandbox" else "",
        )

    def _storage(self) -> str:
        """Address of the script that gives a document without an origin a storage in memory; empty for its parts."""
        assert self.admission is not None
        front = self.admission.visit.prefix.removesuffix("/pages")
        return front + STORAGE if is_document(self.request.method or "", self.request.headers) else ""

    def confine(self, pairs: Pairs) -> Pairs:
        """The headers with which an answer leaves."""
        if self.admission is None:
            return pairs
        visit = self.admission.visit
        return confined(visit.place, pairs, ancestors=visit.ancestors, asks=self.request.headers.get("Origin", ""))

    def flush(self, include_footers: bool = False) -> Future[None]:
        """Send; the only way in which headers leave."""
        if not self._headers_written:
            pairs = self.confine(list(self._headers.get_all()))
            self._headers = httputil.HTTPHeaders()
            for name, value in pairs:
                self.add_header(name, value)
        return super().flush(include_footers)

    def _permit(self, answer: Pairs) -> None:
        self._headers = httputil.HTTPHeaders()
        self.set_status(204)
        for name, value in answer:
            self.add_header(name, value)
        self.admission = None  # its words are these alone
        self.finish()

    def _refuse_origin(self) -> None:
        write_refusal(
            self,
            403,
            "foreign-origin",
            title="The request comes from a page of another site",
            detail="A page of another origin made the browser send this request.",
        )
