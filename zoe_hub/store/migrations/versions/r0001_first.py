"""The first tables: executions, attachments, events, replies, tokens, secrets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Databases of this revision are SQLite's alone.
_REFUSE = "BEGIN SELECT RAISE(ABORT, 'events is append-only'); END"
_APPEND_ONLY = (
    f"CREATE TRIGGER events_no_update BEFORE UPDATE ON events {_REFUSE}",
    f"CREATE TRIGGER events_no_delete BEFORE DELETE ON events {_REFUSE}",
    f"CREATE TRIGGER events_no_gap BEFORE INSERT ON events "
    f"WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events) {_REFUSE}",
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "executions",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("ordinal", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("phase", sa.String, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_index("executions_ordinal", "executions", ["ordinal"], unique=True)
    op.create_index("executions_owner", "executions", ["owner"])
    op.create_index("executions_phase", "executions", ["phase"])
    op.create_table(
        "attachments",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("execution", sa.String, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("execution", sa.String, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_index("events_owner", "events", ["owner", "seq"])
    op.create_index("events_execution", "events", ["execution", "seq"])
    op.create_table(
        "replies",
        sa.Column("owner", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("request", sa.String, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_index("replies_created", "replies", ["created"])
    op.create_table(
        "tokens",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("execution", sa.String, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_table(
        "secrets",
        sa.Column("execution", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    for statement in _APPEND_ONLY:
        op.execute(statement)
