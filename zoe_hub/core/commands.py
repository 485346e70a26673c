"""Translates what users and admins ask into state changes, each with its reason. Pure.

``plan(state, command, now)`` looks at the records and says which records and events would be written. The service
(``controllers.service``) commits a plan; a dry run shows it. A command that cannot be done raises a declared error.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from msgspec.structs import replace

from zoe_hub.core import scheduling
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.model import Attach as AttachedBy
from zoe_hub.core.model import Attachment, Event, Execution, ExecutionSpec, Group, Node, Outcome, Phase, Record
from zoe_hub.core.reconcile import event


class State(Protocol):
    """What ``plan`` may look at."""

    @property
    def executions(self) -> Mapping[str, Execution]:
        """All executions by id."""

    @property
    def attachments(self) -> Mapping[str, Attachment]:
        """All attachments by id."""


class Start(Record, kw_only=True):
    """Start a rendered ZApp under a new id."""

    id: str
    owner: str
    spec: ExecutionSpec
    nodes: tuple[Node, ...]  # to refuse what never fits
    name: str | None = None
    counts: Mapping[str, int] = {}
    web_prefix: str = "/zoe"
    labels: Mapping[str, str] = {}


class Scale(Record, kw_only=True):
    """Change how many processes a group has; ``group`` None means the only one that can grow."""

    execution: str
    count: int
    group: str | None = None
    version: int | None = None  # refused if the record has another one


class Terminate(Record, kw_only=True):
    """End an execution. A protected one wants its name as ``confirm``."""

    execution: str
    reason: str = ""
    confirm: str | None = None
    version: int | None = None


class Attach(Record, kw_only=True):
    """Bind a notebook to the execution of ``zapp`` it had, to ``execution``, or to a new one."""

    id: str
    owner: str
    key: str
    kernel: str
    language: str
    zapp: str | None = None
    execution: str | None = None
    start: Start | None = None  # what to start if there is none
    counts: Mapping[str, int] = {}  # sizes that were asked for in so many words


class Detach(Record, kw_only=True):
    """Undo an attachment; the execution ends unless it is kept or another notebook is attached."""

    attachment: str
    keep: bool = False


Command = Start | Scale | Terminate | Attach | Detach


class Change(Record, kw_only=True):
    """One state change, with its reason."""

    what: str
    reason: str


class Plan(Record, kw_only=True):
    """The state changes of a command, to be committed together."""

    command: str
    changes: tuple[Change, ...]
    executions: tuple[Execution, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    detached: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    found: bool = False  # attach: the execution existed


def plan(state: State, command: Command, now: datetime) -> Plan:
    """The plan of a command.

    :raises ZoeError: with the code of what stands in the way; see ``core.errors``
    """
    match command:
        case Start():
            return _start(command, now)
        case Scale():
            return _scale(state, command, now)
        case Terminate():
            return _terminate(state, command, now)
        case Attach():
            return _attach(state, command, now)
        case Detach():
            return _detach(state, command, now)


def _start(command: Start, now: datetime) -> Plan:
    why = scheduling.never_fits(command.spec, command.nodes)
    if why:
        raise ZoeError("never-fits", f"{command.spec.title} cannot run here: {why}.")
    spec = command.spec
    execution = Execution(
        id=command.id,
        owner=command.owner,
        name=command.name or f"{spec.zapp}-{command.id[:5]}",
        spec=spec,
        created=now,
        counts={group.name: command.counts.get(group.name, group.count) for group in spec.groups},
        reason="waits for admission",
        web_prefix=command.web_prefix,
        labels=command.labels,
    )
    processes = ", ".join(f"{count} {name}" for name, count in execution.counts.items())
    change = Change(what=f"start {execution.name}: {processes}", reason=f"{command.owner} asked to start {spec.zapp}")
    made = event(
        execution,
        now,
        "execution.created",
        change.reason,
        phase=execution.phase.value,
        zapp=spec.zapp,
        name=execution.name,
    )
    return Plan(command="start", changes=(change,), executions=(execution,), events=(made,))


def _scale(state: State, command: Scale, now: datetime) -> Plan:
    execution = _find(state, command.execution, command.version)
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
        return Plan(command="scale", changes=(), executions=(), found=True)
    changed = replace(execution, counts={**execution.counts, group.name: command.count}, version=execution.version + 1)
    change = Change(
        what=f"scale {group.name} of {execution.name} from {before} to {command.count}", reason="asked by its owner"
    )
    made = event(changed, now, "execution.scaled", change.what, group=group.name, count=command.count, before=before)
    return Plan(command="scale", changes=(change,), executions=(changed,), events=(made,))


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


def _terminate(state: State, command: Terminate, now: datetime) -> Plan:
    execution = _find(state, command.execution, command.version)
    if execution.desired == "ended":  # asked twice: the first time holds
        return Plan(command="terminate", changes=(), found=True)
    if execution.spec.protected and command.confirm != execution.name:
        raise ZoeError(
            "protected",
            f"{execution.name} is protected. To end it all the same, repeat with confirm={execution.name!r}.",
        )
    return _ending("terminate", execution, command.reason or f"terminated by {execution.owner}", now)


def _ending(command: str, execution: Execution, reason: str, now: datetime) -> Plan:
    phase = Phase.STOPPING if execution.processes else execution.phase
    changed = replace(
        execution, desired="ended", outcome=Outcome.CANCELLED, reason=reason, phase=phase, version=execution.version + 1
    )
    live = [process.name for process in execution.processes if process.live]
    changes = (
        Change(what=f"terminate {execution.name}", reason=reason),
        *(Change(what=f"stop {name}", reason="the execution ends") for name in live),
    )
    made = event(changed, now, "execution.terminating", reason, phase=phase.value)
    return Plan(command=command, changes=changes, executions=(changed,), events=(made,))


def _attach(state: State, command: Attach, now: datetime) -> Plan:
    stale = tuple(
        each.id
        for each in _mine(state, command.owner, command.key)
        if state.executions[each.execution].desired == "ended"
    )
    had = attached(state, command.owner, command.key, zapp=command.zapp, execution=command.execution)
    if had is not None:
        return _again(state, command, had, stale, now)
    if command.execution is not None:
        execution = _find(state, command.execution, None)
        if execution.desired == "ended":
            raise ZoeError("already-ended", f"{execution.name} has ended; attach to another one.")
        if other := attached(state, command.owner, command.key, zapp=execution.spec.zapp):
            raise ZoeError(
                "already-attached",
                f"{command.key} is attached to {state.executions[other.execution].name} already, which is a"
                f" {execution.spec.zapp} like {execution.name}.",
            )
        started: Plan | None = None
    elif command.start is not None:
        started = _start(command.start, now)
        execution = started.executions[0]
    else:
        raise ZoeError(
            "unknown-attachment", "This notebook is attached to nothing; say what to attach, such as 'spark'."
        )
    connects(execution, command.language)
    attachment = Attachment(
        id=command.id,
        owner=command.owner,
        execution=execution.id,
        key=command.key,
        zapp=execution.spec.zapp,
        kernel=command.kernel,
        language=command.language,
        created=now,
        renewed=now,
    )
    change = Change(what=f"attach {command.key} to {execution.name}", reason=f"{command.owner} asked for it")
    made = event(execution, now, "attachment.made", change.what, attachment=attachment.id, key=command.key)
    base = started or Plan(command="attach", changes=(), found=True)
    return replace(
        base,
        command="attach",
        changes=(*base.changes, change),
        attachments=(attachment,),
        detached=stale,
        events=(*base.events, made),
        found=started is None,
    )


def attached(
    state: State, owner: str, key: str, *, zapp: str | None = None, execution: str | None = None
) -> Attachment | None:
    """What a notebook is attached to: the execution of this id, one of this ZApp, or of any; the one renewed last."""

    def meant(candidate: Execution) -> bool:
        if execution is not None:
            return candidate.id == execution
        return zapp is None or candidate.spec.zapp == zapp

    living = ((each, state.executions[each.execution]) for each in _mine(state, owner, key))
    had = [each for each, candidate in living if candidate.desired != "ended" and meant(candidate)]
    return max(had, key=lambda attachment: attachment.renewed, default=None)


def _mine(state: State, owner: str, key: str) -> list[Attachment]:
    return [
        attachment for attachment in state.attachments.values() if (attachment.owner, attachment.key) == (owner, key)
    ]


def connects(execution: Execution, language: str) -> AttachedBy:
    """How a kernel of this language connects.

    :raises ZoeError: ``not-attachable``
    """
    how = execution.spec.attach.get(language)
    if how is None:
        raise ZoeError("not-attachable", f"{execution.spec.title} does not say how a {language} kernel connects to it.")
    return how


def _again(state: State, command: Attach, attachment: Attachment, stale: tuple[str, ...], now: datetime) -> Plan:
    """The same notebook attaches again, perhaps from a new kernel, perhaps with another size."""
    execution = state.executions[attachment.execution]
    connects(execution, command.language)
    renewed = replace(
        attachment,
        kernel=command.kernel or attachment.kernel,
        language=command.language,
        renewed=now,
        version=attachment.version + 1,
    )
    change = Change(what=f"attach {command.key} to {execution.name} again", reason="it was attached before")
    scaled = [
        _scale(state, Scale(execution=execution.id, group=name, count=count), now)
        for name, count in command.counts.items()
        if execution.counts.get(name) != count
    ]
    counts = {
        name: count for each in scaled for name, count in each.executions[0].counts.items() if name in command.counts
    }
    executions = (
        (replace(execution, counts={**execution.counts, **counts}, version=execution.version + 1),) if scaled else ()
    )
    made = event(execution, now, "attachment.renewed", change.what, attachment=attachment.id, key=command.key)
    return Plan(
        command="attach",
        changes=(change, *(part for each in scaled for part in each.changes)),
        executions=executions,
        attachments=(renewed,),
        detached=stale,
        events=(made, *(part for each in scaled for part in each.events)),
        found=True,
    )


def _detach(state: State, command: Detach, now: datetime) -> Plan:
    attachment = state.attachments.get(command.attachment)
    if attachment is None:
        raise ZoeError("unknown-attachment", f"There is no attachment {command.attachment!r}.")
    execution = state.executions[attachment.execution]
    change = Change(what=f"detach {attachment.key} from {execution.name}", reason="asked by its owner")
    made = event(execution, now, "attachment.dropped", change.what, attachment=attachment.id, key=attachment.key)
    others = any(other.execution == execution.id and other.id != attachment.id for other in state.attachments.values())
    stays = command.keep or others or execution.desired == "ended" or execution.spec.protected
    ending = (
        Plan(command="detach", changes=())
        if stays
        else _ending("detach", execution, f"{attachment.key} was detached, and no other notebook is attached", now)
    )
    return replace(ending, changes=(change, *ending.changes), detached=(attachment.id,), events=(made, *ending.events))


def _find(state: State, identifier: str, version: int | None) -> Execution:
    execution = state.executions.get(identifier)
    if execution is None:
        raise ZoeError("unknown-execution", f"There is no execution {identifier!r}.")
    if version is not None and version != execution.version:
        raise ZoeError("conflict", f"{execution.name} is at version {execution.version}, not {version}.")
    return execution
