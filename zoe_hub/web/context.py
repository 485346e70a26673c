"""What the handlers work with: one ``WebHub`` for each Tornado application, made by ``app`` (and by tests)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from zoe_hub.backends.base import Backend
from zoe_hub.store.base import Store
from zoe_hub.web.access.audit import Audit
from zoe_hub.web.access.auth import Authenticator
from zoe_hub.web.access.gate import Gate
from zoe_hub.web.access.origin import CallerOrigins
from zoe_hub.web.access.tickets import Tickets
from zoe_hub.web.feed import Feed
from zoe_hub.web.limits import ClientLimits, Connections
from zoe_hub.web.metrics import Metrics
from zoe_hub.web.shares import Shares
from zoe_hub.web.streaming import Streams
from zoe_hub.web.views.executions import ExecutionViews
from zoe_proxy.pages.origins import NONE, Origins

if TYPE_CHECKING:
    from zoe_hub.catalog import Catalog
    from zoe_hub.controllers.hub import Controllers


def utc_now() -> datetime:
    """The time of day, aware."""
    return datetime.now(UTC)


class KeyInFlight:
    """An Idempotency-Key whose request is being worked on, and how many requests carry it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class WebHub:
    """The parts of a running hub that the web needs."""

    def __init__(
        self,
        *,
        controllers: Controllers,
        catalog: Catalog,
        authenticator: Authenticator,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        limits: ClientLimits | None = None,
        heartbeat: float = 15.0,
        stall: float = 30.0,
        session: float = 12 * 3600.0,
        pages: Origins | None = None,
        trusted: Collection[str] = (),
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """:param hosts: further host names of the hub; :param origins: further origins of its pages
        :param limits: what a client may take of the hub
        :param heartbeat: seconds between two signs of life in a quiet event stream
        :param stall: seconds after which a reader of events who does not read is disconnected
        :param session: seconds that a browser's session with a page lasts
        :param pages: where pages have origins of their own; None: nowhere
        :param trusted: names of frameworks whose pages act as whoever opens them
        """
        self.controllers = controllers
        self.executions, self.attachments = controllers.executions, controllers.attachments
        self.leases = controllers.leases
        self.store: Store = controllers.store
        self.backend: Backend = controllers.backend
        self.catalog = catalog
        self.deployment: str = controllers.deployment
        self.authenticator = authenticator
        self.origins = CallerOrigins(hosts, origins)
        self.limits = limits or ClientLimits()
        self.connections: Connections[Any] = Connections(self.limits.max_connections)
        self.heartbeat = heartbeat
        self.stall = stall
        self.now = now
        self.started = now()
        self.views = ExecutionViews(self.deployment, controllers.executions.place)
        self.metrics = Metrics()
        self.tickets = Tickets(
            authenticator,
            now,
            controllers.clock.passed,
            life=session,
            origins=pages or Origins(NONE),
            trusted=frozenset(trusted),
        )
        followed = Shares("event streams and followed logs", self.limits.max_streams, "ZoeHub.streams_per_user")
        self.streams = Streams(ended=self.touch, shares=followed)
        self.page_shares = Shares("connections to pages", self.limits.max_to_pages, "ZoeHub.page_connections_per_user")
        self.feed = Feed(self.store)
        self.last_request = time.monotonic()
        self.keys: dict[tuple[str, str], KeyInFlight] = {}  # Idempotency-Keys in flight
        self.gate = Gate(Audit(self.store, now))

    def touch(self) -> None:
        """Remember that somebody uses the hub."""
        self.last_request = time.monotonic()

    def idle(self) -> float:
        """Seconds since the last request; 0 while a stream is open."""
        if self.streams:
            self.touch()
        return time.monotonic() - self.last_request
