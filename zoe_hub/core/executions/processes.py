"""The life of one process: how facts change its record. Pure; called by ``core.executions.decide`` alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from zoe_hub.core import text
from zoe_hub.core.clock import past, rebased
from zoe_hub.core.executions.facts import Facts
from zoe_hub.core.executions.model import Address, Execution, Observed, Process, ProcessState
from zoe_hub.core.executions.spec import Group
from zoe_hub.core.reasons import Reason, because

KILL_AGAIN = timedelta(seconds=5)  # a kill that had no effect (an engine that was away) is sent again after this


def leaving(process: Process) -> bool:
    """Whether it was asked to go."""
    return process.state in (ProcessState.DRAINING, ProcessState.STOPPING)


def holds_place(process: Process) -> bool:
    """Whether it counts towards what is wanted: it runs or will, or it stops only to start again under its name."""
    return process.live and (not leaving(process) or process.not_before is not None)


def wants_other_port(process: Process) -> bool:
    """Whether it ended because its port was taken, so that its end says nothing about its work."""
    return process.reason.code == "port-lost"


def fresh(name: str, group: Group, index: int, old: Process | None, now: datetime) -> Process:
    """A process that is meant to start; it keeps the address of the one before it, since peers may know that."""
    if old is None:
        reserved: Mapping[str, Address] = {}  # nothing, for one without ports
        addresses = None if group.ports else reserved
        return Process(
            name=name, group=group.name, index=index, since=now, addresses=addresses, reason=because("wanted")
        )
    return replace(
        old,
        state=ProcessState.PENDING,
        incarnation=old.incarnation + 1,
        since=now,
        started=None,
        ended=None,
        exit_code=None,
        not_before=None,
        deadline=None,
        forced=False,
        reason=because("starts-again", cause=old.reason)
        if old.failures or wants_other_port(old)
        else because("wanted"),
    )


def may_start(execution: Execution, group: Group) -> bool:
    """Whether everything that a group waits for is there: essentials it ``needs``, addresses its texts name."""
    for name in group.needs:
        peer = execution.spec.group(name)
        ready = sum(process.group == name and process.state is ProcessState.READY for process in execution.processes)
        if ready < peer.essential:
            return False
    for name in peers(group):
        first = _first_of(execution, name)
        if first is None or (first.addresses is None and (first.live or name in _named(group))):
            return False  # one that has gone has no address any more; its group may be needed all the same
    return True


def _first_of(execution: Execution, group: str) -> Process | None:
    return next((process for process in execution.processes if process.group == group and process.index == 0), None)


def peers(group: Group) -> tuple[str, ...]:
    """The groups whose addresses a group is told: those it needs, and those its texts name; itself left out."""
    return tuple(dict.fromkeys(name for name in (*_named(group), *group.needs) if name != group.name))


def _named(group: Group) -> tuple[str, ...]:
    texts = (*group.command, *group.environment.values(), *group.files.values())
    return tuple(
        reference.name.partition(".")[0]
        for reference in text.references(texts)
        if reference.kind in ("address", "endpoint")
    )


def release(process: Process, group: Group, now: datetime) -> Process:
    """Let a process go that is not wanted any more: drained first if it can be, stopped otherwise."""
    if process.state is ProcessState.READY and group.drain is not None:
        deadline = now + timedelta(seconds=group.drain.timeout)
        return replace(
            process,
            state=ProcessState.DRAINING,
            since=now,
            deadline=deadline,
            reason=because("hands-over", group=group.name),
        )
    return stop(process, group, now, because("fewer-wanted", group=group.name))


def stop(process: Process, group: Group, now: datetime, reason: Reason) -> Process:
    """Ask a process to end. One that was never started ends with the next look that finds nothing of it: a start may be
    under way.
    """
    if process.state is ProcessState.STOPPING or not process.live:
        return process
    deadline = now + timedelta(seconds=group.grace)
    return replace(process, state=ProcessState.STOPPING, since=now, deadline=deadline, reason=reason, not_before=None)


def end(execution: Execution, process: Process, now: datetime) -> Process:
    """What becomes of a process when its execution ends."""
    return stop(process, execution.spec.group(process.group), now, because("execution-ends"))


def move_peers(execution: Execution, lost: Iterable[Process], now: datetime) -> Execution:
    """Processes that were told an address which does not hold any more start again with the new one.

    :param lost: the processes that have lost theirs
    """
    moved = {process.group for process in lost if process.index == 0}
    if not moved:
        return execution
    changed = []
    for process in execution.processes:
        group = execution.spec.group(process.group)
        knows = moved.intersection(peers(group))
        if knows and process.state in (ProcessState.STARTING, ProcessState.READY):
            stopping = stop(process, group, now, because("address-changed", groups=tuple(sorted(knows))))
            changed.append(replace(stopping, not_before=now))
            continue
        changed.append(process)
    return replace(execution, processes=tuple(changed))


def fold(execution: Execution, process: Process, facts: Facts, now: datetime) -> Process:
    """The record of a process after the facts about it."""
    group = execution.spec.group(process.group)
    if process.name in facts.addresses and process.live:
        process = replace(process, addresses=facts.addresses[process.name])
    process = _timely(process, group, facts.resumed, now)
    if not process.live:
        return process
    seen = facts.observed.get(process.name)
    if seen is not None and seen.incarnation != process.incarnation:
        seen = None
    if process.name in facts.refused and seen is None:
        return _ended(process, group, None, now, facts.refused[process.name])
    if seen is None:
        return _unseen(process, group, now)
    if seen.state == "exited":
        return _exited(process, group, seen, facts, now)
    return _running(process, group, seen, facts, now)


def _timely(process: Process, group: Group, resumed: datetime | None, now: datetime) -> Process:
    """A process whose moments fit the present time, which may have jumped since they were recorded."""
    since, deadline, not_before = process.since, process.deadline, process.not_before
    if resumed is not None:
        since = past(since, now, resumed)
    if deadline is not None:
        deadline = rebased(deadline, _allotted(process, group), now, resumed)
    if not_before is not None:
        not_before = rebased(not_before, _delay(process.failures + 1, group).total_seconds(), now)
    if (since, deadline, not_before) == (process.since, process.deadline, process.not_before):
        return process
    return replace(process, since=since, deadline=deadline, not_before=not_before)


def _allotted(process: Process, group: Group) -> float:
    """Seconds that a process has in its state, not counting those in which no hub was there to ask it."""
    if process.forced:
        return KILL_AGAIN.total_seconds()
    if process.state is ProcessState.STARTING:
        return group.ready.timeout
    if process.state is ProcessState.DRAINING and group.drain is not None:
        return group.drain.timeout
    return group.grace


def _with_tail(reason: Reason, process: Process, facts: Facts) -> Reason:
    return replace(reason, tail=facts.tails.get(process.name, ()))


def _unseen(process: Process, group: Group, now: datetime) -> Process:
    if process.state is ProcessState.PENDING:
        return process  # to be started, perhaps again: the start is idempotent
    if process.state is ProcessState.STOPPING:
        return replace(process, state=ProcessState.ENDED, since=now, ended=now, deadline=None)
    return _ended(process, group, None, now, because("vanished"))


def _exited(process: Process, group: Group, seen: Observed, facts: Facts, now: datetime) -> Process:
    process = replace(process, started=process.started or seen.started or now, ended=seen.ended or now)
    if leaving(process):
        failures = process.failures if process.not_before else 0  # stops to start again: its failures still count
        how = "stopped-by-force" if process.forced else "stopped"
        return replace(
            process,
            state=ProcessState.ENDED,
            since=now,
            exit_code=seen.exit_code,
            deadline=None,
            failures=failures,
            reason=because(how, cause=process.reason, end=reason_of_end(seen), tail=process.reason.tail),
        )
    ended = _ended(process, group, seen.exit_code, now, reason_of_end(seen))
    if wants_other_port(ended):
        return replace(ended, addresses=None, failures=process.failures)
    return replace(ended, reason=_with_tail(ended.reason, process, facts))


def reason_of_end(seen: Observed) -> Reason:
    """How a process ended: as the backend says, or by its exit code."""
    if seen.reason is not None:
        return seen.reason
    if seen.exit_code is None:
        return because("end-unknown")
    if seen.exit_code < 0:
        return because("signalled", signal=-seen.exit_code)
    return because("exited", code=seen.exit_code)


def _ended(process: Process, group: Group, exit_code: int | None, now: datetime, reason: Reason) -> Process:
    """A process that ended without having been asked to: counted, and due again after a doubled delay."""
    stable = process.state is ProcessState.READY and (now - process.since).total_seconds() >= group.restart.longest
    counted = replace(process, failures=1 if stable else process.failures + 1)
    return replace(
        counted,
        state=ProcessState.ENDED,
        since=now,
        ended=process.ended or now,
        exit_code=exit_code,
        not_before=now + _delay(counted.failures, group),
        deadline=None,
        reason=reason,
    )


def _delay(failures: int, group: Group) -> timedelta:
    """How long a process that has failed waits until it starts again: doubled with each failure in a row."""
    return timedelta(seconds=min(group.restart.longest, group.restart.delay * 2 ** min(failures - 1, 30)))


def _running(process: Process, group: Group, seen: Observed, facts: Facts, now: datetime) -> Process:
    if process.state is ProcessState.PENDING:
        deadline = now + timedelta(seconds=group.ready.timeout)
        process = replace(
            process,
            state=ProcessState.STARTING,
            since=now,
            started=seen.started or now,
            deadline=deadline,
            reason=because("started"),
        )
    late = process.deadline is not None and process.deadline <= now
    match process.state:
        case ProcessState.STARTING if group.ready.kind == "running" or process.name in facts.ready:
            return replace(process, state=ProcessState.READY, since=now, deadline=None, reason=because("ready"))
        case ProcessState.STARTING if process.name in facts.taken:
            failed = replace(process, addresses=None, failures=process.failures + 1)
            stopping = stop(failed, group, now, because("port-lost"))
            return replace(stopping, not_before=now + _delay(failed.failures, group))
        case ProcessState.STARTING if late:
            failed = replace(process, failures=process.failures + 1)
            return replace(_late(failed, group, facts, now), not_before=now + _delay(failed.failures, group))
        case ProcessState.DRAINING if process.name in facts.drained:
            return stop(process, group, now, because("handed-over"))
        case ProcessState.DRAINING if late:
            limit = group.drain.timeout if group.drain else 0.0
            return stop(process, group, now, because("not-handed-over", limit=limit))
        case ProcessState.STOPPING if late:
            return replace(process, forced=True, deadline=now + KILL_AGAIN)
    return process


def _late(process: Process, group: Group, facts: Facts, now: datetime) -> Process:
    ready, limit = group.ready, group.ready.timeout
    match ready.kind:
        case "tcp":
            reason = because("late-to-accept", limit=limit, port=ready.port)
        case "http":
            reason = because("late-to-answer", limit=limit, port=ready.port, path=ready.path)
        case "log":
            reason = because("late-to-log", limit=limit, pattern=ready.pattern)
        case _:
            reason = because("late-to-run", limit=limit)
    if process.name in facts.unready:
        reason = because("late", late=reason, answer=facts.unready[process.name])
    return stop(process, group, now, _with_tail(reason, process, facts))
