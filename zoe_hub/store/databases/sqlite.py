"""SQLite: one file, one hub. Everything that is peculiar to it is here.

*Durability.* Write-ahead log with ``synchronous=FULL``: a commit is in the log and synced when it returns, so it
survives a killed hub and a power failure (as far as the disk keeps what it says it has). ``NORMAL`` would save a sync
(about 0.3 ms) but lose the last commits with the power, and with them the knowledge of containers that went on
elsewhere.

*One hub.* A lock file beside the database, taken with ``flock``, so that a hub that is killed leaves no lock. Others
may read the database meanwhile (``sqlite3 -readonly``, backups); a writer makes commits fail with ``storage-locked``.

*Nothing is changed before it is known to be sound.* The database is first opened read-only. New and migrated databases
are made under another name and renamed when they are complete.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, insert
from sqlalchemy.exc import DBAPIError

from zoe_hub.core.errors import ZoeError
from zoe_hub.store import tables
from zoe_hub.store.databases.base import Database
from zoe_hub.store.databases.files import has_content, remove, remove_log, sync
from zoe_hub.store.databases.lock import HubLock

log = logging.getLogger(__name__)

CHECKED_SIZE = 128 * 2**20
"""Databases up to this many bytes are checked whole when opened (1.2 ms per MiB); of larger ones what is read is
checked.
"""

BUSY_TIMEOUT = 2.0
"""Seconds that a commit waits for a foreign writer."""

_LITTLE = 256 * 1024  # bytes; if less is free, an I/O error is taken for a full disk
_INCREMENTAL = 2
_SPARE = 10  # a tenth of the file may be free pages
_SETTINGS = (
    "journal_mode = WAL",
    f"journal_size_limit = {16 * 2**20}",  # bytes that the log keeps of the disk after a large transaction
    "secure_delete = ON",  # dropped secrets do not stay in free pages
)
_MAGIC = b"SQLite format 3\0"


class SQLite(Database):
    """The database in the file ``path``; the folder is made if it is missing."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._wal = self._beside("-wal")
        self._lock = HubLock(self._beside(".lock"), self.path)

    @classmethod
    def at(cls, place: str) -> Self:
        """A path, or ``sqlite:///PATH``. A database in memory would not survive its hub."""
        _, separator, path = place.partition("://")
        path = path if separator else f"/{place}"
        if len(path) < 2 or not path.startswith("/") or path.startswith("/:"):
            raise ValueError(place)
        return cls(Path(path[1:]))

    @staticmethod
    def append_only(table: str, number: str, kept: str, about: tuple[str, str, str]) -> tuple[str, ...]:
        """See ``Database``."""
        subject, other, key = about
        first = f"first_{number}"
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        newest = f"(SELECT coalesce(max({number}), 0) FROM {table})"  # noqa: S608 - our own names
        before = {
            f"{table}_no_update BEFORE UPDATE ON {table}": "",
            f"{table}_no_delete BEFORE DELETE ON {table}": (
                f"WHEN OLD.{number} >= (SELECT {first} FROM {kept}) AND (OLD.{subject} = '' OR OLD.{number} = {newest} "  # noqa: S608
                f"OR EXISTS (SELECT * FROM {other} WHERE {key} = OLD.{subject})) "
            ),
            # REPLACE deletes without asking the trigger above.
            f"{table}_no_gap BEFORE INSERT ON {table}": f"WHEN NEW.{number} <> {newest} + 1 ",
            # The newest row stays, since the next one is numbered after it.
            f"{kept}_no_return BEFORE UPDATE ON {kept}": (
                f"WHEN NEW.{first} < OLD.{first} OR NEW.{first} > max({newest}, 1) "
            ),
            f"{kept}_no_delete BEFORE DELETE ON {kept}": "",
            f"{kept}_no_insert BEFORE INSERT ON {kept}": f"WHEN EXISTS (SELECT * FROM {kept}) ",  # noqa: S608
        }
        return tuple(f"CREATE TRIGGER {trigger} {when}{refuse}" for trigger, when in before.items())

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)

    # -- one hub ------------------------------------------------------------------------------------------------

    def lock(self) -> None:
        """See ``Database``."""
        self._lock.take()

    def unlock(self) -> None:
        """See ``Database``."""
        self._lock.release()

    # -- a new one ----------------------------------------------------------------------------------------------

    def exists(self) -> bool:
        """See ``Database``."""
        if self.path.exists():
            return True
        if has_content(self._wal):
            # A new database of this name would take in the log of the old one.
            raise ZoeError("storage-corrupt", f"{self.path} is missing, but its log {self._wal.name} is there.")
        return False

    def create(self, revision: str) -> None:
        """See ``Database``."""
        with self._replacement() as engine, engine.begin() as connection:
            tables.metadata.create_all(connection, checkfirst=False)
            tables.bookkeeping.create_all(connection, checkfirst=False)
            connection.execute(insert(tables.kept_events), {"first_seq": 1})
            for table, (number, kept, about) in tables.APPEND_ONLY.items():
                for statement in self.append_only(table, number, kept, about):
                    connection.exec_driver_sql(statement)
            connection.execute(insert(tables.revisions), {"version_num": revision})

    @contextmanager
    def _replacement(self) -> Iterator[Engine]:
        """An engine for a database under another name that takes the place of this one when the block is complete."""
        new = self._beside(".new")
        remove(new)
        try:
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            engine = self._engine(new, "auto_vacuum = INCREMENTAL", "synchronous = OFF")  # synced once, below
            try:
                yield engine
            finally:
                engine.dispose()
            with closing(sqlite3.connect(new)) as plain:  # the last to close, so the log is written back and gone
                plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            sync(new)
            self._settle()
            new.replace(self.path)
            sync(self.path.parent)
        except BaseException:
            remove(new)
            raise

    def _settle(self) -> None:
        """Write the log of the old database back and remove it, since it must not meet another database."""
        if self.path.exists():
            with closing(sqlite3.connect(self.path, timeout=BUSY_TIMEOUT)) as plain:
                plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if has_content(self._wal):
            raise ZoeError("storage-locked", f"Another program reads {self.path}.")
        remove_log(self.path)

    # -- an old one ---------------------------------------------------------------------------------------------

    @contextmanager
    def inspect(self) -> Iterator[Connection]:
        """See ``Database``."""
        self._check_header()
        engine = create_engine("sqlite://", creator=self._read_only, poolclass=NullPool)
        shm = self._beside("-shm")
        had_shm = shm.exists()
        try:
            with engine.connect() as connection:
                if self.path.stat().st_size <= CHECKED_SIZE:
                    self._check_all(connection)
                else:
                    log.info("%s is larger than %d MiB and not checked whole", self.path, CHECKED_SIZE >> 20)
                yield connection
        finally:
            engine.dispose()
            if not had_shm:
                shm.unlink(missing_ok=True)

    def _read_only(self) -> sqlite3.Connection:
        # With ``immutable`` SQLite makes no files beside the database, but does not see its log either.
        mode = "mode=ro" if has_content(self._wal) else "mode=ro&immutable=1"
        if has_content(self._beside("-journal")):
            mode = "mode=rw"  # somebody else's transaction broke off and must be undone before anything can be read
        return sqlite3.connect(f"file:{quote(str(self.path))}?{mode}", uri=True, timeout=BUSY_TIMEOUT)

    def _check_header(self) -> None:
        if not stat.S_ISREG(self.path.stat().st_mode):
            raise ZoeError("storage-corrupt", f"{self.path} is not a file.")
        with self.path.open("rb") as file:
            header = file.read(100)
        if len(header) < 100:
            raise ZoeError(
                "storage-corrupt", f"{self.path} has {len(header)} bytes: it was cut off or never was a database."
            )
        if not header.startswith(_MAGIC):
            raise ZoeError("storage-corrupt", f"{self.path} is not a database.")

    def _check_all(self, connection: Connection) -> None:
        found = connection.exec_driver_sql("PRAGMA quick_check(3)").scalars().all()
        if found != ["ok"]:
            raise ZoeError("storage-corrupt", f"{self.path} is damaged: {'; '.join(found)}.")

    @contextmanager
    def upgrade(self) -> Iterator[Connection]:
        """See ``Database``. Works on a copy, which takes as much space again."""
        with self._replacement() as engine:
            with closing(self._read_only()) as old, closing(sqlite3.connect(self._beside(".new"))) as copy:
                old.backup(copy)
            with engine.connect() as connection:
                yield connection
                connection.commit()
                if _number(connection, "auto_vacuum") != _INCREMENTAL:  # of before revision 0003
                    connection.rollback()
                    _vacuum(connection)

    # -- daily work ---------------------------------------------------------------------------------------------

    def engine(self) -> Engine:
        """See ``Database``."""
        with closing(sqlite3.connect(self.path, timeout=BUSY_TIMEOUT)) as probe:  # a foreign writer is told at once
            probe.execute("BEGIN IMMEDIATE")
        if stat.S_IMODE(self.path.stat().st_mode) != 0o600:
            self.path.chmod(0o600)  # the log takes the mode of the database
        return self._engine(self.path, "synchronous = FULL")

    def _engine(self, path: Path, *settings: str) -> Engine:
        engine = create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(
                f"file:{quote(str(path))}?mode=rw", uri=True, timeout=BUSY_TIMEOUT, check_same_thread=False
            ),
            poolclass=NullPool,
        )

        @event.listens_for(engine, "connect")
        def prepare(connection: sqlite3.Connection, _record: object) -> None:
            for setting in (*settings, *_SETTINGS):
                connection.execute(f"PRAGMA {setting}")

        return engine

    def give_back(self, connection: Connection, limit: int) -> bool:
        """See ``Database``. A part stays free in the file, so that it does not shrink and grow in turns."""
        pages, free, page = (_number(connection, name) for name in ("page_count", "freelist_count", "page_size"))
        spare = free - max(pages // _SPARE, _LITTLE // page)
        if spare <= 0:
            return False
        # Each row that is fetched gives back one page; they have no columns, so SQLAlchemy would not fetch any.
        _driver(connection).execute(f"PRAGMA incremental_vacuum({min(spare, max(limit // page, 1))})").fetchall()
        return spare * page > limit

    def translate(self, error: BaseException) -> ZoeError | None:
        """See ``Database``."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, OSError):
            return self._unavailable(cause.strerror or str(cause))
        if not isinstance(cause, sqlite3.Error):
            return None
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return ZoeError("storage-full", f"No space is left for {self.path}.")
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return ZoeError("storage-locked", f"Another program has locked {self.path}.")
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return ZoeError("storage-corrupt", f"{self.path} is damaged: {cause}.")
        if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
            return self._unavailable(str(cause))
        return None

    def _unavailable(self, reason: str) -> ZoeError:
        """SQLite says *I/O error* or *unable to open* when there is no space for its smaller files."""
        with suppress(OSError):
            space = os.statvfs(self.path.parent)
            if space.f_bavail * space.f_frsize < _LITTLE or (space.f_files and not space.f_favail):
                return ZoeError("storage-full", f"No space is left for {self.path}.")
        return ZoeError("storage-unavailable", f"{self.path}: {reason}.")


def _number(connection: Connection, pragma: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one())


def _vacuum(connection: Connection) -> None:
    """Write the database anew, which no transaction may hold."""
    _driver(connection).execute("VACUUM")


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver
