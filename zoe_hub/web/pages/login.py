"""``GET /zoe/login?ticket=``: shows a browser the way to a page. See ``web.access.tickets``."""

from __future__ import annotations

from zoe_hub.core.errors import ZoeError
from zoe_hub.web.base import AnsweringHandler
from zoe_proxy.pages.documents import document, gate
from zoe_proxy.pages.handlers import write_document


class LoginHandler(AnsweringHandler):
    """Redeems the ticket; then redirects, or lets the browser find out which origins it reaches."""

    operation_id = "login"
    allowed = ("GET",)

    async def respond(self, *_: str) -> None:
        """Redeem the ticket. Only pages of the hub itself, and the address bar, may log in."""
        self.hub.origins.check(self.request)
        if self.request.method not in self.allowed:
            raise ZoeError("method-not-allowed")
        given = self.request.query_arguments.get("ticket", [])
        if len(given) != 1:
            raise ZoeError("bad-request", "The address has no ticket.")
        opening = self.hub.tickets.redeem(given[0].decode("ascii", "replace"), self.request.host)
        self.hub.touch()
        if opening.own:
            write_document(self, 200, gate(opening, "Zoe"))
        elif opening.fallback:
            self.set_status(303)
            self.set_header("Location", opening.fallback)
            self.finish()
        else:
            write_document(self, 403, document(title="This page cannot be shown here", words=opening.refusal))
