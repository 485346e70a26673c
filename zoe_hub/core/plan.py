"""What commands are turned into: plans, which are committed or, in a dry run, shown. Pure.

A plan names no kind of record: a capability puts and drops its own without being known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from zoe_hub.core.events import Event
from zoe_hub.core.reasons import Reason
from zoe_hub.core.record import Record, Ref

R = TypeVar("R", bound=Record)


class Records(Protocol):
    """What ``plan`` may look at: a store, above all."""

    def records(self, type_: type[R]) -> Mapping[Any, R]:
        """All active records of a type by key."""


class Change(Record, kw_only=True):
    """One state change, and why."""

    what: Reason
    reason: Reason


class Plan(Record, kw_only=True):
    """The state changes of a command, to be committed together."""

    command: str
    changes: tuple[Change, ...] = ()
    put: tuple[Record, ...] = ()  # new ones and the next versions of what there is
    drop: tuple[Ref, ...] = ()
    events: tuple[Event, ...] = ()
    found: bool = False  # what is asked for was there already

    def put_of(self, type_: type[R]) -> tuple[R, ...]:
        """What it puts of one type."""
        return tuple(each for each in self.put if isinstance(each, type_))


def joined(command: str, plans: Iterable[Plan]) -> Plan:
    """One plan of several that touch different records."""
    parts = tuple(plans)
    return Plan(
        command=command,
        changes=tuple(change for each in parts for change in each.changes),
        put=tuple(record for each in parts for record in each.put),
        drop=tuple(ref for each in parts for ref in each.drop),
        events=tuple(event for each in parts for event in each.events),
    )
