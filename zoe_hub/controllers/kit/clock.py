"""The hub's one clock: asyncio's loop time, anchored once to the wall clock, so tests can run it virtually.

Used by everything in ``controllers`` and ``web`` that needs the time or waits.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class Clock:
    """Tells aware UTC times that never go backwards while the hub lives."""

    def __init__(self, start: datetime | None = None) -> None:
        """:param start: the wall-clock time now; None asks the system"""
        self._loop = asyncio.get_running_loop()
        self._start = start or datetime.now(UTC)
        self._anchor = self._loop.time()

    def now(self) -> datetime:
        """The present time."""
        return self._start + timedelta(seconds=self._loop.time() - self._anchor)

    def until(self, moment: datetime) -> float:
        """Seconds from now until ``moment``, 0 if it is past."""
        return max(0.0, (moment - self.now()).total_seconds())
