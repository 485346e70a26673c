"""What has ended is on disk alone: found by indexes of its own, in order of creation, forgotten from its old end.

What belongs to an execution that has ended goes now, as it does from here on when an execution ends. Numbered tables
are kept by their number, replies and secrets as payloads like every other record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# Databases of the revision before are SQLite's alone.
_REFUSE = "BEGIN SELECT RAISE(ABORT, 'events is append-only'); END"
_NEWEST = "(SELECT coalesce(max(seq), 0) FROM events)"
_APPEND_ONLY = (
    f"CREATE TRIGGER events_no_update BEFORE UPDATE ON events {_REFUSE}",
    f"CREATE TRIGGER events_no_delete BEFORE DELETE ON events "
    f"WHEN OLD.seq >= (SELECT first_seq FROM kept_events) {_REFUSE}",
    f"CREATE TRIGGER events_no_gap BEFORE INSERT ON events WHEN NEW.seq <> {_NEWEST} + 1 {_REFUSE}",
    f"CREATE TRIGGER kept_events_no_return BEFORE UPDATE ON kept_events "
    f"WHEN NEW.first_seq < OLD.first_seq OR NEW.first_seq > max({_NEWEST}, 1) {_REFUSE}",
    f"CREATE TRIGGER kept_events_no_delete BEFORE DELETE ON kept_events {_REFUSE}",
    f"CREATE TRIGGER kept_events_no_insert BEFORE INSERT ON kept_events "
    f"WHEN EXISTS (SELECT * FROM kept_events) {_REFUSE}",
)

Row = dict[str, Any]

_AT_ONCE = 500  # rows that are held in memory
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables anew and move what is there."""
    for trigger in ("events_no_update", "events_no_delete", "events_no_gap"):
        op.execute(f"DROP TRIGGER {trigger}")
    op.drop_index("replies_created", "replies")  # the new one has the same name
    for table in ("executions", "attachments", "events", "replies", "tokens", "secrets"):
        op.rename_table(table, f"old_{table}")
    _executions()
    _belongings()
    _replies()
    _events()
    for table in ("executions", "attachments", "events", "replies", "tokens", "secrets"):
        op.drop_table(f"old_{table}")


def _rows(query: str) -> Iterator[list[Row]]:
    """The rows of a query, some at a time."""
    result = op.get_bind().execute(sa.text(query))
    for some in result.mappings().partitions(_AT_ONCE):
        yield [dict(row) for row in some]


def _move(query: str, table: sa.Table, change: Callable[[Row], Row] = lambda row: row) -> None:
    for some in _rows(query):
        op.bulk_insert(table, [change(row) for row in some])


def _index(table: str, *columns: str, name: str = "", where: str = "") -> None:
    condition = sa.text(where) if where else None
    op.create_index(
        name or f"{table}_{'_'.join(columns)}",
        table,
        list(columns),
        sqlite_where=condition,
        postgresql_where=condition,
    )


def _executions() -> None:
    executions = op.create_table(
        "executions",
        sa.Column("ordinal", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("active", sa.SmallInteger, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("zapp", sa.String, nullable=False),
        sa.Column("phase", sa.String, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger, nullable=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.UniqueConstraint("id"),
    )
    _index("executions", "ordinal", name="executions_active", where="active = 1")
    for columns in (("owner",), ("owner", "zapp"), ("owner", "name"), ("zapp",), ("name",), ("ended",)):
        _index("executions", *columns, "ordinal", where="active = 0")
    labels = op.create_table(
        "executions_labels",
        sa.Column("ordinal", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("term", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
    )
    _index("executions_labels", "term", "ordinal")
    _index("executions_labels", "owner", "term", "ordinal")
    for some in _rows("SELECT * FROM old_executions ORDER BY ordinal"):
        records = [msgspec.json.decode(row["payload"]) for row in some]
        op.bulk_insert(executions, list(map(_execution, some, records)))
        terms = [
            {"ordinal": row["ordinal"], "term": term, "owner": row["owner"]}
            for row, record in zip(some, records, strict=True)
            if row["phase"] == "ended"
            for key, value in record.get("labels", {}).items()
            for term in (key, f"{key}={value}")
        ]
        op.bulk_insert(labels, terms)


def _execution(row: Row, record: Row) -> Row:
    ended = record.get("ended")
    return {
        **row,
        "active": int(row["phase"] != "ended"),
        "name": record["name"],
        "zapp": record["spec"]["zapp"],
        "ended": ended and (datetime.fromisoformat(ended) - _EPOCH) // timedelta(microseconds=1),
    }


def _belongings() -> None:
    living = "execution IN (SELECT id FROM executions WHERE active = 1)"
    attachments = op.create_table(
        "attachments",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("execution", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    _move(f"SELECT id, owner, execution, version, payload FROM old_attachments WHERE {living}", attachments)
    tokens = op.create_table(
        "tokens",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("execution", sa.String, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    _move(f"SELECT digest, owner, execution, payload FROM old_tokens WHERE execution = '' OR {living}", tokens)
    secrets = op.create_table(
        "secrets",
        sa.Column("execution", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("payload", sa.Text, nullable=False),
    )
    _move(f"SELECT execution, name, value FROM old_secrets WHERE {living}", secrets, _packed)


def _packed(row: Row) -> Row:
    return {"execution": row["execution"], "name": row["name"], "payload": msgspec.json.encode(row).decode()}


def _replies() -> None:
    replies = op.create_table(
        "replies",
        sa.Column("owner", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    _index("replies", "created")

    def reply(row: Row) -> Row:
        whole = {**row, "created": _EPOCH + timedelta(microseconds=row["created"])}
        key = {name: row[name] for name in ("owner", "key", "created")}
        return {**key, "payload": msgspec.json.encode(whole).decode()}

    _move("SELECT * FROM old_replies", replies, reply)


def _events() -> None:
    events = op.create_table(
        "events",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("execution", sa.String, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    _index("events", "owner", "seq")
    _index("events", "execution", "seq")
    _move("SELECT * FROM old_events ORDER BY seq", events)
    kept = op.create_table("kept_events", sa.Column("first_seq", sa.BigInteger, nullable=False))
    op.bulk_insert(kept, [{"first_seq": 1}])
    for statement in _APPEND_ONLY:
        op.execute(statement)
