"""The log of a local process: written by the shim, read by the hub, with rotation and a full disk in between."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoe_hub.backends.local import logs
from zoe_hub.backends.local.shim import Log


def writer(folder, size=100, files=3):
    return Log(os.fsencode(folder), size, files)


def read_all(folder, offset=0):
    data, first = b"", None
    while (chunk := logs.read(folder, offset)) is not None:
        first = chunk.offset if first is None else first
        data += chunk.data
        offset = chunk.offset + len(chunk.data)
    return first, data


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.binary(max_size=350), st.booleans()), max_size=12),
    size=st.integers(1, 120),
    files=st.integers(1, 4),
    offset=st.integers(0, 1500),
)
def test_every_kept_byte_is_at_its_offset(tmp_path_factory, pieces, size, files, offset):
    folder = tmp_path_factory.mktemp("log")
    whole, log = b"", writer(folder, size, files)
    for piece, again in pieces:
        if again:
            log = writer(folder, size, files)  # the next incarnation
        log.write(piece)
        whole += piece
    assert logs.end(folder) == len(whole)
    kept = sum(path.stat().st_size for _, path in logs.files(folder))
    assert kept <= size * files
    assert kept >= min(len(whole), size * (files - 1))
    first, data = read_all(folder, offset)
    if offset >= len(whole):
        assert data == b""
    else:
        assert first == max(offset, len(whole) - kept)
        assert data == whole[first:]


def test_a_full_disk_drops_output_and_says_how_much(tmp_path):
    full = tmp_path / f"log.{0:020}"
    full.symlink_to("/dev/full")  # a real ENOSPC with every write
    log = writer(tmp_path, 1000)
    log.write(b"x" * 300)
    log.write(b"y" * 42)
    assert log.dropped == 342
    os.close(log.descriptor)
    log.descriptor = -1
    full.unlink()  # there is room again
    log.write(b"back\n")
    _, data = read_all(tmp_path)
    assert data == b"\n[zoe: 342 bytes of output are missing here: the log could not be written]\nback\n"
    assert log.dropped == 0


def test_a_log_whose_folder_is_gone_does_not_raise(tmp_path):
    log = writer(tmp_path / "nowhere")
    log.write(b"abc")
    assert log.dropped == 3


async def test_reading_ends_when_nothing_more_can_come(tmp_path):
    writer(tmp_path).write(b"abc")
    assert [chunk.data async for chunk in logs.stream(tmp_path, 0, True, None)] == [b"abc"]
    assert [chunk.data async for chunk in logs.stream(tmp_path, -2, False, None)] == [b"bc"]


async def test_no_log_is_an_error(tmp_path):
    with pytest.raises(Exception, match="no log") as error:
        [chunk async for chunk in logs.stream(tmp_path / "x", 0, False, None)]
    assert error.value.code == "no-log"
