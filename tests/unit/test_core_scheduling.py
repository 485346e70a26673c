"""Admission: all-or-nothing for essentials, best effort for the rest, in order, never beyond what the nodes have."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import given, settings
from msgspec.structs import replace

from zoe_hub.core.executions.decide import decide
from zoe_hub.core.executions.facts import Facts
from zoe_hub.core.executions.model import Execution, Observed, Outcome, Phase, Process, ProcessState
from zoe_hub.core.executions.processes import leaving
from zoe_hub.core.executions.resources import capacity, essentials, never_fits, reserved
from zoe_hub.core.executions.spec import ExecutionSpec, Group, Resources
from zoe_hub.core.executions.standing import QueuePlace
from zoe_hub.core.nodes import Node
from zoe_hub.core.reasons import because
from zoe_hub.core.scheduling import fifo
from zoe_hub.core.scheduling.queue import Queue
from zoe_hub.core.words import words

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def admit(executions, nodes):
    """What the policy says of a queue that is made anew."""
    return fifo.admit(Queue(executions, nodes))


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
        **{"reason": because("admission-pending")} | fields,
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
            reason=because("ready"),
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
    assert words(large.reason) == "queued until there are other nodes: 3 cores are needed and 2 of 2 are free"
    assert small.granted == {"worker": 1}
    assert admit([large], (*nodes, Node(name="m", cores=2.0, memory=2**40)))["e1"].granted == {"worker": 3}


def test_a_queue_that_moves_changes_no_record_but_that_of_its_head():
    nodes = (Node(name="n", cores=2.0, memory=2**40),)
    executions = [execution(number, essential=2, count=2) for number in range(1, 5)]
    first = admit(executions, nodes)
    assert set(first) == {"e1", "e2"}
    assert first["e1"].granted == {"worker": 2}
    waiting = [replace(executions[1], reason=first["e2"].reason), *executions[2:]]
    assert words(waiting[0].reason) == "2 cores are needed and 0 of 2 are free on 1 node"
    running = replace(executions[0], granted=first["e1"].granted)
    assert admit([running, *waiting], nodes) == {}, "said once"
    assert set(admit(waiting, nodes)) == {"e2", "e3"}, "the next one starts, the one behind it is told"


def test_a_queued_execution_knows_its_place():
    nodes = (Node(name="n", cores=2.0, memory=8 * 2**30),)
    large = execution(0, essential=3, count=3)
    queue = Queue([large, *(execution(number, essential=1, count=1) for number in range(1, 5))], nodes)
    assert queue.place("e0") is None, "it is in nobody's way"
    assert queue.place("e1") == QueuePlace(position=1)
    assert queue.place("e4") == QueuePlace(position=4, behind="app-1")
    queue.put(replace(execution(2, essential=1, count=1), granted={"worker": 1}))
    assert queue.place("e2") is None
    assert queue.place("e4") == QueuePlace(position=3, behind="app-1")
    queue.use((Node(name="n", cores=3.0, memory=8 * 2**30),))
    assert queue.place("e4") == QueuePlace(position=4, behind="app-0")
    assert queue.owners == ("ada",)


steps = st.lists(
    st.tuples(
        st.sampled_from(["start", "start", "start", "scale", "terminate", "run", "vanish", "nodes", "admit", "admit"]),
        st.integers(0, 9),
        st.sampled_from([0.5, 1.0, 2.0, 5.0]),
    ),
    max_size=40,
)


@given(steps)
def test_a_queue_kept_up_to_date_says_what_one_made_anew_would(plan):
    nodes = (Node(name="n", cores=4.0, memory=2**40),)
    world, queue = {}, Queue(nodes=nodes)
    for number, (what, which, cores) in enumerate(plan):
        known = list(world.values())
        each = known[which % len(known)] if known else None
        if what == "start":
            each = execution(number, cores=cores, essential=1 + which % 3, count=1 + which % 3 + which % 2)
        elif what == "nodes":
            nodes = tuple(Node(name=f"n{index}", cores=cores, memory=2**40) for index in range(which % 3))
            queue.use(nodes)
        elif what == "admit":
            for identifier, grant in fifo.admit(queue).items():
                world[identifier] = replace(world[identifier], granted=grant.granted, reason=grant.reason)
                queue.put(world[identifier])
        elif each is not None and what == "scale":
            each = replace(each, counts={"worker": max(each.spec.groups[0].essential, which)})
        elif each is not None and what == "terminate":
            each = replace(each, desired="ended", outcome=Outcome.CANCELLED)
        elif each is not None and what == "run" and each.granted is not None:
            each = looked_at(each, set())
        elif each is not None and what == "vanish" and each.desired == "ended":
            each = replace(each, phase=Phase.ENDED)
        if each is not None and what not in ("nodes", "admit"):
            world[each.id] = each
            queue.put(each)
        anew = Queue(world.values(), nodes)
        assert fifo.admit(queue) == fifo.admit(anew)
        assert [queue.place(identifier) for identifier in world] == [anew.place(identifier) for identifier in world]
        assert sorted(queue.owners) == sorted(anew.owners)


def test_elastic_processes_do_not_grow_while_somebody_waits_for_essentials():
    nodes = (Node(name="n", cores=4.0, memory=8 * 2**30),)
    running = replace(execution(1, essential=1, count=5), granted={"worker": 2})
    waiting = execution(2, essential=3, count=3)
    grants = admit([running, waiting], nodes)
    assert "e1" not in grants
    assert grants["e2"].granted is None


def test_what_still_runs_counts_until_it_has_gone():
    process = Process(
        name="p", group="worker", index=0, state=ProcessState.STOPPING, since=NOW, reason=because("execution-ends")
    )
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
    assert never_fits(spec, (Node(name="n", cores=4.0, memory=2**40),)) is None
    assert never_fits(
        spec, (Node(name="a", cores=2.0, memory=2**40), Node(name="b", cores=2.0, memory=2**40))
    ) == because("nodes-too-small", group="worker", cores=3.0, memory=2**30)
    assert never_fits(spec, (Node(name="n", cores=2.0, memory=2**29),)) == because(
        "cores-and-memory-missing",
        cores=because("cores-missing", needed=3.0, free=2.0, total=2.0),
        memory=because("memory-missing", needed=2**30, free=2**29, total=2**29),
    )
    assert essentials(spec).cores == 3.0
