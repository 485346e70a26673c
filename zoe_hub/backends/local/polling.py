"""How a reader that follows the log of a local process learns that there is more. Used by ``backend``.

The shim writes without telling anybody, so a reader looks at the journal: at once when something came, then ever more
seldom; the end of the process wakes it immediately.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

SHORTEST, LONGEST = 0.02, 0.5  # seconds between two looks


class Polling:
    """What one reader knows of the growth of a log."""

    def __init__(self, ended: asyncio.Event | None) -> None:
        """:param ended: set when the process ends and no more can come; ``None`` if it has ended"""
        self._ended = ended
        self._offset = -1
        self.pause = SHORTEST

    def next_growth(self, offset: int) -> Callable[[], Awaitable[object]] | None:
        """For ``journal.stream``: ends with the process, or when it is time to look again."""
        if self._ended is None or self._ended.is_set():
            return None
        self.pause = min(self.pause * 1.5, LONGEST) if offset == self._offset else SHORTEST
        self._offset = offset
        return self._wait

    async def _wait(self) -> None:
        assert self._ended is not None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), self.pause)
