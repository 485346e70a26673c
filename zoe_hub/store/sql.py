"""The store over SQL: what is active is read from memory, a database is where everything survives. Made by ``app``.

Two threads of its own besides the event loop's: one writes (see ``store.writer``), one reads what has ended and old
events. Commits of one small batch take about a millisecond, most of it the sync of the disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event
from zoe_hub.core.record import Key, Record
from zoe_hub.store import rows
from zoe_hub.store.base import Batch, Filter, Stored
from zoe_hub.store.databases import choose
from zoe_hub.store.draft import Draft
from zoe_hub.store.kinds import KIND_OF, Kind
from zoe_hub.store.migrate import ZOE, Migrations
from zoe_hub.store.state import State
from zoe_hub.store.view import Listed, StateStore, check_kept
from zoe_hub.store.writer import Writer

T = TypeVar("T")
R = TypeVar("R", bound=Record)

GIVEN_BACK = 2**20
"""Bytes given back to the machine at a time. Commits wait meanwhile: some 5 ms."""

log = logging.getLogger(__name__)


class SQLStore(StateStore):
    """A store in a database that this hub alone writes.

    :param url_or_path: path of an SQLite database, or ``sqlite:///PATH``; made with mode 0600 if it is missing
    :param migrations: how old databases are brought up to date
    """

    def __init__(self, url_or_path: str | Path, *, migrations: Migrations = ZOE) -> None:
        super().__init__()
        self._database = choose(url_or_path)
        self._migrations = migrations
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
            self._database.lock()
            try:
                state = self._load()
                self._engine = self._database.engine()
                self._connect()
            except BaseException:
                self._disconnect()
                self._database.unlock()
                raise
        except Exception as error:
            told = self._told(error)
            raise told from (None if told is error else error)
        return state

    def _load(self) -> State:
        """Read everything, before the database is opened for writing."""
        if not self._database.exists():
            self._database.create(self._migrations.head)
        with self._database.inspect() as connection:
            if not self._migrations.pending(connection):
                return self._read_state(connection)
        with self._database.upgrade() as connection:
            self._migrations.run(connection)
            state = self._read_state(connection)  # inside: what cannot be read must not replace the old one
        log.info("The database was brought to revision %s", self._migrations.head)
        return state

    def _read_state(self, connection: Connection) -> State:
        try:
            return rows.read_state(connection)
        except DBAPIError as error:
            flaw = f"The tables are not those of revision {self._migrations.head}: {error.orig}."
            raise self._database.translate(error) or ZoeError("storage-corrupt", flaw) from error

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
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
            self._database.unlock()

    # -- writing ------------------------------------------------------------------------------------------------

    async def commit(self, batch: Batch) -> tuple[Event, ...]:
        """See ``Store``. A batch that was handed over is written even if the caller is cancelled."""
        self._ensure_open()
        return await self._writer.submit(batch)

    async def tidy(self) -> bool:
        """See ``Store``. The database says how much is worth it."""
        self._ensure_open()
        return await asyncio.get_running_loop().run_in_executor(self._write_thread, self._tidy)

    def _tidy(self) -> bool:
        try:
            connection = self._connect()
            more = self._database.give_back(connection, GIVEN_BACK)
            connection.commit()
            return more
        except Exception as error:
            self._disconnect()
            told = self._told(error)
            raise told from (None if told is error else error)

    def _draft(self) -> Draft:
        return Draft(self._state)

    def _write(self, draft: Draft) -> None:
        statements = list(rows.writes(draft))
        connection = self._connect()
        try:
            with connection.begin():
                draft.settle(rows.look_up(connection, draft.unknown()))
                for statement, values in statements:
                    connection.execute(statement, values)
        except BaseException:
            # The connection may be in any state; a new one costs little and failures are rare.
            connection.invalidate()
            self._connection = None
            connection.close()
            raise

    def _show(self, draft: Draft) -> None:
        draft.apply()
        if draft.events:
            self._publish()

    def _told(self, error: BaseException) -> BaseException:
        """What the caller is told: a declared error if there is one for it."""
        if isinstance(error, ZoeError):
            return error
        if isinstance(error, msgspec.DecodeError):
            return ZoeError("storage-corrupt", f"A record in the database cannot be read: {error}.")
        return self._database.translate(error) or error

    # -- reading ------------------------------------------------------------------------------------------------

    async def _stored(self, kind: Kind[Any], key: Key) -> Any:
        return await self._read(partial(rows.read_one, kind=kind, key=key))

    async def _ended(self, kind: Kind[Any], wanted: Filter, before: int, limit: int) -> list[Listed]:
        return await self._read(partial(rows.read_ended, kind=kind, wanted=wanted, before=before, limit=limit))

    async def _count_ended(self, kind: Kind[Any], wanted: Filter) -> int:
        return await self._read(partial(rows.count_ended, kind=kind, wanted=wanted))

    async def events(
        self, *, since: int | None = None, limit: int = 1000, owner: str | None = None, execution: str | None = None
    ) -> tuple[Event, ...]:
        """See ``Store``. Recent ones come from memory."""
        self._ensure_open()
        begin, until = self._begin(since), self._state.last_seq
        recent = self._state.recent(begin, limit, owner, execution)
        if recent is not None:
            return recent
        events, first_seq = await self._read(
            partial(rows.read_events, since=begin, until=until, limit=limit, owner=owner, execution=execution)
        )
        check_kept(since, first_seq)  # some may have been forgotten before they could be read
        return events

    async def oldest(self, type_: type[R], limit: int) -> tuple[Stored[R], ...]:
        """See ``Store``."""
        self._ensure_open()
        return tuple(await self._read(partial(rows.read_oldest, kind=KIND_OF[type_], limit=limit)))

    async def size(self, type_: type[Record]) -> int:
        """See ``Store``. By a connection of its own: it may take a second for each gigabyte."""
        self._ensure_open()
        return await asyncio.to_thread(self._measure, KIND_OF[type_])

    def _measure(self, kind: Kind[Any]) -> int:
        try:
            with self._engine.connect() as connection:
                return rows.read_size(connection, kind)
        except Exception as error:
            told = self._told(error)
            raise told from (None if told is error else error)

    async def _read(self, read: Callable[[Connection], T]) -> T:
        """Read from the disk, one reader after the other."""
        return await asyncio.get_running_loop().run_in_executor(self._read_thread, self._read_now, read)

    def _read_now(self, read: Callable[[Connection], T]) -> T:
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
