"""What becomes of leases without anybody attaching or detaching: holders that are reported, moved, deleted, gone;
executions that are idle or kept. Pure; planned like all commands (see ``core.commands``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from zoe_hub.core.attachments.leases import Outlook
from zoe_hub.core.attachments.model import Attachment, HolderKind
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event
from zoe_hub.core.executions.commands import find, plan_ending
from zoe_hub.core.executions.history import event
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.plan import Change, Plan, Records, joined
from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.record import Record, Ref


class ReportedHolder(Record, kw_only=True):
    """One that may hold leases, as whoever renews them reports it."""

    kernel: str  # its id; of what is no kernel the same as the key
    kind: HolderKind
    key: str
    busy: bool = False  # executes, or has a program in the foreground


class ReportHolders(Record, kw_only=True):
    """Who is there, under which key, and what has happened to files. Of one owner."""

    owner: str
    holders: tuple[ReportedHolder, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()  # (from, to): files, or folders with all that is in them; in this order
    deleted: tuple[str, ...] = ()  # files or folders


class ReportWork(Record, kw_only=True):
    """Have the history say which cells of a holder have queries on its execution."""

    attachment: str
    cells: tuple[str, ...]


class TendLeases(Record, kw_only=True):
    """Write down, and carry out, what an execution's outlook says."""

    execution: str
    outlook: Outlook


class KeepExecution(Record, kw_only=True):
    """Have an execution count as used until a moment."""

    execution: str
    user: str
    until: datetime


def plan_report(state: Records, command: ReportHolders, now: datetime) -> Plan:
    """Attachments under the keys that their holders have now; those of deleted files end like a detach."""
    mine = {each.id: each for each in state.records(Attachment).values() if each.owner == command.owner}
    after = {name: _moved(each, command) for name, each in mine.items()}
    doomed = {name for name, each in after.items() if any(_within(each.key, path) for path in command.deleted)}
    doomed |= _overwritten(mine, after)
    plans = [_renamed(state, mine[name], each, now) for name, each in after.items() if name not in doomed]
    plans += [_dropped(state, mine[name], frozenset(doomed), now) for name in sorted(doomed)]
    return joined("report", [each for each in plans if each.changes])


def _moved(attachment: Attachment, command: ReportHolders) -> Attachment:
    """The attachment under the key that its file, and then its kernel, has now."""
    key = attachment.key
    for source, target in command.moved:
        if _within(key, source):
            key = target + key[len(source) :]
    reported = next((each for each in command.holders if each.kernel and each.kernel == attachment.kernel), None)
    if reported is None:
        return replace(attachment, key=key)
    return replace(attachment, key=reported.key, kind=reported.kind, expires=True)


def _within(key: str, path: str) -> bool:
    return key == path or key.startswith(f"{path.rstrip('/')}/")


def _overwritten(before: Mapping[str, Attachment], after: Mapping[str, Attachment]) -> set[str]:
    """Attachments whose key another one has taken over: their file was replaced by it."""
    taken: dict[tuple[str, str], str] = {}
    lost: set[str] = set()
    for name in sorted(after, key=lambda name: after[name].key == before[name].key):  # those that moved come first
        place = (after[name].key, after[name].zapp)
        if place in taken:
            lost.add(name)
        taken.setdefault(place, name)
    return lost


def _renamed(state: Records, before: Attachment, after: Attachment, now: datetime) -> Plan:
    if after == before:
        return Plan(command="report")
    execution = state.records(Execution)[before.execution]
    reason = because("holder-moved", before=before.key, holder=after.key)
    events: tuple[Event, ...] = ()
    if after.key != before.key:
        events = (event(execution, now, "attachment.moved", reason, attachment=before.id, key=after.key),)
    changed = replace(after, renewed=now, version=before.version + 1)
    return Plan(command="report", changes=(Change(what=reason, reason=reason),), put=(changed,), events=events)


def _dropped(state: Records, attachment: Attachment, doomed: frozenset[str], now: datetime) -> Plan:
    """The attachment of a file that is no more. The last one of an execution ends it, unless it shall be kept."""
    execution = state.records(Execution)[attachment.execution]
    reason = because("holder-deleted", holder=attachment.key)
    made = event(execution, now, "attachment.dropped", reason, attachment=attachment.id, key=attachment.key)
    everybody = {each.id for each in state.records(Attachment).values() if each.execution == execution.id}
    last = everybody <= doomed and attachment.id == max(everybody)
    stays = not last or attachment.policy == "keep" or execution.spec.protected or execution.desired == "ended"
    base = Plan(command="report") if stays else plan_ending("report", execution, reason, now)
    change = Change(what=reason, reason=reason)
    return replace(
        base, changes=(change, *base.changes), drop=(Ref(Attachment, attachment.id),), events=(made, *base.events)
    )


def plan_work(state: Records, command: ReportWork, now: datetime) -> Plan:
    """An event, and nothing else: what becomes of the execution does not depend on it.

    :raises ZoeError: ``unknown-attachment``
    """
    attachment = state.records(Attachment).get(command.attachment)
    if attachment is None:
        raise ZoeError("unknown-attachment", f"There is no attachment {command.attachment!r}.")
    execution = state.records(Execution)[attachment.execution]
    reason = because("cells-worked", cells=command.cells)
    made = event(execution, now, "attachment.worked", reason, attachment=attachment.id, key=attachment.key)
    return Plan(command="work", changes=(Change(what=reason, reason=reason),), events=(made,))


def plan_tend(state: Records, command: TendLeases, now: datetime) -> Plan:
    """What the outlook of an execution says, written down and carried out in one commit.

    :raises ZoeError: ``unknown-execution``
    """
    execution, outlook = find(state, command.execution, None), command.outlook
    plans = [_silent(execution, state.records(Attachment)[name], now) for name in outlook.gone]
    plans += [_back(execution, state.records(Attachment)[name], now) for name in outlook.back]
    if outlook.due is not None and outlook.reason is not None and execution.desired == "running":
        shrink = outlook.due == "shrink"
        plans.append(
            plan_shrink(execution, outlook.reason, now)
            if shrink
            else plan_ending("tend", replace(execution, idle=None), outlook.reason, now)
        )
    elif outlook.kept is not None:
        plans.append(_kept("tend", execution, outlook.kept, because("keep-shortened"), now))
    elif outlook.idle != execution.idle:
        plans.append(_idle(execution, outlook, now))
    return joined("tend", plans)


def _silent(execution: Execution, attachment: Attachment, now: datetime) -> Plan:
    """A holder that does not renew is gone. What is no notebook does not come back: its lease is dropped."""
    silence = max(0.0, (now - attachment.renewed).total_seconds())  # less if the clock was set back meanwhile
    reason = because("holder-silent", holder=attachment.key, silence=silence)
    change = Change(what=reason, reason=reason)
    made = event(execution, now, "attachment.gone", reason, attachment=attachment.id, key=attachment.key)
    if attachment.kind != "notebook":
        return Plan(command="tend", changes=(change,), drop=(Ref(Attachment, attachment.id),), events=(made,))
    marked = replace(attachment, gone=now, version=attachment.version + 1)
    return Plan(command="tend", changes=(change,), put=(marked,), events=(made,))


def _back(execution: Execution, attachment: Attachment, now: datetime) -> Plan:
    reason = because("holder-back", holder=attachment.key)
    made = event(execution, now, "attachment.back", reason, attachment=attachment.id, key=attachment.key)
    marked = replace(attachment, gone=None, renewed=now, version=attachment.version + 1)
    return Plan(command="tend", changes=(Change(what=reason, reason=reason),), put=(marked,), events=(made,))


def plan_shrink(execution: Execution, reason: Reason, now: datetime) -> Plan:
    """An execution with its essential processes alone. It stays idle: the clock goes on to its end."""
    essential = {group.name: group.essential for group in execution.spec.scalable()}
    changed = replace(execution, counts={**execution.counts, **essential}, idle=None, version=execution.version + 1)
    sizes = tuple(because("group-granted", group=name, count=count) for name, count in essential.items())
    shrunk = because("shrunk", execution=execution.name, groups=sizes, cause=reason)
    made = event(changed, now, "execution.scaled", shrunk, counts=dict(changed.counts), before=dict(execution.counts))
    return Plan(command="tend", changes=(Change(what=shrunk, reason=reason),), put=(changed,), events=(made,))


def _idle(execution: Execution, outlook: Outlook, now: datetime) -> Plan:
    changed = replace(execution, idle=outlook.idle, version=execution.version + 1)
    if outlook.idle is None:
        reason = because("used-again")
        made = event(changed, now, "execution.used", reason)
    else:
        seconds = (now - outlook.idle.since).total_seconds()
        reason = because("unused", idle=seconds)
        moment = {"since": outlook.idle.since.isoformat(), "at": outlook.idle.at.isoformat()}
        made = event(changed, now, "execution.idle", reason, action=outlook.idle.action, **moment)
    return Plan(command="tend", changes=(Change(what=reason, reason=reason),), put=(changed,), events=(made,))


def plan_keep(state: Records, command: KeepExecution, now: datetime) -> Plan:
    """An execution that counts as used until a moment; the clock of idleness begins anew then.

    :raises ZoeError: ``unknown-execution``
    """
    execution = find(state, command.execution, None)
    return _kept("keep", execution, command.until, because("kept", user=command.user), now)


def _kept(command: str, execution: Execution, until: datetime, reason: Reason, now: datetime) -> Plan:
    changed = replace(execution, kept_until=until, idle=None, version=execution.version + 1)
    made = event(changed, now, "execution.kept", reason, until=until.isoformat())
    return Plan(command=command, changes=(Change(what=reason, reason=reason),), put=(changed,), events=(made,))
