"""Tickets: addresses that work once, in a browser without a token."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from zoe_hub.contract.table import Operation, capability
from zoe_hub.core.record import Record


class TicketRequest(Record, kw_only=True):
    """Ask for an address that a browser can open without a token."""

    path: Annotated[
        str,
        Meta(
            pattern=r"^/zoe/pages/[^\\\x00-\x20]*$(?!\n)",
            max_length=2048,
            description="page behind the hub's own proxy",
        ),
    ]


class Ticket(Record, kw_only=True):
    """``url`` is relative to the hub; it works once, until ``expires``."""

    url: str
    expires: datetime


OPERATIONS = capability(
    "tickets",
    Operation(
        id="create_ticket",
        method="POST",
        path="/tickets",
        summary="An address that opens a proxied page in a browser, once",
        scope="write",
        status=201,
        input=TicketRequest,
        output=Ticket,
    ),
)
