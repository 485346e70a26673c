"""What an execution leaves behind when it is forgotten is remembered until it is gone; events about it may go then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# Databases of the revision before are SQLite's alone.
_NO_DELETE = (
    "CREATE TRIGGER events_no_delete BEFORE DELETE ON events "
    "WHEN OLD.seq >= (SELECT first_seq FROM kept_events) AND (OLD.execution = '' "
    "OR OLD.seq = (SELECT coalesce(max(seq), 0) FROM events) "
    "OR EXISTS (SELECT * FROM executions WHERE id = OLD.execution)) "
    "BEGIN SELECT RAISE(ABORT, 'events is append-only'); END"
)


def upgrade() -> None:
    """Make the table, and the rule for deleting events anew."""
    op.create_table(
        "remains",
        sa.Column("execution", sa.String, primary_key=True),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.execute("DROP TRIGGER events_no_delete")
    op.execute(_NO_DELETE)
