"""When a lease has run out, when an execution is idle, and what becomes of it. Pure, level-triggered.

An attachment is a lease: whoever reports its holder (a server extension, the holder itself) renews it while the holder
lives. ``outlook`` looks at one execution that notebooks use and says which holders are gone or back, since when nobody
has used it, what will be done about that and when, and what is due now. The shell (``controllers.attachments.leases``)
gathers ``Use``, commits what the outlook says by commands, and looks again at ``wake``.

Two rules, each with one clock:

* A holder is gone when its lease was not renewed for ``Terms.ttl``. When the last one is gone, the wish that it was
  attached
  with is carried out, once: keep, shrink to the essential processes, or terminate.
* An execution is idle when no holder works and it runs no query or job of its own. After ``shrink_after`` it is shrunk
  to its
  essential processes, ``end_after`` later it is ended. ``keep`` starts that clock anew.

No lease runs out and no clock of idleness runs while nobody could renew: the shell counts from ``Use.resumed``, the
last moment at which the hub came to be (its start, the end of a suspension, a step of the clock; see ``core.clock``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from zoe_hub.core.attachments.model import Attachment, Policy
from zoe_hub.core.clock import past, rebased
from zoe_hub.core.executions.model import Execution, Idle, Phase
from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.record import Record

Action = Literal["shrink", "end"]


class Terms(Record, kw_only=True):
    """What the admin's options say. Seconds; 0 stands for never."""

    ttl: float = 120.0  # without a renewal until a holder counts as gone
    shrink_after: float = 1800.0  # of idleness
    end_after: float = 7200.0  # of further idleness
    longest_keep: float = 86400.0  # that somebody may ask for
    quiet: float = 60.0  # of idleness until it is told, or half the time until something is done: a pause is no news


class Use(Record, kw_only=True):
    """What is known of how one execution is used."""

    execution: Execution
    attachments: tuple[Attachment, ...]
    renewed: Mapping[str, datetime] = {}  # attachment -> its last renewal, newer than the one on record
    working: frozenset[str] = (
        frozenset()
    )  # attachments whose holder works: a kernel that executes, a terminal that is busy
    used: datetime  # the last moment at which somebody worked, or a command changed the execution
    denied: datetime | None = None  # when it last said that it runs no query or job of its own
    resumed: datetime  # since when the hub has been there to be told, without a jump of time


class Outlook(Record, kw_only=True):
    """What becomes of one execution's leases."""

    gone: tuple[str, ...] = ()  # attachments whose holder is gone now
    back: tuple[str, ...] = ()  # attachments whose holder was gone and has come back
    idle: Idle | None = None  # what the record should say
    kept: datetime | None = None  # until when it counts as used, if not until what the record says
    due: Action | None = None  # what is to be done now
    reason: Reason | None = None  # why
    ask: bool = False  # whether it runs queries or jobs must be found out before anything is done
    wake: datetime | None = None  # when the passing of time alone changes this


def outlook(use: Use, terms: Terms, now: datetime) -> Outlook:
    """What becomes of an execution and its leases.

    :param now: aware time in UTC
    """
    until = use.execution.kept_until
    kept = until and rebased(until, terms.longest_keep, now)
    if kept != until:
        return Outlook(idle=use.execution.idle, kept=kept)
    gone = {each.id for each in use.attachments if _expiry(each, use, terms, now) <= now}
    departed = tuple(each.id for each in use.attachments if each.id in gone and each.gone is None)
    back = tuple(each.id for each in use.attachments if each.id not in gone and each.gone is not None)
    times = [_expiry(each, use, terms, now) for each in use.attachments if each.id not in gone]
    times += [_silent_from(each, use, terms, now) for each in use.attachments if _is_working(each, use, terms, now)]
    wanted, reason = _last_wish(use, frozenset(departed), gone)
    if wanted is not None and use.execution.desired == "running":
        return Outlook(gone=departed, back=back, due=wanted, reason=reason, wake=min(times, default=None))
    present = tuple(each for each in use.attachments if each.id not in gone)
    idle = _idle(use, present, terms, now)
    if idle is None:
        return Outlook(gone=departed, back=back, wake=min(times, default=None))
    announcing = idle.since + min(
        timedelta(seconds=terms.quiet), (idle.at - idle.since) / 2
    )  # always before it is done
    announced = idle if now >= announcing else None
    times.append(announcing if announced is None else idle.at)
    if now < idle.at:
        return Outlook(gone=departed, back=back, idle=announced, wake=min(times))
    if use.execution.spec.active() and (use.denied is None or use.denied < idle.at):
        return Outlook(gone=departed, back=back, idle=announced, ask=True, wake=min(times, default=None))
    seconds = (now - idle.since).total_seconds()
    return Outlook(gone=departed, back=back, idle=announced, due=idle.action, reason=because("unused", idle=seconds))


def _expiry(attachment: Attachment, use: Use, terms: Terms, now: datetime) -> datetime:
    """When a lease runs out if it is not renewed. One that nobody can renew lasts as long as its execution."""
    if not attachment.expires:
        return datetime.max.replace(tzinfo=use.resumed.tzinfo)
    return _silent_from(attachment, use, terms, now)


def _is_working(attachment: Attachment, use: Use, terms: Terms, now: datetime) -> bool:
    """Whether a holder works. What it did when it was last heard of counts no longer than a lease does."""
    return attachment.id in use.working and now < _silent_from(attachment, use, terms, now)


def _silent_from(attachment: Attachment, use: Use, terms: Terms, now: datetime) -> datetime:
    """When a holder counts as silent, unless it is heard of before. One that is gone is back when it is heard of, and
    not when the hub is.
    """
    heard = use.renewed.get(attachment.id)
    if attachment.gone is not None:
        return past(heard, now, use.resumed) + timedelta(seconds=terms.ttl) if heard else now
    known = (attachment.renewed, heard or attachment.renewed)
    renewed = max(use.resumed, *(past(each, now, use.resumed) for each in known))
    return renewed + timedelta(seconds=terms.ttl)


def _last_wish(use: Use, departed: frozenset[str], gone: set[str]) -> tuple[Action | None, Reason | None]:
    """What the holders that have just gone wanted, if they were the last: the mildest of their wishes."""
    if not departed or len(gone) < len(use.attachments):
        return None, None
    last = [each for each in use.attachments if each.id in departed]
    wishes: set[Policy] = {each.policy for each in last}
    if "keep" in wishes or (use.execution.spec.protected and wishes == {"terminate"}):
        return None, None
    action: Action = "shrink" if "shrink" in wishes else "end"
    if action == "shrink" and not shrinkable(use.execution):
        return None, None
    return action, because("holders-gone", holders=tuple(each.key for each in last))


def _idle(use: Use, present: tuple[Attachment, ...], terms: Terms, now: datetime) -> Idle | None:
    """Since when nobody uses the execution and what follows; None if it is in use, or nothing follows."""
    execution = use.execution
    if execution.phase is not Phase.RUNNING or execution.desired == "ended":
        return None
    if any(_is_working(each, use, terms, now) for each in present):
        return None
    worked = [past(each, now, use.resumed) for each in (use.used, execution.running_since) if each]
    since = max(use.resumed, *worked, execution.kept_until or use.resumed)
    ends = terms.end_after > 0 and not execution.spec.protected and all(each.policy != "keep" for each in present)
    if terms.shrink_after > 0 and shrinkable(execution):
        return Idle(since=since, action="shrink", at=since + timedelta(seconds=terms.shrink_after))
    if ends:
        return Idle(since=since, action="end", at=since + timedelta(seconds=terms.shrink_after + terms.end_after))
    return None


def shrinkable(execution: Execution) -> bool:
    """Whether more processes are wanted than the essential ones."""
    return any(execution.counts.get(group.name, group.count) > group.essential for group in execution.spec.scalable())
