"""All that led an execution to its state, in order, for a person who wants to know why it is as it is. Pure.

The events say what happened and why; the record says what is so now and what will happen by itself. Called by ``web``
(``GET /executions/{execution}/story``), shown by ``zoe status --story``. After ``story()`` of Dask's scheduler.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Execution, Process, ProcessState
from zoe_hub.core.executions.standing import QueuePlace, standing
from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.record import Record

NOW, DUE, CUT = "now", "due", "cut"
"""Kinds of moments that are no events: what is so now, what will be, what is left out."""


class Moment(Record, kw_only=True):
    """One line of a story."""

    time: datetime
    kind: str  # of the event; else ``NOW``, ``DUE`` or ``CUT``
    seq: int = 0  # of the event; 0: it is none
    process: str = ""  # its id; empty: the execution itself
    state: str = ""  # the phase or state from then on; empty: it stays as it is
    before: str = ""  # the one before it; empty: there was none
    lasted: float | None = None  # seconds in the one before it, or, now, in the present one
    reason: Reason


def story(
    execution: Execution, events: Iterable[Event], now: datetime, place: QueuePlace | None = None
) -> tuple[Moment, ...]:
    """The story of an execution up to now, and what will happen by itself.

    :param events: of it, oldest first; what came before them is left out
    :param place: in the queue, if it is in there
    """
    told = [*_past(execution, events)]
    if execution.active:
        begun = [execution.created, *(each.time for each in told if each.state and not each.process)][-1]
        lasted = _between(begun, now)
        reason = standing(execution, place)
        told.append(Moment(time=now, kind=NOW, before=execution.phase.value, lasted=lasted, reason=reason))
    return (*told, *sorted(_due(execution), key=lambda moment: moment.time))


def _past(execution: Execution, events: Iterable[Event]) -> Iterator[Moment]:
    known: dict[str, tuple[str, datetime]] = {}  # process (empty: the execution) -> its state, since when
    whole = False
    for event in events:
        if not whole and event.kind != "execution.created":
            yield Moment(time=execution.created, kind=CUT, reason=because("history-cut"))
        whole = True
        state = str(event.data.get("state" if event.process else "phase") or "")
        before, since = known.get(event.process, ("", event.time))
        changed = bool(state) and state != before
        if changed:
            known[event.process] = (state, event.time)
        yield Moment(
            time=event.time,
            kind=event.kind,
            seq=event.seq,
            process=event.process,
            state=state if changed else "",
            before=before if changed else "",
            lasted=_between(since, event.time) if changed and before else None,
            reason=event.reason,
        )
    if not whole:
        yield Moment(time=execution.created, kind=CUT, reason=because("history-cut"))


def _between(begin: datetime, end: datetime) -> float:
    """Seconds; none if the clock was set back meanwhile (the order is that of the events, not of their times)."""
    return max(0.0, (end - begin).total_seconds())


def _due(execution: Execution) -> Iterator[Moment]:
    """What the passing of time alone will bring."""
    for process in execution.processes:
        reason = _due_reason(execution, process)
        moment = process.deadline if process.live else process.not_before
        if reason is not None and moment is not None:
            yield Moment(time=moment, kind=DUE, process=process.id, reason=reason)
    if execution.idle is not None and execution.desired == "running":
        reason = because("due-end" if execution.idle.action == "end" else "due-shrink")
        yield Moment(time=execution.idle.at, kind=DUE, reason=reason)


def _due_reason(execution: Execution, process: Process) -> Reason | None:
    match process.state:
        case ProcessState.STARTING:
            return because("due-ready")
        case ProcessState.DRAINING:
            return because("due-drained")
        case ProcessState.STOPPING:
            return because("due-killed")
        case ProcessState.ENDED if execution.desired == "running" and process.not_before is not None:
            return because("due-restart")
    return None
