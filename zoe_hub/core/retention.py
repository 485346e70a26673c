"""What of the past goes, and why: a rule for executions that have ended, for events and for replies alike.

Three limits, each of which may be missing: how old, how many, how many bytes. The oldest goes first, and nothing goes
that something which stays refers to. Who asks (``controllers.retention``) shows the oldest ones only, some at a time,
and how many there are altogether, so that a look costs the same however long the past is. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.record import Record

K = TypeVar("K", bound=Hashable)

DAY = timedelta(days=1)


class Limits(Record, kw_only=True):
    """How much of something is kept. None: whatever there is."""

    age: timedelta | None = None  # since its end, or since it happened
    number: int | None = None
    size: int | None = None  # bytes


class Past(NamedTuple, Generic[K]):
    """Something that is over."""

    key: K
    since: datetime  # when it ended or happened
    size: int = 0  # bytes that become free with it
    refers_to: frozenset[K] = frozenset()  # keys of others, such as of the one that it was started for


class Going(NamedTuple, Generic[K]):
    """Something that goes, and why."""

    key: K
    reason: Reason


def going(
    limits: Limits,
    oldest: Sequence[Past[K]],
    *,
    number: int,
    size: int,
    now: datetime,
    held: Collection[Hashable] = (),
) -> tuple[Going[K], ...]:
    """What goes now of the oldest ones. What refers to another comes before it, otherwise the oldest comes first.

    :param oldest: the first in the order of their ends, but not all: the others are younger
    :param number: how many there are altogether
    :param size: bytes that all of them take
    :param held: keys that what is not over refers to
    """
    over: dict[K, Reason] = {}
    for each in oldest:
        reason = _reason(limits, each, number=number, size=size, now=now)
        if reason is None:
            break  # the others are younger, and there are no more of them now than may be
        if each.key not in held:
            over[each.key] = reason
            number, size = number - 1, size - each.size
    _spare(over, oldest)
    return tuple(Going(each.key, over[each.key]) for each in _children_first([e for e in oldest if e.key in over]))


def _reason(limits: Limits, past: Past[K], *, number: int, size: int, now: datetime) -> Reason | None:
    """Why it goes if it is the oldest of so many; None: it stays."""
    if limits.age is not None and now - past.since > limits.age:
        return because("past-too-old", days=limits.age / DAY)
    if limits.number is not None and number > limits.number:
        return because("past-too-many", number=limits.number)
    if limits.size is not None and size > limits.size:
        return because("past-too-large", limit=limits.size)
    return None


def _spare(over: dict[K, Reason], oldest: Iterable[Past[K]]) -> None:
    """Have those stay that one which stays refers to, and so on."""
    by_key = {each.key: each for each in oldest}
    staying = [each for each in by_key.values() if each.key not in over]
    while staying:
        for key in staying.pop().refers_to:
            if over.pop(key, None) is not None:
                staying.append(by_key[key])


def _children_first(past: Sequence[Past[K]]) -> Sequence[Past[K]]:
    """In the order given, but none before one that refers to it. Of a circle, which nobody should make, any order."""
    waiting = {each.key: each for each in past}
    referrers: dict[K, list[K]] = {key: [] for key in waiting}
    for each in past:
        for key in each.refers_to & waiting.keys():
            referrers[key].append(each.key)
    found: list[Past[K]] = []
    for each in past:
        path = [each.key]
        while path:
            key = path[-1]
            before = next((other for other in referrers[key] if other in waiting and other not in path), None)
            if before is not None:
                path.append(before)
                continue
            path.pop()
            if (last := waiting.pop(key, None)) is not None:
                found.append(last)
    return found
