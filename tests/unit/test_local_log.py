"""The log of a local process as its shim writes it, where it cannot be written. Reading: ``test_backends_journal``."""

import os

from zoe_hub.backends.journal import Journal
from zoe_hub.backends.local.shim.log import Log


def writer(folder, size=100, files=3):
    return Log(os.fsencode(folder), size, files)


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
    chunk = Journal(tmp_path).read(0)
    assert chunk.data == b"\n[zoe: 342 bytes of output are missing here: the log could not be written]\nback\n"
    assert log.dropped == 0


def test_a_log_whose_folder_is_gone_does_not_raise(tmp_path):
    log = writer(tmp_path / "nowhere")
    log.write(b"abc")
    assert log.dropped == 3
