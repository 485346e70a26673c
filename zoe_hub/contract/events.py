"""What happens: the stream of events, and the history of an execution."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from zoe_hub.contract.common import ReasonView
from zoe_hub.contract.table import Header, Operation, capability
from zoe_hub.core.record import Record


class EventView(Record, kw_only=True):
    """One line of the history. In the event stream ``seq`` is the id of the event."""

    seq: int
    time: datetime
    kind: str
    owner: str
    execution: str = ""
    process: str = ""
    reason: ReasonView
    data: dict[str, Any] = {}


class HistoryQuery(Record, kw_only=True):
    """Which part of a history."""

    since: Annotated[int, Meta(ge=0, description="sequence number of the last event already seen")] = 0
    limit: Annotated[int, Meta(ge=1, le=10000)] = 1000


class EventPage(Record, kw_only=True):
    """Events, oldest first; ``next`` continues, null at the end."""

    items: tuple[EventView, ...]
    next: int | None = None


class EventsQuery(Record, kw_only=True):
    """Which events to stream. ``Last-Event-ID`` wins over ``since``; without either the stream begins now."""

    since: Annotated[int, Meta(ge=0)] | None = None
    execution: str | None = None


OPERATIONS = capability(
    "events",
    Operation(
        id="stream_events",
        method="GET",
        path="/events",
        summary="Events as they happen (server-sent events); resumes without loss or repetition",
        scope="read",
        query=EventsQuery,
        media="text/event-stream",
        streams="events",
        errors=("unknown-execution",),
        takes=(Header("Last-Event-ID", "Sequence number of the last event already seen.", "integer"),),
    ),
    Operation(
        id="get_history",
        method="GET",
        path="/executions/{execution}/history",
        summary="What happened to an execution, and why",
        scope="read",
        query=HistoryQuery,
        output=EventPage,
        owns="execution",
        errors=("unknown-execution",),
    ),
)
