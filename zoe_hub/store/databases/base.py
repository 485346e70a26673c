"""What differs from one database to the next, behind one contract. ``store.databases.sqlite`` is the only one so far.

Used by ``store.sql`` (on its threads, never on the event loop's) and by the migrations.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import Connection, Engine

from zoe_hub.core.errors import ZoeError


class Dialect(ABC):
    """One database of one deployment. All methods may block; errors are the driver's unless said otherwise."""

    @abstractmethod
    def lock(self) -> None:
        """Keep other hubs out until ``unlock`` or the end of the process. ``ZoeError`` ``storage-locked``."""

    @abstractmethod
    def unlock(self) -> None:
        """Let others in. Nothing happens if it is not locked."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is a database, perhaps a damaged one. ``ZoeError`` ``storage-corrupt`` if only parts are
        there.
        """

    @abstractmethod
    def create(self, revision: str) -> None:
        """Make an empty database at ``revision``, wholly or not at all."""

    @abstractmethod
    def inspect(self) -> AbstractContextManager[Connection]:
        """Check that the database is sound, then read from it without changing a byte of it.
        ``ZoeError`` ``storage-corrupt``."""

    @abstractmethod
    def upgrade(self) -> AbstractContextManager[Connection]:
        """A connection for a migration. If the block raises, or the process dies in it, the database is as before."""

    @abstractmethod
    def engine(self) -> Engine:
        """For the daily work. A commit is durable when it returns, also if the power fails then."""

    @abstractmethod
    def translate(self, error: BaseException) -> ZoeError | None:
        """The declared error for one of the driver's or the system's, or None if it is a mistake of the program."""


def choose(url_or_path: str | Path) -> Dialect:
    """The dialect for a path (SQLite) or a URL ``sqlite:///PATH``.

    :raises ZoeError: ``not-supported`` for any other database
    """
    from zoe_hub.store.databases.sqlite import SQLite  # noqa: PLC0415 - a hub loads the driver of its own database alone

    text = str(url_or_path)
    scheme, separator, rest = text.partition("://")
    if not separator and text != ":memory:":
        return SQLite(Path(text))
    if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/") and not rest.startswith("/:"):
        return SQLite(Path(rest[1:]))
    raise ZoeError(
        "not-supported", f"The store takes a path or sqlite:///PATH, not {text if not separator else scheme + '://…'}."
    )


def append_only(dialect: str, table: str, number: str) -> tuple[str, ...]:
    """Statements after which the database itself refuses to change or delete rows of ``table``, and to number a new one
    by anything but the next ``number``.

    :param dialect: SQLAlchemy's name of the database
    """
    from zoe_hub.store.databases import sqlite  # noqa: PLC0415

    return {"sqlite": sqlite.append_only}[dialect](table, number)
