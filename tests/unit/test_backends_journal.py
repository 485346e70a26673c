"""One suite for all who write logs: the shim of the local backend and the copy of the Docker backend are read alike."""

import asyncio
import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoe_hub.backends.docker.copying import LogCopy
from zoe_hub.backends.journal import Journal, stream
from zoe_hub.backends.local.polling import Polling
from zoe_hub.backends.local.shim.log import Log


class ShimWriter:
    """The shim of the local backend."""

    def __init__(self, folder, size, files):
        self.arguments = (os.fsencode(folder), size, files)
        self.log = Log(*self.arguments)
        self.journal = Journal(folder)

    def write(self, data):
        self.log.write(data)

    def next_life(self):
        self.log = Log(*self.arguments)


class CopyWriter:
    """The copy of the Docker backend, from an engine that has a message for each write."""

    def __init__(self, folder, size, files):
        self.copy = LogCopy(folder, "zoe-lab-e1-worker-0", part_size=size, parts=files)
        self.journal = self.copy.journal
        self.second = 0
        self.next_life()

    def write(self, data):
        self.second += 2
        minute, second = divmod(self.second, 60)
        self.messages.append(f"2026-01-31T12:{minute:02d}:{second:02d}.000000000Z ".encode() + data)
        self.copy.update(str(self.container), self.since, exited=False)

    def since(self, moment):
        return [line for line in self.messages if moment <= 1769860800 + int(line[14:16]) * 60 + int(line[17:19])]

    def next_life(self):
        self.messages, self.container = [], object()


WRITERS = pytest.mark.parametrize("kind", [ShimWriter, CopyWriter])


def everything(journal, offset=0):
    """Where the log begins, from an offset on, and what it holds."""
    data, first = b"", None
    while (chunk := journal.read(offset)) is not None:
        assert first is None or chunk.offset == offset
        first = chunk.offset if first is None else first
        data += chunk.data
        offset = chunk.offset + len(chunk.data)
    return first, data


@WRITERS
@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.binary(min_size=1, max_size=350), st.booleans()), max_size=12),
    size=st.integers(1, 120),
    files=st.integers(1, 4),
    offset=st.integers(0, 1500),
)
def test_every_kept_byte_is_at_its_offset(tmp_path_factory, kind, pieces, size, files, offset):
    writer = kind(tmp_path_factory.mktemp("log"), size, files)
    whole = b""
    for piece, dies in pieces:
        if dies:
            writer.next_life()
        writer.write(piece)
        whole += piece
    assert writer.journal.end() == len(whole)
    kept = [path.stat().st_size for _, path in writer.journal.files()]
    assert len(kept) <= files
    assert sum(kept) >= min(len(whole), size * (files - 1))
    first, data = everything(writer.journal, offset)
    if offset >= len(whole):
        assert data == b""
    else:
        assert first == max(offset, len(whole) - sum(kept))
        assert data == whole[first:]


@WRITERS
def test_files_are_private(tmp_path, kind):
    writer = kind(tmp_path, 10, 3)
    for _ in range(5):
        writer.write(b"0123456789")
    assert {path.stat().st_mode & 0o777 for _, path in writer.journal.files()} == {0o600}
    assert len(writer.journal.files()) == 3


@WRITERS
def test_a_file_that_goes_while_it_is_read_is_passed_over(tmp_path, kind, monkeypatch):
    writer = kind(tmp_path, 10, 3)
    for letter in (b"a", b"b", b"c"):
        writer.write(letter * 10)
    listed = writer.journal.files()
    listed[0][1].unlink()
    monkeypatch.setattr(writer.journal, "files", lambda: listed)  # as it was before
    assert everything(writer.journal) == (10, b"b" * 10 + b"c" * 10)
    assert writer.journal.end() == 30


@WRITERS
def test_other_files_in_the_folder_are_none_of_it(tmp_path, kind):
    writer = kind(tmp_path, 100, 3)
    writer.write(b"mine")
    for name in ("log.new", "log.", "exit.json", "zoe-lab-e1-worker-01.00000000000000000009.log", "x.log.1"):
        (tmp_path / name).write_bytes(b"not mine")
    assert everything(writer.journal) == (0, b"mine")


@WRITERS
async def test_a_stream_without_growth_ends_with_what_is_there(tmp_path, kind):
    writer = kind(tmp_path, 4, 9)
    for piece in (b"abcd", b"efgh"):
        writer.write(piece)
    assert [chunk.data async for chunk in stream(writer.journal, 0)] == [b"abcd", b"efgh"]
    assert b"".join([chunk.data async for chunk in stream(writer.journal, -6)]) == b"cdefgh"
    assert b"".join([chunk.data async for chunk in stream(writer.journal, -99)]) == b"abcdefgh"
    assert [chunk async for chunk in stream(writer.journal, 8)] == []


@WRITERS
async def test_a_reader_follows_a_writer_until_its_end(tmp_path, kind):
    """A thread writes in bursts, each when the reader has come so far."""
    writer, ended, loop = kind(tmp_path, 50, 100), asyncio.Event(), asyncio.get_running_loop()
    read, go_on = b"", threading.Semaphore(1)

    def write():
        for number in range(20):
            assert go_on.acquire(timeout=20)
            writer.write(b"%d " % number * 7)
        loop.call_soon_threadsafe(ended.set)

    async with asyncio.timeout(30):
        done = asyncio.ensure_future(asyncio.to_thread(write))
        async for chunk in stream(writer.journal, 0, Polling(ended).next_growth):
            assert chunk.offset == len(read)
            read += chunk.data
            go_on.release()
        await done
    assert read == b"".join(b"%d " % number * 7 for number in range(20))


async def test_a_reader_looks_ever_more_seldom_and_at_once_when_something_came():
    polling = Polling(asyncio.Event())
    pauses = []
    for offset in (0, 0, 0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5):
        polling.next_growth(offset)
        pauses.append(polling.pause)
    assert pauses[0] == pauses[3] == 0.02
    assert pauses[:3] == sorted(set(pauses[:3]))
    assert pauses[-1] == 0.5


async def test_what_is_written_between_the_last_read_and_the_end_is_not_missed(tmp_path, monkeypatch):
    writer, ended = ShimWriter(tmp_path, 100, 3), asyncio.Event()
    writer.write(b"first ")
    read = writer.journal.read

    def read_and_then_the_process_ends(offset):
        chunk = read(offset)
        if chunk is None and not ended.is_set():
            writer.write(b"last")
            ended.set()
        return chunk

    monkeypatch.setattr(writer.journal, "read", read_and_then_the_process_ends)
    chunks = [chunk.data async for chunk in stream(writer.journal, 0, Polling(ended).next_growth)]
    assert chunks == [b"first ", b"last"]
