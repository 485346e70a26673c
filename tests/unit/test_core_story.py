"""A story tells all that led to a state, in order, with how long each state lasted, and what comes by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Execution, Idle, Outcome, Phase, Process, ProcessState
from zoe_hub.core.executions.spec import ExecutionSpec, Group
from zoe_hub.core.executions.standing import QueuePlace
from zoe_hub.core.executions.story import story
from zoe_hub.core.reasons import because

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
GROUP = Group(name="one", framework="f", image="i", command=("x",))
SPEC = ExecutionSpec(zapp="z", title="Z", version="1", kind="job", groups=(GROUP,))
WANTED, EXITED = because("wanted"), because("exited", code=1, tail=("Traceback", "ValueError"))


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def execution(**fields: Any) -> Execution:
    known = {"id": "e1", "owner": "ada", "name": "n", "spec": SPEC, "created": BEGAN, "reason": because("running")}
    return Execution(**known | fields)


def process(state: ProcessState, **fields: Any) -> Process:
    return Process(name="p", group="one", index=0, state=state, since=BEGAN, reason=because("ready"), **fields)


def event(seq: int, seconds: float, kind: str, reason=WANTED, process: str = "", **data: Any) -> Event:
    return Event(
        seq=seq, time=at(seconds), kind=kind, owner="ada", execution="e1", process=process, reason=reason, data=data
    )


EVENTS = (
    event(1, 0, "execution.created", phase="queued"),
    event(2, 5, "execution.granted", phase="queued"),
    event(3, 6, "process.state", process="one-0", state="pending"),
    event(4, 6, "execution.phase", phase="starting"),
    event(5, 7, "process.state", process="one-0", state="ready"),
    event(6, 7, "execution.phase", phase="running"),
    event(9, 60, "process.state", EXITED, process="one-0", state="ended"),
    event(10, 60, "execution.phase", phase="starting"),
)


def test_each_state_is_told_with_what_it_was_before_and_for_how_long():
    told = story(execution(phase=Phase.STARTING), EVENTS, at(70))
    assert [(each.seq, each.process, each.before, each.state, each.lasted) for each in told] == [
        (1, "", "", "queued", None),
        (2, "", "", "", None),
        (3, "one-0", "", "pending", None),
        (4, "", "queued", "starting", 6.0),
        (5, "one-0", "pending", "ready", 1.0),
        (6, "", "starting", "running", 1.0),
        (9, "one-0", "ready", "ended", 53.0),
        (10, "", "running", "starting", 53.0),
        (0, "", "starting", "", 10.0),
    ]
    assert told[6].reason == EXITED
    assert (told[-1].kind, told[-1].reason) == ("now", because("running"))


def test_it_says_where_it_stands_and_what_comes_by_itself():
    restarts = process(ProcessState.ENDED, ended=at(60), not_before=at(75))
    late = replace(process(ProcessState.STARTING, started=at(60), deadline=at(72)), name="q", index=1)
    waiting = execution(phase=Phase.STARTING, processes=(restarts, late), waits_for=because("told", words="a lorry"))
    *_, now, first, second = story(waiting, EVENTS, at(70))
    assert now.reason.code == "backend-awaited"
    assert [(each.kind, each.time, each.process, each.reason.code) for each in (first, second)] == [
        ("due", at(72), "one-1", "due-ready"),
        ("due", at(75), "one-0", "due-restart"),
    ]
    queued = story(
        execution(reason=because("admission-pending")), EVENTS[:1], at(9), QueuePlace(position=2, behind="m")
    )
    assert queued[-1].reason.facts["position"] == 2
    idle = execution(phase=Phase.RUNNING, idle=Idle(since=at(1), action="shrink", at=at(100)))
    assert story(idle, EVENTS, at(70))[-1].reason.code == "due-shrink"


def test_no_state_lasted_less_than_nothing_because_the_clock_was_set_back():
    log = (
        event(1, 5000, "execution.created", phase="queued"),
        event(2, 3, "execution.phase", phase="starting"),
        event(3, 4, "execution.phase", phase="running"),
    )
    told = story(execution(created=at(5000), phase=Phase.RUNNING), log, at(10))
    assert [(each.before, each.lasted) for each in told] == [("", None), ("queued", 0), ("starting", 1), ("running", 6)]


def test_what_has_ended_waits_for_nothing():
    over = execution(
        phase=Phase.ENDED,
        desired="ended",
        outcome=Outcome.FAILED,
        ended=at(61),
        processes=(process(ProcessState.ENDED, ended=at(60), not_before=at(75)),),
    )
    assert [each.kind for each in story(over, EVENTS, at(1000))][-1] == "execution.phase"


def test_a_beginning_that_is_left_out_is_told():
    told = story(execution(phase=Phase.STARTING), EVENTS[4:], at(70))
    assert (told[0].kind, told[0].time, told[0].reason.code) == ("cut", BEGAN, "history-cut")
    assert (told[1].seq, told[1].before, told[1].state) == (5, "", "ready")
    assert [each.kind for each in story(execution(), (), at(1))] == ["cut", "now"]
