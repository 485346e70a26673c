"""The store over SQL: memory is what readers see, a database is where it survives. Made by ``app``.

Two threads of its own besides the event loop's: one writes (see ``store.writer``), one reads old events. Commits of
one small batch take about a millisecond, most of it the sync of the disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event
from zoe_hub.store import rows
from zoe_hub.store.base import Batch
from zoe_hub.store.databases.base import choose
from zoe_hub.store.migrate import ZOE, Migrations
from zoe_hub.store.state import Draft, State
from zoe_hub.store.view import REPLIES_KEPT, StateStore, utc_now
from zoe_hub.store.writer import Writer

log = logging.getLogger(__name__)


class SQLStore(StateStore):
    """A store in a database that this hub alone writes.

    :param url_or_path: path of an SQLite database, or ``sqlite:///PATH``; made with mode 0600 if it is missing
    :param migrations: how old databases are brought up to date
    :param clock: tells the time, for the age of replies
    """

    def __init__(
        self, url_or_path: str | Path, *, migrations: Migrations = ZOE, clock: Callable[[], datetime] = utc_now
    ) -> None:
        super().__init__()
        self._dialect = choose(url_or_path)
        self._migrations = migrations
        self._clock = clock
        self._connection: Connection | None = None  # of the writing thread
        self._reading: Connection | None = None  # of the reading thread

    # -- opening and closing ------------------------------------------------------------------------------------

    async def open(self) -> None:
        """See ``Store``; also ``storage-full`` and ``storage-unavailable``."""
        if self._opened:
            return
        self._write_thread = ThreadPoolExecutor(1, "zoe-store-writer")
        self._read_thread = ThreadPoolExecutor(1, "zoe-store-reader")
        try:
            self._state = await asyncio.get_running_loop().run_in_executor(self._write_thread, self._open)
        except BaseException:
            self._write_thread.submit(self._close)  # a cancelled caller leaves an opening thread behind
            self._write_thread.shutdown(wait=False)
            raise
        self._writer = Writer(
            self._write_thread, draft=self._draft, write=self._write, show=self._show, translate=self._told
        )
        self._opened = True

    def _open(self) -> State:
        try:
            self._dialect.lock()
            try:
                state = self._load()
                self._engine = self._dialect.engine()
                self._connect()
            except BaseException:
                self._disconnect()
                self._dialect.unlock()
                raise
        except Exception as error:
            told = self._told(error)
            raise told from (None if told is error else error)
        return state

    def _load(self) -> State:
        """Read everything, before the database is opened for writing."""
        if not self._dialect.exists():
            self._dialect.create(self._migrations.head)
        with self._dialect.inspect() as connection:
            if not self._migrations.pending(connection):
                return self._read_state(connection)
        with self._dialect.upgrade() as connection:
            self._migrations.run(connection)
            state = self._read_state(connection)  # inside: what cannot be read must not replace the old one
        log.info("The database was brought to revision %s", self._migrations.head)
        return state

    def _read_state(self, connection: Connection) -> State:
        try:
            return rows.read_state(connection, self._clock() - REPLIES_KEPT)
        except DBAPIError as error:
            flaw = f"The tables are not those of revision {self._migrations.head}: {error.orig}."
            raise self._dialect.translate(error) or ZoeError("storage-corrupt", flaw) from error

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            try:
                rows.drop_old_replies(self._connection, self._clock() - REPLIES_KEPT)
            except SQLAlchemyError as error:  # a full disk, for example; they are dropped another time
                log.warning("Old replies were not dropped: %s", self._told(error))
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def close(self) -> None:
        """See ``Store``; who waits in ``changed`` gets a ``RuntimeError``."""
        if not self._opened:
            return
        self._opened = False
        self._publish()
        await self._writer.finish()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._read_thread, self._stop_reading)
        await loop.run_in_executor(self._write_thread, self._close)
        self._read_thread.shutdown()
        self._write_thread.shutdown()

    def _close(self) -> None:
        try:
            self._disconnect()
        finally:
            self._dialect.unlock()

    # -- writing ------------------------------------------------------------------------------------------------

    async def commit(self, batch: Batch) -> tuple[Event, ...]:
        """See ``Store``. A batch that was handed over is written even if the caller is cancelled."""
        self._ensure_open()
        return await self._writer.submit(batch)

    def _draft(self) -> Draft:
        return Draft(self._state, self._clock() - REPLIES_KEPT)

    def _write(self, draft: Draft) -> None:
        statements = list(rows.writes(draft))
        connection = self._connect()
        try:
            with connection.begin():
                for statement, values in statements:
                    connection.execute(statement, values)
        except BaseException:
            # The connection may be in any state; a new one costs little and failures are rare.
            connection.invalidate()
            self._connection = None
            connection.close()
            raise

    def _show(self, draft: Draft) -> None:
        self._state.apply(draft)
        if draft.events:
            self._publish()

    def _told(self, error: BaseException) -> BaseException:
        """What the caller is told: a declared error if there is one for it."""
        if isinstance(error, ZoeError):
            return error
        if isinstance(error, msgspec.DecodeError):
            return ZoeError("storage-corrupt", f"A record in the database cannot be read: {error}.")
        return self._dialect.translate(error) or error

    # -- reading ------------------------------------------------------------------------------------------------

    async def events(
        self, *, since: int = 0, limit: int = 1000, owner: str | None = None, execution: str | None = None
    ) -> tuple[Event, ...]:
        """See ``Store``. Recent ones come from memory."""
        self._ensure_open()
        recent = self._state.recent(since, limit, owner, execution)
        if recent is not None:
            return recent
        until = self._state.last_seq
        wanted = partial(rows.read_events, since=since, until=until, limit=limit, owner=owner, execution=execution)
        return await asyncio.get_running_loop().run_in_executor(self._read_thread, self._read, wanted)

    def _read(self, read: Callable[[Connection], tuple[Event, ...]]) -> tuple[Event, ...]:
        try:
            if self._reading is None:
                self._reading = self._engine.connect()
            return read(self._reading)
        except Exception as error:
            self._stop_reading()
            told = self._told(error)
            raise told from (None if told is error else error)
        finally:
            if self._reading is not None:
                self._reading.rollback()

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.close()
            self._reading = None
