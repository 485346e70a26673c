"""Opens proxied pages in a browser that has no token: a ticket for the address bar, then a session in a cookie.

``zoe run notebook`` in a terminal prints an address with a ticket. It works once and for a minute; the hub exchanges it
for a session that only the proxy accepts, and redirects to the page. Neither outlives the token it was made with, nor
the hub. Called by the handlers of tickets and login, and by the proxy through ``settings["authenticate"]``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from tornado.httputil import HTTPServerRequest

from zoe_hub.controllers.kit.tokens import digest
from zoe_hub.core.access import Principal
from zoe_hub.core.errors import ZoeError
from zoe_hub.web.access.auth import Authenticator

LIFE = timedelta(seconds=60)
SCOPE = "/zoe/pages"  # the only addresses to which browsers send the cookie
_MOST = 1000  # tickets and sessions kept at a time, so that nobody fills the memory


class _Kept(NamedTuple):
    principal: Principal
    expires: datetime
    path: str = ""


class Tickets:
    """The tickets and sessions of one hub. Only hashes are kept."""

    def __init__(self, authenticator: Authenticator, now: Callable[[], datetime], session: float) -> None:
        """:param session: seconds that a session lasts"""
        self._authenticator = authenticator
        self._now = now
        self._life = timedelta(seconds=session)
        self._tickets: dict[str, _Kept] = {}
        self._sessions: dict[str, _Kept] = {}
        self.cookie = "zoe-session"  # ``app`` adds the port: browsers do not tell ports apart

    def issue(self, principal: Principal, path: str) -> tuple[str, datetime]:
        """A ticket that opens ``path`` once, and until when."""
        ticket = secrets.token_urlsafe(32)
        expires = self._now() + LIFE
        self._keep(self._tickets, ticket, _Kept(principal, expires, path))
        return ticket, expires

    def redeem(self, ticket: str) -> tuple[str, str]:
        """Exchange a ticket for a session.

        :return: the session's secret, and the path to go to
        :raises ZoeError: ``not-authenticated``
        """
        kept = self._tickets.pop(digest(ticket), None)
        if kept is None or not self._valid(kept):
            raise ZoeError(
                "not-authenticated",
                "This address has been used or is too old. Ask for a new one, for example with 'zoe open'.",
            )
        session = secrets.token_urlsafe(32)
        self._keep(self._sessions, session, _Kept(kept.principal, self._now() + self._life))
        return session, kept.path

    def principal(self, request: HTTPServerRequest) -> Principal | None:
        """Whose session the request's cookie names."""
        morsel = request.cookies.get(self.cookie)
        if morsel is None:
            return None
        kept = self._sessions.get(digest(morsel.value))
        return kept.principal if kept is not None and self._valid(kept) else None

    def _valid(self, kept: _Kept) -> bool:
        return kept.expires > self._now() and self._authenticator.of_token(kept.principal.digest) is not None

    def _keep(self, where: dict[str, _Kept], secret: str, kept: _Kept) -> None:
        if len(where) >= _MOST:
            now = self._now()
            for key in [key for key, each in where.items() if each.expires <= now] or [next(iter(where))]:
                del where[key]
        where[digest(secret)] = kept
