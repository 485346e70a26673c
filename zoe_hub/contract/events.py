"""What happens: the stream of events, and the history of an execution."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from zoe_hub.contract.bounds import LARGEST, Word
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

    since: Annotated[
        int,
        Meta(
            ge=0,
            le=LARGEST,
            description=(
                "sequence number of the last event already seen; 0: from the beginning, whatever is kept. Events after"
                " it that are not kept any more: history-pruned, with the number of the first that is as first_seq"
            ),
        ),
    ] = 0
    limit: Annotated[int, Meta(ge=1, le=10000)] = 1000


class EventPage(Record, kw_only=True):
    """Events, oldest first; ``next`` continues, null at the end."""

    items: tuple[EventView, ...]
    next: int | None = None


class MomentView(Record, kw_only=True):
    """One line of a story: an event, what is so now (``now``), what time alone will bring (``due``), or that what came
    before is left out (``cut``).
    """

    time: datetime
    kind: str
    seq: Annotated[int, Meta(description="of the event; 0: it is none")] = 0
    process: Annotated[str, Meta(description="its id; empty: the execution itself")] = ""
    state: Annotated[str, Meta(description="the phase or state from then on; empty: it stays as it is")] = ""
    before: str = ""
    lasted: Annotated[float, Meta(description="seconds in the state before; now: in the present one")] | None = None
    reason: ReasonView


class Story(Record, kw_only=True):
    """All that led an execution to its state, in order, and what comes by itself."""

    items: tuple[MomentView, ...]


class StoryQuery(Record, kw_only=True):
    """How much of a story."""

    limit: Annotated[int, Meta(ge=1, le=10000, description="the last lines of the past")] = 1000


class EventsQuery(Record, kw_only=True):
    """Which events to stream. ``Last-Event-ID`` wins over ``since``; without either the stream begins now. Where events
    after that number are not kept any more, an event ``reset`` with ``seq`` and ``first_seq`` says so: read the present
    state again; what is left follows.
    """

    since: Annotated[int, Meta(ge=0, le=LARGEST)] | None = None
    execution: Word | None = None


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
        errors=("unknown-execution", "too-many"),
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
        errors=("unknown-execution", "history-pruned"),
    ),
    Operation(
        id="get_story",
        method="GET",
        path="/executions/{execution}/story",
        summary="All that led an execution to its state, in order, for a person who wants to know why",
        scope="read",
        query=StoryQuery,
        output=Story,
        owns="execution",
        errors=("unknown-execution",),
    ),
)
