"""What is peculiar to the SQL store: its file, its migrations, the durable log, the writer."""

import asyncio
import fcntl
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution
from zoe_hub.store import rows, tables
from zoe_hub.store.base import Batch, Ref
from zoe_hub.store.databases import choose
from zoe_hub.store.databases.sqlite import SQLite
from zoe_hub.store.migrate import ZOE, Migrations
from zoe_hub.store.sql import GIVEN_BACK, SQLStore
from zoe_hub.testing.store_records import (
    batch_of_everything,
    ended,
    event,
    execution,
    replace,
    secrets,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "zoe.db"


@pytest.fixture
async def store(path):
    store = SQLStore(path)
    await store.open()
    yield store
    await store.close()


def plain(path, statement, *values):
    """Execute over a connection that knows nothing of Zoe."""
    connection = sqlite3.connect(path, timeout=0.2)
    try:
        with connection:
            return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


# -- the file -------------------------------------------------------------------------------------------------------


async def test_nobody_else_may_read_the_files(path):
    before = os.umask(0)
    try:
        store = SQLStore(path)
        await store.open()
        await store.commit(Batch(events=(event(),)))
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("zoe.db", "zoe.db-wal", "zoe.db-shm", "zoe.db.lock"), 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await store.close()
    assert [file.name for file in path.parent.iterdir()] == ["zoe.db"]
    path.chmod(0o644)
    await store.open()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await store.close()


@pytest.mark.parametrize("name", ["with space.db", "per%20cent?x=1#y.db", "ä.db"])
async def test_names_with_special_characters(tmp_path, name):
    for target in (tmp_path / name, f"sqlite:///{tmp_path / name}"):
        store = SQLStore(target)
        await store.open()
        await store.commit(Batch(events=(event(),)))
        await store.close()
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert plain(tmp_path / name, "SELECT count(*) FROM events") == [(2,)]


@pytest.mark.parametrize(
    "url", ["postgresql://host/zoe", "mysql://host/zoe", ":memory:", "sqlite://", "sqlite:///:memory:"]
)
def test_other_databases_are_refused(url):
    with pytest.raises(ZoeError) as raised:
        choose(url)
    assert raised.value.code == "not-supported"


async def test_every_commit_is_synced(store):
    """Survives a power failure: WAL alone would only survive the end of the process."""
    connection = store._connection
    assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    connection.rollback()


async def test_secrets_and_tokens_do_not_stay_in_the_file(store, path):
    await store.commit(Batch(put=(execution("e1"), *secrets("e1", rpc="very-secret-value"))))
    assert b"very-secret-value" in path.read_bytes() + path.with_name("zoe.db-wal").read_bytes()
    await store.commit(Batch(put=(ended(execution("e1")),)))
    await store.close()
    assert b"very-secret-value" not in path.read_bytes()
    await store.open()


async def test_records_can_be_read_without_zoe(store, path):
    await store.commit(batch_of_everything(1))
    query = "SELECT id, owner, phase, version, json_extract(payload, '$.spec.zapp') FROM executions"
    assert plain(path, query) == [("e1", "ann", "queued", 1, "spark-cluster")]


def test_a_lock_on_a_file_that_its_holder_deletes_is_none(path, monkeypatch):
    """The holder before lets go, and deletes the file, between our opening and locking it: a third must not get in."""
    flock = fcntl.flock

    def late(descriptor, operation):
        monkeypatch.setattr(fcntl, "flock", flock)
        path.with_name("zoe.db.lock").unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    one, other = SQLite(path), SQLite(path)
    one.lock()
    with pytest.raises(ZoeError, match=f"process {os.getpid()}"):
        other.lock()
    one.unlock()
    other.lock()
    other.unlock()


# -- events are append-only -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET owner = 'eve'",
        "DELETE FROM events",
        "DELETE FROM events WHERE seq = 1",  # about an execution that is on record
        "DELETE FROM events WHERE seq = 2",  # about the hub
        "DELETE FROM events WHERE seq = 3",  # about one that has gone, but the newest
        "DELETE FROM kept_events",
        "INSERT INTO kept_events VALUES (2)",
        "UPDATE kept_events SET first_seq = 0",
        "UPDATE kept_events SET first_seq = 4",
        "UPDATE events SET seq = 9 WHERE seq = 1",
        "REPLACE INTO events VALUES (1, 0, 'x', 'x', 'x', '{}')",
        "INSERT INTO events VALUES (5, 0, 'x', 'x', 'x', '{}')",
    ],
)
async def test_the_database_refuses_to_change_events(path, statement):
    store = SQLStore(path)
    await store.open()
    made = (event("1"), event("2", execution=""), event("3", execution="gone"))
    await store.commit(Batch(put=(execution("e1"),), events=made))
    await store.close()
    before = plain(path, "SELECT * FROM events")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        plain(path, statement)
    assert plain(path, "SELECT * FROM events") == before


async def test_events_of_what_has_gone_may_go(path):
    store = SQLStore(path)
    await store.open()
    await store.commit(Batch(events=(event("1", execution="gone"), event("2"))))
    await store.close()
    plain(path, "DELETE FROM events WHERE seq = 1")
    assert plain(path, "SELECT seq FROM events") == [(2,)]


# -- space ----------------------------------------------------------------------------------------------------------


async def test_the_file_gives_back_what_has_become_free_in_pieces(path):
    store = SQLStore(path)
    await store.open()
    assert not await store.tidy(), "nothing was ever written"
    made = [replace(ended(execution(f"e{n}"), version=1), labels={"x": "y" * 10_000}) for n in range(1000)]
    for n in range(0, 1000, 100):
        await store.commit(Batch(put=tuple(made[n : n + 100]), events=tuple(event(execution="gone") for _ in made)))
    await store.close()
    full = path.stat().st_size
    assert full > 10_000_000
    await store.open()
    await store.commit(Batch(drop=tuple(Ref(Execution, each.id) for each in made[:-1]), first_seq=store.last_seq))
    pieces = 0
    while await store.tidy():
        pieces += 1
    assert pieces >= full // GIVEN_BACK - 2, "some at a time"
    assert not await store.tidy()
    await store.close()
    assert path.stat().st_size < full / 20
    await store.open()
    assert [each.record.id for each in await store.oldest(Execution, 10)] == ["e999"]
    await store.close()


async def test_events_that_go_while_they_are_read_are_told(path, monkeypatch):
    store = SQLStore(path)
    await store.open()
    await store.commit(Batch(events=tuple(event() for _ in range(10))))
    await store.close()
    await store.open()  # the events are on disk alone
    read = rows.read_events

    def late(connection, **which):
        found = read(connection, **which)
        return found[0], 8

    monkeypatch.setattr(rows, "read_events", late)
    with pytest.raises(ZoeError) as raised:
        await store.events(since=3)
    assert (raised.value.code, raised.value.extra) == ("history-pruned", {"first_seq": 8})
    assert len(await store.events()) == 10
    await store.close()


# -- the writer -----------------------------------------------------------------------------------------------------


async def test_batches_that_wait_are_written_in_one_transaction(store, monkeypatch):
    """The first is on its way when the others come: two transactions for fifty commits."""
    held, written = threading.Event(), []
    write = store._writer._write

    def slow(draft):
        assert held.wait(10)
        written.append(len(draft.events))
        write(draft)

    monkeypatch.setattr(store._writer, "_write", slow)
    first = asyncio.ensure_future(store.commit(Batch(events=(event(),))))
    await asyncio.sleep(0)  # begins the commit
    await asyncio.sleep(0)  # hands it to the thread
    others = [asyncio.ensure_future(store.commit(Batch(events=(event(),)))) for _ in range(49)]
    await asyncio.sleep(0)
    assert store.last_seq == 0  # not shown before it is durable
    held.set()
    await asyncio.gather(first, *others)
    assert written == [1, 49]


async def test_what_cannot_be_written_fails_alone(store):
    """One of several that are written together has no JSON form."""
    bad = Batch(put=(execution("bad"),), events=(event(data={"x": object()}),))
    good = [batch_of_everything(n) for n in range(6)]
    results = await asyncio.gather(*map(store.commit, [*good[:3], bad, *good[3:]]), return_exceptions=True)
    assert [isinstance(result, TypeError) for result in results] == [False] * 3 + [True] + [False] * 3
    assert list(store.executions) == [f"e{n}" for n in range(6)]
    assert [each.seq for each in await store.events()] == list(range(1, 13))


async def test_who_is_cancelled_is_written_nevertheless(store):
    task = asyncio.ensure_future(store.commit(batch_of_everything(1)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    await store.commit(Batch())
    await store.close()
    assert "e1" in store.executions
    await store.open()
    assert "e1" in store.executions


# -- migrations -----------------------------------------------------------------------------------------------------


def schema(path):
    """Everything SQLite knows about the tables, without differences of layout."""
    found = plain(path, "SELECT type, name, tbl_name, sql FROM sqlite_master")
    return {
        (kind, name, table, "".join((sql or "").split()).replace('"', "").lower()) for kind, name, table, sql in found
    }


def test_the_revisions_are_listed():
    config = Config()
    config.set_main_option("script_location", str(ZOE.folder))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == ZOE.revisions


def test_migrations_build_the_tables(tmp_path):
    migrated, made = tmp_path / "migrated.db", tmp_path / "made.db"
    SQLite(made).create(ZOE.head)
    engine = create_engine(f"sqlite:///{migrated}")
    with engine.connect() as connection:
        ZOE.run(connection)
        assert (
            compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), tables.metadata) == []
        )
        assert not ZOE.pending(connection)
    engine.dispose()
    assert len(schema(made)) > 15
    assert schema(migrated) == schema(made)


def test_a_new_database_needs_no_alembic(path):
    """It would take half of the time and a fifth of the memory that a hub may use to start."""
    program = (
        "import asyncio, sys\nfrom zoe_hub.store.sql import SQLStore\nstore = SQLStore(sys.argv[1])\n"
        "for _ in range(2):\n    asyncio.run(store.open()); asyncio.run(store.close())\n"
        "print([name for name in ('alembic', 'sqlalchemy.orm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def one_more(folder, upgrade):
    """The migrations, and after them one whose upgrade does ``upgrade``."""
    shutil.copytree(ZOE.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "next.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = 'next', '{ZOE.head}'\n"
        "def upgrade():\n    op.add_column('executions', sa.Column('note', sa.String))\n"
        "    op.execute(\"UPDATE executions SET note = 'new'\")\n" + upgrade
    )
    return Migrations(folder=folder, revisions=(*ZOE.revisions, "next"))


async def old_database(path):
    """A database whose hub was killed: part of it is in the log only. Gives its files."""
    store = SQLStore(path)
    await store.open()
    await store.commit(batch_of_everything(1))
    files = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.suffix != ".lock"}
    await store.close()
    for name, content in files.items():
        (path.parent / name).write_bytes(content)
    assert files["zoe.db-wal"]
    return files


async def test_an_old_database_is_migrated(path, tmp_path):
    await old_database(path)
    store = SQLStore(path, migrations=one_more(tmp_path / "migrations", ""))
    await store.open()
    assert list(store.executions) == ["e1"]
    await store.commit(Batch(put=(execution("e1", version=2),)))
    await store.close()
    assert plain(path, "SELECT version, note FROM executions") == [(2, "new")]
    assert plain(path, "SELECT version_num FROM alembic_version") == [("next",)]
    assert [file.name for file in path.parent.iterdir()] == ["zoe.db"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "flaw",
    [
        "    op.execute('SELECT * FROM nowhere')",
        "    raise KeyboardInterrupt",
        "    op.execute(\"UPDATE executions SET payload = '{}'\")",
    ],
)
async def test_a_migration_that_fails_changes_nothing(path, tmp_path, flaw):
    """It changed a table and rows before; the last of them leaves what this version cannot read."""
    files = await old_database(path)
    old = {name: content for name, content in files.items() if not name.endswith("-shm")}
    store = SQLStore(path, migrations=one_more(tmp_path / "migrations", flaw))
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - each flaw its own
        await store.open()
    assert not isinstance(raised.value, AssertionError)
    assert {file.name: file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith("-shm")} == old
    store = SQLStore(path)
    await store.open()
    assert store.executions["e1"] == execution("e1")
    await store.close()


async def test_a_newer_database_is_left_alone(path, tmp_path):
    await old_database(path)
    store = SQLStore(path, migrations=one_more(tmp_path / "migrations", ""))
    await store.open()
    await store.close()
    before = path.read_bytes()
    with pytest.raises(ZoeError, match="next") as raised:
        await SQLStore(path).open()
    assert raised.value.code == "storage-newer"
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["zoe.db"]


# -- times ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "time",
    [
        "1970-01-01T00:00:00Z",
        "2026-02-28T23:59:59.999999Z",
        "1969-12-31T23:59:59.5Z",
        "2030-07-01T12:00:00.000001+05:30",
    ],
)
def test_times_keep_their_microseconds(time):
    aware = datetime.fromisoformat(time)
    assert rows._EPOCH + timedelta(microseconds=rows.micros(aware)) == aware
