"""Tickets: addresses that work once, in a browser without a token."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from zoe_hub.contract.tickets import Ticket
from zoe_hub.web.call import Answer, Call, bind

LOGIN = "/zoe/login"


@bind("create_ticket")
async def create_ticket(call: Call) -> Answer:
    """An address that works once in a browser."""
    ticket, expires = call.hub.tickets.issue(call.principal, call.body.path)
    url = f"{LOGIN}?ticket={quote(ticket)}"
    return Answer(msgspec.json.encode(Ticket(url=url, expires=expires)), headers={"Location": url})
