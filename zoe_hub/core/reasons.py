"""Why something is as it is, as data: a code, the facts of this occurrence, the log lines that show it.

Every decision carries a ``Reason``. Code compares and filters by ``code`` and ``facts``; nobody ever reads words. They
are made in one place: ``core.words`` makes the English ones of the hub, and ``contract.generate`` writes the same table
for the panel, which translates it. ``REASONS`` declares every code, its words and thereby its facts; what an error says
is a reason under the error's own code (``reason_of``). A reason that comes from elsewhere as a text (a user's words, a
record of an earlier version) is ``told``. Used by every part of the hub that decides or observes; ``because`` is the
one way to make a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Literal, get_args

from msgspec.structs import replace

from zoe_hub.core.errors import ERRORS, ZoeError
from zoe_hub.core.record import Record


class Reason(Record, kw_only=True):
    """Why something is as it is. Make one with ``because``, which knows the table."""

    code: str
    facts: Mapping[str, Fact] = {}  # JSON values; reasons among them are causes, and have no log lines of their own
    tail: tuple[str, ...] = ()  # the last lines that the process logged, of the start that the reason is about


Fact = str | int | float | Reason | tuple[str | Reason, ...]

FactKind = Literal["text", "number", "seconds", "memory", "texts", "reason", "reasons"]
"""What a fact is, and so how it is worded: ``memory`` are bytes, ``texts`` and ``reasons`` are lists."""

_ALLOWED: Mapping[str, Callable[[Fact], bool]] = {
    "text": lambda fact: isinstance(fact, str),
    "number": lambda fact: isinstance(fact, int | float),
    "seconds": lambda fact: isinstance(fact, int | float),
    "memory": lambda fact: isinstance(fact, int),
    "texts": lambda fact: isinstance(fact, tuple) and all(isinstance(each, str) for each in fact),
    "reason": lambda fact: isinstance(fact, Reason),
    "reasons": lambda fact: isinstance(fact, tuple) and all(isinstance(each, Reason) for each in fact),
}
assert set(_ALLOWED) == set(get_args(FactKind))


class ReasonKind(Record, kw_only=True):
    """One kind of reason. ``words`` name each fact as ``{name:kind}``."""

    code: str
    words: str
    one: str = ""  # the words if the first number among the facts is 1; empty: the same

    @property
    def facts(self) -> dict[str, str]:
        """The facts by name, with their kinds, in the order of the words."""
        parsed = Formatter().parse(self.words)
        return {name: kind for _, name, kind, _ in parsed if name is not None and kind is not None}


def _table(*kinds: tuple[str, str] | tuple[str, str, str]) -> dict[str, ReasonKind]:
    return {code: ReasonKind(code=code, words=words, one="".join(one)) for code, words, *one in kinds}


REASONS: dict[str, ReasonKind] = _table(
    # what came as a text
    ("told", "{words:text}"),
    # the queue
    ("admission-pending", "waits for admission"),
    (
        "queued-for-resources",
        "{missing:reason} on {nodes:number} nodes",
        "{missing:reason} on {nodes:number} node",
    ),
    ("queued-behind", "waits behind {execution:text}"),
    ("queued", "queued at position {position:number}: {cause:reason}"),
    ("queued-until-nodes", "queued until there are other nodes: {cause:reason}"),
    ("cores-missing", "{needed:number} cores are needed and {free:number} of {total:number} are free"),
    ("memory-missing", "{needed:memory} of memory are needed and {free:memory} of {total:memory} are free"),
    ("cores-and-memory-missing", "{cores:reason} and {memory:reason}"),
    (
        "nodes-too-small",
        "a process of {group:text} needs {cores:number} cores and {memory:memory}, which no node has",
    ),
    ("admitted", "admitted: its essential processes fit"),
    ("granted", "may now run {groups:reasons}"),
    ("group-granted", "{group:text}: {count:number}"),
    ("queue-moved", "the queue has moved up"),
    ("catalog-changed", "the definitions were read again: {zapps:number} ZApps, {problems:number} problems"),
    # what an execution waits for
    ("groups-awaited", "waits for {groups:reasons}"),
    ("group-not-ready", "{group:text}: {ready:number} of {essential:number} essential ready"),
    (
        "group-restarts",
        "{group:text}: {ready:number} of {essential:number} essential ready (starts again: {cause:reason})",
    ),
    ("running", "all essential processes are ready"),
    ("running-partly", "all essential processes are ready; {groups:reasons}"),
    ("group-partly-ready", "{group:text}: {ready:number} of {wanted:number} ready"),
    ("group-partly-granted", "{group:text}: {ready:number} of {wanted:number} ready, {granted:number} granted"),
    ("backend-awaited", "{state:reason}; waits for the backend: {cause:reason}"),
    # how an execution ends
    ("essential-refused", "{process:text} cannot be started: {cause:reason}"),
    (
        "essential-failed",
        "{process:text} is essential and ended {failures:number} times in a row; the last time: {cause:reason}",
        "{process:text} is essential and ended: {cause:reason}",
    ),
    ("essential-final", "{process:text} is essential, and would end the same another time: {cause:reason}"),
    ("result-lost", "{process:text} decides the result and is gone: {cause:reason}"),
    ("result-decided", "{process:text} decides the result: {cause:reason}"),
    ("terminated", "terminated by {user:text}"),
    ("last-detached", "{notebook:text} was detached, and no other notebook is attached"),
    # leases
    ("holder-silent", "{holder:text} has not renewed its lease for {silence:seconds}"),
    ("holder-back", "{holder:text} is back"),
    ("holder-moved", "{before:text} is {holder:text} now"),
    ("holder-deleted", "{holder:text} was deleted"),
    ("cells-worked", "queries of {cells:texts}"),
    ("holders-gone", "nobody is left who was attached to it: {holders:texts}"),
    ("shrunk", "{execution:text} keeps its essential processes alone ({groups:reasons}): {cause:reason}"),
    ("unused", "nobody has used it for {idle:seconds}"),
    ("used-again", "is in use again"),
    ("kept", "{user:text} wants it kept"),
    # what commands change
    ("start", "start {execution:text} ({groups:reasons})"),
    ("group-size", "{group:text}: {count:number}"),
    ("terminate", "end {execution:text}"),
    ("stop", "stop {process:text}"),
    ("asked-by-owner", "asked by its owner"),
    ("asked-to-start", "{user:text} asked to start {zapp:text}"),
    ("asked-to-attach", "{user:text} asked for it"),
    ("attached-before", "it was attached before"),
    ("scaled", "scale {group:text} of {execution:text} from {before:number} to {count:number}"),
    ("attached", "attach {notebook:text} to {execution:text}"),
    ("attached-again", "attach {notebook:text} to {execution:text} again"),
    ("detached", "detach {notebook:text} from {execution:text}"),
    ("admin-looked", "The admin {admin:text} used {operation:text}."),
    # the life of a process
    ("wanted", "is wanted"),
    ("starts-again", "starts again: {cause:reason}"),
    ("started", "runs, not ready yet"),
    ("ready", "is ready"),
    ("fewer-wanted", "fewer processes of {group:text} are wanted"),
    ("hands-over", "fewer processes of {group:text} are wanted; hands over its work"),
    ("handed-over", "has handed over its work"),
    ("not-handed-over", "did not hand over its work within {limit:seconds}"),
    ("execution-ends", "the execution ends"),
    ("address-changed", "the address of {groups:texts} has changed"),
    ("secrets-replaced", "it has secrets that were made anew: {secrets:texts}"),
    ("secrets-renewed", "a port was another program's, so these secrets were made anew: {secrets:texts}"),
    (
        "secrets-exposed",
        "a port was another program's, which may know what was given as {secrets:texts}: change it where it comes from",
    ),
    ("late-to-run", "was not ready within {limit:seconds}; waited for it to run"),
    ("late-to-accept", "was not ready within {limit:seconds}; waited for port {port:text} to accept"),
    ("late-to-answer", "was not ready within {limit:seconds}; waited for http page {path:text} on port {port:text}"),
    ("late-to-log", "was not ready within {limit:seconds}; waited for a log line like '{pattern:text}'"),
    ("late", "{late:reason}; the last time it {answer:reason}"),
    ("answer-status", "answered {status:number}"),
    ("answer-too-long", "answered with more than {limit:number} bytes"),
    ("answer-late", "did not answer within {limit:seconds}"),
    ("answer-malformed", "answered something that is not HTTP"),
    ("answer-died", "ended the connection before it had answered"),
    ("answer-none", "did not accept a connection"),
    # how a process ends
    ("stopped", "{cause:reason}; {end:reason}"),
    ("stopped-by-force", "{cause:reason}; {end:reason} (killed, since it did not end in time)"),
    ("exited", "ended with exit code {code:number}"),
    ("signalled", "ended by signal {signal:number}"),
    ("end-unknown", "ended, its exit code is not known"),
    ("vanished", "the backend does not know it any more"),
    ("port-lost", "its port was taken by another program"),
    ("out-of-memory", "out of memory"),
    ("killed-late", "killed: it did not end within {grace:seconds}"),
    ("supervisor-killed", "its supervisor was killed"),
    ("machine-restarted", "the machine was restarted"),
    # the clock
    ("machine-slept", "the machine slept for {slept:seconds}"),
    ("hub-stood-still", "the hub could not run for {stood:seconds}"),
    ("clock-set-forwards", "the clock was set forwards by {by:seconds}"),
    ("clock-set-back", "the clock was set back by {by:seconds}"),
    ("keep-shortened", "was to be kept for longer than is allowed"),
    # what a story adds to the events
    ("history-cut", "what happened until the next line is left out, or not kept any more"),
    ("due-ready", "is stopped then, if it is not ready before"),
    ("due-drained", "is stopped then, if it has not handed over its work before"),
    ("due-killed", "is killed then, if it has not ended before"),
    ("due-restart", "starts again then"),
    ("due-shrink", "is shrunk to its essential processes then, if nobody uses it before"),
    ("due-end", "is ended then, if nobody uses it before"),
    # what of the past goes
    (
        "past-too-old",
        "is kept for {days:number} days after it was over, no longer",
        "is kept for {days:number} day after it was over, no longer",
    ),
    ("past-too-many", "is the oldest, and no more than {number:number} are kept"),
    ("past-too-large", "is the oldest, and no more than {limit:memory} of such are kept"),
    # why the backend's processes are listed again
    ("watch-begins", "the watch begins"),
    ("watch-silent", "nothing was heard for {silence:seconds}, or the watch ended"),
    ("watch-broke", "the watch broke"),
    ("listing-due", "{interval:seconds} have passed"),
    ("removed-elsewhere", "somebody removed {process:text}"),
    ("end-unread", "the end of {process:text} could not be read: {cause:reason}"),
    # why the hub cannot do all that it should
    ("unexpected", "{part:text} failed: {error:text}"),
    ("not-reaped", "{execution:text}, which nobody remembers, could not be reaped yet: {cause:reason}"),
)
"""Every code of the hub's own."""

KINDS: Mapping[str, ReasonKind] = {
    **{code: ReasonKind(code=code, words="{detail:text}") for code in ERRORS},
    **REASONS,
}
"""Every code there is: those of errors too."""

_FACTS = {code: kind.facts for code, kind in KINDS.items()}


def because(code: str, /, *, tail: tuple[str, ...] = (), **facts: Fact) -> Reason:
    """A reason of a declared kind. Reasons among the facts are causes: their log lines are left away, since ``tail`` is
    the place for those.

    :param code: a key of ``KINDS``; anything else is a ``KeyError`` at once
    :param tail: the last lines that the process logged
    :param facts: exactly those that the kind declares
    :raises TypeError: a fact is missing, unknown or of another kind
    """
    declared = _FACTS[code]
    if facts.keys() != declared.keys():
        raise TypeError(f"{code} has the facts {', '.join(declared) or 'none'}, not {', '.join(facts) or 'none'}")
    for name, fact in facts.items():
        if not _ALLOWED[declared[name]](fact):
            raise TypeError(f"{name} of {code} is {declared[name]}, not {fact!r}")
    return Reason(code=code, facts={name: _plain(fact) for name, fact in facts.items()}, tail=tail)


def _plain(fact: Fact) -> Fact:
    """A fact without the log lines of causes."""
    if isinstance(fact, Reason):
        return replace(fact, tail=()) if fact.tail else fact
    return tuple(map(_plain, fact)) if isinstance(fact, tuple) else fact  # type: ignore[arg-type]


def reason_of(error: Exception, part: str = "The hub") -> Reason:
    """What an error says, as a reason under the error's code; ``unexpected`` if it is none of the declared ones.

    :param part: what failed, in words, for an error that nobody foresaw
    """
    if isinstance(error, ZoeError):
        return because(error.code, detail=error.detail)
    return because("unexpected", part=part, error=f"{type(error).__name__}: {error}")


def mapped(reason: Reason, change: Callable[[str], str]) -> Reason:
    """A reason with all its texts changed (such as redacted), those of its causes and its log lines too."""

    def each(fact: Fact) -> Fact:
        if isinstance(fact, str):
            return change(fact)
        if isinstance(fact, Reason):
            return mapped(fact, change)
        return tuple(map(each, fact)) if isinstance(fact, tuple) else fact  # type: ignore[arg-type]

    facts = {name: each(fact) for name, fact in reason.facts.items()}
    return replace(reason, facts=facts, tail=tuple(map(change, reason.tail)))
