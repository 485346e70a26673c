"""Which secrets are made anew when a port was another program's, and who starts again because of it."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from zoe_hub.core.executions.decide import decide
from zoe_hub.core.executions.facts import AllocatePorts, Facts, StopProcess
from zoe_hub.core.executions.invariants import violations
from zoe_hub.core.executions.model import Address, Execution, Observed, Outcome, Process, ProcessState
from zoe_hub.core.executions.spec import ExecutionSpec, Group, Port, Ready, Restart, Secret
from zoe_hub.core.reasons import because

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE = NOW - timedelta(minutes=1)


def group(name, *, port="", **members):
    ports = (Port(name="p", number=1, headers={"Authorization": port} if port else {}),)
    defaults = {"framework": "f", "image": "i", "command": ("x",), "ports": ports, "ready": Ready(kind="tcp", port="p")}
    return Group(name=name, **defaults | members)


# The shape of a Spark cluster, with a page beside it that nobody tells an address.
GROUPS = (
    group("master", port="⟦jws:pages⟧", environment={"RPC": "⟦secret:rpc⟧"}),
    group(
        "worker",
        port="⟦jws:pages⟧",
        environment={"RPC": "⟦secret:rpc⟧", "MASTER": "⟦address:master.p⟧"},
        count=2,
        maximum=4,
    ),
    group("connect", environment={"RPC": "⟦secret:rpc⟧", "TOKEN": "⟦secret:connect⟧", "MASTER": "⟦address:master.p⟧"}),
    group("page", port="⟦secret:pages⟧", environment={"HUB": "⟦secret:hub⟧", "PASSWORD": "⟦secret:password⟧"}),
)
SECRETS = (
    *(Secret(name=name) for name in ("rpc", "pages", "connect")),
    Secret(name="hub", source="token"),
    Secret(name="password", source="given"),
)


def name(group, index=0):
    return f"zoe-d-e1-{group}-{index}"


def execution(groups=GROUPS, state=ProcessState.READY):
    processes = tuple(
        Process(
            name=name(each.name, index),
            group=each.name,
            index=index,
            state=state,
            since=BEFORE,
            started=BEFORE,
            deadline=NOW + timedelta(minutes=5) if state is ProcessState.STARTING else None,
            addresses={"p": Address(number=9, host="h", port=9, endpoint_host="h", endpoint_port=9)},
            reason=because("ready"),
        )
        for each in groups
        for index in range(each.count)
    )
    counts = {each.name: each.count for each in groups}
    spec = ExecutionSpec(zapp="z", title="Z", version="1", kind="engine", groups=groups, secrets=SECRETS)
    return Execution(
        id="e1",
        owner="ada",
        name="n",
        spec=spec,
        created=BEFORE,
        reason=because("running"),
        granted=counts,
        counts=counts,
        processes=processes,
    )


def observed(before, *lost):
    return {
        each.name: Observed(
            name=each.name,
            execution="e1",
            group=each.group,
            index=each.index,
            incarnation=0,
            state="exited" if each.name in lost else "running",
            reason=because("port-lost") if each.name in lost else None,
        )
        for each in before.processes
    }


def after_losing(*lost, before=None):
    before = before or execution()
    decision = decide(before, Facts(deployment="d", observed=observed(before, *lost)), NOW)
    assert violations(decision.execution) == []
    return decision


def states(decision):
    return {each.id: each.state.value for each in decision.execution.processes}


def told(decision):
    return {
        each.reason.code: each.reason.facts["secrets"] for each in decision.events if each.kind == "execution.secrets"
    }


def test_what_may_have_been_sent_to_a_lost_port_is_made_anew_and_every_holder_starts_again():
    decision = after_losing(name("master"))
    assert decision.renewed == {"rpc", "pages", "connect"}  # workers and the Connect server were told its address
    assert states(decision) == {
        "master-0": "ended",
        "worker-0": "stopping",
        "worker-1": "stopping",
        "connect-0": "stopping",
        "page-0": "stopping",  # told no address, but shown with a secret that the workers know
    }
    assert decision.execution.process(name("page")).reason == because(
        "secrets-replaced", secrets=("connect", "pages", "rpc")
    )
    assert all(each.not_before for each in decision.execution.processes)
    assert told(decision) == {"secrets-renewed": ("connect", "pages", "rpc")}
    stopped = {each.process for each in decision.actions if isinstance(each, StopProcess)}
    assert stopped == {name("worker"), name("worker", 1), name("connect"), name("page")}


def test_a_cluster_goes_on_with_its_secrets_when_a_worker_loses_its_port():
    decision = after_losing(name("worker", 1))
    assert decision.renewed == frozenset()
    assert told(decision) == {}
    assert states(decision) | {"worker-1": "ready"} == {each.id: "ready" for each in execution().processes}


def test_what_only_the_process_itself_holds_is_made_anew_in_any_case():
    decision = after_losing(name("connect"))
    assert decision.renewed == {"connect"}
    assert states(decision) | {"connect-0": "ready"} == {each.id: "ready" for each in execution().processes}


def test_what_came_with_the_request_cannot_be_made_anew_and_is_told():
    decision = after_losing(name("page"))
    assert decision.renewed == {"hub"}  # others hold what shows its page
    assert told(decision) == {"secrets-renewed": ("hub",), "secrets-exposed": ("password",)}


def test_nothing_is_made_anew_for_an_execution_that_ends():
    before = replace(execution(), desired="ended", outcome=Outcome.CANCELLED)
    decision = decide(before, Facts(deployment="d", observed=observed(before, name("master"))), NOW)
    assert (decision.renewed, told(decision)) == (frozenset(), {})


@pytest.mark.parametrize("lost", [name("master"), name("connect")])
def test_it_happens_once(lost):
    first = after_losing(lost)
    second = decide(first.execution, Facts(deployment="d", observed=observed(first.execution, lost)), NOW)
    assert second.renewed == frozenset()


# --- somebody else listens, and the process does not notice ---


def test_a_process_at_whose_port_somebody_else_listens_gets_another_one():
    before = execution(state=ProcessState.STARTING)
    facts = Facts(deployment="d", observed=observed(before), taken=frozenset({name("connect")}))
    decision = decide(before, facts, NOW)
    lost = decision.execution.process(name("connect"))
    assert (lost.state, lost.addresses, lost.reason, lost.failures) == (
        ProcessState.STOPPING,
        None,
        because("port-lost"),
        1,
    )
    assert decision.renewed == {"connect"}
    gone = decide(decision.execution, Facts(deployment="d", observed=observed(before, name("connect"))), NOW).execution
    again = decide(gone, Facts(deployment="d"), NOW + timedelta(seconds=2))
    assert again.execution.process(name("connect")).state is ProcessState.PENDING
    assert AllocatePorts(process=name("connect")) in again.actions


def test_it_does_not_try_for_ever():
    stubborn = replace(GROUPS[2], restart=Restart(limit=0), environment={})
    before = execution((stubborn,), ProcessState.STARTING)
    taken = Facts(deployment="d", observed=observed(before), taken=frozenset({name("connect")}))
    stopping = decide(before, taken, NOW).execution
    ended = decide(stopping, Facts(deployment="d", observed=observed(before, name("connect"))), NOW).execution
    assert (ended.desired, ended.outcome) == ("ended", Outcome.FAILED)
    assert ended.reason.code == "essential-failed"


def test_a_process_that_is_ready_is_left_alone():
    before = execution()
    facts = Facts(deployment="d", observed=observed(before), taken=frozenset({name("connect")}))
    assert decide(before, facts, NOW).execution.processes == before.processes
