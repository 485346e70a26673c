"""What clients may take of the hub, and which connection goes when there are too many.

Pure: ``web.connections`` acts on it, ``web.handler`` asks for some of the limits.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, TypeVar

from zoe_hub.core.record import Record

C = TypeVar("C")  # a connection; its identity is enough


class ClientLimits(Record, kw_only=True):
    """What a client may take of the hub: seconds, bytes, connections. The options of ``ZoeHub`` explain each."""

    header_timeout: float = 20.0
    keep_alive: float = 120.0
    body_timeout: float = 30.0
    max_body: int = 2**20
    max_connections: int = 4096
    max_streams: int = 500
    max_to_pages: int = 1000


class ConnectionStage(StrEnum):
    """What a connection is at. Those in the first stages are given up first."""

    WAITING = "waiting"  # for a request, or for the rest of its headers
    RECEIVING = "receiving"  # the body of a request
    SERVING = "serving"  # the request is complete: it is never cut off


class Connections(Generic[C]):
    """The open connections by stage, in each the one that has been there longest first."""

    def __init__(self, most: int) -> None:
        """:param most: how many there may be"""
        self._most = most
        self._stage: dict[C, ConnectionStage] = {}
        self._members: dict[ConnectionStage, dict[C, None]] = {stage: {} for stage in ConnectionStage}

    def enter(self, connection: C, stage: ConnectionStage) -> None:
        """A connection has come to ``stage``."""
        self.leave(connection)
        self._stage[connection] = stage
        self._members[stage][connection] = None

    def leave(self, connection: C) -> None:
        """A connection has ended."""
        before = self._stage.pop(connection, None)
        if before is not None:
            del self._members[before][connection]

    def counts(self) -> dict[str, int]:
        """How many are in each stage."""
        return {stage.value: len(members) for stage, members in self._members.items()}

    def room(self) -> int:
        """How many more there may be."""
        return self._most - len(self._stage)

    def expendable(self) -> C | None:
        """The one that is missed least: idle for longest, else sending for longest; None: all are being served."""
        for stage in (ConnectionStage.WAITING, ConnectionStage.RECEIVING):
            for connection in self._members[stage]:
                return connection
        return None
