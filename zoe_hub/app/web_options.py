"""What an admin can set about the hub's addresses, clients and pages. Used by ``options``."""

from __future__ import annotations

import re
from typing import Any

from traitlets import Float, Int, List, TraitError, Unicode, validate

from zoe_hub.web.limits import ClientLimits
from zoe_proxy.pages.options import PagesOptions

LONGEST = 10.0**8
"""Seconds of the longest times that can be set, three years: far longer ones are no dates any more."""


class WebOptions(PagesOptions):
    """Where the hub listens, for whom, and what a client may take of it."""

    ip = Unicode(
        "127.0.0.1",
        help=(
            "Address or name of this machine to listen at. 0.0.0.0: all of IPv4; '::' or '*': all. Other machines reach"
            " the hub only at addresses beside the loopback ones; put it behind TLS then."
        ),
    ).tag(config=True)
    port = Int(0, min=0, max=65535, help="TCP port. 0: 8470; embedded: the one of last time, or a free one.").tag(
        config=True
    )
    allowed_hosts = List(
        Unicode(),
        help=(
            "Further names under which the hub may be reached, without a port. Each is a name that a page of another"
            " site could use to reach it, too."
        ),
    ).tag(config=True)
    allowed_origins = List(
        Unicode(),
        help=(
            "Further origins of pages that may call the hub, such as https://lab.example.org. They can do whatever"
            " their user can."
        ),
    ).tag(config=True)
    max_body = Int(
        2**20,
        min=1024,
        max=2**30,
        help=(
            "Bytes of a request to the REST interface. More lets bigger parameters through and takes more memory for"
            " each request."
        ),
    ).tag(config=True)
    max_connections = Int(
        4096,
        min=16,
        max=10**6,
        help=(
            "Connections of clients at a time, not more than half of the limit of open files. When there are as many,"
            " the one that has been idle for longest is closed, and if none is, new ones are refused. More serves more"
            " people and takes some 20 KiB for each."
        ),
    ).tag(config=True)
    streams_per_user = Int(
        500,
        min=0,
        max=10**6,
        help=(
            "Event streams and logs that each user may follow at a time. Each browser tab with the panel takes one."
            " Fewer keep one user from taking all connections; more serve users with many tabs. 0: any number."
        ),
    ).tag(config=True)
    page_connections_per_user = Int(
        1000,
        min=0,
        max=10**6,
        help=(
            "Connections to pages of processes that each user may have at a time through the hub. A page takes a few"
            " while it loads, and one for each WebSocket (a kernel, a terminal). Fewer keep one user from taking all"
            " connections; more serve programs that ask pages much at once. 0: any number."
        ),
    ).tag(config=True)
    header_timeout = Float(
        20.0,
        min=0.1,
        max=LONGEST,
        help=(
            "Seconds after connecting in which a client must have sent the head of its first request. Shorter frees"
            " abandoned connections sooner; longer suits slow networks."
        ),
    ).tag(config=True)
    body_timeout = Float(
        30.0,
        min=0.1,
        max=LONGEST,
        help=(
            "Seconds in which the body of a request to the REST interface must have come, or the next piece of one that"
            " is passed on to a page. Shorter frees abandoned requests sooner; longer suits slow networks."
        ),
    ).tag(config=True)
    keep_alive = Float(
        120.0,
        min=0.1,
        max=LONGEST,
        help=(
            "Seconds that a connection is kept open after a request for the next one. Longer spares clients new"
            " connections; shorter frees memory."
        ),
    ).tag(config=True)
    heartbeat = Float(
        15.0,
        min=0.05,
        max=LONGEST,
        help=(
            "Seconds between two signs of life in a quiet event stream. Shorter finds dead connections sooner and wakes"
            " clients more."
        ),
    ).tag(config=True)
    stall = Float(
        30.0,
        min=0.1,
        max=LONGEST,
        help=(
            "Seconds after which a client that does not read its events or its answer is disconnected; it can resume or"
            " ask again. Longer suits slow networks and holds memory."
        ),
    ).tag(config=True)
    session_life = Float(
        43200.0,
        min=1.0,
        max=LONGEST,
        help=(
            "Seconds that a browser's session with proxied pages lasts, opened by a ticket. Longer asks less often for"
            " a new one and is longer open to whoever has the browser."
        ),
    ).tag(config=True)

    @validate("allowed_hosts")
    def _check_hosts(self, proposal: Any) -> list[str]:
        for host in proposal["value"]:
            if not host or any(character in host for character in "/@? ") or (host.count(":") == 1):
                raise TraitError(f"{host!r} is no host name or address without a port.")
        return list(proposal["value"])

    @validate("allowed_origins")
    def _check_origins(self, proposal: Any) -> list[str]:
        for origin in proposal["value"]:
            if not re.fullmatch(r"https?://[^/?#@\s]+/?", origin):
                raise TraitError(f"{origin!r} is no origin, such as https://lab.example.org.")
        return list(proposal["value"])

    def limits(self, open_files: int) -> ClientLimits:
        """What a client may take. :param open_files: how many files the hub may have open"""
        return ClientLimits(
            header_timeout=self.header_timeout,
            keep_alive=self.keep_alive,
            body_timeout=self.body_timeout,
            max_body=self.max_body,
            max_connections=min(self.max_connections, open_files // 2),
            max_streams=self.streams_per_user,
            max_to_pages=self.page_connections_per_user,
        )
