"""Reasons are records: what was one text becomes ``told``, and the log lines that it quoted become its tail.

In the records of executions and processes, in events, and in the answers that are kept for repeated requests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

QUOTES = ". Its log ends:\n"  # what stood between a reason and the log lines
NO_UPDATE = (  # databases of this revision are SQLite's alone
    "CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events is append-only'); END"
)
PIECE = 1000  # rows that are read and written at a time

Convert = Callable[[Any], None]


def upgrade() -> None:
    """Rewrite every payload that has a reason."""
    _rewrite("executions", ("id",), "payload", _execution)
    _rewrite("replies", ("owner", "key"), "body", _answer)
    op.execute("DROP TRIGGER events_no_update")
    _rewrite("events", ("seq",), "payload", _event)
    op.execute(NO_UPDATE)


def _rewrite(name: str, keys: tuple[str, ...], content: str, convert: Convert) -> None:
    """Convert the JSON in the column ``content`` of every row, a piece at a time, in order of ``keys``."""
    connection, after = op.get_bind(), None
    table = sa.table(name, *map(sa.column, (*keys, content)))
    columns, column = [table.c[key] for key in keys], table.c[content]
    update = sa.update(table).values({column: sa.bindparam("new")})
    update = update.where(*(each == sa.bindparam(f"key_{each.name}") for each in columns))
    while True:
        query = sa.select(*columns, column).order_by(*columns).limit(PIECE)
        if after is not None:
            query = query.where(sa.tuple_(*columns) > sa.tuple_(*after))
        rows = connection.execute(query).all()
        if not rows:
            return
        changed = []
        for *key, old in rows:
            new = _converted(old, convert)
            if new is not None:
                changed.append({f"key_{name}": value for name, value in zip(keys, key, strict=True)} | {"new": new})
        if changed:
            connection.execute(update, changed)
        after = tuple(rows[-1])[:-1]


def _converted(content: str | bytes, convert: Convert) -> str | bytes | None:
    """The new content; None if it is to stay, such as an answer that is no JSON."""
    try:
        value = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return None
    convert(value)
    encoded = msgspec.json.encode(value)
    return encoded if isinstance(content, bytes) else encoded.decode()


def _execution(value: Any) -> None:
    value["reason"] = _told(value.get("reason", ""))
    for process in value.get("processes", ()):
        process["reason"] = _told(process.get("reason", ""))


def _event(value: Any) -> None:
    value["reason"] = _told(value["reason"])


def _answer(value: Any) -> None:
    """An execution as the interface shows it, or the id of an attachment."""
    if not isinstance(value, dict) or "reason" not in value:
        return
    for part in (value, *value.get("processes", ())):
        reason = _told(part["reason"])
        part["reason"] = reason | {"words": reason["facts"]["words"]}


def _told(text: str) -> dict[str, Any]:
    words, _, log = text.partition(QUOTES)
    return {"code": "told", "facts": {"words": words}, "tail": log.splitlines()}
