"""Where a request goes: what a handler decides about it before anything is sent. Used by ``zoe_proxy.handler``."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from tornado.iostream import IOStream

from zoe_proxy.connecting import Check, connect
from zoe_proxy.rewrite import Caller, Route, Rules
from zoe_proxy.upstream import Timeouts


@dataclass(frozen=True)
class Upstream:
    """Where a request goes, and how."""

    host: str
    port: int
    route: Route
    rest: str  # raw path below ``route.public``, with its leading slash
    query: str = ""
    client: Caller = field(default_factory=Caller)
    rules: Rules = field(default_factory=Rules)
    timeouts: Timeouts = field(default_factory=Timeouts)
    tls: ssl.SSLContext | None = None
    check: Check | None = None
    """Looks at each connection before anything is sent."""
    collect: int = 0
    """A body of at most this many bytes is held and given to ``edit_body``; 0: none is."""

    async def connected(self) -> IOStream:
        """A connection to it. :raises UpstreamError: ``connect``: nothing was sent"""
        return await connect(self.host, self.port, timeout=self.timeouts.connect, tls=self.tls, check=self.check)
