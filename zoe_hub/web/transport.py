"""What an operation knows of the way to its client, whatever server carries it.

Most operations return their answer and never see this. Those that go on (events, logs) write it themselves, piece by
piece. ``web.handler`` carries them over Tornado; a test carries them in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol


class TransportClosed(Exception):
    """The client has left: nothing that is written reaches it."""


class Transport(Protocol):
    """One request's way back."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The request's headers; names in any case."""

    @property
    def gone(self) -> asyncio.Event:
        """Set when the client has left."""

    @property
    def begun(self) -> bool:
        """Whether the head of the answer is on its way, and can be changed no more."""

    def head(self, headers: Mapping[str, str], status: int | None = None) -> None:
        """Say, or say anew, what the head of the answer holds. :param status: None: as it is, at first 200"""

    def write(self, data: bytes) -> None:
        """Append to the answer; it leaves with the next ``flush``."""

    async def flush(self) -> None:
        """Send what was written, at first the head; return when the client's side has taken it.

        :raises TransportClosed: it has left
        """

    async def finish(self) -> None:
        """End the answer as a whole one.

        :raises TransportClosed: it has left
        """

    def abort(self) -> None:
        """End the answer as a broken one: the connection goes."""
