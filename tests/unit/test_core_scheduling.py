"""Admission: all-or-nothing for essentials, best effort for the rest, in order, never beyond what the nodes have."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import given
from msgspec.structs import replace

from zoe_hub.core.model import Execution, ExecutionSpec, Group, Node, Process, ProcessState, Resources
from zoe_hub.core.scheduling import admit, capacity, essentials, never_fits, reserved

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def execution(number, *, cores=1.0, essential=1, count=3, **fields):
    group = Group(name="worker", framework="f", image="i", command=("w",), count=count, essential=essential, maximum=20, resources=Resources(cores=cores, memory=2**30))
    spec = ExecutionSpec(zapp="z", title="Z", version="1", kind="engine", groups=(group,))
    return Execution(id=f"e{number}", name=f"app-{number}", owner="ada", spec=spec, created=NOW + timedelta(seconds=number), counts={"worker": count}, **fields)


def settled(executions, nodes):
    """Apply grants until nothing changes."""
    executions = list(executions)
    for _ in range(50):
        grants = admit(executions, nodes)
        if not grants:
            return executions
        executions = [replace(each, granted=grants[each.id].granted, reason=grants[each.id].reason) if each.id in grants else each for each in executions]
    raise AssertionError("grants do not settle")


@given(
    st.lists(st.tuples(st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 4), st.integers(0, 6)), max_size=8),
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 16)), min_size=1, max_size=3),
)
def test_grants_settle_within_what_the_nodes_have(wanted, sizes):
    nodes = tuple(Node(name=f"n{number}", cores=float(cores), memory=memory * 2**30) for number, (cores, memory) in enumerate(sizes))
    queue = [execution(number, cores=cores, essential=essential, count=essential + more) for number, (cores, essential, more) in enumerate(wanted)]
    after = settled(queue, nodes)
    used, total = reserved(after), capacity(nodes)
    assert used.cores <= total.cores + 1e-6
    assert used.memory <= total.memory
    admitted = [each.granted is not None for each in after]
    assert admitted == sorted(admitted, reverse=True), "nobody overtakes the head of the queue"
    for each in after:
        assert each.reason or each.granted is not None
        if each.granted is not None:
            assert each.spec.groups[0].essential <= each.granted["worker"] <= each.counts["worker"]


def test_a_queued_execution_is_told_what_is_missing_and_where_it_stands():
    nodes = (Node(name="n", cores=2.0, memory=8 * 2**30),)
    first, second, third = settled([execution(1, essential=2, count=2), execution(2, essential=1, count=1), execution(3, essential=1, count=1)], nodes)
    assert first.granted == {"worker": 2}
    assert second.granted is None
    assert second.reason == "queued at position 1: 1 cores are needed and 0 of 2 are free on 1 node"
    assert third.reason == "queued at position 2: waits behind app-2"


def test_elastic_processes_do_not_grow_while_somebody_waits_for_essentials():
    nodes = (Node(name="n", cores=4.0, memory=8 * 2**30),)
    running = replace(execution(1, essential=1, count=5), granted={"worker": 2})
    waiting = execution(2, essential=3, count=3)
    grants = admit([running, waiting], nodes)
    assert "e1" not in grants
    assert grants["e2"].granted is None


def test_what_still_runs_counts_until_it_has_gone():
    process = Process(name="p", group="worker", index=0, state=ProcessState.STOPPING, since=NOW)
    ending = replace(execution(1, essential=1, count=1), granted={"worker": 1}, desired="ended", processes=(process,))
    assert reserved([ending]) == Resources(cores=1.0, memory=2**30)
    gone = replace(ending, processes=(replace(process, state=ProcessState.ENDED),))
    assert reserved([gone]) == Resources(cores=0.0, memory=0)


def test_less_is_granted_at_once_when_less_is_wanted():
    nodes = (Node(name="n", cores=8.0, memory=8 * 2**30),)
    smaller = replace(execution(1, essential=1, count=2), granted={"worker": 5})
    assert admit([smaller], nodes)["e1"].granted == {"worker": 2}


def test_what_never_fits_says_why():
    spec = execution(1, cores=3.0, essential=1).spec
    assert never_fits(spec, (Node(name="n", cores=4.0, memory=2**40),)) == ""
    assert "none of 2 nodes has" in never_fits(spec, (Node(name="a", cores=2.0, memory=2**40), Node(name="b", cores=2.0, memory=2**40)))
    assert "3 cores are needed" in never_fits(spec, (Node(name="n", cores=2.0, memory=2**40),))
    assert essentials(spec).cores == 3.0
