"""Decides what to do next for one execution, from what is wanted, what is remembered and what is seen. Pure.

``decide`` is level-triggered: it looks at states, never at what just happened, so a restart of the hub, a lost or a
repeated notice take the same path. Its actions are a function of the record it returns and the facts, and each may be
carried out again without harm. The shell (``controllers.executions.reconciler``) commits the record first, then acts,
then looks again. The method is that of Kubernetes controllers (level-based reconciliation); the phases are those of the
design, section 4.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from zoe_hub.core.events import Event
from zoe_hub.core.executions import processes as p
from zoe_hub.core.executions import secrecy
from zoe_hub.core.executions.facts import (
    Action,
    AllocatePorts,
    CleanUp,
    Decision,
    Facts,
    RemoveProcess,
    SignalProcess,
    StartProcess,
    StopProcess,
)
from zoe_hub.core.executions.history import event
from zoe_hub.core.executions.model import (
    Execution,
    Outcome,
    Phase,
    Process,
    ProcessState,
    process_name,
)
from zoe_hub.core.executions.spec import Group
from zoe_hub.core.executions.standing import standing
from zoe_hub.core.reasons import Reason, because


def decide(before: Execution, facts: Facts, now: datetime) -> Decision:
    """The next record, actions and events of an execution.

    :param before: the record as last committed
    :param facts: what is seen now
    :param now: aware time in UTC
    """
    if before.phase is Phase.ENDED:
        strangers = tuple(_strangers(before, facts))
        return Decision(execution=before, actions=strangers, wake=_wake(before, strangers, now))
    after = replace(before, processes=tuple(p.fold(before, process, facts, now) for process in before.processes))
    lost = secrecy.lost_ports(before, after)
    after = p.move_peers(after, lost, now)
    names = secrecy.exposed(after, lost) if after.desired == "running" else frozenset()
    renewed = secrecy.renewable(after, names)
    after = secrecy.restart_holders(after, renewed, now)
    after = _conclude(before, after, facts)
    if after.desired == "ended":
        after = replace(after, processes=tuple(p.end(after, process, now) for process in after.processes))
    elif after.granted is not None:
        after = _resize(after, facts.deployment, now)
    after = _phase(after, facts, now)
    after = replace(after, waits_for=None if after.phase is Phase.ENDED else facts.later)
    actions = tuple(_actions(after, facts))
    events = (*_events(before, after, now), *secrecy.events(after, renewed, names - renewed, now))
    if after != before:
        after = replace(after, version=before.version + 1)
    return Decision(execution=after, actions=actions, events=events, wake=_wake(after, actions, now), renewed=renewed)


def _conclude(before: Execution, after: Execution, facts: Facts) -> Execution:
    """Whether the execution must end by itself: its result is known, or an essential process cannot run.

    Looks at the processes whose end is recorded now, in the same commit, so each end is judged exactly once.
    """
    if after.desired == "ended":
        return after
    for process in after.processes:
        old = before.process(process.name)
        if process.live or old is None or not old.live:
            continue
        group = after.spec.group(process.group)
        essential = process.index < group.essential
        if process.name in facts.refused and essential:
            return _ending(after, Outcome.FAILED, None, _blamed("essential-refused", process))
        if group.decides_result and not p.leaving(old) and not p.wants_other_port(process):
            return _ending(after, *_result(process))
        if essential and process.exit_code in group.restart.final:
            return _ending(after, Outcome.FAILED, process.exit_code, _blamed("essential-final", process))
        if essential and process.failures > group.restart.limit:
            reason = _blamed("essential-failed", process, failures=process.failures)
            return _ending(after, Outcome.FAILED, process.exit_code, reason)
    return after


def _blamed(code: str, process: Process, **facts: int) -> Reason:
    """Why an execution ends because of one of its processes: how that ended, with the log lines that show it."""
    return because(code, process=process.id, cause=process.reason, tail=process.reason.tail, **facts)


def _result(process: Process) -> tuple[Outcome, int | None, Reason]:
    if process.exit_code is None:
        return Outcome.LOST, None, _blamed("result-lost", process)
    outcome = Outcome.COMPLETED if process.exit_code == 0 else Outcome.FAILED
    return outcome, process.exit_code, _blamed("result-decided", process)


def _ending(execution: Execution, outcome: Outcome, exit_code: int | None, reason: Reason) -> Execution:
    return replace(execution, desired="ended", outcome=outcome, exit_code=exit_code, reason=reason)


def target(execution: Execution, group: Group) -> int:
    """How many processes of a group shall run now: what is wanted, as far as it is granted."""
    granted = (execution.granted or {}).get(group.name, 0)
    return min(execution.counts.get(group.name, group.count), granted)


def _resize(execution: Execution, deployment: str, now: datetime) -> Execution:
    """Add the processes that are missing, at the lowest free index; let go of those with the highest index."""
    records = {process.name: process for process in execution.processes}
    for group in execution.spec.groups:
        mine = [process for process in records.values() if process.group == group.name]
        kept = sorted((process for process in mine if p.holds_place(process)), key=lambda process: process.index)
        for process in kept[target(execution, group) :]:
            records[process.name] = p.release(process, group, now)
        missing = target(execution, group) - len(kept)
        ended = {process.index: process for process in mine if not process.live}
        taken = {process.index for process in mine if process.live}
        index = 0
        while missing > 0:
            if index not in taken:
                old = ended.get(index)
                name = process_name(deployment, execution.id, group.name, index)
                if old is None or old.not_before is None or old.not_before <= now:
                    records[name] = p.fresh(name, group, index, old, now)
                missing -= 1  # one that waits for its restart holds its place
            index += 1
    order = {group.name: number for number, group in enumerate(execution.spec.groups)}
    ordered = sorted(records.values(), key=lambda process: (order[process.group], process.index))
    return replace(execution, processes=tuple(ordered))


def _phase(execution: Execution, facts: Facts, now: datetime) -> Execution:
    if execution.desired == "ended":
        if any(process.live for process in execution.processes) or (execution.processes and not facts.cleaned):
            return replace(execution, phase=Phase.STOPPING)
        return replace(execution, phase=Phase.ENDED, ended=now)
    if execution.granted is None:
        return execution
    awaited = tuple(reason for group in execution.spec.groups if (reason := _awaited(execution, group)))
    if awaited:
        return replace(execution, phase=Phase.STARTING, reason=because("groups-awaited", groups=awaited))
    since = execution.running_since or now
    return replace(execution, phase=Phase.RUNNING, running_since=since, reason=_running_reason(execution))


def _awaited(execution: Execution, group: Group) -> Reason | None:
    """What of a group's essential processes is still to come; None if all are ready."""
    ready = ready_count(execution, group)
    if ready >= group.essential:
        return None
    for process in execution.processes:
        if process.group == group.name and process.not_before and not process.live:
            return because(
                "group-restarts", group=group.name, ready=ready, essential=group.essential, cause=process.reason
            )
    return because("group-not-ready", group=group.name, ready=ready, essential=group.essential)


def _running_reason(execution: Execution) -> Reason:
    partly = []
    for group in execution.spec.scalable():
        ready, wanted = ready_count(execution, group), execution.counts.get(group.name, group.count)
        granted = (execution.granted or {}).get(group.name, 0)
        if ready == wanted:
            continue
        if granted < wanted:
            partly.append(
                because("group-partly-granted", group=group.name, ready=ready, wanted=wanted, granted=granted)
            )
        else:
            partly.append(because("group-partly-ready", group=group.name, ready=ready, wanted=wanted))
    return because("running-partly", groups=tuple(partly)) if partly else because("running")


def ready_count(execution: Execution, group: Group) -> int:
    """How many processes of a group are ready."""
    return sum(process.group == group.name and process.state is ProcessState.READY for process in execution.processes)


def _actions(execution: Execution, facts: Facts) -> list[Action]:
    actions: list[Action] = []
    for process in execution.processes:
        group = execution.spec.group(process.group)
        seen = facts.observed.get(process.name)
        current = seen is not None and seen.incarnation == process.incarnation
        occupied = seen is not None and seen.state == "running"
        running = current and occupied
        if process.state is ProcessState.PENDING:
            if process.addresses is None:
                actions.append(AllocatePorts(process=process.name))
            elif not current and not occupied and p.may_start(execution, group):
                actions.append(StartProcess(process=process.name))
        elif process.state is ProcessState.DRAINING and group.drain is not None:
            actions.append(SignalProcess(process=process.name, signal=group.drain.signal))
        elif process.state is ProcessState.STOPPING and running:
            actions.append(StopProcess(process=process.name, grace=0.0 if process.forced else group.grace))
    strangers = _strangers(execution, facts)
    over = execution.phase is Phase.STOPPING and not any(process.live for process in execution.processes)
    if over and not any(isinstance(action, StopProcess) for action in strangers):
        return [CleanUp()]  # takes along what has exited
    return [*actions, *strangers]


def _strangers(execution: Execution, facts: Facts) -> list[Action]:
    """What the backend has under this execution's name without a living record that means it.

    Such as what a hub that was killed had asked for, and the backend started only after the next hub had looked.
    """
    actions: list[Action] = []
    for name, seen in facts.observed.items():
        process = execution.process(name)
        live = process is not None and process.live
        if process is not None and live and seen.incarnation == process.incarnation:
            continue
        if seen.state == "running":
            actions.append(StopProcess(process=name, grace=0.0))
        elif not live:  # an exited one of an older incarnation makes room by itself when the next starts
            actions.append(RemoveProcess(process=name))
    return actions


def _events(before: Execution, after: Execution, now: datetime) -> list[Event]:
    events = []
    old = {process.name: process for process in before.processes}
    for process in after.processes:
        previous = old.get(process.name)
        if previous is None or (previous.state, previous.incarnation) != (process.state, process.incarnation):
            data: dict[str, Any] = {
                "state": process.state.value,
                "group": process.group,
                "index": process.index,
                "exit_code": process.exit_code,
            }
            events.append(event(after, now, "process.state", process.reason, process=process.id, **data))
    if (after.phase, after.desired, standing(after)) != (before.phase, before.desired, standing(before)):
        kind = "execution.phase" if after.phase is not before.phase else "execution.reason"
        data = {
            "phase": after.phase.value,
            "outcome": after.outcome and after.outcome.value,
            "exit_code": after.exit_code,
        }
        events.append(event(after, now, kind, standing(after), **data))
    return events


def _wake(execution: Execution, actions: tuple[Action, ...], now: datetime) -> datetime | None:
    """The next moment at which the passing of time alone changes the decision, or a kill without effect is repeated."""
    times = (
        [now + p.KILL_AGAIN] if any(isinstance(action, StopProcess) and action.grace == 0 for action in actions) else []
    )
    times += [process.deadline for process in execution.processes if process.live and process.deadline]
    if execution.desired == "running":
        times += [process.not_before for process in execution.processes if not process.live and process.not_before]
    return min((time for time in times if time > now), default=None)
