"""``/zoe/pages/<execution>/<process>/<port>/...``: the web pages of processes, for their owners, through the hub.

A browser comes here through the Jupyter server extension (with the hub's token) or by itself (with a session, see
``web.access.tickets``). Requests are streamed both ways by ``zoe_proxy``. What the process is asked holds nothing of
the hub: no token, no session; what the definition's ``Port.headers`` name is added. Called by ``app``, which registers
``routes()``.
"""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from zoe_hub.controllers.executions.binding import Binder, proxy_path
from zoe_hub.core.access import Action, Principal
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Address, Execution, Process, ProcessState
from zoe_hub.core.executions.spec import Port
from zoe_hub.core.executions.standing import standing
from zoe_hub.core.words import words
from zoe_hub.web.base import ZoeHandler
from zoe_hub.web.pages.waiting import waiting_page
from zoe_proxy import Client, ProxyHandler, Route, Upstream, UpstreamError, escapes
from zoe_proxy.rewrite import Pairs, Rules

PREFIX = "/zoe/pages"
"""Not "proxy": the pages of Spark take that word in an address for a proxy of their own kind and ask the wrong place
for data.
"""
MARK = "X-Zoe-Proxy"
"""Header of answers that are the hub's own, not the process's; the waiting page looks for it."""

_PATH = re.compile(rf"{PREFIX}/([^/]+)/([^/]+)/([^/]+)(/.*)?", re.DOTALL)
_OWN_COOKIES = (re.compile(r"zoe-session.*"),)
_ANSWERS = (ProcessState.READY, ProcessState.DRAINING, ProcessState.STOPPING)
_PLAIN_PREFIX = re.compile(r"(/[A-Za-z0-9._~@%-]+)+")
_SAFE = ("GET", "HEAD", "OPTIONS")


def routes() -> list[tuple[Any, ...]]:
    """What ``web.server.make_application`` takes as ``further``."""
    return [(rf"{PREFIX}/.*", PageHandler)]


class Place(NamedTuple):
    """What a path means."""

    execution: Execution
    process: Process
    port: Port
    rest: str  # raw, with its leading slash


def page_links(execution: Execution, prefix: str) -> dict[str, str]:
    """The origins by which the processes of an execution know each other's pages -> the paths where a browser finds
    them.

    :param prefix: path in front of the execution as the browser sees it
    """
    links = {}
    for process in execution.processes:
        for port in execution.spec.group(process.group).ports:
            address = (process.addresses or {}).get(port.name)
            if port.protocol == "http" and process.live and address is not None:
                for host, number in ((address.host, address.port), (address.endpoint_host, address.endpoint_port)):
                    links[f"http://{_netloc(host, number)}".lower()] = proxy_path(
                        execution, process, port.name, prefix
                    ).rstrip("/")
    return links


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class PageHandler(ProxyHandler, ZoeHandler):
    """Any request for a page of a process."""

    operation_id = "proxy"
    _principal: Principal | None = None
    _asked: Place

    @property
    def body_timeout(self) -> float:
        """The hub's."""
        return self.hub.limits.body_timeout

    async def upstream(self) -> Upstream | Callable[[], object]:
        """Check who asks and find the process's address.

        :raises ZoeError: ``not-authenticated``, ``not-allowed``, ``foreign-origin``, ``unknown-execution``,
            ``unknown-process``, ``unknown-port``, ``bad-request``
        """
        principal = self._principal = await self.settings["authenticate"](self.request)
        if principal is None:
            raise ZoeError("not-authenticated", "Open this page from JupyterLab, or with 'zoe open' in a terminal.")
        if not self._looks() or "Origin" in self.request.headers:
            self.hub.origins.check(self.request)
        self.hub.gate.check_scope(principal, self._action())
        place = await self._place(principal)
        if not isinstance(place, Place):
            return place
        address = self._address(place)
        return self._upstream_of(place, address) if isinstance(address, Address) else address

    def _looks(self) -> bool:
        """Whether the request changes nothing. A WebSocket may."""
        return self.request.method in _SAFE and "Upgrade" not in self.request.headers

    def _action(self) -> Action:
        return "read" if self._looks() else "write"

    async def _place(self, principal: Principal) -> Place | Callable[[], object]:
        """The execution, process and port that the path names; or what redirects to the page's own folder."""
        match = _PATH.fullmatch(self.request.path)
        if match is None:
            raise ZoeError("not-found", "A page is at /zoe/pages/<execution>/<process>/<port>/.")
        identifier, process_id, port_name, rest = match.groups()
        execution = await self.hub.store.execution(identifier)
        if execution is None or not await self.hub.gate.admits(
            principal, self._action(), owner=execution.owner, execution=execution.id, operation=self.operation_id
        ):
            raise ZoeError("unknown-execution", f"There is no execution {identifier!r}.")
        process = next((each for each in execution.processes if each.id == process_id), None)
        if process is None:
            raise ZoeError("unknown-process", f"{execution.name} has no process of this name.")
        port = next(
            (
                each
                for each in execution.spec.group(process.group).ports
                if each.name == port_name and each.protocol == "http"
            ),
            None,
        )
        if port is None:
            raise ZoeError("unknown-port", f"{process_id} has no web port of this name.")
        if rest is None:
            return partial(self._redirect, f"{port.name}/" + (f"?{self.request.query}" if self.request.query else ""))
        if escapes(rest):
            raise ZoeError("bad-request", "The path leads out of the page's own folder.")
        return Place(execution, process, port, rest)

    def _redirect(self, place: str) -> None:
        self.set_status(307)
        self.set_header("Location", place)
        self.finish()

    def _address(self, place: Place) -> Address | Callable[[], object]:
        """Where the process listens; or what says that it does not yet, or not any more."""
        execution, process = place.execution, place.process
        address = (process.addresses or {}).get(place.port.name)
        if not execution.active or not process.live:
            what = execution.name if not execution.active else f"{process.id} of {execution.name}"
            return partial(self._not_there, place, f"{what} has ended.", ended=not execution.active)
        if address is None or process.state not in _ANSWERS:
            return partial(
                self._not_there,
                place,
                f"{process.id} of {execution.name} is not ready yet: {words(standing(execution))}.",
            )
        return address

    def _upstream_of(self, place: Place, address: Address) -> Upstream:
        self._asked = place
        public = proxy_path(place.execution, place.process, place.port.name, self._prefix()).rstrip("/")
        # A process that sees the whole path was told so when it started; the browser may have come another way since.
        inner = "" if place.port.strip else proxy_path(place.execution, place.process, place.port.name).rstrip("/")
        binder = Binder(self.hub.backend, self.hub.catalog, self.hub.deployment, "")
        known = self.hub.store.secrets(place.execution.id)
        return Upstream(
            host=address.endpoint_host,
            port=address.endpoint_port,
            route=Route(public=public, netloc=_netloc(address.endpoint_host, address.endpoint_port), inner=inner),
            rest=place.rest,
            query=self.request.query,
            client=self._client(),
            check=partial(self.hub.backend.check_listener, place.process.name),
            rules=Rules(
                denied_cookies=_OWN_COOKIES,
                added={
                    name: binder.bind(place.execution, place.process, known, content)
                    for name, content in place.port.headers.items()
                },
                links=page_links(place.execution, self._prefix()) if place.port.strip else {},
            ),
        )

    def _through_extension(self) -> bool:
        """Whether the Jupyter server extension of this machine passed the request on: what it says of the browser is
        believed.
        """
        return (
            self.request.remote_ip in ("127.0.0.1", "::1")
            and "Authorization" in self.request.headers
            and "X-Forwarded-Host" in self.request.headers
        )

    def _prefix(self) -> str:
        """Path in front of the execution as the browser sees it."""
        given = self.request.headers.get("X-Forwarded-Prefix", "")
        return given if self._through_extension() and _PLAIN_PREFIX.fullmatch(given) else PREFIX

    def _client(self) -> Client:
        headers, address = self.request.headers, str(self.request.remote_ip)
        if self._through_extension():
            return Client(
                headers.get("X-Forwarded-For", address),
                headers.get("X-Forwarded-Proto", "http"),
                headers["X-Forwarded-Host"],
            )
        return Client(address, self.request.protocol, self.request.host)

    # --- answers of the hub's own ---

    def upstream_failed(self, error: UpstreamError) -> None:
        """The process does not answer."""
        place = self._asked
        self._not_there(place, f"{place.process.id} of {place.execution.name} does not answer: {error}.")

    def _not_there(self, place: Place, words: str, *, ended: bool = False) -> None:
        """A page that waits, for people; a problem for programs."""
        self.set_header(MARK, "ended" if ended else "waiting")
        headers = self.request.headers
        if not ended:
            self.set_header("Retry-After", "1")
        if self.request.method != "GET" or "text/html" not in headers.get("Accept", "") or "Upgrade" in headers:
            self.write_problem(ZoeError("already-ended" if ended else "not-ready", words))
            return
        nonce = secrets.token_urlsafe(16)
        self.set_status(410 if ended else 503)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("X-Frame-Options", "SAMEORIGIN")
        self.set_header(
            "Content-Security-Policy",
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self';"
            " frame-ancestors 'self'",
        )
        title = place.port.title or place.execution.spec.title
        self.finish(
            waiting_page(title=html.escape(title), words=html.escape(words), nonce=nonce, mark=MARK, poll=not ended)
        )

    def answer_headers(self, code: int, headers: Pairs) -> Pairs:
        """Pages may be framed by pages of the same origin alone, unless they say something about it themselves."""
        given = {name.lower() for name, _ in headers}
        if "content-security-policy" not in given and "x-frame-options" not in given:
            headers.append(("Content-Security-Policy", "frame-ancestors 'self'"))
        return [(name, value) for name, value in headers if name.lower() != MARK.lower()]
