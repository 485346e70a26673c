"""Handlers that pass requests for pages of processes on to the hub: at the plain address, in the sandbox, and at
origins of their own. Registered by ``pages``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, cast

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.web import HTTPError, authenticated

from jupyter_zoe.client.problems import ZoeProblem
from jupyter_zoe.extension.opening import AT_HUB, Opener
from jupyter_zoe.extension.relay import HubRelay, action_of
from jupyter_zoe.hub.info import HubError
from zoe_proxy import Caller, ProxyHandler, Upstream
from zoe_proxy.handler import METHODS
from zoe_proxy.pages.confinement import Place, denied_cookies, for_a_person, sandboxed
from zoe_proxy.pages.documents import document, gate
from zoe_proxy.pages.handlers import write_document, write_refusal
from zoe_proxy.pages.opening import Door
from zoe_proxy.pages.shown import PageHandler
from zoe_proxy.rewrite import Pairs, Rules, for_the_log, without_parameter


class _ToPages(PageHandler, HubRelay):
    """Passes requests for pages on to the hub."""

    def rules(self) -> Rules:
        """As the place has it; a program's cookies are its own."""
        return super().rules() if self.admission is not None else Rules(denied_cookies=denied_cookies("trusted"))

    def route(self) -> tuple[str, str]:
        """Below the session's prefix."""
        assert self.admission is not None
        return self.admission.prefix, AT_HUB

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


class PageRelay(_ToPages, Opener):  # type: ignore[misc]
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
        return self.door.base, AT_HUB

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
