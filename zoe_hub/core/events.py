"""The lines of the history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from zoe_hub.core.reasons import Reason
from zoe_hub.core.record import Record

EVERYONE = "*"
"""Owner of events that concern all users, such as those about the shop."""


def concerns(owner: str, of: str | None) -> bool:
    """Whether an event of ``owner`` is for the user ``of``; None: for whoever sees all."""
    return of is None or owner in (of, EVERYONE)


class Event(Record, kw_only=True):
    """A line of the append-only history. ``seq`` is given by the store and grows without gaps."""

    seq: int = 0
    time: datetime
    kind: str  # e.g. ``execution.phase``, ``process.state``, ``attachment.made``
    owner: str
    execution: str = ""
    process: str = ""
    reason: Reason
    data: Mapping[str, Any] = {}
