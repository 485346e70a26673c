"""The hub's time, as far as its answers tell it.

Ages and countdowns are shown against it: the clock of a laptop may be wrong, and the hub's is the one by which things
are done. Every answer has it (``Date``, RFC 9110, 6.6.1). Used by the connection of a client.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_LEAST = timedelta(seconds=2)  # less is no difference: the header has whole seconds, and answers take a while


class HubTime:
    """What the time is at the hub."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def heard(self, date: str | None) -> None:
        """Take in the ``Date`` of an answer that has just come."""
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 - takes a while, and help needs no time

        try:
            told = parsedate_to_datetime(date or "")
        except (TypeError, ValueError):
            return
        ahead = told.replace(tzinfo=UTC) - datetime.now(UTC)  # HTTP knows no other zone
        self._ahead = ahead if abs(ahead) >= _LEAST else timedelta(0)

    def now(self) -> datetime:
        """The present time at the hub; of this machine, as long as nothing was heard."""
        return datetime.now(UTC) + self._ahead
