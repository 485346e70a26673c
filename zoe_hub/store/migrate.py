"""Which revision a database is at, and bringing an old one to the newest. New databases are made from ``tables`` at
once.

Alembic costs 0.2 s and 12 MiB, so it is imported only when there is something to migrate. Used by ``store.sql``.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, select

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.record import Record
from zoe_hub.store import tables


class Migrations(Record, kw_only=True):
    """Where the migrations are (a script folder of Alembic) and their revisions, oldest first."""

    folder: Path
    revisions: tuple[str, ...]

    @property
    def head(self) -> str:
        """The newest revision."""
        return self.revisions[-1]

    def pending(self, connection: Connection) -> bool:
        """Whether the database is older than the newest revision.

        :raises ZoeError: ``storage-newer``, or ``storage-corrupt`` if it is no database of Zoe
        """
        if not connection.dialect.has_table(connection, tables.revisions.name):
            raise ZoeError("storage-corrupt", "The file is a database, but not one of Zoe.")
        found = connection.execute(select(tables.revisions.c.version_num)).scalars().all()
        if len(found) != 1:
            raise ZoeError("storage-corrupt", "The database does not say which revision it has.")
        if found[0] not in self.revisions:
            raise ZoeError(
                "storage-newer", f"The database has revision {found[0]}; this version of Zoe knows up to {self.head}."
            )
        return bool(found[0] != self.head)

    def run(self, connection: Connection) -> None:
        """Bring the database to the newest revision. What fails is raised as it is; the caller undoes the rest."""
        from alembic import command  # noqa: PLC0415 - see above
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(self.folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, self.head)
        if connection.in_transaction():
            connection.commit()


def shipped(folder: Path) -> Migrations:
    """The migrations in a script folder, in the order of their files, ``rREVISION_what.py``."""
    names = sorted(path.stem for path in (folder / "versions").glob("r*_*.py"))
    return Migrations(folder=folder, revisions=tuple(name.partition("_")[0].removeprefix("r") for name in names))


ZOE = shipped(Path(__file__).parent / "migrations")
