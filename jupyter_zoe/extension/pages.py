"""Web pages of processes through the Jupyter server, each in one of the places of ``zoe_proxy.pages``.

``POST zoe/open`` tells the panel the ways to a page. ``zoe/pages/...`` is a page's plain address, as links have it: a
person is led from there to the page, a program with Jupyter's token gets it. At the second listener, and below
``zoe/pages/~SESSION/`` (the sandbox), only sessions count: neither Jupyter's cookies nor its tokens are looked at.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.httpserver import HTTPServer
from tornado.web import HTTPError, authenticated

from jupyter_zoe.client.problems import ZoeProblem
from jupyter_zoe.extension.base import UserHandler
from jupyter_zoe.extension.relay import HubRelay, action_of
from jupyter_zoe.hub.info import HubError
from zoe_proxy import Caller, ProxyHandler, Upstream
from zoe_proxy.handler import METHODS
from zoe_proxy.pages.confinement import Place, denied_cookies, for_a_person, sandboxed
from zoe_proxy.pages.documents import document, gate
from zoe_proxy.pages.handlers import STORAGE, EnterHandler, StorageHandler, write_document, write_refusal
from zoe_proxy.pages.listener import bind, make_application
from zoe_proxy.pages.opening import Door, Opening, OwnOrigin, PageToOpen
from zoe_proxy.pages.origins import NONE, Origins
from zoe_proxy.pages.shown import PageHandler
from zoe_proxy.pages.visits import Visits
from zoe_proxy.rewrite import Pairs, Rules, for_the_log, without_parameter

_ACTIONS = ("read", "write", "execute")
_AT_HUB = "/zoe/pages"
_MOST_ANCESTORS = 8
_KEEP_ALIVE = 120.0  # seconds that a connection is kept open for the next request
_PASSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux's other clocks stand still during a sleep


def _passed() -> float:
    return time.clock_gettime(_PASSED)


class Pages:
    """What this server has for pages: its door, and the second listener once it is started."""

    def __init__(
        self,
        *,
        origins: Origins,
        life: float,
        base: str,
        ip: str,
        port: int,
        passed: Callable[[], float] = _passed,
    ) -> None:
        """:param life: seconds that a session lasts, sleeps of the machine included
        :param base: path of pages at this server
        :param ip: of the second listener, and ``port``; as ``listener.bind`` takes them
        :param passed: seconds since some moment, which nobody sets, and which go on while the machine sleeps
        """
        self.door = Door(Visits(life, passed), origins, base)
        self._ip, self._port = ip, port
        self._server: HTTPServer | None = None

    def listen(self, tls: dict[str, Any] | None, *, body_timeout: float, **settings: Any) -> None:
        """Start the second listener, unless no page is to have an origin of its own.

        :param tls: as this server has it
        :param body_timeout: seconds in which a body must have come that is not passed on; 0: for ever
        :param settings: for its handlers
        :raises OSError: the port is taken
        """
        origins = self.door.origins
        if origins.setting == NONE:
            return
        sockets, origins.port = bind(self._ip, self._port)
        self._server = HTTPServer(
            make_application(self.door, OwnOriginRelay, **settings),
            ssl_options=tls if origins.setting.startswith("https:") else None,
            idle_connection_timeout=_KEEP_ALIVE,
            body_timeout=body_timeout or None,
        )
        self._server.add_sockets(sockets)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()


def routes() -> list[tuple[Any, ...]]:
    """For the Jupyter server; the more special ones first."""
    return [
        ("/zoe/open", OpenHandler),
        ("/zoe/enter", _Enter, {"own": False}),
        (f"/zoe{STORAGE}", _Storage),
        ("/zoe/pages/~.*", SandboxRelay),
        ("/zoe/pages/.*", PageRelay),
    ]


class _Opener(UserHandler):
    """Finds the ways to a page, for the user of this server."""

    @property
    def door(self) -> Door:
        """Opens the pages of this server."""
        door: Door = self.settings["zoe_door"]
        return door

    async def find_ways(self, execution: str, rest: str, ancestors: Sequence[str] = ()) -> Opening:
        """Ask the hub about a page and plan how the browser opens it.

        :param rest: process, port and path
        :param ancestors: origins of the pages in whose frames it will be shown
        :raises ZoeProblem: what the hub says; :raises HubError: there is no hub
        """
        from jupyter_zoe.client import AsyncClient  # noqa: PLC0415 - only when the first page is opened

        info = await self.keeper.get()
        async with AsyncClient(info) as client:
            ticket = await client.create_ticket(path=f"{_AT_HUB}/{execution}/{rest}", ancestors=list(ancestors))
        page = PageToOpen(
            execution=execution,
            prefix=ticket["prefix"],
            rest=rest,
            trusted=ticket["trusted"],
            needs_origin=ticket["needs_origin"],
        )
        own = ticket.get("own")
        return self.door.open(
            page,
            host=self.request.host,
            ancestors=ancestors,
            holder=frozenset([action for action in _ACTIONS if await self.may(action)]),
            others=[OwnOrigin(**own)] if own else [],
            home=self._origin(),
        )

    def _origin(self) -> str:
        """This server's origin as the browser sees it, also behind a proxy that ends its TLS."""
        given = self.request.headers.get("Origin", "")
        own = f"{self.request.protocol}://{self.request.host}"
        return given if urlsplit(given).netloc.lower() == self.request.host.lower() else own


class OpenHandler(_Opener):
    """``POST zoe/open``: ``{"execution": "e1", "page": "master-0/ui/", "ancestors": ["http://..."]}`` is answered with
    the ways to the page: ``{"own": [{"url", "here", "proof"}], "fallback": "/path", "sandboxed": true, "refusal": ""}``
    (see ``zoe_proxy.pages.opening.Opening``).

    ``ancestors`` are the origins of the pages in whose frames it will be shown.
    """

    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = ("POST",)  # type: ignore[misc]

    @authenticated
    async def post(self) -> None:
        """Find the ways. The xsrf token was checked in ``prepare``."""
        await self.require_user("read")
        if not self.check_origin():
            raise HTTPError(403, "A page of another origin sent this request.")
        execution, page, ancestors = self._asked()
        try:
            opening = await self.find_ways(execution, page, ancestors)
        except ZoeProblem as problem:
            self.write_problem_of_hub(problem)
            return
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(asdict(opening)))

    def _asked(self) -> tuple[str, str, list[str]]:
        """:raises tornado.web.HTTPError: 400"""
        try:
            content = json.loads(self.request.body)
            execution, page, ancestors = content["execution"], content["page"], content.get("ancestors", [])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise HTTPError(400, 'Send {"execution": ..., "page": ...} as JSON.') from error
        if not isinstance(execution, str) or not isinstance(page, str) or "/" in execution:
            raise HTTPError(400, "'execution' is an id and 'page' a path: process, port and the rest.")
        if not isinstance(ancestors, list) or not all(isinstance(each, str) for each in ancestors):
            raise HTTPError(400, "'ancestors' is a list of origins.")
        return execution, page, ancestors[:_MOST_ANCESTORS]

    def get_login_url(self) -> str:
        """No redirect: programs ask."""
        raise HTTPError(401)


class _Enter(EnterHandler):
    """``GET zoe/enter?ticket=``: the ticket says who comes."""

    get = allow_unauthenticated(EnterHandler.get)

    def _log(self) -> None:
        self.request.uri = self.request.path
        super()._log()


class _Storage(StorageHandler):
    """``GET zoe/storage.js``: the same for everybody."""

    get = allow_unauthenticated(StorageHandler.get)


class _ToPages(PageHandler, HubRelay):
    """Passes requests for pages on to the hub."""

    def rules(self) -> Rules:
        """As the place has it; a program's cookies are its own."""
        return super().rules() if self.admission is not None else Rules(denied_cookies=denied_cookies("trusted"))

    def route(self) -> tuple[str, str]:
        """Below the session's prefix."""
        assert self.admission is not None
        return self.admission.prefix, _AT_HUB

    def client(self) -> Caller:
        """Who asks, for the hub."""
        return replace(super().client(), scheme=self.scheme(self.door))

    @property
    def door(self) -> Door:
        """Opens the pages of this server."""
        door: Door = self.settings["zoe_door"]
        return door

    def _log(self) -> None:
        self.request.uri = for_the_log(self.request.uri or "")
        super()._log()


class PageRelay(_ToPages, _Opener):  # type: ignore[misc]
    """``zoe/pages/...``: a page at its plain address."""

    def check_xsrf_cookie(self) -> None:
        """The pages of processes know nothing of this server's xsrf token; where a request comes from is looked at
        instead.
        """

    async def upstream(self) -> Upstream | Callable[[], object]:
        """Lead a person to the page; let a program, and a page that is trusted, have it."""
        if not self.current_user and self._person:
            return partial(_to_login, self)
        await self.require_user(action_of(self))
        refusal = self.admit(self.door, "trusted")
        if self.admission is None and self._person:
            return await self._lead()
        if self.admission is None and self.token_authenticated:
            return await self.to_hub()
        return refusal if refusal is not None else await self.to_hub()

    @property
    def _person(self) -> bool:
        return for_a_person(self.request.method or "", self.request.headers)

    async def _lead(self) -> Callable[[], object]:
        path = self.request.path[len(self.door.base) :].lstrip("/")
        execution, _, rest = path.partition("/")
        query = without_parameter(self.request.query, "token") if self.token_authenticated else self.request.query
        try:
            opening = await self.find_ways(execution, rest + (f"?{query}" if query else ""))
        except ZoeProblem as problem:
            return partial(self.write_problem_of_hub, problem)
        except HubError as error:
            return partial(self.write_problem_of_hub, ZoeProblem("hub-unreachable", error.detail, error.remedy))
        if not opening.own and not opening.fallback:
            return partial(
                write_document, self, 403, document(title="This page cannot be shown here", words=opening.refusal)
            )
        return partial(write_document, self, 200, gate(opening, "Zoe"))

    def lost(self, door: Door) -> None:
        """A page's own request without a session."""
        write_refusal(
            self,
            403,
            "not-allowed",
            title="This page is shown elsewhere",
            detail="Pages of processes are shown at an origin of their own or in the sandbox, and get nothing here.",
        )

    def route(self) -> tuple[str, str]:
        """The plain address."""
        return self.door.base, _AT_HUB

    def query(self) -> str:
        """Without this server's own token."""
        return without_parameter(self.request.query, "token") if self.token_authenticated else self.request.query

    def confine(self, pairs: Pairs) -> Pairs:
        """What a program gets is no document of this origin, should a browser take it for one."""
        if self.admission is not None:
            return super().confine(pairs)
        return sandboxed(pairs) if self._upstream is not None else pairs

    def get_login_url(self) -> str:
        """The login page, for people; programs get 401."""
        if not self._person:
            raise HTTPError(401)
        return str(super().get_login_url())


class _SessionRelay(_ToPages):
    """Where only sessions count."""

    place: ClassVar[Place]

    def check_xsrf_cookie(self) -> None:
        """No cookie of this server plays a part; ``admit`` looks at where a request comes from."""

    async def upstream(self) -> Upstream | Callable[[], object]:
        """Check the session, and what its user was allowed when it began."""
        refusal = self.admit(self.door, self.place)
        if refusal is not None:
            return refusal
        assert self.admission is not None
        if action_of(self) not in cast("frozenset[str]", self.admission.visit.holder):
            raise HTTPError(403, f"You are not authorized to {action_of(self)} on zoe.")
        return await self.to_hub()


class SandboxRelay(_SessionRelay):
    """``zoe/pages/~SESSION/...``: a page in the sandbox."""

    place = "sandbox"


class OwnOriginRelay(_SessionRelay):
    """A page at the second listener."""

    place = "own"


_to_login: Callable[[Any], Any] = authenticated(lambda _: None)

for _method in METHODS:  # Jupyter Server warns of methods that do not say so themselves
    setattr(PageRelay, _method.lower(), authenticated(ProxyHandler.forward))
    setattr(SandboxRelay, _method.lower(), allow_unauthenticated(ProxyHandler.forward))
