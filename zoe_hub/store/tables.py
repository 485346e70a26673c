"""The tables, made from the declarations of ``store.kinds``. ``migrations`` builds the same ones step by step; a test
compares both. Used by ``store.rows``, ``store.migrate`` and the databases.

A kind with records that end has two more columns: ``ordinal``, the place in the order of creation (clocks may step
back, this does not), and ``active``. Its indexes hold ended records alone: a change of an active one touches none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from zoe_hub.store import kinds

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""A number that rows are kept in order of: in SQLite the row's own number, which costs no index."""

_TYPES: Mapping[str, Any] = {"text": String, "number": Integer, "time": BigInteger}

metadata = MetaData()


def _index(table: str, columns: tuple[str, ...], name: str = "", where: str = "") -> Index:
    condition = text(where) if where else None
    name = name or f"{table}_{'_'.join(columns)}"
    return Index(name, *columns, sqlite_where=condition, postgresql_where=condition)


def _table(kind: kinds.Kind[Any]) -> Table:
    if kind.write == "appended":
        key: list[Any] = [Column(kind.key[0], NUMBER, primary_key=True, autoincrement=False)]
    elif kind.listed:
        key = [
            Column("ordinal", NUMBER, primary_key=True, autoincrement=False),
            *(Column(member, String, nullable=False) for member in kind.key),
            Column("active", SmallInteger, nullable=False),
            UniqueConstraint(*kind.key),
            _index(kind.name, ("ordinal",), name=f"{kind.name}_active", where="active = 1"),
        ]
    else:
        key = [Column(member, String, primary_key=True) for member in kind.key]
    found = [Column(each.name, _TYPES[each.holds], nullable=each.empty) for each in kind.columns]
    if kind.listed:
        indexes = [_index(kind.name, (*columns, "ordinal"), where="active = 0") for columns in kind.indexes]
    else:
        indexes = [_index(kind.name, columns) for columns in kind.indexes]
    return Table(kind.name, metadata, *key, *found, Column("payload", Text, nullable=False), *indexes)


def _labels(kind: kinds.Kind[Any]) -> Table:
    name = f"{kind.name}_labels"
    return Table(
        name,
        metadata,
        Column("ordinal", BigInteger, primary_key=True, autoincrement=False),
        Column("term", String, primary_key=True),  # KEY or KEY=VALUE
        Column("owner", String, nullable=False),
        _index(name, ("term", "ordinal")),
        _index(name, ("owner", "term", "ordinal")),
    )


TABLES: Mapping[str, Table] = {kind.name: _table(kind) for kind in kinds.KINDS}
"""The table of each kind, by its name."""

LABELS: Mapping[str, Table] = {kind.name: _labels(kind) for kind in kinds.KINDS if kind.labels is not None}
"""By which labels ended records of a kind are found."""

kept_events = Table(
    "kept_events",
    metadata,
    Column(
        "first_seq", BigInteger, nullable=False
    ),  # events before it are forgotten, whether their rows are gone or not
)

APPEND_ONLY = {
    kinds.EVENTS.name: (
        kinds.EVENTS.key[0],
        kept_events.name,
        ("execution", kinds.EXECUTIONS.name, kinds.EXECUTIONS.key[0]),
    )
}
"""Tables whose rows nobody may change, or delete as long as they are kept: the column that numbers them, the table that
says from which number on they are kept, and what they are about. See ``databases.append_only``.
"""

bookkeeping = MetaData()

revisions = Table(  # exactly as Alembic makes it
    "alembic_version",
    bookkeeping,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
