"""Admission: all-or-nothing for essentials, best effort for the rest, in order, never beyond what the nodes have."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import given, settings
from msgspec.structs import replace

from zoe_hub.core.executions.decide import decide
from zoe_hub.core.executions.facts import Facts
from zoe_hub.core.executions.model import Execution, Observed, Outcome, Process, ProcessState
from zoe_hub.core.executions.processes import leaving
from zoe_hub.core.executions.spec import ExecutionSpec, Group, Resources
from zoe_hub.core.scheduling.fifo import admit
from zoe_hub.core.scheduling.nodes import Node
from zoe_hub.core.scheduling.placement import capacity, essentials, never_fits, reserved

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def execution(number, *, cores=1.0, essential=1, count=3, **fields):
    group = Group(
        name="worker",
        framework="f",
        image="i",
        command=("w",),
        count=count,
        essential=essential,
        maximum=20,
        resources=Resources(cores=cores, memory=2**30),
    )
    spec = ExecutionSpec(zapp="z", title="Z", version="1", kind="engine", groups=(group,))
    return Execution(
        id=f"e{number}",
        name=f"app-{number}",
        owner="ada",
        spec=spec,
        created=NOW + timedelta(seconds=number),
        counts={"worker": count},
        **fields,
    )


def settled(executions, nodes):
    """Apply grants until nothing changes."""
    executions = list(executions)
    for _ in range(50):
        grants = admit(executions, nodes)
        if not grants:
            return executions
        executions = [
            replace(each, granted=grants[each.id].granted, reason=grants[each.id].reason) if each.id in grants else each
            for each in executions
        ]
    raise AssertionError("grants do not settle")


@given(
    st.lists(st.tuples(st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 4), st.integers(0, 6)), max_size=8),
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 16)), min_size=1, max_size=3),
)
def test_grants_settle_within_what_the_nodes_have(wanted, sizes):
    nodes = tuple(
        Node(name=f"n{number}", cores=float(cores), memory=memory * 2**30)
        for number, (cores, memory) in enumerate(sizes)
    )
    queue = [
        execution(number, cores=cores, essential=essential, count=essential + more)
        for number, (cores, essential, more) in enumerate(wanted)
    ]
    after = settled(queue, nodes)
    used, total = reserved(after), capacity(nodes)
    assert used.cores <= total.cores + 1e-6
    assert used.memory <= total.memory
    admitted = [each.granted is not None for each in after if not never_fits(each.spec, nodes)]
    assert admitted == sorted(admitted, reverse=True), "nobody overtakes the head of the queue"
    for each in after:
        assert each.reason or each.granted is not None
        if each.granted is not None:
            assert each.spec.groups[0].essential <= each.granted["worker"] <= each.counts["worker"]


@settings(max_examples=300)
@given(
    st.sampled_from([3.0, 4.5]),
    st.lists(
        st.tuples(
            st.sampled_from(["scale", "scale", "scale", "end", "start", "terminate"]),
            st.integers(0, 1),
            st.integers(0, 3),
        ),
        min_size=4,
        max_size=25,
    ),
)
def test_what_runs_and_what_still_runs_never_exceed_the_nodes(cores, steps):
    """Every process that was let go hands over its work or ends for as long as the steps want it to."""
    nodes = (Node(name="n", cores=cores, memory=2**40),)
    world = [execution(0, essential=1, count=3), execution(1, essential=1, count=1)]
    gone: set[tuple[str, int]] = set()
    for what, which, number in [("", 0, 0), *steps]:
        each = world[which % len(world)]
        if what == "start":
            world.append(execution(len(world), essential=1, count=1 + number % 3))
        elif what == "scale":
            world[which % len(world)] = replace(each, counts={"worker": 1 + number})
        elif what == "terminate":
            world[which % len(world)] = replace(each, desired="ended", outcome=Outcome.CANCELLED)
        elif what == "end":
            going = [process for one in world for process in one.processes if leaving(process)]
            gone |= {(process.name, process.incarnation) for process in going[number : number + 1]}
        for _ in range(4):  # until the hub has nothing more to say
            grants = admit([one for one in world if one.active], nodes)
            world = [
                replace(one, granted=grants[one.id].granted, reason=grants[one.id].reason) if one.id in grants else one
                for one in world
            ]
            world = [looked_at(one, gone) for one in world]
            running = sum(process.live for one in world for process in one.processes)
            assert running <= cores, [(process.name, process.state) for one in world for process in one.processes]
            assert reserved(world).cores <= cores + 1e-6


def looked_at(each, gone):
    """One look of the hub: all that is meant to run runs and is ready, apart from what has gone."""
    observed = {
        process.name: Observed(
            name=process.name,
            execution=each.id,
            group="worker",
            index=process.index,
            incarnation=process.incarnation,
            started=NOW,
            state="exited" if (process.name, process.incarnation) in gone else "running",
        )
        for process in each.processes
        if process.live
    }
    return decide(each, Facts(deployment="d", observed=observed), NOW).execution


def test_what_hands_over_its_work_still_needs_its_place():
    nodes = (Node(name="n", cores=4.0, memory=2**40),)
    processes = tuple(
        Process(
            name=f"p{index}",
            group="worker",
            index=index,
            state=ProcessState.READY if index == 0 else ProcessState.DRAINING,
            since=NOW,
        )
        for index in range(4)
    )
    grown = replace(execution(1, essential=1, count=4), granted={"worker": 1}, processes=processes)
    assert reserved([grown]).cores == 4.0
    assert admit([grown], nodes) == {}
    grown = replace(grown, processes=(*processes[:3], replace(processes[3], state=ProcessState.ENDED)))
    assert admit([grown], nodes)["e1"].granted == {"worker": 2}


def test_what_can_never_run_on_fewer_nodes_blocks_nobody():
    nodes = (Node(name="n", cores=2.0, memory=2**40),)
    large, small = settled([execution(1, essential=3, count=3), execution(2, essential=1, count=1)], nodes)
    assert large.granted is None
    assert large.reason == "queued until there are other nodes: 3 cores are needed and 2 of 2 are free"
    assert small.granted == {"worker": 1}
    assert admit([large], (*nodes, Node(name="m", cores=2.0, memory=2**40)))["e1"].granted == {"worker": 3}


def test_only_another_place_behind_the_head_is_not_worth_an_event():
    nodes = (Node(name="n", cores=2.0, memory=2**40),)
    queue = [execution(number, essential=2, count=2) for number in range(1, 5)]
    first = admit(queue, nodes)
    assert [first[each.id].quiet for each in queue] == [False] * 4, "each is told once why it waits"
    waiting = [replace(each, reason=first[each.id].reason) for each in queue[1:]]
    second = admit(waiting, nodes)
    assert [(each.id, second[each.id].quiet) for each in waiting] == [("e2", False), ("e3", False), ("e4", True)]
    assert second["e3"].reason == "queued at position 1: 2 cores are needed and 0 of 2 are free on 1 node"
    assert second["e4"].reason == "queued at position 2: waits behind app-3"


def test_a_queued_execution_is_told_what_is_missing_and_where_it_stands():
    nodes = (Node(name="n", cores=2.0, memory=8 * 2**30),)
    first, second, third = settled(
        [execution(1, essential=2, count=2), execution(2, essential=1, count=1), execution(3, essential=1, count=1)],
        nodes,
    )
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
    assert "none of 2 nodes has" in never_fits(
        spec, (Node(name="a", cores=2.0, memory=2**40), Node(name="b", cores=2.0, memory=2**40))
    )
    assert "3 cores are needed" in never_fits(spec, (Node(name="n", cores=2.0, memory=2**40),))
    assert essentials(spec).cores == 3.0
