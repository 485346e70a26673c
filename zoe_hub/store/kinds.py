"""Every kind of record that the store keeps, declared once. Tables, rows, memory, checks and the tests of migrations
come from these declarations: a further kind is a further row of ``KINDS``, and a migration that makes its table.

A record is kept whole, as JSON in the column ``payload``; ``columns`` are what rows are found by beside their key. A
kind that says when a record has ``ended`` keeps only the others in memory; what has ended is on disk alone, is final,
and is read a page at a time by the ``indexes``. Used by every other module of ``store``; ``core`` does not know of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.record import Key, Record

R = TypeVar("R", bound=Record)


class Reply(Record, kw_only=True):
    """What an Idempotency-Key was answered with, so that the same request gets the same answer."""

    key: str
    owner: str
    request: str  # hash of method, path and body
    status: int
    body: bytes
    created: datetime


class Token(Record, kw_only=True):
    """A token that the hub gave out. Only its SHA-256 is kept."""

    digest: str  # hexadecimal
    owner: str
    scopes: tuple[str, ...]
    note: str = ""
    execution: str = ""  # revoked when this execution ends
    created: datetime
    expires: datetime | None = None


class SecretValue(Record, kw_only=True):
    """A secret of an execution. In a table of its own, so that no other record, event or log ever holds it."""

    execution: str
    name: str
    value: str

    def __repr__(self) -> str:
        return f"SecretValue(execution={self.execution!r}, name={self.name!r}, value=...)"


class Remains(Record, kw_only=True):
    """That an execution has been forgotten, and that not all that it left behind (logs, events) may be gone yet."""

    execution: str
    since: datetime


class Column(Record, kw_only=True):
    """A column beside the key and the payload.

    ``of`` takes its value from a record; times are stored as microseconds since 1970 (UTC).
    """

    name: str
    holds: Literal["text", "number", "time"] = "text"
    of: Callable[[Any], Any]
    empty: bool = False  # may be NULL


def text(name: str, member: str = "") -> Column:
    """A text, of the member of the same name if no other is named."""
    return Column(name=name, of=attrgetter(member or name))


def number(name: str) -> Column:
    """A whole number."""
    return Column(name=name, holds="number", of=attrgetter(name))


def time(name: str, *, empty: bool = False) -> Column:
    """A moment."""
    return Column(name=name, holds="time", of=attrgetter(name), empty=empty)


class Parent(NamedTuple):
    """What a record belongs to: it goes when its parent ends or goes, and cannot come afterwards."""

    type: type[Record]
    member: str  # holds the key of the parent; empty: this record has none


class Kind(Record, Generic[R], kw_only=True, eq=False):
    """One kind of record.

    ``write`` says what a commit may do to a record that is there. ``versioned``: replace version n by n+1;
    ``replaced``: replace it; ``once``: nothing, the first one stays; ``appended``: nothing, and the store numbers them.
    """

    name: str  # of the table
    type: type[R]
    key: tuple[str, ...]
    columns: tuple[Column, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()  # of ended records if there are any, each in order of creation
    write: Literal["versioned", "replaced", "once", "appended"] = "versioned"
    unique: tuple[str, ...] = ()  # members that no two records in memory have in common
    parent: Parent | None = None
    ended: Callable[[R], bool] | None = None
    labels: Callable[[R], Mapping[str, str]] | None = None  # ended records are found by them, too
    age: str = ""  # the column that says how old a record is, for retention
    in_memory: bool = True  # False: looked up on disk each time

    def key_of(self, record: R) -> Key:
        """What tells ``record`` from the others."""
        found = tuple(getattr(record, member) for member in self.key)
        return found[0] if len(found) == 1 else found

    def has_ended(self, record: R) -> bool:
        """Whether a record is not kept in memory any more."""
        return self.ended is not None and self.ended(record)

    def parent_of(self, record: R) -> Key:
        """The key of what ``record`` belongs to, or an empty text."""
        return getattr(record, self.parent.member) if self.parent else ""

    def unique_of(self, record: R) -> tuple[Any, ...]:
        """What no other record in memory may have as well."""
        return tuple(getattr(record, member) for member in self.unique)

    @property
    def noun(self) -> str:
        """What one of the records is called."""
        return re.sub(r"(?<!^)(?=[A-Z])", " ", self.type.__name__).lower()

    @property
    def wholly_in_memory(self) -> bool:
        """Whether what is not in memory does not exist."""
        return self.in_memory and self.ended is None

    @property
    def listed(self) -> bool:
        """Whether records have a place in the order of creation, by which they are paged."""
        return self.ended is not None


def label_terms(labels: Mapping[str, str]) -> Iterable[str]:
    """What a filter by label may say to find a record with ``labels``: ``KEY`` and ``KEY=VALUE`` of each."""
    for key, value in labels.items():
        yield key
        yield f"{key}={value}"


EXECUTIONS = Kind(
    name="executions",
    type=Execution,
    key=("id",),
    columns=(
        text("owner"),
        text("name"),
        text("zapp", "spec.zapp"),
        text("phase"),
        time("created"),
        time("ended", empty=True),
        number("version"),
    ),
    indexes=(("owner",), ("owner", "zapp"), ("owner", "name"), ("zapp",), ("name",), ("ended",)),
    ended=lambda execution: not execution.active,
    labels=attrgetter("labels"),
    age="ended",
)

ATTACHMENTS = Kind(
    name="attachments",
    type=Attachment,
    key=("id",),
    columns=(text("owner"), text("execution"), number("version")),
    unique=("owner", "key", "zapp"),
    parent=Parent(Execution, "execution"),
)

TOKENS = Kind(
    name="tokens",
    type=Token,
    key=("digest",),
    columns=(text("owner"), text("execution")),
    write="replaced",
    parent=Parent(Execution, "execution"),
)

SECRETS = Kind(
    name="secrets", type=SecretValue, key=("execution", "name"), write="replaced", parent=Parent(Execution, "execution")
)

REPLIES = Kind(
    name="replies",
    type=Reply,
    key=("owner", "key"),
    columns=(time("created"),),
    indexes=(("created",),),
    write="once",
    age="created",
    in_memory=False,
)

REMAINS = Kind(name="remains", type=Remains, key=("execution",), write="once")

EVENTS = Kind(
    name="events",
    type=Event,
    key=("seq",),
    columns=(time("time"), text("kind"), text("owner"), text("execution")),
    indexes=(("owner", "seq"), ("execution", "seq")),
    write="appended",
    age="time",
    in_memory=False,
)

KINDS: tuple[Kind[Any], ...] = (EXECUTIONS, ATTACHMENTS, TOKENS, SECRETS, REPLIES, REMAINS, EVENTS)

KIND_OF: Mapping[type[Record], Kind[Any]] = {kind.type: kind for kind in KINDS}

CHILDREN: Mapping[type[Record], tuple[Kind[Any], ...]] = {
    parent.type: tuple(each for each in KINDS if each.parent is not None and each.parent.type is parent.type)
    for parent in KINDS
}
"""The kinds whose records belong to one of a type."""
