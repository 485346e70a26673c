"""``GET /zoe/login?ticket=``: exchanges a ticket for a browser's session with the proxy. See ``web.access.tickets``."""

from __future__ import annotations

from zoe_hub.core.errors import ZoeError
from zoe_hub.web.access.tickets import SCOPE
from zoe_hub.web.base import ZoeHandler


class LoginHandler(ZoeHandler):
    """Sets the session's cookie and redirects."""

    operation_id = "login"

    async def respond(self, *_: str) -> None:
        """Redeem the ticket. Only pages of the hub itself, and the address bar, may log in."""
        self.hub.origins.check(self.request)
        if self.request.method != "GET":
            self.set_header("Allow", "GET")
            raise ZoeError("method-not-allowed")
        given = self.request.query_arguments.get("ticket", [])
        if len(given) != 1:
            raise ZoeError("bad-request", "The address has no ticket.")
        session, path = self.hub.tickets.redeem(given[0].decode("ascii", "replace"))
        secure = self.request.protocol == "https"
        self.set_cookie(self.hub.tickets.cookie, session, path=SCOPE, httponly=True, samesite="Strict", secure=secure)
        self.hub.touch()
        self.set_status(303)
        self.set_header("Location", path)
        self.finish()
