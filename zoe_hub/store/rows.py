"""Records to rows and back: what a draft writes, and how a state is read from the tables.

The only place with SQL for data. Used by ``store.sql`` on its writing and reading threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Executable, Table, bindparam, delete, func, insert, select, update

from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Execution
from zoe_hub.store import tables
from zoe_hub.store.base import Reply, Token
from zoe_hub.store.state import Draft, State

Row = dict[str, Any]

_encoder = msgspec.json.Encoder()
_execution = msgspec.json.Decoder(Execution)
_attachment = msgspec.json.Decoder(Attachment)
_event = msgspec.json.Decoder(Event)
_token = msgspec.json.Decoder(Token)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(time: datetime) -> int:
    """An aware time as microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def _time(number: int) -> datetime:
    return _EPOCH + number * _MICROSECOND


def _payload(record: Any) -> str:
    return _encoder.encode(record).decode()


def _update(table: Table, *columns: str) -> Executable:
    """Set ``columns`` of the row whose primary key comes as ``key_<column>``."""
    statement = update(table).values({column: bindparam(column) for column in columns})
    return statement.where(*(column == bindparam(f"key_{column.name}") for column in table.primary_key))


def _delete(table: Table) -> Executable:
    return delete(table).where(*(column == bindparam(f"key_{column.name}") for column in table.primary_key))


# Made once: SQLAlchemy finds what it compiled before by the statement.
_NEW = {table: insert(table) for table in tables.metadata.tables.values()}
_DROP = {table: _delete(table) for table in tables.metadata.tables.values() if table.name not in tables.APPEND_ONLY}
_SET = {
    tables.executions: _update(tables.executions, "owner", "phase", "version", "payload"),
    tables.attachments: _update(tables.attachments, "owner", "execution", "version", "payload"),
    tables.tokens: _update(tables.tokens, "owner", "execution", "created", "payload"),
    tables.secrets: _update(tables.secrets, "value"),
}


def writes(draft: Draft) -> Iterator[tuple[Executable, list[Row]]]:
    """The statements that write a draft, with their rows. A row is inserted if the draft's state does not have it."""
    new: dict[Table, list[Row]] = {table: [] for table in _NEW}
    changed: dict[Table, list[Row]] = {table: [] for table in _SET}
    dropped: dict[Table, list[Row]] = {table: [] for table in _DROP}
    _executions(draft, new, changed)
    _attachments(draft, new, changed, dropped)
    _tokens(draft, new, changed, dropped)
    _secrets(draft, new, changed, dropped)
    dropped[tables.replies] += ({"key_owner": owner, "key_key": key} for owner, key in draft.expired)
    new[tables.replies] += (
        {**msgspec.structs.asdict(reply), "created": micros(reply.created)} for reply in draft.replies.values()
    )
    new[tables.events] += (
        {
            "seq": e.seq,
            "time": micros(e.time),
            "kind": e.kind,
            "owner": e.owner,
            "execution": e.execution,
            "payload": _payload(e),
        }
        for e in draft.events
    )
    for statements, rows in ((_DROP, dropped), (_SET, changed), (_NEW, new)):
        for table, statement in statements.items():
            if rows[table]:
                yield statement, rows[table]


def _executions(draft: Draft, new: dict[Table, list[Row]], changed: dict[Table, list[Row]]) -> None:
    for execution in draft.executions.values():
        if execution.id in draft.state.executions:
            row: Row = {"key_id": execution.id}
            changed[tables.executions].append(row)
        else:
            ordinal = draft.state.ordinal + 1 + len(new[tables.executions])
            row = {"id": execution.id, "ordinal": ordinal, "created": micros(execution.created)}
            new[tables.executions].append(row)
        row |= {
            "owner": execution.owner,
            "phase": execution.phase.value,
            "version": execution.version,
            "payload": _payload(execution),
        }


def _attachments(
    draft: Draft, new: dict[Table, list[Row]], changed: dict[Table, list[Row]], dropped: dict[Table, list[Row]]
) -> None:
    for ident, attachment in draft.attachments.items():
        known = ident in draft.state.attachments
        if attachment is None:
            if known:
                dropped[tables.attachments].append({"key_id": ident})
            continue
        row: Row = {
            "owner": attachment.owner,
            "execution": attachment.execution,
            "version": attachment.version,
            "payload": _payload(attachment),
        }
        if known:
            changed[tables.attachments].append(row | {"key_id": ident})
        else:
            new[tables.attachments].append(row | {"id": ident, "created": micros(attachment.created)})


def _tokens(
    draft: Draft, new: dict[Table, list[Row]], changed: dict[Table, list[Row]], dropped: dict[Table, list[Row]]
) -> None:
    for digest, token in draft.tokens.items():
        known = digest in draft.state.tokens
        if token is None:
            if known:
                dropped[tables.tokens].append({"key_digest": digest})
            continue
        row: Row = {
            "owner": token.owner,
            "execution": token.execution,
            "created": micros(token.created),
            "payload": _payload(token),
        }
        if known:
            changed[tables.tokens].append(row | {"key_digest": digest})
        else:
            new[tables.tokens].append(row | {"digest": digest})


def _secrets(
    draft: Draft, new: dict[Table, list[Row]], changed: dict[Table, list[Row]], dropped: dict[Table, list[Row]]
) -> None:
    for execution, values in draft.secrets.items():
        before: Mapping[str, str] = draft.state.secrets.get(execution, {})
        for name in before.keys() - values.keys():
            dropped[tables.secrets].append({"key_execution": execution, "key_name": name})
        for name, value in values.items():
            if name not in before:
                new[tables.secrets].append({"execution": execution, "name": name, "value": value})
            elif before[name] != value:
                changed[tables.secrets].append({"key_execution": execution, "key_name": name, "value": value})


def read_state(connection: Connection, cutoff: datetime) -> State:
    """Everything but events and replies made before ``cutoff``.

    :raises msgspec.DecodeError: (or a subclass) if a payload cannot be read
    """
    for table in tables.metadata.tables.values():  # what is written only later is looked at now: are all columns there?
        connection.execute(select(table).limit(1)).close()
    state = State()
    table = tables.executions
    for ordinal, payload in connection.execute(select(table.c.ordinal, table.c.payload).order_by(table.c.ordinal)):
        state.put_execution(_execution.decode(payload))
        state.ordinal = ordinal
    for (payload,) in connection.execute(select(tables.attachments.c.payload).order_by(tables.attachments.c.created)):
        state.put_attachment(_attachment.decode(payload))
    for (payload,) in connection.execute(select(tables.tokens.c.payload)):
        state.put_token(_token.decode(payload))
    secrets: dict[str, dict[str, str]] = {}
    for execution, name, value in connection.execute(select(tables.secrets)):
        secrets.setdefault(execution, {})[name] = value
    state.secrets.update(secrets)
    replies = tables.replies
    for row in connection.execute(
        select(replies).where(replies.c.created >= micros(cutoff)).order_by(replies.c.created)
    ):
        values = dict(row._mapping)
        reply = Reply(**{**values, "created": _time(values["created"])})
        state.replies[reply.owner, reply.key] = reply
    state.begin_after(connection.scalar(select(func.max(tables.events.c.seq))) or 0)
    return state


def drop_old_replies(connection: Connection, cutoff: datetime) -> None:
    """Delete the replies that ``read_state`` left out, in a transaction."""
    old = tables.replies.c.created < micros(cutoff)
    with connection.begin():
        if connection.scalar(select(func.count()).select_from(tables.replies).where(old)):
            connection.execute(delete(tables.replies).where(old))


def read_events(
    connection: Connection, *, since: int, until: int, limit: int, owner: str | None, execution: str | None
) -> tuple[Event, ...]:
    """Events with ``since`` < ``seq`` <= ``until``, oldest first, at most ``limit``."""
    table = tables.events
    query = select(table.c.payload).where(table.c.seq > since, table.c.seq <= until)
    if owner is not None:
        query = query.where(table.c.owner == owner)
    if execution is not None:
        query = query.where(table.c.execution == execution)
    rows = connection.execute(query.order_by(table.c.seq).limit(max(limit, 0)))
    return tuple(_event.decode(payload) for (payload,) in rows)
