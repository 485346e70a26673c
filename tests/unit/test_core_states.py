"""The pictures of states in the documentation are those of the code: every arrow is taken, and no other one.

``decide`` looks at each state of a process and of its execution with every combination of what may be seen of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from zoe_hub.core import commands
from zoe_hub.core.executions.commands import StartExecution, StartZApp, TerminateExecution
from zoe_hub.core.executions.decide import decide
from zoe_hub.core.executions.facts import Facts
from zoe_hub.core.executions.invariants import violations
from zoe_hub.core.executions.model import Address, Execution, Observed, Outcome, Phase, Process, ProcessState
from zoe_hub.core.executions.spec import Drain, ExecutionSpec, Group, Port, Ready, Restart
from zoe_hub.core.nodes import Node
from zoe_hub.core.reasons import because
from zoe_hub.core.scheduling import fifo
from zoe_hub.core.scheduling.queue import Queue

PAGE = Path(__file__).parents[2] / "docs" / "states.md"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
AGO, SOON = NOW - timedelta(hours=1), NOW + timedelta(seconds=5)
ADDRESS = Address(number=1, host="h", port=1, endpoint_host="h", endpoint_port=1)
WHY = because("wanted")
NODES = (Node(name="n", cores=8.0, memory=2**40),)
Arrow = tuple[str, str]
OUTSIDE = "[*]"
PASSING = {  # what one commit may pass through: found running and ready at the first look; wanted again as it ends
    "pending": {"starting", "ready"},
    "starting": {"ready"},
    "draining": {"ended"},
    "stopping": {"ended"},
}


def drawn(title: str) -> set[Arrow]:
    """The arrows of the picture under a heading."""
    section = PAGE.read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]
    picture = section.partition("```mermaid\n")[2].partition("```")[0]
    return {(source, target) for source, target in re.findall(r"^  (\S+) --> ([^\s:]+)", picture, re.MULTILINE)}


def groups() -> Iterator[Group]:
    kinds = [*product((None, Drain(signal="PWR")), ((False, 0), (False, 3), (True, 0)), ("tcp",))]
    for drain, (decides, limit), ready in (*kinds, (None, (False, 3), "running")):
        yield Group(
            name="one",
            framework="f",
            image="i",
            command=("x",),
            count=2,
            essential=1,
            maximum=3,
            ports=(Port(name="ui", number=80),),
            ready=Ready(kind=ready, port="ui"),
            drain=drain,
            restart=Restart(limit=limit),
            decides_result=decides,
        )


def process(index: int, state: ProcessState, **fields) -> Process:
    waits = state in (ProcessState.STARTING, ProcessState.DRAINING, ProcessState.STOPPING)
    return Process(
        name=f"zoe-d-e1-one-{index}",
        group="one",
        index=index,
        incarnation=1,
        state=state,
        since=AGO,
        started=None if state is ProcessState.PENDING else AGO,
        ended=AGO if state is ProcessState.ENDED else None,
        addresses={"ui": ADDRESS},
        reason=WHY,
        **{"deadline": SOON if waits else None} | fields,
    )


def processes(index: int) -> Iterator[Process | None]:
    yield None
    for state in ProcessState:
        yield process(index, state)
        if state is ProcessState.ENDED:
            yield process(index, state, not_before=AGO, failures=1)
            yield process(index, state, not_before=SOON, failures=1)
        elif state not in (ProcessState.PENDING, ProcessState.READY):
            yield process(index, state, deadline=AGO)
        if state is ProcessState.STOPPING:
            yield process(index, state, not_before=AGO)
            yield process(index, state, deadline=AGO, forced=True)


def sights(name: str) -> Iterator[Observed | None]:
    yield None
    common = {"name": name, "execution": "e1", "group": "one", "index": int(name[-1])}
    for incarnation in (0, 1):
        yield Observed(incarnation=incarnation, state="running", **common)
        for code, reason in ((0, None), (1, None), (None, None), (1, because("port-lost"))):
            yield Observed(incarnation=incarnation, state="exited", exit_code=code, reason=reason, **common)


def executions(spec: ExecutionSpec, index: int) -> Iterator[Execution]:
    """Every record that may be, with one process at ``index``, and one that is ready before it."""
    before = (process(0, ProcessState.READY),) if index else ()
    for each, phase, desired, count, granted in product(
        processes(index), Phase, ("running", "ended"), (1, 2), (None, {"one": 2})
    ):
        execution = Execution(
            id="e1",
            owner="ada",
            name="n",
            spec=spec,
            created=AGO,
            desired=desired,
            outcome=Outcome.CANCELLED if desired == "ended" else None,
            granted=granted,
            counts={"one": count},
            phase=phase,
            ended=AGO if phase is Phase.ENDED else None,
            reason=WHY,
            processes=before if each is None else (*before, each),
        )
        if not violations(execution) and not (phase is Phase.QUEUED and execution.processes):
            yield execution


def facts(execution: Execution, index: int) -> Iterator[Facts]:
    name = f"zoe-d-e1-one-{index}"
    others = {
        each.name: Observed(name=each.name, execution="e1", group="one", index=0, incarnation=1, state="running")
        for each in execution.processes
        if each.name != name
    }
    for seen in sights(name):
        for says in ("", "ready", "drained") if seen is not None else ("", "refused"):
            yield Facts(
                deployment="d",
                observed=others if seen is None else {**others, name: seen},
                ready=frozenset({name} if says == "ready" else ()),
                drained=frozenset({name} if says == "drained" else ()),
                refused={name: because("backend-refused", detail="no")} if says == "refused" else {},
                # What is over is cleaned up only once nothing of it lives.
                cleaned=execution.phase is Phase.STOPPING and not any(each.live for each in execution.processes),
                resumed=AGO - timedelta(hours=1),
            )


@pytest.fixture(scope="module")
def taken() -> tuple[set[Arrow], set[Arrow]]:
    """The arrows that decisions take: of executions, of processes."""
    phases, states = set(), set()
    for group, index in product(groups(), (0, 1)):
        spec = ExecutionSpec(zapp="z", title="Z", version="1", kind="job", groups=(group,))
        for execution in executions(spec, index):
            for found in facts(execution, index):
                after = decide(execution, found, NOW).execution
                if after.phase is not execution.phase:
                    phases.add((execution.phase.value, after.phase.value))
                for each in after.processes:
                    old = execution.process(each.name)
                    if old is None or (old.state, old.incarnation) != (each.state, each.incarnation):
                        states.add((old.state.value if old else OUTSIDE, each.state.value))
    return phases, states


class Active:
    """The executions that a command may be about."""

    def __init__(self, *executions):
        self.executions = {each.id: each for each in executions}

    def records(self, type_):
        return {Execution: self.executions}[type_]


def commanded() -> set[Arrow]:
    """The arrows that commands and admission take."""
    found = set()
    for group in groups():
        spec = ExecutionSpec(zapp="z", title="Z", version="1", kind="job", groups=(group,))
        start = StartExecution(id="e1", owner="ada", asked=StartZApp(zapp="z"), spec=spec, nodes=NODES)
        (made,) = commands.plan(Active(), start, NOW).put_of(Execution)
        found.add((OUTSIDE, made.phase.value))
        (grant,) = fifo.admit(Queue([made], NODES)).values()
        assert grant.granted is not None, "admission alone moves no execution to another phase"
        for execution in executions(spec, 0):
            ending = commands.plan(Active(execution), TerminateExecution(execution="e1"), NOW)
            for after in ending.put_of(Execution):
                if after.phase is not execution.phase:
                    found.add((execution.phase.value, after.phase.value))
    return found


def test_the_picture_of_an_execution_is_what_commands_and_decisions_do(taken):
    assert taken[0] | commanded() | {("ended", OUTSIDE)} == drawn("An execution")


def reached(source: str, state: str, arrows: set[Arrow]) -> set[str]:
    """The states that a process in ``source`` may be in after one commit."""
    found = {target for begin, target in arrows if begin == state}
    return found.union(*(reached(source, each, arrows) for each in found & PASSING[source]))


def test_the_picture_of_a_process_is_what_decisions_do(taken):
    arrows = drawn("A process")
    at_once = {(source, target) for source in PASSING for target in reached(source, source, arrows)}
    assert taken[1] - arrows - at_once == set(), "the code does what the picture does not show"
    assert arrows - taken[1] == {("ended", OUTSIDE)}, "the picture shows what the code does not do"
