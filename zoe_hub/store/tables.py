"""The tables: a payload with the whole record as JSON, beside the columns by which rows are found.

Times are microseconds since 1970 (UTC). ``migrations`` builds the same tables step by step; a test compares both.
Used by ``store.rows`` and ``store.migrate``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

metadata = MetaData()

executions = Table(
    "executions",
    metadata,
    Column("id", String, primary_key=True),
    Column("ordinal", BigInteger, nullable=False),  # order of creation; clocks may step back
    Column("owner", String, nullable=False),
    Column("phase", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Index("executions_ordinal", "ordinal", unique=True),
    Index("executions_owner", "owner"),
    Index("executions_phase", "phase"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("execution", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("payload", Text, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("execution", String, nullable=False),
    Column("payload", Text, nullable=False),
    Index("events_owner", "owner", "seq"),
    Index("events_execution", "execution", "seq"),
)

replies = Table(
    "replies",
    metadata,
    Column("owner", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("request", String, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
    Index("replies_created", "created"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("digest", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("execution", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("payload", Text, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("execution", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

APPEND_ONLY = {events.name: "seq"}
"""Tables whose rows nobody may change or delete, and the column that numbers them; see ``dialect.append_only``."""

bookkeeping = MetaData()

revisions = Table(  # exactly as Alembic makes it
    "alembic_version",
    bookkeeping,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
