"""Why an execution is as it is at this moment, all told: the last decision, its place in the queue, what the backend
waits for. Pure.

The record holds what was decided; what others have a part in (how many are before it) is added when it is shown, so
that a queue that moves changes no record. Called by ``decide`` (events), ``web`` (views) and ``controllers`` (logs).
"""

from __future__ import annotations

from zoe_hub.core.executions.model import Execution
from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.record import Record


class QueuePlace(Record, kw_only=True):
    """Where an execution is in the queue. ``behind``: the name of the one that waits for resources; empty: itself."""

    position: int  # from 1
    behind: str = ""


def standing(execution: Execution, place: QueuePlace | None = None) -> Reason:
    """The whole reason.

    :param place: in the queue, if it is in there and that is to be told
    """
    reason = execution.reason
    if place is not None:
        cause = because("queued-behind", execution=place.behind) if place.behind else reason
        reason = because("queued", position=place.position, cause=cause)
    if execution.waits_for is None:
        return reason
    return because("backend-awaited", state=reason, cause=execution.waits_for, tail=reason.tail)
