"""The hub's one clock: follows the time of day, and notices when that jumps.

What a jump is, and what follows from it, are rules (``core.clock``); ``timekeeper`` looks often enough and tells
everybody. Used by everything in ``controllers`` and ``web`` that needs the time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from zoe_hub.core.clock import Jump, Pace, Reading, follow

_PASSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # where only the latter is, a sleep is a step


def system_reading() -> Reading:
    """What the clocks of this machine show. The running loop's is the one by which timers go."""
    awake = asyncio.get_running_loop().time()
    return Reading(wall=time.time(), awake=awake, passed=time.clock_gettime(_PASSED))


class Clock:
    """Tells aware UTC times."""

    def __init__(self, read: Callable[[], Reading] | None = None) -> None:
        """:param read: the clocks that it follows; None: those of this machine"""
        self._read = read or system_reading
        self.noticed: Callable[[Jump], None] = lambda jump: None
        """Called with each jump, before anybody is told the time after it."""
        self.begin(None)

    def begin(self, newest: datetime | None) -> None:
        """Start anew. :param newest: the last time on record, behind which the hub's time stays only if it must"""
        reading = self._read()
        self._due: float | None = None
        self._pace = Pace(reading=reading, time=max(reading.wall, newest.timestamp() if newest else 0.0))
        self._resumed = _moment(self._pace.time)
        self.look()  # far behind the record is a jump

    def now(self) -> datetime:
        """The present time."""
        return _moment(self._follow()[0].time)

    def until(self, moment: datetime) -> float:
        """Seconds from now until ``moment``, 0 if it is past."""
        return max(0.0, (moment - self.now()).total_seconds())

    @property
    def resumed(self) -> datetime:
        """Since when the hub has been there without a jump. Ask for it after ``now``, which may notice one."""
        return self._resumed

    def passed(self) -> float:
        """Seconds since some moment, through all jumps: for what lasts so long, whatever time of day it is."""
        return self._read().passed

    def look(self, again: float | None = None) -> None:
        """Even small differences out, which nothing else does.

        :param again: seconds until the next look, which comes later only if the hub could not run; None: at some time
        """
        self._pace, reading = self._follow()
        self._due = None if again is None else reading.awake + again

    def _follow(self) -> tuple[Pace, Reading]:
        """How the time goes on now; it does so from now on if there was a jump."""
        reading = self._read()
        stood = 0.0 if self._due is None else reading.awake - self._due
        pace, jump = follow(self._pace, reading, stood)
        if jump is not None:
            self._pace, self._due = pace, None
            self._resumed = _moment(pace.time)
            self.noticed(jump)
        return pace, reading


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
