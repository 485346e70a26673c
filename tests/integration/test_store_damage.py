"""A full disk, a locked database, a damaged one: what a store says, and that it changes nothing."""

import asyncio
import hashlib
import itertools
import os
import random
import shutil
import sqlite3
import subprocess
import sys

import pytest
from sqlalchemy import event as sa_event

from zoe_hub.core.errors import ZoeError
from zoe_hub.store.base import Batch
from zoe_hub.store.databases import sqlite
from zoe_hub.store.sql import SQLStore
from zoe_hub.testing.store_records import (
    batch_of_everything,
    contents,
    event,
    execution,
    mark_of,
    reply,
    secrets,
)

DEADLINE = 30


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "zoe.db"


async def opened(path):
    store = SQLStore(path)
    await store.open()
    return store


async def error_of(awaitable):
    with pytest.raises(ZoeError) as raised:
        await awaitable
    return raised.value


# -- full -----------------------------------------------------------------------------------------------------------


class FullDisk:
    """A file system of its own, filled up to the last byte."""

    def __init__(self, folder):
        self.folder = folder
        self.filler = folder / "filler"

    def attach(self, store):
        pass

    def fill(self):
        with self.filler.open("wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def free(self):
        self.filler.unlink()


class FullFile:
    """The database may not grow any more."""

    def __init__(self, folder):
        self.folder = folder
        self.limit = 2**31 - 2

    def attach(self, store):
        self.store = store
        sa_event.listen(
            store._engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count = {self.limit}")
        )

    def fill(self):
        self.limit = 1  # SQLite takes the present size instead
        self._renew()

    def free(self):
        self.limit = 2**31 - 2
        self._renew()

    def _renew(self):
        self.store._write_thread.submit(self.store._disconnect).result(DEADLINE)


@pytest.fixture(params=["disk", "file"])
def full(request, tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "zoe-test", folder]
    if request.param == "file" or subprocess.run(mount, check=False, capture_output=True, timeout=DEADLINE).returncode:
        yield FullFile(folder)  # without the right to mount this is the test, twice
        return
    try:
        yield FullDisk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True, timeout=DEADLINE)


async def test_a_full_disk_keeps_nothing_of_the_batch_and_all_of_the_rest(full):
    path = full.folder / "zoe.db"
    store = await opened(path)
    full.attach(store)
    for n in range(5):
        await store.commit(batch_of_everything(n))
    full.fill()
    before = await contents(store)
    # Small commits may still find a place that was reserved before; these cannot.
    large = [Batch(put=(execution(f"x{n}"),), events=(event("y" * 300_000), event())) for n in range(3)]
    for result in await asyncio.gather(*map(store.commit, large), return_exceptions=True):
        assert isinstance(result, ZoeError), result
        assert result.code == "storage-full"
        assert str(path) in result.detail
    assert await contents(store) == before

    full.free()
    await asyncio.gather(*map(store.commit, large))
    await store.commit(batch_of_everything(7))
    after = await contents(store)
    assert after["last_seq"] == before["last_seq"] + 8
    await store.close()
    again = await opened(path)
    assert await contents(again) == after
    await again.close()


async def test_while_the_disk_is_full_small_commits_are_whole_or_refused(full):
    path = full.folder / "zoe.db"
    store = await opened(path)
    full.attach(store)
    full.fill()
    kept = []
    for n in range(400):
        batch = Batch(put=(execution(f"x{n}"), *secrets(f"x{n}", a="b")), events=(event(f"x{n}"),))
        (result,) = await asyncio.gather(store.commit(batch), return_exceptions=True)
        if isinstance(result, ZoeError):
            break
        kept.append(f"x{n}")
    assert isinstance(result, ZoeError), "the disk was never full"
    assert result.code == "storage-full"
    assert list(store.executions) == [mark_of(e) for e in await store.events()] == kept
    await store.close()
    again = await opened(path)  # a full disk does not keep the hub from starting
    assert list(again.executions) == [mark_of(e) for e in await again.events()] == kept
    await again.close()


async def test_a_database_that_does_not_fit_is_not_begun(full, monkeypatch):
    path = full.folder / "zoe.db"
    if isinstance(full, FullFile):
        with monkeypatch.context() as patch:
            connect = sqlite3.connect

            def limited(*args, **kwargs):
                connection = connect(*args, **kwargs)
                connection.execute("PRAGMA max_page_count = 3")
                return connection

            patch.setattr(sqlite3, "connect", limited)
            error = await error_of(SQLStore(path).open())
    else:
        full.fill()
        error = await error_of(SQLStore(path).open())
        full.free()
    assert error.code == "storage-full"
    assert os.listdir(full.folder) == []
    await (await opened(path)).close()


# -- locked ---------------------------------------------------------------------------------------------------------

HOLDER = """
import asyncio, sys
from zoe_hub.store.sql import SQLStore
async def main():
    store = SQLStore(sys.argv[1])
    await store.open()
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await store.close()
asyncio.run(main())
"""


def snapshot(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir() if file.is_file()}


async def test_a_second_hub_is_kept_out_and_told_by_whom(path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout.readline() == b"open\n"
            before = snapshot(path.parent)
            error = await error_of(SQLStore(path).open())
            assert error.code == "storage-locked"
            assert f"process {holder.pid}" in error.detail
            assert snapshot(path.parent) == before
        finally:
            holder.kill()
    store = await opened(path)  # the lock of a killed hub is none
    await store.commit(batch_of_everything(1))
    await store.close()


async def test_a_second_store_in_the_same_process_is_kept_out(path):
    store = await opened(path)
    assert (await error_of(SQLStore(path).open())).code == "storage-locked"
    await store.commit(batch_of_everything(1))
    await store.close()
    await (await opened(path)).close()


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
@pytest.mark.parametrize("mode", ["NORMAL", "EXCLUSIVE"])
async def test_a_foreign_writer_is_told_at_start(path, monkeypatch, lock, mode):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.1)
    store = await opened(path)
    await store.commit(batch_of_everything(1))
    await store.close()
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute(f"PRAGMA locking_mode = {mode}")
    foreign.execute(lock)
    before = snapshot(path.parent)
    error = await error_of(SQLStore(path).open())
    assert error.code == "storage-locked"
    assert str(path) in error.detail
    foreign.execute("ROLLBACK")
    assert {name: before[name] for name in before if not name.endswith("-shm")} == {
        name: digest for name, digest in snapshot(path.parent).items() if not name.endswith("-shm")
    }
    foreign.close()
    store = await opened(path)
    assert list(store.executions) == ["e1"]
    await store.close()


async def test_a_foreign_writer_delays_commits_but_does_not_break_them(path, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.1)
    store = await opened(path)
    await store.commit(batch_of_everything(1))
    before = await contents(store)
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    assert (await error_of(store.commit(batch_of_everything(2)))).code == "storage-locked"
    assert await contents(store) == before
    foreign.execute("ROLLBACK")
    foreign.close()
    await store.commit(batch_of_everything(2))
    assert [e.seq for e in await store.events()] == [1, 2, 3, 4]
    await store.close()


# -- damaged --------------------------------------------------------------------------------------------------------


async def sound(path, *, log):
    """A database of some hundred pages; with ``log`` as a killed hub leaves it: the last commits are in the log
    only.
    """
    store = await opened(path)
    for n in range(10):
        await store.commit(batch_of_everything(n))
    await store.commit(Batch(events=tuple(event("z" * 2000, execution=f"e{n % 7}") for n in range(400))))
    await store.close()
    if log:
        await store.open()
        await store.commit(Batch(put=(reply("log"),), events=(event("in the log"),)))
        copies = {
            file.name: file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith((".lock", "-shm"))
        }
        await store.close()
        for name, content in copies.items():
            (path.parent / name).write_bytes(content)
    path.chmod(0o600)
    return path.stat().st_size


def overwrite(path, offset, content):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def alter(path, *statements):
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


GARBAGE = random.Random(4).randbytes(4096)

DAMAGE = {
    "empty": lambda path, size: os.truncate(path, 0),
    "fifty bytes": lambda path, size: os.truncate(path, 50),
    "header only": lambda path, size: os.truncate(path, 100),
    "first page only": lambda path, size: os.truncate(path, 4096),
    "cut in half": lambda path, size: os.truncate(path, size // 2 // 4096 * 4096),
    "cut inside a page": lambda path, size: os.truncate(path, size // 2 // 4096 * 4096 + 99),
    "last page cut off": lambda path, size: os.truncate(path, size - 4096),
    "garbage": lambda path, size: path.write_bytes(GARBAGE * 30),
    "a text": lambda path, size: path.write_text("my notes\n" * 1000),
    "magic changed": lambda path, size: overwrite(path, 0, b"SQLite format 4"),
    "page size changed": lambda path, size: overwrite(path, 16, b"\x00\x00"),
    "schema overwritten": lambda path, size: overwrite(path, 100, GARBAGE[100:]),
    "page zeroed": lambda path, size: overwrite(path, size // 2 // 4096 * 4096, bytes(4096)),
    "page of garbage": lambda path, size: overwrite(path, size // 3 // 4096 * 4096, GARBAGE),
    "last page of garbage": lambda path, size: overwrite(path, size - 4096, GARBAGE),
}
"""What works on the file. A database in the log may repair the first pages: these are the others."""

FOREIGN = {
    "another program's": ("DROP TABLE alembic_version",),
    "no revision": ("DELETE FROM alembic_version",),
    "table missing": ("DROP TABLE tokens",),
    "event column missing": ("ALTER TABLE events RENAME COLUMN kind TO sort",),
    "column missing": ("ALTER TABLE tokens RENAME COLUMN payload TO load",),
    "record cut off": ("UPDATE executions SET payload = substr(payload, 1, 50) WHERE id = 'e3'",),
    "record of another kind": ("UPDATE executions SET payload = '{\"id\": 3}' WHERE id = 'e3'",),
    "attachment unreadable": ("UPDATE attachments SET payload = 'x' WHERE id = 'a3'",),
    "token unreadable": ("UPDATE tokens SET payload = '' WHERE digest = 't3'",),
}


async def refuses(path):
    before = snapshot(path.parent)
    names = sorted(os.listdir(path.parent))
    for _ in range(2):
        error = await error_of(SQLStore(path).open())
        assert error.code == "storage-corrupt", error.detail
        assert len(error.detail) > 20
        assert snapshot(path.parent) == before
        assert sorted(os.listdir(path.parent)) == names


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_file_is_refused_and_left_as_it_is(path, damage):
    DAMAGE[damage](path, await sound(path, log=False))
    await refuses(path)


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_file_with_a_log_is_refused_and_left_as_it_is(path, damage):
    """The log may hold the first page and a few others as they were: then nothing is lost, and the hub may start."""
    DAMAGE[damage](path, await sound(path, log=True))
    before = snapshot(path.parent)
    store = SQLStore(path)
    (result,) = await asyncio.gather(store.open(), return_exceptions=True)
    if result is not None:
        assert isinstance(result, ZoeError), result
        assert result.code == "storage-corrupt"
        assert snapshot(path.parent) == before
        return
    assert list(store.executions) == [f"e{n}" for n in range(10)]
    assert len(await store.events(limit=10_000)) == store.last_seq == 421
    await store.close()


@pytest.mark.parametrize("change", FOREIGN)
async def test_what_is_sound_for_sqlite_but_not_for_zoe_is_refused(path, change):
    await sound(path, log=False)
    alter(path, *FOREIGN[change])
    await refuses(path)


async def test_a_log_without_its_database_is_refused(path):
    await sound(path, log=True)
    path.unlink()
    await refuses(path)


async def test_a_folder_in_its_place_is_refused(path):
    path.mkdir(parents=True)
    await refuses(path)


async def test_a_place_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    error = await error_of(SQLStore(tmp_path / "file" / "zoe.db").open())
    assert error.code == "storage-unavailable"
    assert str(tmp_path / "file") in error.detail


async def test_damage_that_appears_later_fails_the_read_and_not_the_hub(path):
    """Old events are read from the disk while the hub runs."""
    size = await sound(path, log=False)
    store = await opened(path)
    for page in range(4096 * 20, size - 4096, 4096):
        overwrite(path, page, GARBAGE)
    error = await error_of(store.events(limit=10_000))
    assert error.code == "storage-corrupt"
    assert list(store.executions) == [f"e{n}" for n in range(10)]
    await store.close()


def test_the_damages_differ(tmp_path):
    """Each of them really changes the file, and no two are the same."""
    asyncio.run(sound(tmp_path / "sound.db", log=False))
    size = (tmp_path / "sound.db").stat().st_size
    digests = {"sound": hashlib.sha256((tmp_path / "sound.db").read_bytes()).digest()}
    for name, damage in DAMAGE.items():
        copy = shutil.copy(tmp_path / "sound.db", tmp_path / "copy.db")
        damage(copy, size)
        digests[name] = hashlib.sha256(copy.read_bytes()).digest()
    assert all(a != b for a, b in itertools.combinations(digests.values(), 2))
