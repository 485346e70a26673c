"""Tickets: addresses that open a page in a browser without a token, once."""

from __future__ import annotations

import msgspec

from zoe_hub.contract.tickets import OwnOrigin, Ticket
from zoe_hub.web.access.target import PREFIX
from zoe_hub.web.call import Answer, Call, bind

LOGIN = "/zoe/login"


@bind("create_ticket")
async def create_ticket(call: Call) -> Answer:
    """An address that works once in a browser, and the way to the hub's second listener."""
    tickets, path = call.hub.tickets, call.body.path
    execution = await call.own_execution(path.removeprefix(PREFIX).split("/")[1].partition("?")[0])
    page = tickets.page(execution, path)
    ticket, expires = tickets.issue(call.principal, page)
    own = tickets.own(call.principal, page, call.body.ancestors)
    url = f"{LOGIN}?ticket={ticket}"
    answer = Ticket(
        url=url,
        expires=expires,
        own=None if own is None else OwnOrigin(url=own.url, here=own.here, proof=own.proof),
        prefix=page.prefix,
        trusted=page.trusted,
        needs_origin=page.needs_origin,
    )
    return Answer(msgspec.json.encode(answer), headers={"Location": url})
