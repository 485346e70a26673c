"""Opens pages in a browser that has no token: a ticket for the address bar, then a session in one of three places.

``zoe open`` in a terminal makes an address with a ticket, which works once and for a minute. The hub exchanges it for a
way to the page: at an origin of its own, in the sandbox, or trusted (see ``zoe_proxy.pages``). The server extension
asks for the way to the hub's second listener at once. No ticket and no session outlives the token it was made with, nor
the hub. Called by the operation ``create_ticket``, the handler of logins, and the proxy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import NamedTuple, cast

from zoe_hub.core.access import Principal
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution
from zoe_hub.web.access.auth import Authenticator
from zoe_hub.web.access.target import PREFIX, page_of
from zoe_proxy.pages.opening import Door, Opening, OwnOrigin, PageToOpen
from zoe_proxy.pages.origins import Origins
from zoe_proxy.pages.visits import TICKET_LIFE, Vault, Visit, Visits


class _Login(NamedTuple):
    principal: Principal
    page: PageToOpen


class Tickets:
    """The tickets and sessions of one hub."""

    def __init__(
        self,
        authenticator: Authenticator,
        now: Callable[[], datetime],
        passed: Callable[[], float],
        *,
        life: float,
        origins: Origins,
        trusted: Collection[str],
    ) -> None:
        """:param now: the hub's time, in which people are told until when a ticket works
        :param passed: seconds that nobody sets, by which tickets and sessions end
        :param life: seconds that a session lasts
        :param origins: where pages have origins of their own
        :param trusted: names of frameworks whose pages act as whoever opens them
        """
        self._authenticator = authenticator
        self._trusted = trusted
        self._now, self._passed = now, passed
        self._logins: Vault[_Login] = Vault(TICKET_LIFE, passed, lambda login: self._lives(login.principal))
        self.door = Door(Visits(life, passed, lambda visit: self._lives(self.principal(visit))), origins, PREFIX)

    def page(self, execution: Execution, path: str) -> PageToOpen:
        """What ``path``, an address of a page at the hub, opens."""
        return page_of(execution, path.removeprefix(PREFIX), self._trusted)

    def issue(self, principal: Principal, page: PageToOpen) -> tuple[str, datetime]:
        """A ticket that opens a page once, and until when."""
        ticket, expires = self._logins.put(_Login(principal, page))
        return ticket, self._now() + timedelta(seconds=expires - self._passed())

    def own(self, principal: Principal, page: PageToOpen, ancestors: tuple[str, ...]) -> OwnOrigin | None:
        """The way to the page at the second listener, for whoever shows it in a frame."""
        return self.door.own(page, ancestors=ancestors, holder=principal)

    def redeem(self, ticket: str, host: str) -> Opening:
        """Exchange a ticket for the ways to its page.

        :param host: at which the browser is
        :raises ZoeError: ``not-authenticated``
        """
        login = self._logins.take(ticket)
        if login is None:
            raise ZoeError(
                "not-authenticated",
                "This address has been used or is too old. Ask for a new one, for example with 'zoe open'.",
            )
        return self.door.open(login.page, host=host, holder=login.principal)

    @staticmethod
    def principal(visit: Visit) -> Principal:
        """In whose name a session was begun."""
        return cast(Principal, visit.holder)

    def _lives(self, principal: Principal) -> bool:
        return self._authenticator.of_token(principal.digest) is not None
