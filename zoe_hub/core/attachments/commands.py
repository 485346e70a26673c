"""Attaching notebooks to executions and detaching them: what each command changes, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from zoe_hub.core.attachments.model import Attachment, HolderKind, Policy
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.commands import ScaleExecution, StartExecution, find, plan_ending, plan_scale, plan_start
from zoe_hub.core.executions.history import event
from zoe_hub.core.executions.model import WEB_PREFIX, Execution
from zoe_hub.core.executions.spec import Connector
from zoe_hub.core.plan import Change, Plan, Records
from zoe_hub.core.reasons import because
from zoe_hub.core.record import Record, Ref


class AttachHolder(Record, kw_only=True):
    """What is asked: bind a holder, such as a notebook, to what it had, to ``execution``, or to one of ``zapp``."""

    key: str
    kernel: str = ""
    kind: HolderKind = "notebook"
    policy: Policy | None = None  # None: as it was, or what the admin set for this kind of holder
    zapp: str | None = None
    execution: str | None = None
    parameters: Mapping[str, Any] = {}
    language: str = "python"
    versions: Mapping[str, str] = {}  # installed packages of the kernel
    web_prefix: str = WEB_PREFIX


class Attach(Record, kw_only=True):
    """Bind a holder; the ZApp of its asked is one of the shop, or one that the holder has."""

    id: str
    owner: str
    asked: AttachHolder
    default: Policy = "keep"  # if neither the asked nor the attachment says another one
    expires: bool = False  # whether somebody renews the lease
    start: StartExecution | None = None  # what to start if there is none
    counts: Mapping[str, int] = {}  # sizes that were asked for in so many words


class Detach(Record, kw_only=True):
    """Undo an attachment; the execution ends unless it is kept or another notebook is attached."""

    attachment: str
    keep: bool = False


def plan_attach(state: Records, command: Attach, now: datetime) -> Plan:
    """A notebook bound to what it had, to a named execution or to a new one.

    :raises ZoeError: ``unknown-execution``, ``already-ended``, ``already-attached``,
        ``unknown-attachment``, ``not-attachable``
    """
    asked = command.asked
    stale = tuple(
        Ref(Attachment, each.id)
        for each in attachments_of(state, command.owner, asked.key)
        if state.records(Execution)[each.execution].desired == "ended"
    )
    had = attached(state, command.owner, asked.key, zapp=asked.zapp, execution=asked.execution)
    if had is not None:
        return _renewed(state, command, had, stale, now)
    if asked.execution is not None:
        execution = find(state, asked.execution, None)
        if execution.desired == "ended":
            raise ZoeError("already-ended", f"{execution.name} has ended; attach to another one.")
        if other := attached(state, command.owner, asked.key, zapp=execution.spec.zapp):
            raise ZoeError(
                "already-attached",
                f"{asked.key} is attached to {state.records(Execution)[other.execution].name} already, which is a"
                f" {execution.spec.zapp} like {execution.name}.",
            )
        started: Plan | None = None
    elif command.start is not None:
        started = plan_start(state, command.start, now)
        execution = started.put_of(Execution)[0]
    else:
        raise ZoeError(
            "unknown-attachment", "This notebook is attached to nothing; say what to attach, such as 'spark'."
        )
    connects(execution, asked.language)
    attachment = Attachment(
        id=command.id,
        owner=command.owner,
        execution=execution.id,
        key=asked.key,
        zapp=execution.spec.zapp,
        kernel=asked.kernel,
        language=asked.language,
        kind=asked.kind,
        policy=asked.policy or command.default,
        expires=command.expires,
        created=now,
        renewed=now,
    )
    bound = because("attached", notebook=asked.key, execution=execution.name)
    change = Change(what=bound, reason=because("asked-to-attach", user=command.owner))
    made = event(execution, now, "attachment.made", bound, attachment=attachment.id, key=asked.key)
    base = started or Plan(command="attach", found=True)
    return replace(
        base,
        command="attach",
        changes=(*base.changes, change),
        put=(*base.put, attachment),
        drop=stale,
        events=(*base.events, made),
        found=started is None,
    )


def attached(
    state: Records, owner: str, key: str, *, zapp: str | None = None, execution: str | None = None
) -> Attachment | None:
    """What a notebook is attached to: the execution of this id, one of this ZApp, or of any; the one renewed last."""

    def is_meant(candidate: Execution) -> bool:
        if execution is not None:
            return candidate.id == execution
        return zapp is None or candidate.spec.zapp == zapp

    living = ((each, state.records(Execution)[each.execution]) for each in attachments_of(state, owner, key))
    had = [each for each, candidate in living if candidate.desired != "ended" and is_meant(candidate)]
    return max(had, key=lambda attachment: attachment.renewed, default=None)


def zapp_of_holder(state: Records, owner: str, key: str, name: str) -> str | None:
    """The ZApp that a holder is attached to and may mean by ``name``, its own or that of its one framework: one that
    the shop has no more is still its own. None if there is none.
    """
    for each in attachments_of(state, owner, key):
        execution = state.records(Execution)[each.execution]
        if execution.desired != "ended" and (execution.spec.zapp == name or execution.spec.frameworks == (name,)):
            return execution.spec.zapp
    return None


def attachments_of(state: Records, owner: str, key: str) -> list[Attachment]:
    """All attachments of a holder, also to what has ended."""
    return [
        attachment
        for attachment in state.records(Attachment).values()
        if (attachment.owner, attachment.key) == (owner, key)
    ]


def connects(execution: Execution, language: str) -> Connector:
    """How a kernel of this language connects.

    :raises ZoeError: ``not-attachable``
    """
    how = execution.spec.attach.get(language)
    if how is None:
        raise ZoeError("not-attachable", f"{execution.spec.title} does not say how a {language} kernel connects to it.")
    return how


def _renewed(state: Records, command: Attach, attachment: Attachment, stale: tuple[Ref, ...], now: datetime) -> Plan:
    """The same holder attaches again, perhaps from a new kernel, perhaps with another size."""
    execution, asked = state.records(Execution)[attachment.execution], command.asked
    connects(execution, asked.language)
    renewed = replace(
        attachment,
        kernel=asked.kernel or attachment.kernel,
        language=asked.language,
        kind=asked.kind,
        policy=asked.policy or attachment.policy,
        expires=command.expires or attachment.expires,
        gone=None,
        renewed=now,
        version=attachment.version + 1,
    )
    bound = because("attached-again", notebook=asked.key, execution=execution.name)
    change = Change(what=bound, reason=because("attached-before"))
    counts = {name: count for name, count in command.counts.items() if execution.counts.get(name) != count}
    scaled = [
        plan_scale(state, ScaleExecution(execution=execution.id, group=name, count=count), now)
        for name, count in counts.items()
    ]
    executions = (
        (replace(execution, counts={**execution.counts, **counts}, version=execution.version + 1),) if counts else ()
    )
    made = event(execution, now, "attachment.renewed", bound, attachment=attachment.id, key=asked.key)
    return Plan(
        command="attach",
        changes=(change, *(part for each in scaled for part in each.changes)),
        put=(*executions, renewed),
        drop=stale,
        events=(made, *(part for each in scaled for part in each.events)),
        found=True,
    )


def plan_detach(state: Records, command: Detach, now: datetime) -> Plan:
    """An attachment undone; its execution ends unless somebody still wants it. ``ZoeError`` ``unknown-attachment``."""
    attachment = state.records(Attachment).get(command.attachment)
    if attachment is None:
        raise ZoeError("unknown-attachment", f"There is no attachment {command.attachment!r}.")
    execution = state.records(Execution)[attachment.execution]
    loosed = because("detached", notebook=attachment.key, execution=execution.name)
    change = Change(what=loosed, reason=because("asked-by-owner"))
    made = event(execution, now, "attachment.dropped", loosed, attachment=attachment.id, key=attachment.key)
    others = any(
        other.execution == execution.id and other.id != attachment.id and (other.gone is None or other.policy == "keep")
        for other in state.records(Attachment).values()
    )
    stays = command.keep or others or execution.desired == "ended" or execution.spec.protected
    ending = (
        Plan(command="detach")
        if stays
        else plan_ending("detach", execution, because("last-detached", notebook=attachment.key), now)
    )
    return replace(
        ending, changes=(change, *ending.changes), drop=(Ref(Attachment, attachment.id),), events=(made, *ending.events)
    )
