"""The hub's time: how it follows the clocks of the system, and what a jump of theirs means for all that waits. Pure.

Moments on record are times of day, so that people and other programs understand them. But the time of day may be set,
forwards and back, and goes on while the machine sleeps. ``follow`` compares it with two clocks that nobody sets, and
says what the hub's time is and whether it has jumped. Small differences are evened out by going a little faster or
slower, as adjtime(3) does: the hub's time then never goes back. A great one is a ``Jump``: the hub's time is that of
the system at once, and for all that waits it is as if the hub had just been started (``rebased``, ``past``).
``docs/decisions/clock.md`` says why. Called by ``controllers.kit.clock``; the rules of other capabilities use the two
functions at the end.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.record import Record

NOTICED = 10.0
"""Seconds by which the hub's time may differ from that of the system, and which the hub may sleep unnoticed: more is a
jump. A deadline that is this much too late does no harm; a holder is heard of several times in the shortest lease."""

EVENING = 100.0
"""Seconds in which most of a difference is evened out (the time constant of its decay). So the hub's time goes at 0.9
to 1.1 times the speed of the system's."""


class Reading(Record, kw_only=True):
    """What the clocks of the system show at one moment, in seconds."""

    wall: float  # since 1970 (UTC): may be set
    awake: float  # since some moment, while the machine is awake: what timers go by
    passed: float  # since some moment, also while the machine sleeps


class Pace(Record, kw_only=True):
    """Where the hub's time was at a reading; how it goes on follows from that."""

    reading: Reading
    time: float  # seconds since 1970 (UTC)

    def at(self, reading: Reading) -> float:
        """The hub's time at a later reading, unless there is a jump between the two."""
        ran = max(0.0, reading.awake - self.reading.awake)
        behind = self.reading.wall - self.time
        return self.time + ran + behind * min(1.0, ran / EVENING)


class Jump(Record, kw_only=True):
    """What time did otherwise than going on. Seconds; at least one of them is not 0."""

    slept: float = 0.0  # the machine was suspended
    stood: float = 0.0  # the hub could not run though the machine did (it was stopped, or had no processor)
    stepped: float = 0.0  # the time of day was set: by so much forwards; back: less than 0


def follow(pace: Pace, reading: Reading, stood: float = 0.0) -> tuple[Pace, Jump | None]:
    """How the hub's time goes on from a reading, and the jump that there was since the one before.

    :param stood: seconds by which the reading comes later than it was meant to; no reading is early
    """
    time = pace.at(reading)
    slept = (reading.passed - pace.reading.passed) - (reading.awake - pace.reading.awake)
    strayed = reading.wall - time
    if abs(strayed) > NOTICED:
        time = reading.wall
    slept = slept if slept > NOTICED else 0.0
    stepped = strayed - slept
    jump = Jump(
        slept=slept, stood=stood if stood > NOTICED else 0.0, stepped=stepped if abs(stepped) > NOTICED else 0.0
    )
    return Pace(reading=reading, time=time), jump if jump != Jump() else None


def reasons(jump: Jump) -> tuple[Reason, ...]:
    """What has happened, in data."""
    found = []
    if jump.slept:
        found.append(because("machine-slept", slept=round(jump.slept)))
    if jump.stood:
        found.append(because("hub-stood-still", stood=round(jump.stood)))
    if jump.stepped:
        code = "clock-set-forwards" if jump.stepped > 0 else "clock-set-back"
        found.append(because(code, by=round(abs(jump.stepped))))
    return tuple(found)


def rebased(moment: datetime, period: float, now: datetime, resumed: datetime | None = None) -> datetime:
    """When something is due that was to be due at ``moment``.

    Never further away than its own period, or what was recorded before the clock was set back would not come for as
    long as that. Never nearer than a whole period after ``resumed``: whoever had to act meanwhile could not.

    :param period: seconds that it may take in all
    :param resumed: since when the hub has been there without a jump; None: it is due at once if its time has passed
    """
    whole = timedelta(seconds=period)
    if resumed is not None:
        moment = max(moment, resumed + whole)
    return min(moment, now + whole)


def past(moment: datetime, now: datetime, resumed: datetime) -> datetime:
    """When something was that is on record with ``moment``: what seems to be still to come was before the clock was
    set back, and counts from ``resumed``.
    """
    return moment if moment <= now else min(resumed, now)
