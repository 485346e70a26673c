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
            pattern=r"^/zoe/pages/[!-\[\]-~]*$(?!\n)",
            max_length=2048,
            description="page behind the hub's own proxy, percent-encoded as it stands in an address",
        ),
    ]
    ancestors: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$(?!\n)", max_length=300)], ...],
        Meta(max_length=8, description="origins of the pages in whose frames it will be shown"),
    ] = ()


class OwnOrigin(Record, kw_only=True):
    """A way to a page at an origin of its own: if the browser gets ``proof`` from ``here``, then ``url`` opens the
    page, once.
    """

    url: str
    here: str
    proof: str


class Ticket(Record, kw_only=True):
    """``url`` is relative to the hub; it works once, until ``expires``, and finds a way by itself."""

    url: str
    expires: datetime
    own: OwnOrigin | None = None
    prefix: Annotated[str, Meta(description="path in front of the execution that its processes were told")]
    trusted: Annotated[bool, Meta(description="the page may act as whoever opens it")]
    needs_origin: Annotated[bool, Meta(description="the page does not work in the sandbox")]


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
        errors=("unknown-execution",),
    ),
)
