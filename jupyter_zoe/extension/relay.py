"""The handlers that pass requests on to the hub, ``zoe/api/...``, and ``zoe/status``, which says how it is.

Whoever asks must be a user of this Jupyter server, and a page that asks must be one of its own; the hub sees only what
has passed here. Bodies, events, followed logs and WebSockets are streamed by ``zoe_proxy``. Web pages of processes have
handlers of their own (``pages``), which pass on in the same way.
"""

from __future__ import annotations

import abc
import json
import os
import re
import ssl
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar
from urllib.parse import urlsplit

from tornado.web import HTTPError, authenticated

from jupyter_zoe.extension.base import ProblemHandler, UserHandler
from jupyter_zoe.hub import recognise
from jupyter_zoe.hub.info import HubError, HubInfo
from zoe_proxy import Caller, ProxyHandler, Route, Timeouts, Upstream, UpstreamError
from zoe_proxy.handler import METHODS
from zoe_proxy.pages.confinement import READS
from zoe_proxy.rewrite import Rules, escapes, same_origin, without_parameter

_EDITED = 2**20  # bytes of a body into which web_prefix is filled; longer ones pass as they are
_WITH_PREFIX = re.compile(r"/v1/(executions|attachments)/?")


def action_of(handler: ProxyHandler) -> str:
    """What a request does, as Jupyter's authorizers name it."""
    if "Upgrade" in handler.request.headers:
        return "execute"
    return "read" if handler.request.method in READS else "write"


class StatusHandler(UserHandler):
    """``GET zoe/status``: ``{"hub": "ready" | "starting" | "failed", "reason": "...", "root": "/home/me/work/"}``.

    ``root`` is the folder that this server shows, under which kernels know their notebooks; empty if it shows none.
    """

    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = ("GET",)  # type: ignore[misc]

    @authenticated
    async def get(self) -> None:
        """Say how the hub is."""
        await self.require_user("read")
        if not self.check_origin():
            raise HTTPError(403, "A page of another origin sent this request.")
        state, reason = await self.keeper.status()
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        root = str(getattr(self.contents_manager, "root_dir", ""))
        self.finish(json.dumps({"hub": state, "reason": reason, "root": root and os.path.join(root, "")}))

    def get_login_url(self) -> str:
        """No redirect: programs ask."""
        raise HTTPError(401)


class HubRelay(ProxyHandler, ProblemHandler):
    """Passes a request on to the hub, with its token."""

    _info: HubInfo | None = None

    @property
    def body_timeout(self) -> float:
        """The extension's."""
        return float(self.settings["zoe_body_timeout"])

    @abc.abstractmethod
    def route(self) -> tuple[str, str]:
        """Paths in front of what is asked: as the browser sees it, and at the hub."""

    @abc.abstractmethod
    def rules(self) -> Rules:
        """What of cookies and headers does not pass."""

    def query(self) -> str:
        """What is asked behind the question mark."""
        return self.request.query

    def client(self) -> Caller:
        """Who asks, for the hub."""
        forwarded = self.request.headers.get("X-Forwarded-For", "")
        return Caller(forwarded or str(self.request.remote_ip), self.request.protocol, self.request.host)

    def collect(self, rest: str) -> int:
        """How much of a body to hold for editing."""
        return 0

    async def to_hub(self) -> Upstream:
        """Where the request goes. :raises HubError: there is no hub"""
        self._info = await self.keeper.get()
        return self._towards(self._info)

    def _towards(self, info: HubInfo) -> Upstream:
        hub = urlsplit(info.url)
        port = hub.port or (443 if hub.scheme == "https" else 80)
        public, inner = self.route()
        rest = self.request.path[len(public) :]
        if escapes(rest):
            raise HTTPError(400, "The path leads out of its folder.")
        rules = self.rules()
        # This server has judged where the request comes from; the hub would judge by what it cannot know.
        dropped = rules.dropped | {"sec-fetch-site"}
        return Upstream(
            host=hub.hostname or "",
            port=port,
            tls=ssl.create_default_context() if hub.scheme == "https" else None,
            check=partial(recognise.check, info),
            route=Route(public=public, netloc=hub.netloc, inner=hub.path.rstrip("/") + inner, scheme=hub.scheme),
            rest=rest,
            query=self.query(),
            client=self.client(),
            rules=replace(rules, dropped=dropped, added={"Authorization": f"Bearer {info.token}"}, keep_referer=True),
            timeouts=Timeouts(connect=5.0),
            collect=self.collect(rest),
        )

    async def retry(self, error: UpstreamError) -> Upstream | None:
        """The hub may have died a moment ago: have it started again, once."""
        if self._info is None or not self._info.embedded:
            return None
        self.keeper.lost(self._info)
        try:
            return await self.to_hub()
        except HubError:
            return None

    def upstream_failed(self, error: UpstreamError) -> None:
        """The hub does not answer."""
        if self._info is not None and error.kind == "connect":
            self.keeper.lost(self._info)
        self.write_problem({"connect": 503, "timeout": 504}.get(error.kind, 502), f"The hub does not answer: {error}.")


class ApiRelay(HubRelay, UserHandler):  # type: ignore[misc]
    """``zoe/api/...``: the REST interface, events and logs."""

    async def upstream(self) -> Upstream | Callable[[], object]:
        """Check the user and the page that asks. Changes have passed the check of the xsrf token in ``prepare``; what
        reads must not come from elsewhere either.
        """
        await self.require_user(action_of(self))
        if not self.check_origin() or (
            not self.token_authenticated
            and same_origin(self.request.headers, host=self.request.host) is False
            and not self.allow_origin
        ):
            raise HTTPError(403, "A page of another origin sent this request.")
        return await self.to_hub()

    def route(self) -> tuple[str, str]:
        """The interface."""
        return f"{self.settings['zoe_prefix']}/api", "/api"

    def rules(self) -> Rules:
        """Nothing of this server's."""
        return Rules(dropped=frozenset({"cookie", "x-xsrftoken", "referer", "origin"}))

    def query(self) -> str:
        """Without this server's own token."""
        return without_parameter(self.request.query, "token") if self.token_authenticated else self.request.query

    def get_login_url(self) -> str:
        """No redirect: programs ask."""
        raise HTTPError(401)

    def collect(self, rest: str) -> int:
        """Requests that start something get the path under which this browser reaches it."""
        return (
            _EDITED
            if self.request.method == "POST" and _WITH_PREFIX.fullmatch(rest) and self.settings["zoe_web_prefix"]
            else 0
        )

    def edit_body(self, body: bytes) -> bytes:
        """Fill in ``web_prefix`` where it is missing."""
        try:
            content = json.loads(body)
        except ValueError:
            return body  # the hub says what is wrong with it
        if not isinstance(content, dict) or "web_prefix" in content:
            return body
        return json.dumps(content | {"web_prefix": self.settings["zoe_web_prefix"]}).encode()


for _method in METHODS:  # Jupyter Server warns of methods that do not say so themselves
    setattr(ApiRelay, _method.lower(), authenticated(ProxyHandler.forward))
