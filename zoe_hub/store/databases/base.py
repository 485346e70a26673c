"""What differs from one database to the next, behind one contract. ``store.databases.sqlite`` is the only one so far.

Used by ``store.sql`` (on its threads, never on the event loop's) and by the migrations.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Self

from sqlalchemy import Connection, Engine

from zoe_hub.core.errors import ZoeError


class Database(ABC):
    """One database of one deployment. All methods may block; errors are the driver's unless said otherwise."""

    @classmethod
    @abstractmethod
    def at(cls, place: str) -> Self:
        """The database at a URL, or at a path if that is what it takes. ``ValueError`` if it is not one of these."""

    @staticmethod
    @abstractmethod
    def append_only(table: str, number: str, kept: str, about: tuple[str, str, str]) -> tuple[str, ...]:
        """Statements after which the database itself refuses to change rows of ``table``, to number a new one by
        anything but the next ``number``, to delete one that is kept, and to keep again what was forgotten.

        :param kept: a table of one row, whose ``first_<number>`` says from where on rows are kept
        :param about: a column of ``table``, and the table and column that its value is found in; rows about what is not
            found there any more may be deleted, though not the newest
        """

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
    def give_back(self, connection: Connection, limit: int) -> bool:
        """Give up to ``limit`` bytes that were freed back to the machine. Whether there is more to give back."""

    @abstractmethod
    def translate(self, error: BaseException) -> ZoeError | None:
        """The declared error for one of the driver's or the system's, or None if it is a mistake of the program."""
