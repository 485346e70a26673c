"""The life of one process: how facts become its record, rule by rule."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from zoe_hub.core.executions.decide import decide
from zoe_hub.core.executions.facts import AllocatePorts, Facts, StartProcess, StopProcess
from zoe_hub.core.executions.model import Address, Execution, Observed, Outcome, Process, ProcessState
from zoe_hub.core.executions.processes import fold
from zoe_hub.core.executions.spec import Drain, ExecutionSpec, Group, Port, Ready, Restart
from zoe_hub.core.reasons import because

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)
NAME = "zoe-d-e1-one-0"
ADDRESS = Address(number=20001, host="h", port=20001, endpoint_host="h", endpoint_port=20001)
GROUP = Group(
    name="one",
    framework="f",
    image="i",
    command=("x",),
    ports=(Port(name="ui", number=80),),
    ready=Ready(kind="tcp", port="ui", timeout=20),
    drain=Drain(signal="PWR", timeout=30),
    grace=5,
    restart=Restart(limit=0),
)


def execution(process, group=GROUP):
    spec = ExecutionSpec(zapp="z", title="Z", version="1", kind="job", groups=(group,))
    return Execution(
        id="e1",
        owner="ada",
        name="n",
        spec=spec,
        created=LONG_AGO,
        reason=because("admitted"),
        granted={"one": 1},
        counts={"one": 1},
        processes=(process,),
    )


def process(state, **fields):
    return Process(
        name=NAME,
        group="one",
        index=0,
        state=state,
        since=LONG_AGO,
        started=LONG_AGO,
        addresses={"ui": ADDRESS},
        **{"reason": because("wanted")} | fields,
    )


def seen(state="running", **fields):
    return {NAME: Observed(name=NAME, execution="e1", group="one", index=0, incarnation=0, state=state, **fields)}


@pytest.mark.parametrize(
    ("state", "allotted"), [(ProcessState.STARTING, 20), (ProcessState.DRAINING, 30), (ProcessState.STOPPING, 5)]
)
def test_a_deadline_leaves_the_whole_time_to_a_hub_that_has_come_back(state, allotted):
    before = process(state, deadline=LONG_AGO)
    facts = Facts(deployment="d", observed=seen(), resumed=NOW)
    after = fold(execution(before), before, facts, NOW)
    assert after == replace(before, deadline=NOW + timedelta(seconds=allotted))
    assert fold(execution(after), after, facts, NOW + timedelta(seconds=1)) == after, "once, not with each look"
    late = fold(execution(after), after, facts, NOW + timedelta(seconds=allotted))
    assert late.forced if state is ProcessState.STOPPING else late.state is ProcessState.STOPPING


def test_a_kill_that_was_due_is_not_put_off_by_a_hub_that_has_come_back():
    before = process(ProcessState.STOPPING, deadline=LONG_AGO, forced=True)
    after = fold(execution(before), before, Facts(deployment="d", observed=seen(), resumed=NOW), NOW)
    assert after.deadline == NOW + timedelta(seconds=5)
    assert after.forced


def test_what_runs_is_not_ended_by_a_refusal():
    before = process(ProcessState.READY)
    facts = Facts(deployment="d", observed=seen(), refused={NAME: because("backend-refused", detail="no")})
    assert fold(execution(before), before, facts, NOW) == before
    pending = process(ProcessState.PENDING)
    assert (
        fold(
            execution(pending),
            pending,
            Facts(deployment="d", refused={NAME: because("backend-refused", detail="no")}),
            NOW,
        ).state
        is ProcessState.ENDED
    )


@pytest.mark.parametrize("decides", [True, False])
def test_a_port_that_was_taken_is_no_failure_and_another_one_is_asked_for(decides):
    group = replace(GROUP, decides_result=decides)
    before = process(ProcessState.PENDING)
    after = decide(
        execution(before, group), Facts(deployment="d", observed=seen("exited", reason=because("port-lost"))), NOW
    ).execution
    assert (after.desired, after.outcome) == ("running", None)
    (ended,) = after.processes
    assert (ended.failures, ended.addresses, ended.not_before) == (0, None, NOW + timedelta(seconds=1))
    (again,) = decide(after, Facts(deployment="d"), NOW + timedelta(seconds=1)).execution.processes
    assert (again.state, again.reason) == (
        ProcessState.PENDING,
        because("starts-again", cause=because("port-lost")),
    )


def test_nothing_starts_over_an_older_one_that_runs_still():
    pending = replace(process(ProcessState.PENDING), incarnation=1)
    decision = decide(execution(pending), Facts(deployment="d", observed=seen()), NOW)
    assert decision.actions == (StopProcess(process=NAME, grace=0.0),)
    gone = seen("exited", exit_code=-9)
    assert decide(execution(pending), Facts(deployment="d", observed=gone), NOW).actions == (
        StartProcess(process=NAME),
    )


def test_a_failure_beyond_the_limit_still_ends_the_execution():
    before = process(ProcessState.READY)
    after = decide(execution(before), Facts(deployment="d", observed=seen("exited", exit_code=1)), NOW).execution
    assert (after.desired, after.outcome, after.exit_code) == ("ended", Outcome.FAILED, 1)


def test_a_needed_group_is_there_even_if_its_first_process_has_gone_for_good():
    peer = replace(GROUP, ports=(), ready=Ready(), maximum=2)
    job = Group(name="job", framework="f", image="i", command=("j",), needs=("one",))
    gone = replace(process(ProcessState.ENDED, ended=LONG_AGO, reason=because("port-lost")), addresses=None)
    second = replace(process(ProcessState.READY), name="zoe-d-e1-one-1", index=1)
    waits = Process(name="zoe-d-e1-job-0", group="job", index=0, since=LONG_AGO, addresses={}, reason=because("wanted"))
    before = replace(
        execution(second, peer),
        processes=(gone, second, waits),
        granted={"one": 1, "job": 1},
        counts={"one": 1, "job": 1},
    )
    before = replace(before, spec=replace(before.spec, groups=(peer, job)))
    observed = {second.name: replace(seen()[NAME], name=second.name, index=1)}
    assert (
        StartProcess(process="zoe-d-e1-job-0") in decide(before, Facts(deployment="d", observed=observed), NOW).actions
    )
    told = replace(before, spec=replace(before.spec, groups=(peer, replace(job, command=("j", "⟦address:one.ui⟧")))))
    assert decide(told, Facts(deployment="d", observed=observed), NOW).actions == ()


QUOTED = ("Traceback", "ValueError: no")


@pytest.mark.parametrize(("exit_code", "ends"), [(78, True), (1, False)])
def test_an_exit_code_that_another_start_would_give_again_ends_the_execution_at_once(exit_code, ends):
    group = replace(GROUP, restart=Restart(limit=3, final=(78,)))
    before = process(ProcessState.STARTING)
    facts = Facts(deployment="d", observed=seen("exited", exit_code=exit_code), tails={NAME: QUOTED})
    after = decide(execution(before, group), facts, NOW).execution
    assert (after.desired == "ended") is ends
    if ends:
        cause = because("exited", code=exit_code)
        assert after.reason == because("essential-final", process="one-0", cause=cause, tail=QUOTED)
        assert (after.outcome, after.exit_code) == (Outcome.FAILED, exit_code)


@pytest.mark.parametrize("limit", [0, 2])
def test_the_last_lines_of_a_log_come_with_the_end_that_they_are_about_and_with_no_other(limit):
    group = replace(GROUP, restart=Restart(limit=limit))
    before = process(ProcessState.READY)
    facts = Facts(deployment="d", observed=seen("exited", exit_code=1), tails={NAME: QUOTED})
    after = decide(execution(before, group), facts, NOW).execution
    exited = because("exited", code=1)
    assert after.processes[0].reason == replace(exited, tail=QUOTED)
    if limit == 0:
        failed = because("essential-failed", process="one-0", failures=1, cause=exited, tail=QUOTED)
        assert after.reason == failed
        return
    awaited = because("group-restarts", group="one", ready=0, essential=1, cause=exited)
    assert after.reason == because("groups-awaited", groups=(awaited,)), "what it waits for quotes nothing"
    (again,) = decide(after, Facts(deployment="d"), NOW + timedelta(seconds=1)).execution.processes
    assert again.reason == because("starts-again", cause=exited)
    assert again.reason.tail == ()


@pytest.mark.parametrize(("ports", "first"), [((), StartProcess), (GROUP.ports, AllocatePorts)])
def test_only_for_a_process_with_ports_is_something_reserved(ports, first):
    group = replace(GROUP, ports=ports, ready=Ready())
    before = replace(execution(process(ProcessState.READY), group), processes=())
    decision = decide(before, Facts(deployment="d"), NOW)
    assert decision.actions == (first(process=NAME),)
