"""Any sequence of commands: each plan fits the records it was made for, refusals change nothing, and promises hold."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from msgspec.structs import replace

from zoe_hub.core import commands
from zoe_hub.core.attachments.commands import Attach, AttachHolder, Detach, attached
from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.commands import Command
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.commands import ScaleExecution, StartExecution, StartZApp, TerminateExecution
from zoe_hub.core.executions.invariants import violations
from zoe_hub.core.executions.model import Execution, Outcome, Phase, Process, ProcessState
from zoe_hub.core.executions.spec import Connector, ExecutionSpec, Group
from zoe_hub.core.nodes import Node
from zoe_hub.core.reasons import because
from zoe_hub.store.base import Batch
from zoe_hub.store.draft import Draft
from zoe_hub.store.kinds import ATTACHMENTS, EXECUTIONS
from zoe_hub.store.state import State

NODES = (Node(name="n", cores=8.0, memory=2**34),)
OWNERS = st.sampled_from(["ada", "bob"])
KEYS = st.sampled_from(["a.ipynb", "b.ipynb"])
COUNTS = st.integers(-1, 6)


def spec(zapp: str, protected: bool) -> ExecutionSpec:
    worker = Group(name="worker", framework="f", image="i", command=("w",), count=2, essential=1, maximum=4)
    single = Group(name="single", framework="f", image="i", command=("s",))
    attach = {} if zapp == "closed" else {"python": Connector()}
    return ExecutionSpec(
        zapp=zapp,
        title=zapp,
        version="1",
        kind="engine",
        groups=(single, worker) if zapp == "cluster" else (single,),
        attach=attach,
        protected=protected,
    )


class Known:
    """The records as a command sees them: the active ones, and one that has ended if it is about that."""

    def __init__(self) -> None:
        self._state, self._ended = State(), dict[str, Execution]()

    @property
    def executions(self) -> Mapping[str, Execution]:
        return ChainMap(self._state.records[EXECUTIONS], self._ended)

    @property
    def attachments(self) -> Mapping[str, Attachment]:
        return self._state.records[ATTACHMENTS]

    def records(self, type_: type[Any]) -> Mapping[Any, Any]:
        return {Execution: self.executions, Attachment: self.attachments}[type_]

    def apply(self, batch: Batch) -> None:
        draft = Draft(self._state)
        draft.add(batch)  # raises a conflict if a record is not the next version of what is there
        draft.apply()
        self._ended |= {each.id: each for each in batch.put if isinstance(each, Execution) and not each.active}


class Commands(RuleBasedStateMachine):
    """Two owners with two notebooks each give commands; now and then an execution runs or ends."""

    executions = Bundle("executions")
    attachments = Bundle("attachments")

    @initialize()
    def begin(self) -> None:
        self.known, self.now, self.number = Known(), datetime(2026, 1, 1, tzinfo=UTC), 0
        self.typed: set[str] = set()  # executions whose name was typed to end them

    def fresh(self, letter: str) -> str:
        self.number += 1
        return f"{letter}{self.number}"

    def apply(self, batch: Batch) -> None:
        self.known.apply(batch)

    def do(self, command: Command) -> commands.Plan | None:
        """Plan, and carry the plan out; None: it was refused, which changes nothing."""
        self.now += timedelta(seconds=1)
        before = (dict(self.known.executions), dict(self.known.attachments))
        try:
            plan = commands.plan(self.known, command, self.now)
        except ZoeError:
            assert (dict(self.known.executions), dict(self.known.attachments)) == before
            return None
        assert commands.plan(self.known, command, self.now) == plan, "the same question, the same answer"
        assert (dict(self.known.executions), dict(self.known.attachments)) == before, "a plan does nothing by itself"
        changed = {execution.id for execution in plan.put_of(Execution)}
        assert {event.execution for event in plan.events} >= changed, "no change without a line of history"
        assert bool(plan.changes) == bool(plan.put or plan.drop)
        self.apply(Batch(put=plan.put, drop=plan.drop, events=plan.events))
        return plan

    def start(self, owner: str, zapp: str, protected: bool) -> StartExecution:
        request = StartZApp(zapp=zapp)
        return StartExecution(id=self.fresh("e"), owner=owner, request=request, spec=spec(zapp, protected), nodes=NODES)

    @rule(
        target=executions, owner=OWNERS, zapp=st.sampled_from(["cluster", "single", "closed"]), protected=st.booleans()
    )
    def starts(self, owner: str, zapp: str, protected: bool) -> str:
        plan = self.do(self.start(owner, zapp, protected))
        assert plan is not None
        return plan.put_of(Execution)[0].id

    @rule(
        execution=executions,
        count=COUNTS,
        group=st.sampled_from([None, "worker", "single", "other"]),
        stale=st.booleans(),
    )
    def scales(self, execution: str, count: int, group: str | None, stale: bool) -> None:
        known = self.known.executions[execution]
        plan = self.do(ScaleExecution(execution=execution, count=count, group=group, version=known.version + stale))
        if plan is not None:
            assert not stale
            assert self.known.executions[execution].counts["worker"] == count

    @rule(execution=executions, typed=st.sampled_from([None, "wrong", "right"]))
    def terminates(self, execution: str, typed: str | None) -> None:
        known = self.known.executions[execution]
        plan = self.do(TerminateExecution(execution=execution, confirm=known.name if typed == "right" else typed))
        if typed == "right":
            self.typed.add(execution)
        assert plan is not None or (known.spec.protected and typed != "right"), (
            "honoured in every phase, unless it is protected"
        )

    @rule(
        target=attachments,
        owner=OWNERS,
        key=KEYS,
        zapp=st.sampled_from(["cluster", "single", "closed"]),
        protected=st.booleans(),
        count=COUNTS | st.none(),
    )
    def attaches(self, owner: str, key: str, zapp: str, protected: bool, count: int | None) -> Any:
        had = attached(self.known, owner, key, zapp=zapp)
        counts = {"worker": count} if count is not None and zapp == "cluster" else {}
        command = Attach(
            id=self.fresh("a"),
            owner=owner,
            request=AttachHolder(key=key, kernel="k", zapp=zapp),
            start=self.start(owner, zapp, protected),
            counts=counts,
        )
        plan = self.do(command)
        if plan is None:
            return ""
        assert plan.found is (had is not None)
        if had is not None:
            assert (plan.put_of(Attachment)[0].id, plan.put_of(Attachment)[0].execution) == (had.id, had.execution), (
                "the same notebook finds the same cluster"
            )
        return plan.put_of(Attachment)[0].id

    @rule(target=attachments, owner=OWNERS, key=KEYS, execution=executions)
    def attaches_to(self, owner: str, key: str, execution: str) -> Any:
        plan = self.do(
            Attach(id=self.fresh("a"), owner=owner, request=AttachHolder(key=key, kernel="k", execution=execution))
        )
        return plan.put_of(Attachment)[0].id if plan is not None else ""

    @rule(attachment=consumes(attachments), keep=st.booleans())
    def detaches(self, attachment: str, keep: bool) -> None:
        known = self.known.attachments.get(attachment)
        others = [
            each.id
            for each in self.known.attachments.values()
            if known and each.execution == known.execution and each.id != attachment
        ]
        plan = self.do(Detach(attachment=attachment, keep=keep))
        assert (plan is None) is (known is None)
        if plan is not None and (keep or others):
            assert plan.put_of(Execution) == (), "what is kept, or used by another notebook, goes on"

    @rule(execution=executions, ends=st.booleans())
    def goes_on(self, execution: str, ends: bool) -> None:
        """What reconciling makes of it in the meantime."""
        known = self.known.executions[execution]
        if known.phase is Phase.ENDED:
            return
        process = Process(
            name=f"p-{known.id}",
            group="single",
            index=0,
            state=ProcessState.READY,
            since=self.now,
            started=self.now,
            reason=because("ready"),
        )
        if ends and known.desired == "ended":
            changed: Execution = replace(
                known, phase=Phase.ENDED, ended=self.now, processes=(), version=known.version + 1
            )
        elif known.desired == "running" and known.granted is None:
            granted = {group.name: group.essential for group in known.spec.groups}
            changed = replace(
                known, granted=granted, phase=Phase.STARTING, processes=(process,), version=known.version + 1
            )
        else:
            return
        self.apply(Batch(put=(changed,)))

    @invariant()
    def records_are_sound(self) -> None:
        for execution in self.known.executions.values():
            assert violations(execution) == []
            if execution.spec.protected and execution.desired == "ended":
                assert execution.id in self.typed, "what is protected ends only by its name"
            if execution.desired == "ended":
                assert execution.outcome is Outcome.CANCELLED
        bound = [(each.owner, each.key, each.execution) for each in self.known.attachments.values()]
        assert len(set(bound)) == len(bound), "a notebook is attached to an execution once"
        assert {each.execution for each in self.known.attachments.values()} <= {
            each.id for each in self.known.executions.values() if each.active
        }


Commands.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestCommands = Commands.TestCase
