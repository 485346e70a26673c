"""``/zoe/pages/<execution>/<process>/<port>/...``: the web pages of processes, for their owners, through the hub.

A program comes with a token; so does the Jupyter server extension, which shows pages to its own browsers. A browser
comes by itself with a session (see ``web.access.tickets``), in one of the places of ``zoe_proxy.pages``. Requests are
streamed both ways by ``zoe_proxy``. What the process is asked holds nothing of the hub: no token, no session; what the
definition's ``Port.headers`` name is added. Called by ``app``, which registers ``routes()`` and starts the listener.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tornado.iostream import IOStream

from zoe_hub.controllers.executions.binding import Binder, proxy_path
from zoe_hub.core.access import Action, Principal
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Address, ProcessState
from zoe_hub.core.executions.standing import standing
from zoe_hub.core.words import words
from zoe_hub.web.access.target import PREFIX, Target, find_target, netloc, page_links, parts_of
from zoe_hub.web.base import ZoeHandler
from zoe_hub.web.connections import HubServer
from zoe_hub.web.context import WebHub
from zoe_hub.web.pages.waiting import MARK, waiting_page
from zoe_hub.web.shares import Shares
from zoe_proxy import Caller, Route, Upstream, UpstreamError
from zoe_proxy.connecting import UpstreamConnection
from zoe_proxy.pages.confinement import READS, Place, denied_cookies
from zoe_proxy.pages.documents import document
from zoe_proxy.pages.handlers import STORAGE, EnterHandler, StorageHandler, write_document
from zoe_proxy.pages.listener import make_application
from zoe_proxy.pages.shown import PageHandler
from zoe_proxy.rewrite import Pairs, Rules

_ANSWERS = (ProcessState.READY, ProcessState.DRAINING, ProcessState.STOPPING)
_PLAIN_PREFIX = re.compile(r"(/[A-Za-z0-9._~@%-]+)+")


def routes() -> list[tuple[Any, ...]]:
    """What ``web.server.make_application`` takes as ``further``."""
    return [
        ("/zoe/enter", EnterHandler, {"own": False}),
        (f"/zoe{STORAGE}", StorageHandler),
        (rf"{PREFIX}/~.*", SandboxedPage),
        (rf"{PREFIX}/.*", PageForPrograms),
    ]


def make_page_server(hub: WebHub) -> HubServer:
    """The second server: pages at origins of their own. It accepts connections once it has sockets."""
    return HubServer(make_application(hub.tickets.door, PageAtOwnOrigin, hub=hub), hub.limits, hub.connections)


@dataclass(frozen=True, kw_only=True)
class _SharedUpstream(Upstream):
    """A process, to which each user may have so many connections."""

    shares: Shares
    user: str

    async def connected(self) -> IOStream:
        """A connection, counted until it ends. :raises ZoeError: ``too-many``"""
        with ExitStack() as taken:
            taken.enter_context(self.shares.taken(self.user))
            stream = await super().connected()
            assert isinstance(stream, UpstreamConnection), "processes are reached without TLS"
            stream.when_closed(taken.pop_all().close)
        return stream


class _Page(PageHandler, ZoeHandler):
    """Any request for a page of a process."""

    operation_id = "proxy"
    _principal: Principal | None = None
    _target: Target

    @property
    def body_timeout(self) -> float:
        """The hub's."""
        return self.hub.limits.body_timeout

    async def upstream(self) -> Upstream | Callable[[], object]:
        """Check who asks and find the process's address.

        :raises ZoeError: ``not-authenticated``, ``not-allowed``, ``foreign-origin``, ``unknown-execution``,
            ``unknown-process``, ``unknown-port``, ``bad-request``
        """
        refusal = await self.find_principal()
        if refusal is not None:
            return refusal
        assert self._principal is not None
        self.hub.gate.check_scope(self._principal, self._action())
        self._target = await self._find_target(self._principal)
        if self._target.rest is None:
            query = f"?{self.request.query}" if self.request.query else ""
            return partial(self._redirect, f"{self._target.port.name}/{query}")
        address = self._address(self._target)
        return self._upstream_of(self._target, address, self._principal) if isinstance(address, Address) else address

    @abc.abstractmethod
    async def find_principal(self) -> Callable[[], object] | None:
        """Set who asks; or what answers a request that nobody may send.

        :raises ZoeError: ``not-authenticated``, ``foreign-origin``
        """

    def _looks(self) -> bool:
        """Whether the request changes nothing. A WebSocket may."""
        return self.request.method in READS and "Upgrade" not in self.request.headers

    def _action(self) -> Action:
        return "read" if self._looks() else "write"

    async def _find_target(self, principal: Principal) -> Target:
        identifier, process, port, rest = parts_of(self.path_below())
        execution = await self.hub.store.execution(identifier)
        if execution is None or not await self.hub.gate.admits(
            principal, self._action(), owner=execution.owner, execution=execution.id, operation=self.operation_id
        ):
            raise ZoeError("unknown-execution", f"There is no execution {identifier!r}.")
        return find_target(execution, process, port, rest)

    def _redirect(self, place: str) -> None:
        self.set_status(307)
        self.set_header("Location", place)
        self.finish()

    def _address(self, target: Target) -> Address | Callable[[], object]:
        """Where the process listens; or what says that it does not yet, or not any more."""
        execution, process = target.execution, target.process
        address = (process.addresses or {}).get(target.port.name)
        if not execution.active or not process.live:
            what = execution.name if not execution.active else f"{process.id} of {execution.name}"
            return partial(self._not_there, target, f"{what} has ended.", ended=not execution.active)
        if address is None or process.state not in _ANSWERS:
            return partial(
                self._not_there,
                target,
                f"{process.id} of {execution.name} is not ready yet: {words(standing(execution))}.",
            )
        return address

    def _upstream_of(self, target: Target, address: Address, principal: Principal) -> Upstream:
        execution, process, port = target.execution, target.process, target.port
        public = proxy_path(execution, process, port.name, self.prefix()).rstrip("/")
        # A process that sees the whole path was told so when it started; the browser may have come another way since.
        inner = "" if port.strip else proxy_path(execution, process, port.name).rstrip("/")
        binder = Binder(self.hub.backend, self.hub.catalog, self.hub.deployment, "")
        known = self.hub.store.secrets(execution.id)
        added = {name: binder.bind(execution, process, known, content) for name, content in port.headers.items()}
        return _SharedUpstream(
            shares=self.hub.page_shares,
            user=principal.name,
            host=address.endpoint_host,
            port=address.endpoint_port,
            route=Route(public=public, netloc=netloc(address.endpoint_host, address.endpoint_port), inner=inner),
            rest=target.rest or "/",
            query=self.request.query,
            client=self.client(),
            check=partial(self.hub.backend.check_listener, process.name),
            rules=replace(self.rules(), added=added, links=page_links(execution, self.prefix()) if port.strip else {}),
        )

    # --- where the browser is; a program is at the hub itself ---

    def path_below(self) -> str:
        """The request's path below the prefix of pages."""
        return self.admission.path if self.admission is not None else self.request.path.removeprefix(PREFIX)

    def prefix(self) -> str:
        """Path in front of the execution as the browser sees it."""
        return self.admission.prefix if self.admission is not None else PREFIX

    def client(self) -> Caller:
        """Who asks, for the process."""
        return Caller(str(self.request.remote_ip), self.scheme(self.hub.tickets.door), self.request.host)

    # --- answers of the hub's own ---

    def upstream_failed(self, error: UpstreamError) -> None:
        """The process does not answer."""
        target = self._target
        self._not_there(target, f"{target.process.id} of {target.execution.name} does not answer: {error}.")

    def _for_a_reader(self) -> bool:
        headers = self.request.headers
        return self.request.method == "GET" and "text/html" in headers.get("Accept", "") and "Upgrade" not in headers

    def write_problem(self, error: ZoeError) -> None:
        """A page for people, a problem for programs."""
        if not self._for_a_reader() or error.kind.status >= 500:
            super().write_problem(error)
            return
        page = document(title=error.kind.title, words=error.detail or "", hint=error.kind.remedy)
        write_document(self, error.kind.status, page)

    def _not_there(self, target: Target, detail: str, *, ended: bool = False) -> None:
        """A page that waits, for people; a problem for programs."""
        if self._for_a_reader():
            page = waiting_page(title=target.port.title or target.execution.spec.title, words=detail, poll=not ended)
            write_document(self, 410 if ended else 503, page, headers=self._marks(ended))
            return
        for name, value in self._marks(ended).items():
            self.set_header(name, value)
        super().write_problem(ZoeError("already-ended" if ended else "not-ready", detail))

    @staticmethod
    def _marks(ended: bool) -> dict[str, str]:
        return {MARK: "ended"} if ended else {MARK: "waiting", "Retry-After": "1"}

    def answer_headers(self, code: int, headers: Pairs) -> Pairs:
        """Without the mark that only the hub sets."""
        return [(name, value) for name, value in headers if name.lower() != MARK.lower()]


class PageForPrograms(_Page):
    """At the hub's own address: for programs with a token, and for browsers what is trusted."""

    async def find_principal(self) -> Callable[[], object] | None:
        """Who has the token, or the session of a trusted page."""
        self._principal = await self.hub.authenticator.authenticate(self.request)
        if self._principal is not None:
            self.hub.touch()
            if not self._looks() or "Origin" in self.request.headers:
                self.hub.origins.check(self.request)
            return None
        self.hub.origins.check(self.request)
        refusal = self.admit(self.hub.tickets.door, "trusted")
        if self.admission is not None:
            self._principal = self.hub.tickets.principal(self.admission.visit)
        return refusal

    def lost(self, door: Any) -> None:
        """Say how to come here."""
        raise ZoeError("not-authenticated", "Open this page from JupyterLab, or with 'zoe open' in a terminal.")

    def confine(self, pairs: Pairs) -> Pairs:
        """Pages may be framed by pages of the same origin alone, unless they say something about it themselves."""
        if self.admission is not None:
            return super().confine(pairs)
        given = {name.lower() for name, _ in pairs}
        framing = ("Content-Security-Policy", "frame-ancestors 'self'")
        return pairs if given & {"content-security-policy", "x-frame-options"} else [*pairs, framing]

    def rules(self) -> Rules:
        """As for a session; of a program, too, nothing of Jupyter's or the hub's goes to the process."""
        return super().rules() if self.admission is not None else Rules(denied_cookies=denied_cookies("own"))

    def _through_extension(self) -> bool:
        """Whether the Jupyter server extension of this machine passed the request on: what it says of the browser is
        believed.
        """
        return (
            self.request.remote_ip in ("127.0.0.1", "::1")
            and "Authorization" in self.request.headers
            and "X-Forwarded-Host" in self.request.headers
        )

    def prefix(self) -> str:
        """As the extension says."""
        given = self.request.headers.get("X-Forwarded-Prefix", "")
        return given if self._through_extension() and _PLAIN_PREFIX.fullmatch(given) else super().prefix()

    def client(self) -> Caller:
        """As the extension says."""
        if not self._through_extension():
            return super().client()
        headers = self.request.headers
        return Caller(
            headers.get("X-Forwarded-For", str(self.request.remote_ip)),
            headers.get("X-Forwarded-Proto", "http"),
            headers["X-Forwarded-Host"],
        )


class _PageOfSession(_Page):
    """For browsers whose session is for one place."""

    at: Place

    async def find_principal(self) -> Callable[[], object] | None:
        """In whose name the session was begun. Tokens and other sessions play no part."""
        refusal = self.admit(self.hub.tickets.door, self.at)
        if self.admission is not None:
            self._principal = self.hub.tickets.principal(self.admission.visit)
            self.hub.touch()
        return refusal


class SandboxedPage(_PageOfSession):
    """At the hub's own address, in the sandbox."""

    at = "sandbox"


class PageAtOwnOrigin(_PageOfSession):
    """At the second listener."""

    at = "own"
