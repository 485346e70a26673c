"""A state machine over ``plan``, ``admit`` and ``decide``: commands, crashes, deaths and time in any order, against a
small world.

The world is what a backend would be: processes by name. A step of the hub may be cut off before any of its actions, as
a SIGKILL would. Whatever happened, once the trouble is over the record and the world agree with what was wanted.
"""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import event, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from zoe_hub.core import commands
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.commands import ScaleExecution, StartExecution, StartZApp, TerminateExecution
from zoe_hub.core.executions.decide import decide, target
from zoe_hub.core.executions.facts import (
    AllocatePorts,
    CleanUp,
    Facts,
    RemoveProcess,
    SignalProcess,
    StartProcess,
    StopProcess,
)
from zoe_hub.core.executions.invariants import violations
from zoe_hub.core.executions.model import Address, Execution, Observed, Phase
from zoe_hub.core.executions.spec import Drain, ExecutionSpec, Group, Port, Ready, Resources, Restart
from zoe_hub.core.nodes import Node
from zoe_hub.core.reasons import because
from zoe_hub.core.scheduling import fifo
from zoe_hub.core.scheduling.queue import Queue

NODES = (Node(name="n", cores=8.0, memory=8 * 2**30),)
PORT = Port(name="rpc", number=7077)


def spec(*, result: bool) -> ExecutionSpec:
    """Master, elastic workers that drain, and perhaps a job that decides the result."""
    master = Group(
        name="master",
        framework="f",
        image="i",
        command=("m",),
        ports=(PORT,),
        ready=Ready(kind="tcp", port="rpc", timeout=20),
        restart=Restart(limit=2),
    )
    worker = Group(
        name="worker",
        framework="f",
        image="i",
        command=("w", "⟦address:master.rpc⟧"),
        count=2,
        essential=1,
        maximum=6,
        grace=5,
        ready=Ready(kind="log", pattern="up", timeout=20),
        drain=Drain(signal="PWR", timeout=30),
        resources=Resources(cores=1.0),
        restart=Restart(limit=2),
    )
    job = Group(name="job", framework="f", image="i", command=("j",), needs=("master", "worker"), decides_result=True)
    return ExecutionSpec(
        zapp="z", title="Z", version="1", kind="engine", groups=(master, worker, job) if result else (master, worker)
    )


class World:
    """What a backend would hold."""

    def __init__(self) -> None:
        self.processes: dict[str, Observed] = {}
        self.starts: dict[tuple[str, int], int] = {}
        self.stubborn: set[str] = set()
        self.port = 20000

    def do(self, execution, action):
        """Carry out an action as a backend would; new addresses if any."""
        match action:
            case AllocatePorts(process=name):
                self.port += 1
                return {
                    name: {
                        port.name: Address(
                            number=self.port, host="h", port=self.port, endpoint_host="h", endpoint_port=self.port
                        )
                        for port in execution.spec.group(execution.process(name).group).ports
                    }
                }
            case StartProcess(process=name):
                process = execution.process(name)
                there = self.processes.get(name)
                assert there is None or there.state == "exited" or there.incarnation == process.incarnation, (
                    "started over a running one"
                )
                if there is None or there.incarnation != process.incarnation:
                    self.processes[name] = Observed(
                        name=name,
                        execution=execution.id,
                        group=process.group,
                        index=process.index,
                        incarnation=process.incarnation,
                        state="running",
                    )
                    key = (name, process.incarnation)
                    self.starts[key] = self.starts.get(key, 0) + 1
            case StopProcess(process=name, grace=grace):
                if name in self.processes and (grace == 0 or name not in self.stubborn):
                    self.exit(name, -9 if grace == 0 else -15)
            case RemoveProcess(process=name):
                assert self.processes[name].state == "exited"
                del self.processes[name]
            case CleanUp():
                assert all(seen.state == "exited" for seen in self.processes.values())
                self.processes.clear()
            case SignalProcess():
                pass
        return {}

    def exit(self, name: str, code: int, reason=None) -> None:
        if self.processes[name].state == "running":
            self.processes[name] = replace(self.processes[name], state="exited", exit_code=code, reason=reason)


class State:
    """What ``plan`` looks at."""

    def __init__(self) -> None:
        self.executions = {}

    def records(self, type_):
        return {Execution: self.executions}[type_]


class Life(RuleBasedStateMachine):
    """One execution from its start to its end."""

    @initialize(result=st.booleans())
    def begin(self, result):
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.world, self.state, self.ready, self.drained = World(), State(), set(), set()
        self.addresses: dict = {}
        self.cleaned = False
        self.resumed = self.now
        self.late: list = []  # starts that a killed hub had asked for and that the backend has not carried out yet
        start = StartExecution(id="e1", owner="ada", asked=StartZApp(zapp="z"), spec=spec(result=result), nodes=NODES)
        plan = commands.plan(self.state, start, self.now)
        self.keep(plan.put_of(Execution)[0])

    @property
    def execution(self):
        return self.state.executions["e1"]

    def keep(self, execution):
        old = self.state.executions.get("e1")
        assert old is None or execution.version == old.version + 1
        assert violations(execution) == []
        self.state.executions["e1"] = execution

    def step(self, upto=None):
        """One pass of the hub, cut off before action number ``upto``; whether anything was done or changed."""
        for identifier, grant in fifo.admit(Queue([self.execution], NODES)).items():
            assert identifier == "e1"
            self.keep(
                replace(self.execution, granted=grant.granted, reason=grant.reason, version=self.execution.version + 1)
            )
        before = self.execution
        live = {process.name for process in before.processes if process.live}
        facts = Facts(
            deployment="d",
            observed=dict(self.world.processes),
            addresses=self.addresses,
            ready=frozenset(self.ready & live),
            drained=frozenset(self.drained & live),
            cleaned=self.cleaned,
            resumed=self.resumed,
        )
        decision = decide(before, facts, self.now)
        assert decide(before, facts, self.now) == decision
        self.addresses, self.cleaned = {}, False
        if decision.execution != before:
            self.keep(decision.execution)
            assert decision.execution.reason
        assert all(each.reason for each in decision.events)
        for process in decision.execution.processes:
            if process.state in ("starting", "draining"):
                assert process.deadline > self.now, "late, but nothing is done about it"
            old = before.process(process.name)
            if process.forced and not (old and old.forced):
                grace = before.spec.group(process.group).grace
                assert (self.now - max(self.resumed, process.since)).total_seconds() >= grace, (
                    "killed before this hub could have asked"
                )
        actions = decision.actions[:upto]
        found = False
        for action in actions:
            new = self.world.do(decision.execution, action)
            if upto is None:
                self.addresses.update(new)
                self.cleaned = self.cleaned or isinstance(action, CleanUp)
            found = found or isinstance(action, AllocatePorts | StartProcess | CleanUp | RemoveProcess)
        self.late += [
            (decision.execution, action)
            for action in decision.actions[len(actions) :]
            if isinstance(action, StartProcess)
        ]
        return decision.execution != before or found

    @rule(upto=st.none() | st.integers(0, 4))
    def hub_works(self, upto):
        self.step(upto)

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def late_start_arrives(self, data):
        execution, action = self.late.pop(data.draw(st.integers(0, len(self.late) - 1)))
        name = action.process
        taken = name in self.world.processes or any(
            key[0] == name and key[1] >= execution.process(name).incarnation for key in self.world.starts
        )
        if not taken:  # else the backend refuses it
            self.world.do(execution, action)

    @rule(seconds=st.sampled_from([0.1, 1, 7, 25, 70]))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule(seconds=st.sampled_from([1, 70, 3600]))
    def hub_was_away(self, seconds):
        self.now += timedelta(seconds=seconds)
        self.resumed = self.now

    @precondition(lambda self: self.world.processes)
    @rule(data=st.data(), code=st.sampled_from([0, 1, 3, -9]), port=st.booleans())
    def process_ends(self, data, code, port):
        name = data.draw(st.sampled_from(sorted(self.world.processes)))
        self.world.exit(name, code, because("port-lost") if port else None)

    @precondition(lambda self: self.world.processes)
    @rule(data=st.data())
    def process_vanishes(self, data):
        seen = self.world.processes.pop(data.draw(st.sampled_from(sorted(self.world.processes))))
        del self.world.starts[seen.name, seen.incarnation]  # as if it had never been: it may be started again

    @precondition(lambda self: self.world.processes)
    @rule(data=st.data())
    def process_gets_ready(self, data):
        self.ready.add(data.draw(st.sampled_from(sorted(self.world.processes))))

    @precondition(lambda self: self.world.processes)
    @rule(data=st.data())
    def process_drained(self, data):
        self.drained.add(data.draw(st.sampled_from(sorted(self.world.processes))))

    @rule()
    def workers_ignore_term(self):
        self.world.stubborn.add("zoe-d-e1-worker-1")

    @rule(count=st.integers(0, 8))
    def scale(self, count):
        try:
            plan = commands.plan(self.state, ScaleExecution(execution="e1", count=count), self.now)
        except ZoeError as error:
            event(f"scale refused: {error.code}")
            assert error.code == ("already-ended" if self.execution.desired == "ended" else "out-of-range")  # noqa: PT017
            assert self.execution.desired == "ended" or not 1 <= count <= 6
        else:
            for execution in plan.put_of(Execution):
                self.keep(execution)

    @rule()
    def terminate(self):
        for execution in commands.plan(self.state, TerminateExecution(execution="e1"), self.now).put_of(Execution):
            self.keep(execution)

    @invariant()
    def nothing_twice(self):
        if hasattr(self, "world"):
            assert set(self.world.starts.values()) <= {1}, "started twice"

    def settle(self):
        """No more trouble: everything that runs gets ready and drains; time passes."""
        for _ in range(400):
            self.ready |= set(self.world.processes)
            self.drained |= set(self.world.processes)
            if not self.step() and self.calm():
                return
            self.now += timedelta(seconds=1)
        raise AssertionError(f"does not settle: {self.execution}")

    def calm(self):
        if self.execution.phase is Phase.ENDED:
            return not self.world.processes
        full = all(
            sum(each.group == group.name and each.live for each in self.execution.processes)
            == target(self.execution, group)
            for group in self.execution.spec.groups
        )
        return (
            full
            and all(process.state in ("ready", "ended") for process in self.execution.processes)
            and self.execution.phase is Phase.RUNNING
        )

    def teardown(self):
        if not hasattr(self, "world"):
            return
        self.settle()
        execution = self.execution
        running = {name for name, seen in self.world.processes.items() if seen.state == "running"}
        assert running == {process.name for process in execution.processes if process.live}
        if execution.desired == "running":
            for group in execution.spec.groups:
                assert sum(process.group == group.name and process.live for process in execution.processes) == target(
                    execution, group
                )
        else:
            assert execution.phase is Phase.ENDED
            assert not running


Life.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase


def test_a_start_that_arrives_late_does_not_outlive_an_execution_that_ends():
    life = Life()
    life.begin(result=False)
    life.step()
    life.step(upto=1)  # the hub dies once the master was started; its requests for the workers come through later
    assert set(life.world.processes) == {"zoe-d-e1-master-0"}
    life.terminate()
    life.step(upto=0)
    life.world.exit("zoe-d-e1-master-0", 0)
    life.step(upto=0)  # all that is known has ended
    assert not any(process.live for process in life.execution.processes)
    life.world.do(*life.late.pop())
    life.settle()
    assert life.execution.phase is Phase.ENDED
    assert not life.world.processes
