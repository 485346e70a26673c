"""Events as the interface shows them."""

from __future__ import annotations

from zoe_hub.contract.events import EventView, MomentView
from zoe_hub.core.events import Event
from zoe_hub.core.executions.story import Moment
from zoe_hub.web.views.reasons import reason_view


def event_view(event: Event) -> EventView:
    """One line of the history."""
    return EventView(
        seq=event.seq,
        time=event.time,
        kind=event.kind,
        owner=event.owner,
        execution=event.execution,
        process=event.process,
        reason=reason_view(event.reason),
        data=dict(event.data),
    )


def moment_view(moment: Moment) -> MomentView:
    """One line of a story."""
    return MomentView(
        time=moment.time,
        kind=moment.kind,
        seq=moment.seq,
        process=moment.process,
        state=moment.state,
        before=moment.before,
        lasted=moment.lasted,
        reason=reason_view(moment.reason),
    )
