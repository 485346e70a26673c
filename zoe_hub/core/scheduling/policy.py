"""What decides who may run how much: the protocol of a policy, and what it says. ``fifo`` is the one there is.

A policy is a pure function of the ``Queue``: what waits, what is held, which nodes there are. It is asked again
whenever one of these has changed (``controllers.executions.admission``), and says only what is to be another than it
is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from zoe_hub.core.reasons import Reason
from zoe_hub.core.record import Record
from zoe_hub.core.scheduling.queue import Queue


class Grant(Record, kw_only=True):
    """What an execution may run from now on."""

    granted: Mapping[str, int] | None  # group -> how many processes; None: it waits
    reason: Reason


class Policy(Protocol):
    """Decides who may run how much."""

    def __call__(self, queue: Queue) -> dict[str, Grant]:
        """The grants that change now, by execution. Their cost is that of what changes, not of the queue's length."""
