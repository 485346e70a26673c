"""Commands become plans: what changes, why, and what is refused with which code."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from zoe_hub.core import commands
from zoe_hub.core.attachments.commands import Attach, AttachHolder, Detach, connects
from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.commands import ScaleExecution, StartExecution, StartZApp, TerminateExecution
from zoe_hub.core.executions.invariants import violations
from zoe_hub.core.executions.model import Execution, Outcome, Phase
from zoe_hub.core.executions.spec import Connector, ExecutionSpec, Group
from zoe_hub.core.nodes import Node
from zoe_hub.core.reasons import because
from zoe_hub.core.words import words

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NODES = (Node(name="n", cores=8.0, memory=2**34),)


def spec(**fields):
    workers = Group(name="worker", framework="f", image="i", command=("w",), count=2, essential=1, maximum=4)
    return ExecutionSpec(
        zapp="cluster",
        title="Cluster",
        version="1",
        kind="engine",
        groups=(workers,),
        attach={"python": Connector()},
        **fields,
    )


class State:
    """Records in memory, to which plans are applied."""

    def __init__(self):
        self.executions, self.attachments = {}, {}

    def records(self, type_):
        return {Execution: self.executions, Attachment: self.attachments}[type_]

    def do(self, command, now=NOW):
        plan = commands.plan(self, command, now)
        for execution in plan.put_of(Execution):
            assert violations(execution) == []
            self.executions[execution.id] = execution
        for gone in plan.drop:
            del self.records(gone.type)[gone.key]
        for attachment in plan.put_of(Attachment):
            self.attachments[attachment.id] = attachment
        assert {each.execution for each in plan.events} >= {each.id for each in plan.put_of(Execution)}
        return plan

    def refused(self, command):
        with pytest.raises(ZoeError) as caught:
            commands.plan(self, command, NOW)
        return caught.value.code


@pytest.fixture
def state():
    state = State()
    state.do(start("e1"))
    return state


def start(identifier, **fields):
    request = StartZApp(zapp="z")
    return StartExecution(id=identifier, owner="ada", asked=request, spec=spec(**fields), nodes=NODES)


def attach(identifier, key="a.ipynb", **fields):
    command = {name: fields.pop(name) for name in ("owner", "start", "counts") if name in fields}
    request = AttachHolder(key=key, **{"kernel": "k"} | fields)
    return Attach(id=identifier, asked=request, **{"owner": "ada"} | command)


def test_start_waits_for_admission(state):
    execution = state.executions["e1"]
    assert (execution.phase, execution.granted, execution.counts, execution.version) == (
        Phase.QUEUED,
        None,
        {"worker": 2},
        1,
    )
    big = Group(name="worker", framework="f", image="i", command=("w",), essential=100, count=100, maximum=100)
    assert state.refused(replace(start("e2"), spec=replace(spec(), groups=(big,)))) == "never-fits"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (ScaleExecution(execution="e9", count=2), "unknown-execution"),
        (ScaleExecution(execution="e1", count=2, group="master"), "unknown-group"),
        (ScaleExecution(execution="e1", count=0), "out-of-range"),
        (ScaleExecution(execution="e1", count=5), "out-of-range"),
        (ScaleExecution(execution="e1", count=3, version=7), "conflict"),
        (TerminateExecution(execution="e9"), "unknown-execution"),
        (Detach(attachment="a9"), "unknown-attachment"),
        (attach("a1", execution="e9"), "unknown-execution"),
        (attach("a1", execution="e1", language="r"), "not-attachable"),
        (attach("a1"), "unknown-attachment"),
    ],
)
def test_what_cannot_be_done_is_refused_by_code(state, command, code):
    assert state.refused(command) == code


def test_scale_changes_the_wish_once(state):
    (change,) = state.do(ScaleExecution(execution="e1", count=3)).changes
    assert words(change.what) == "scale worker of cluster-e1 from 2 to 3"
    assert state.do(ScaleExecution(execution="e1", count=3)).changes == ()


def test_terminate_twice_is_once_and_what_has_ended_does_not_grow(state):
    state.do(TerminateExecution(execution="e1", reason=because("told", words="enough")))
    assert (state.executions["e1"].outcome, state.executions["e1"].reason) == (
        Outcome.CANCELLED,
        because("told", words="enough"),
    )
    assert state.do(TerminateExecution(execution="e1")).changes == ()
    assert state.refused(ScaleExecution(execution="e1", count=3)) == "already-ended"


def test_a_protected_execution_wants_its_name(state):
    state.do(start("e2", protected=True))
    assert state.refused(TerminateExecution(execution="e2")) == "protected"
    assert state.refused(TerminateExecution(execution="e2", confirm="e2")) == "protected"
    state.do(TerminateExecution(execution="e2", confirm="cluster-e2"))
    assert state.executions["e2"].desired == "ended"


def test_detaching_never_ends_what_is_protected(state):
    state.do(start("e2", protected=True))
    state.do(attach("a1", execution="e2"))
    state.do(Detach(attachment="a1"))
    assert state.executions["e2"].desired == "running"


def test_attach_twice_finds_the_same_execution_even_from_another_kernel(state):
    first = state.do(attach("a1", zapp="cluster", start=start("e2")))
    assert not first.found
    later = NOW + timedelta(hours=1)
    again = state.do(attach("a2", zapp="cluster", start=start("e3"), kernel="other"), later)
    assert again.found
    assert set(state.executions) == {"e1", "e2"}
    assert state.attachments["a1"].kernel == "other"
    assert state.attachments["a1"].renewed == later


def test_a_notebook_has_one_execution_of_a_zapp(state):
    state.do(attach("a1", zapp="cluster", start=start("e2")))
    assert state.refused(attach("a2", execution="e1")) == "already-attached"
    assert state.do(attach("a2", execution="e2")).found
    assert state.do(attach("a3", "b.ipynb", execution="e1")).found
    state.do(Detach(attachment="a1", keep=True))
    assert state.do(attach("a4", execution="e1")).put_of(Attachment)[0].execution == "e1"


def test_attach_again_with_another_size_scales(state):
    state.do(attach("a1", zapp="cluster", start=start("e2")))
    state.do(attach("a2", zapp="cluster", start=start("e3"), counts={"worker": 4}))
    assert state.executions["e2"].counts == {"worker": 4}
    assert state.refused(attach("a3", zapp="cluster", start=start("e3"), counts={"worker": 9})) == "out-of-range"


def test_an_attachment_knows_the_language_of_its_kernel(state):
    state.do(start("e2"))
    state.executions["e2"] = replace(
        state.executions["e2"], spec=replace(spec(), attach={"python": Connector(code="p"), "r": Connector(code="r")})
    )
    state.do(attach("a1", execution="e2", language="r"))
    assert connects(state.executions["e2"], state.attachments["a1"].language).code == "r"
    state.do(attach("a2", execution="e2", language="python"))
    assert connects(state.executions["e2"], state.attachments["a1"].language).code == "p"
    assert state.refused(attach("a3", execution="e2", language="julia")) == "not-attachable"
    assert state.attachments["a1"].language == "python"


def test_an_attachment_that_was_stored_before_it_had_a_language_is_one_of_python():
    times = b'"created":"2026-01-01T00:00:00Z","renewed":"2026-01-01T00:00:00Z"'
    stored = b'{"id":"a1","owner":"ada","execution":"e1","key":"n",%s}' % times
    assert msgspec.json.decode(stored, type=Attachment).language == "python"


def test_other_notebooks_and_other_owners_get_their_own(state):
    state.do(attach("a1", zapp="cluster", start=start("e2")))
    assert not state.do(attach("a2", key="b.ipynb", zapp="cluster", start=start("e3"))).found
    assert not state.do(attach("a3", owner="bob", zapp="cluster", start=start("e4"))).found


def test_attach_after_the_end_starts_anew_and_forgets_the_old_one(state):
    state.do(attach("a1", zapp="cluster", start=start("e2")))
    state.do(TerminateExecution(execution="e2"))
    assert not state.do(attach("a2", zapp="cluster", start=start("e3"))).found
    assert set(state.attachments) == {"a2"}


def test_detach_ends_the_execution_unless_kept_or_shared(state):
    state.do(attach("a1", zapp="cluster", start=start("e2")))
    state.do(attach("a2", key="b.ipynb", execution="e2"))
    state.do(Detach(attachment="a1"))
    assert state.executions["e2"].desired == "running"
    state.do(Detach(attachment="a2"))
    assert state.executions["e2"].desired == "ended"
    state.do(attach("a3", execution="e1"))
    state.do(Detach(attachment="a3", keep=True))
    assert state.executions["e1"].desired == "running"
