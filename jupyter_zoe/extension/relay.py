"""The handlers: ``zoe/api/...`` and ``zoe/pages/...`` are passed on to the hub with its token, ``zoe/status`` says how
it is.

Whoever asks must be a user of this Jupyter server, and a page that asks must be one of its own; the hub sees only what
has passed here. Bodies, events, followed logs and WebSockets are streamed by ``zoe_proxy``.
"""

from __future__ import annotations

import json
import os
import re
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError, authenticated

from jupyter_zoe import recognise
from jupyter_zoe.extension.keeper import Keeper
from jupyter_zoe.hub import HubError, HubInfo
from zoe_proxy import Client, ProxyHandler, Route, Timeouts, Upstream, UpstreamError
from zoe_proxy.handler import METHODS
from zoe_proxy.rewrite import Rules, escapes, same_origin, without_parameter

_SAFE = ("GET", "HEAD", "OPTIONS")
_EDITED = 2**20  # bytes of a body into which web_prefix is filled; longer ones pass as they are
_WITH_PREFIX = re.compile(r"/v1/(executions|attachments)/?")
_JUPYTERS_COOKIES = tuple(map(re.compile, (r"username-.*", r"jupyterhub-.*", r"jupyter-hub-.*")))
_PROBLEMS = {
    400: ("bad-request", "The request cannot be understood", "Correct what the message names and send it again."),
    401: ("not-authenticated", "You are not logged in to this Jupyter server", "Log in again: reload the page."),
    403: (
        "not-allowed",
        "This Jupyter server does not allow this",
        "Reload the page, so that it gets a new cookie against forged requests.",
    ),
    404: ("not-found", "There is nothing under this address", "Check the address."),
    405: ("method-not-allowed", "This address does not take this method", "Check the address."),
    408: ("request-timeout", "The request did not come in time", "Send it again; see ZoeExtension.body_timeout."),
    502: ("hub-unreachable", "The hub does not answer as it should", "Try again; see the hub's log."),
    503: ("hub-unreachable", "The hub does not answer", "Start JupyterLab again or run 'zoe-hub'; see the hub's log."),
    504: ("hub-unreachable", "The hub did not answer in time", "Try again; see the hub's log."),
}


class _ZoeHandler(JupyterHandler):
    """What all handlers share: who may ask, and errors as problem documents."""

    auth_resource = "zoe"

    @property
    def keeper(self) -> Keeper:
        """The hub of this server."""
        keeper: Keeper = self.settings["zoe_keeper"]
        return keeper

    async def require_user(self, action: str) -> None:
        """A user of this server who may do ``action`` (read, write or execute) with ``zoe``.

        :raises tornado.web.HTTPError: 401, 403
        """
        if not self.current_user:
            raise HTTPError(401)
        if not await ensure_async(self.authorizer.is_authorized(self, self.current_user, action, self.auth_resource)):
            raise HTTPError(403, f"You are not authorized to {action} on {self.auth_resource}.")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A problem document."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, HubError):
            self.write_problem(503, error.detail, error.remedy)
            return
        self.write_problem(status_code, str(getattr(error, "log_message", None) or ""))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Without a trace when the hub is away: the keeper has said why."""
        if not isinstance(value, HubError):
            super().log_exception(typ, value, tb)

    def write_problem(self, status: int, detail: str = "", remedy: str = "") -> None:
        """Finish with a problem (RFC 9457)."""
        code, title, usual = _PROBLEMS.get(
            status, ("internal", "The Jupyter server made a mistake", "Try again; see the Jupyter server's log.")
        )
        self.set_status(status)
        self.set_header("Content-Type", "application/problem+json")
        self.set_header("Cache-Control", "no-store")
        if status == 503:
            self.set_header("Retry-After", "2")
        self.finish(
            json.dumps(
                {
                    "type": f"urn:zoe:problem:{code}",
                    "title": title,
                    "status": status,
                    "detail": detail or title,
                    "code": code,
                    "remedy": remedy or usual,
                }
            )
        )


class StatusHandler(_ZoeHandler):
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


class _Relay(ProxyHandler, _ZoeHandler):  # type: ignore[misc]
    """Passes a request on to the hub."""

    part = ""  # "api" or "pages": of the path
    inner = ""  # the hub's path for it
    dropped: frozenset[str] = frozenset()

    @property
    def body_timeout(self) -> float:
        """The extension's."""
        return float(self.settings["zoe_body_timeout"])

    async def upstream(self) -> Upstream | Callable[[], object]:
        """Check the user, the page that asks, and find the hub."""
        websocket = "Upgrade" in self.request.headers
        await self.require_user("execute" if websocket else "read" if self.request.method in _SAFE else "write")
        self.check_page(websocket)
        self._info: HubInfo | None = None
        self._info = await self.keeper.get()
        return self._towards(self._info)

    def check_page(self, websocket: bool) -> None:
        """Refuse requests that a page of another origin made the browser send.

        :raises tornado.web.HTTPError: 403
        """
        raise NotImplementedError

    def _towards(self, info: HubInfo) -> Upstream:
        hub = urlsplit(info.url)
        port = hub.port or (443 if hub.scheme == "https" else 80)
        public = f"{self.settings['zoe_prefix']}/{self.part}"
        rest = self.request.path[len(public) :]
        if escapes(rest):
            raise HTTPError(400, "The path leads out of its folder.")
        query = self.request.query
        if self.token_authenticated:
            query = without_parameter(query, "token")  # it was this server's
        forwarded = self.request.headers.get("X-Forwarded-For", "")
        return Upstream(
            host=hub.hostname or "",
            port=port,
            tls=ssl.create_default_context() if hub.scheme == "https" else None,
            check=partial(recognise.check, info),
            route=Route(public=public, netloc=hub.netloc, inner=hub.path.rstrip("/") + self.inner, scheme=hub.scheme),
            rest=rest,
            query=query,
            client=Client(
                address=forwarded or str(self.request.remote_ip), scheme=self.request.protocol, host=self.request.host
            ),
            rules=Rules(
                denied_cookies=_JUPYTERS_COOKIES,
                # This server has judged where the request comes from; the hub would judge by what it cannot know.
                dropped=self.dropped | {"sec-fetch-site"},
                added={"Authorization": f"Bearer {info.token}"},
                keep_referer=True,
            ),
            timeouts=Timeouts(connect=5.0),
            collect=self.collect(rest),
        )

    def collect(self, rest: str) -> int:
        """How much of a body to hold for editing."""
        return 0

    async def retry(self, error: UpstreamError) -> Upstream | None:
        """The hub may have died a moment ago: have it started again, once."""
        if self._info is None or not self._info.embedded:
            return None
        self.keeper.lost(self._info)
        try:
            self._info = await self.keeper.get()
        except HubError:
            return None
        return self._towards(self._info)

    def upstream_failed(self, error: UpstreamError) -> None:
        """The hub does not answer."""
        if self._info is not None and error.kind == "connect":
            self.keeper.lost(self._info)
        self.write_problem({"connect": 503, "timeout": 504}.get(error.kind, 502), f"The hub does not answer: {error}.")


class ApiRelay(_Relay):
    """``zoe/api/...``: the REST interface, events and logs."""

    part, inner = "api", "/api"
    dropped = frozenset({"cookie", "x-xsrftoken", "referer", "origin"})

    def check_page(self, websocket: bool) -> None:
        """Changes have passed the check of the xsrf token in ``prepare``; what reads must not come from elsewhere
        either.
        """
        if not self.check_origin() or (
            not self.token_authenticated
            and same_origin(self.request.headers, host=self.request.host) is False
            and not self.allow_origin
        ):
            raise HTTPError(403, "A page of another origin sent this request.")

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


class PageRelay(_Relay):
    """``zoe/pages/...``: web pages of processes."""

    part, inner = "pages", "/zoe/pages"

    def check_xsrf_cookie(self) -> None:
        """The pages of processes know nothing of this server's xsrf token: ``check_page`` looks at the origin
        instead.
        """

    def check_page(self, websocket: bool) -> None:
        """What changes something, and WebSockets, must come from a page of this server; nobody else may embed what is
        here.
        """
        if self.token_authenticated or self.settings.get("disable_check_xsrf", False):
            return
        headers = self.request.headers
        same = same_origin(headers, host=self.request.host)
        if same is False and self.check_origin() and headers.get("Origin"):
            same = True  # an origin that the server's configuration allows
        navigation = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") in ("document", None)
        changes = websocket or self.request.method not in _SAFE
        referred = not headers.get("Origin") and not headers.get("Sec-Fetch-Site")  # an old browser that follows a link
        if (changes and same is not True) or (same is False and not changes and not navigation and not referred):
            raise HTTPError(403, "A page of another origin sent this request.")

    async def upstream(self) -> Upstream | Callable[[], object]:
        """A person without a session is sent to the login page."""
        if not self.current_user and self._for_a_person():
            return partial(_to_login, self)
        return await super().upstream()

    def get_login_url(self) -> str:
        """The login page, for people; programs get 401."""
        if not self._for_a_person():
            raise HTTPError(401)
        return str(super().get_login_url())

    def _for_a_person(self) -> bool:
        headers = self.request.headers
        return self.request.method == "GET" and "text/html" in headers.get("Accept", "") and "Upgrade" not in headers


_to_login: Callable[[Any], Any] = authenticated(lambda _: None)

for _handler in (ApiRelay, PageRelay):
    for _method in METHODS:  # Jupyter Server warns of methods that do not say so themselves
        setattr(_handler, _method.lower(), authenticated(ProxyHandler.forward))
