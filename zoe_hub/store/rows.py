"""Records to rows and back: what a draft writes, how a state is read from the tables, and how what has ended is.

The only place with SQL for data. Used by ``store.sql`` on its writing and reading threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import (
    Connection,
    Executable,
    LargeBinary,
    Select,
    Table,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    union_all,
    update,
)

from zoe_hub.core.events import EVERYONE, Event
from zoe_hub.core.record import Key
from zoe_hub.store import tables
from zoe_hub.store.base import Filter, Stored
from zoe_hub.store.kinds import EVENTS, KINDS, Kind, label_terms
from zoe_hub.store.state import Draft, Place, State
from zoe_hub.store.view import Listed

Row = dict[str, Any]

_encoder = msgspec.json.Encoder()
_decoders = {kind: msgspec.json.Decoder(kind.type) for kind in KINDS}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_AT_ONCE = 400  # keys asked for in one statement; databases bound the number of parameters


def micros(time: datetime) -> int:
    """An aware time as microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def _values(kind: Kind[Any], record: Any) -> Row:
    """The columns of a record beside its key and payload."""
    row: Row = {"active": int(not kind.has_ended(record))} if kind.listed else {}
    for column in kind.columns:
        value = column.of(record)
        row[column.name] = micros(value) if isinstance(value, datetime) else value
    return row


def _keyed(kind: Kind[Any], key: Key, prefix: str = "") -> Row:
    values = key if isinstance(key, tuple) else (key,)
    return {prefix + member: value for member, value in zip(kind.key, values, strict=True)}


# -- writing ---------------------------------------------------------------------------------------------------------


@cache
def _insert(table: Table) -> Executable:
    return insert(table)


@cache
def _update(kind: Kind[Any], columns: tuple[str, ...]) -> Executable:
    """Set ``columns`` of the row whose key comes as ``key_<member>``."""
    table = tables.TABLES[kind.name]
    return update(table).values({name: bindparam(name) for name in columns}).where(*_has_key(kind))


@cache
def _delete(kind: Kind[Any]) -> Executable:
    return delete(tables.TABLES[kind.name]).where(*_has_key(kind))


@cache
def _delete_labels(kind: Kind[Any]) -> Executable:
    table, labels = tables.TABLES[kind.name], tables.LABELS[kind.name]
    return delete(labels).where(labels.c.ordinal.in_(select(table.c.ordinal).where(*_has_key(kind))))


_KEEP_EVENTS_FROM = update(tables.kept_events).values(first_seq=bindparam("first"))
_events = tables.TABLES[EVENTS.name]
_FORGET_EVENTS = delete(_events).where(_events.c.seq < bindparam("first"))


def _has_key(kind: Kind[Any]) -> list[Any]:
    table = tables.TABLES[kind.name]
    return [table.c[member] == bindparam(f"key_{member}") for member in kind.key]


class _Statements:
    """What a draft writes: statements in the order in which they must come, each with its rows."""

    def __init__(self) -> None:
        self.prunes: dict[Executable, list[Row]] = {}
        self.drops: dict[Executable, list[Row]] = {}
        self.updates: dict[Executable, list[Row]] = {}
        self.inserts: dict[Executable, list[Row]] = {}

    def __iter__(self) -> Iterator[tuple[Executable, list[Row]]]:
        # Drops first: what is unique may have moved from a dropped row to a new one.
        for statements in (self.prunes, self.drops, self.updates, self.inserts):
            yield from statements.items()


def writes(draft: Draft) -> Iterable[tuple[Executable, list[Row]]]:
    """The statements that write a draft, with their rows."""
    made = _Statements()
    if draft.forgets:
        # In this order: only what is not kept any more may be deleted.
        made.prunes = {each: [{"first": draft.first_seq}] for each in (_KEEP_EVENTS_FROM, _FORGET_EVENTS)}
    for kind, changes in draft.changes.items():
        for key, record in changes.items():
            if record is None:
                if kind.labels is not None:
                    made.drops.setdefault(_delete_labels(kind), []).append(_keyed(kind, key, "key_"))
                made.drops.setdefault(_delete(kind), []).append(_keyed(kind, key, "key_"))
            else:
                _write(made, draft, (kind, key), record)
    if draft.events:
        rows = [{"seq": event.seq, **_values(EVENTS, event), "payload": _payload(event)} for event in draft.events]
        made.inserts[_insert(tables.TABLES[EVENTS.name])] = rows
    return made


def _write(made: _Statements, draft: Draft, place: Place, record: Any) -> None:
    kind, key = place
    known = draft.state.records[kind].get(key)
    values = {**_values(kind, record), "payload": _payload(record)}
    if known is not None:
        before = _values(kind, known)
        # An index is written for each of its columns that is set, whether the value is another one or not.
        changed = {name: value for name, value in values.items() if name == "payload" or before[name] != value}
        made.updates.setdefault(_update(kind, tuple(changed)), []).append({**changed, **_keyed(kind, key, "key_")})
    else:
        row = {**_keyed(kind, key), **values}
        if kind.listed:
            row["ordinal"] = draft.ordinals[place]
        made.inserts.setdefault(_insert(tables.TABLES[kind.name]), []).append(row)
    if kind.labels is not None and kind.has_ended(record):
        shared = {"ordinal": draft.ordinal_of(kind, key), "owner": record.owner}
        for term in label_terms(kind.labels(record)):
            made.inserts.setdefault(_insert(tables.LABELS[kind.name]), []).append({**shared, "term": term})


def _payload(record: Any) -> str:
    return _encoder.encode(record).decode()


def look_up(connection: Connection, places: Iterable[Place]) -> set[Place]:
    """Those of the places where there is a row."""
    found: set[Place] = set()
    for kind, some in groupby(places, key=itemgetter(0)):
        keys = [key for _, key in some]
        table = tables.TABLES[kind.name]
        columns = [table.c[member] for member in kind.key]
        wanted = columns[0] if len(columns) == 1 else tuple_(*columns)
        for begin in range(0, len(keys), _AT_ONCE):
            rows = connection.execute(select(*columns).where(wanted.in_(keys[begin : begin + _AT_ONCE])))
            found |= {(kind, row[0] if len(columns) == 1 else tuple(row)) for row in rows}
    return found


# -- what is active ---------------------------------------------------------------------------------------------------


def read_state(connection: Connection) -> State:
    """What belongs into memory.

    :raises msgspec.DecodeError: (or a subclass) if a payload cannot be read
    """
    for table in tables.metadata.tables.values():  # what is written only later is looked at now: are all columns there?
        connection.execute(select(table).limit(1)).close()
    state = State()
    for kind in KINDS:
        if not kind.in_memory:
            continue
        table, decode = tables.TABLES[kind.name], _decoders[kind].decode
        if not kind.listed:
            for (payload,) in connection.execute(select(table.c.payload)):
                state.put(kind, decode(payload))
            continue
        active = select(table.c.ordinal, table.c.payload).where(_is_active(table, 1)).order_by(table.c.ordinal)
        for ordinal, payload in connection.execute(active):
            state.put(kind, decode(payload), ordinal)
        state.newest[kind] = connection.scalar(select(func.max(table.c.ordinal))) or 0
        state.ended[kind] = count_ended(connection, kind, Filter())
        newest = select(table.c.ordinal).where(_is_active(table, 0)).order_by(table.c.ordinal.desc()).limit(1)
        state.newest_ended[kind] = connection.scalar(newest) or 0
    events = tables.TABLES[EVENTS.name]
    last_seq = connection.scalar(select(func.max(events.c.seq))) or 0
    first_seq = connection.scalar(select(tables.kept_events.c.first_seq))
    if first_seq is None:
        raise msgspec.DecodeError("which events are kept is not recorded")
    state.begin_after(last_seq, first_seq)
    return state


def _is_active(table: Table, number: int) -> Any:
    """In the words of the indexes' condition, so that they are used."""
    return table.c.active == literal_column(str(number))


# -- what has ended ---------------------------------------------------------------------------------------------------


def read_one(connection: Connection, kind: Kind[Any], key: Key) -> Any:
    """The record with a key, or None."""
    table = tables.TABLES[kind.name]
    query = select(table.c.payload).where(*(table.c[member] == value for member, value in _keyed(kind, key).items()))
    payload = connection.scalar(query)
    return None if payload is None else _decoders[kind].decode(payload)


def _ended(kind: Kind[Any], wanted: Filter, columns: tuple[Any, ...]) -> tuple[Select[Any], Any]:
    """A query for ended records, and the column of their order."""
    table = tables.TABLES[kind.name]
    conditions = [table.c[name] == value for name, value in wanted.equal.items()]
    if kind.listed:
        conditions.append(_is_active(table, 0))
    query = select(*columns).select_from(table).where(*conditions)
    if wanted.label is None:
        return query, table.c.get("ordinal")
    labels = tables.LABELS[kind.name]
    query = query.join(labels, labels.c.ordinal == table.c.ordinal).where(labels.c.term == wanted.label)
    if "owner" in wanted.equal:
        query = query.where(labels.c.owner == wanted.equal["owner"])
    return query, labels.c.ordinal


def read_ended(connection: Connection, kind: Kind[Any], wanted: Filter, before: int, limit: int) -> list[Listed]:
    """At most ``limit`` ended records whose place is before ``before``, newest first."""
    table = tables.TABLES[kind.name]
    query, order = _ended(kind, wanted, (table.c.ordinal, table.c.payload))
    found = connection.execute(query.where(order < before).order_by(order.desc()).limit(max(limit, 0)))
    decode = _decoders[kind].decode
    return [(ordinal, decode(payload)) for ordinal, payload in found]


def count_ended(connection: Connection, kind: Kind[Any], wanted: Filter) -> int:
    """How many records have ended."""
    query, _ = _ended(kind, wanted, (func.count(),))
    return int(connection.scalar(query) or 0)


def read_oldest(connection: Connection, kind: Kind[Any], limit: int) -> list[Stored[Any]]:
    """At most ``limit`` records that are not in memory, the oldest first."""
    table = tables.TABLES[kind.name]
    if kind.write == "appended":
        order = [table.c[member] for member in kind.key]
    else:
        order = [table.c[kind.age], *([table.c.ordinal] if kind.listed else [])]
    query, _ = _ended(kind, Filter(), (table.c.payload,))
    decode = _decoders[kind].decode
    found = connection.execute(query.order_by(*order).limit(limit)).scalars()
    return [Stored(decode(payload), len(payload.encode())) for payload in found]


def read_size(connection: Connection, kind: Kind[Any]) -> int:
    """Bytes of all records that are not in memory."""
    table = tables.TABLES[kind.name]
    query, _ = _ended(kind, Filter(), (func.sum(func.length(cast(table.c.payload, LargeBinary))),))
    return int(connection.scalar(query) or 0)


def read_events(
    connection: Connection, *, since: int, until: int, limit: int, owner: str | None, execution: str | None
) -> tuple[tuple[Event, ...], int]:
    """Events with ``since`` < ``seq`` <= ``until``, oldest first, at most ``limit``; and from which number on events
    were kept when they had been read.
    """
    table = tables.TABLES[EVENTS.name]
    query = select(table.c.seq, table.c.payload).where(table.c.seq > since, table.c.seq <= until)
    if execution is not None:
        query = query.where(table.c.execution == execution)
    # Each owner's by itself: the index gives them in order, so that the first ones are found without sorting all.
    owned = [query] if owner is None else [query.where(table.c.owner == each) for each in (owner, EVERYONE)]
    first = [each.order_by(table.c.seq).limit(max(limit, 0)).subquery().select() for each in owned]
    rows = connection.execute(union_all(*first).order_by("seq").limit(max(limit, 0)))
    decode = _decoders[EVENTS].decode
    events = tuple(decode(payload) for _, payload in rows)
    return events, int(connection.scalar(select(tables.kept_events.c.first_seq)) or 0)
