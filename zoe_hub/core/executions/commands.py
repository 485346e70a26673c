"""Starting, scaling and ending executions: what each command changes, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions import resources
from zoe_hub.core.executions.history import event
from zoe_hub.core.executions.model import WEB_PREFIX, Execution, Outcome, Parent, Phase
from zoe_hub.core.executions.spec import ExecutionSpec, Group
from zoe_hub.core.nodes import Node
from zoe_hub.core.plan import Change, Plan, Records
from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.record import Record
from zoe_hub.core.words import words


class StartZApp(Record, kw_only=True):
    """What a person asks for: a ZApp of the shop with these parameters. Rendered, it becomes ``StartExecution``."""

    zapp: str
    name: str | None = None
    parameters: Mapping[str, Any] = {}
    labels: Mapping[str, str] = {}
    web_prefix: str = WEB_PREFIX


class StartExecution(Record, kw_only=True):
    """Start a rendered ZApp under a new id."""

    id: str
    owner: str
    asked: StartZApp
    spec: ExecutionSpec
    nodes: tuple[Node, ...]  # to refuse what never fits
    counts: Mapping[str, int] = {}
    parent: Parent | None = None


class ScaleExecution(Record, kw_only=True):
    """Change how many processes a group has; ``group`` None means the only one that can grow."""

    execution: str
    count: int
    group: str | None = None
    version: int | None = None  # refused if the record has another one


class TerminateExecution(Record, kw_only=True):
    """End an execution. A protected one wants its name as ``confirm``."""

    execution: str
    reason: Reason | None = None
    confirm: str | None = None
    version: int | None = None


def plan_start(_: Records, command: StartExecution, now: datetime) -> Plan:
    """A new execution, in the queue. ``ZoeError`` ``never-fits``."""
    why = resources.never_fits(command.spec, command.nodes)
    if why is not None:
        raise ZoeError("never-fits", f"{command.spec.title} cannot run here: {words(why)}.")
    spec, asked = command.spec, command.asked
    execution = Execution(
        id=command.id,
        owner=command.owner,
        name=asked.name or f"{spec.zapp}-{command.id[:5]}",
        spec=spec,
        parent=command.parent,
        created=now,
        counts={group.name: command.counts.get(group.name, group.count) for group in spec.groups},
        reason=because("admission-pending"),
        web_prefix=asked.web_prefix,
        labels=asked.labels,
    )
    sizes = tuple(because("group-size", group=name, count=count) for name, count in execution.counts.items())
    what = because("start", execution=execution.name, groups=sizes)
    change = Change(what=what, reason=because("asked-to-start", user=command.owner, zapp=spec.zapp))
    made = event(
        execution,
        now,
        "execution.created",
        change.reason,
        phase=execution.phase.value,
        zapp=spec.zapp,
        name=execution.name,
    )
    return Plan(command="start", changes=(change,), put=(execution,), events=(made,))


def plan_scale(state: Records, command: ScaleExecution, now: datetime) -> Plan:
    """Another number of processes in a group; no changes if it has that number.

    :raises ZoeError: ``unknown-execution``, ``conflict``, ``already-ended``, ``unknown-group``, ``not-scalable``,
        ``out-of-range``
    """
    execution = find(state, command.execution, command.version)
    if execution.desired == "ended":
        raise ZoeError("already-ended", f"{execution.name} has ended or is ending; it cannot grow or shrink.")
    group = _scalable(execution, command.group)
    before = execution.counts.get(group.name, group.count)
    if not group.essential <= command.count <= group.maximum:
        raise ZoeError(
            "out-of-range",
            f"{group.name} of {execution.name} can have {group.essential} to {group.maximum} processes, not"
            f" {command.count}.",
        )
    if before == command.count:
        return Plan(command="scale", found=True)
    changed = replace(execution, counts={**execution.counts, group.name: command.count}, version=execution.version + 1)
    scaled = because("scaled", group=group.name, execution=execution.name, before=before, count=command.count)
    change = Change(what=scaled, reason=because("asked-by-owner"))
    made = event(changed, now, "execution.scaled", scaled, group=group.name, count=command.count, before=before)
    return Plan(command="scale", changes=(change,), put=(changed,), events=(made,))


def _scalable(execution: Execution, name: str | None) -> Group:
    groups = execution.spec.scalable()
    if name is not None:
        known = [group.name for group in execution.spec.groups]
        if name not in known:
            raise ZoeError("unknown-group", f"{execution.name} has no group {name!r}; it has {', '.join(known)}.")
        groups = tuple(group for group in groups if group.name == name)
    if not groups:
        raise ZoeError(
            "not-scalable",
            f"{execution.name} ({execution.spec.zapp}) has no group{f' {name!r}' if name else ''} that can grow or"
            " shrink.",
        )
    if len(groups) > 1:
        raise ZoeError(
            "unknown-group",
            f"{execution.name} has several groups that can grow; say which:"
            f" {', '.join(group.name for group in groups)}.",
        )
    return groups[0]


def plan_terminate(state: Records, command: TerminateExecution, now: datetime) -> Plan:
    """The end of an execution; no changes if it ends already.

    :raises ZoeError: ``unknown-execution``, ``conflict``, ``protected``
    """
    execution = find(state, command.execution, command.version)
    if execution.desired == "ended":  # asked twice: the first time holds
        return Plan(command="terminate", found=True)
    if execution.spec.protected and command.confirm != execution.name:
        raise ZoeError(
            "protected",
            f"{execution.name} is protected. To end it all the same, repeat with confirm={execution.name!r}.",
        )
    reason = command.reason or because("terminated", user=execution.owner)
    return plan_ending("terminate", execution, reason, now)


def plan_ending(command: str, execution: Execution, reason: Reason, now: datetime) -> Plan:
    """The end of an execution as a part of the plan of ``command``; whoever asks has seen that it may end."""
    phase = Phase.STOPPING if execution.processes else execution.phase
    changed = replace(
        execution, desired="ended", outcome=Outcome.CANCELLED, reason=reason, phase=phase, version=execution.version + 1
    )
    live = [process.name for process in execution.processes if process.live]
    changes = (
        Change(what=because("terminate", execution=execution.name), reason=reason),
        *(Change(what=because("stop", process=name), reason=because("execution-ends")) for name in live),
    )
    made = event(changed, now, "execution.terminating", reason, phase=phase.value)
    return Plan(command=command, changes=changes, put=(changed,), events=(made,))


def find(state: Records, identifier: str, version: int | None) -> Execution:
    """The execution of this id, at this version if one is given. ``ZoeError`` ``unknown-execution``, ``conflict``."""
    execution = state.records(Execution).get(identifier)
    if execution is None:
        raise ZoeError("unknown-execution", f"There is no execution {identifier!r}.")
    if version is not None and version != execution.version:
        raise ZoeError("conflict", f"{execution.name} is at version {execution.version}, not {version}.")
    return execution
