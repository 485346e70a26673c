"""What an operation knows of the way to its client, whatever server carries it.

Most operations return their answer and never see this. Those that go on (events, logs) write it themselves, piece by
piece. ``web.handler`` carries them over Tornado; a test carries them in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol


class Transport(Protocol):
    """One request's way back. What the server raises when the client has left ends the operation, and nobody in between
    needs to catch it.
    """

    @property
    def headers(self) -> Mapping[str, str]:
        """The request's headers; names in any case."""

    @property
    def gone(self) -> bool:
        """Whether the client has left."""

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called when the client leaves, at once if it has left."""

    @property
    def begun(self) -> bool:
        """Whether the head of the answer is on its way, and can be changed no more."""

    def head(self, headers: Mapping[str, str], status: int | None = None) -> None:
        """Say, or say anew, what the head of the answer holds. :param status: None: as it is, at first 200"""

    def write(self, data: bytes) -> None:
        """Append to the answer; it leaves with the next ``flush``."""

    def flush(self) -> asyncio.Future[None] | None:
        """Send what was written, at first the head. None: the client's side has taken it; otherwise it will have when
        the future is done.
        """

    def finish(self) -> asyncio.Future[None]:
        """End the answer as a whole one."""

    def abort(self) -> None:
        """End the answer as a broken one: the connection goes."""
