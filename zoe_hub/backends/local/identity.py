"""Whether a shim lives, told by its lock; and whether a process still is the one that was recorded.

A pid alone proves nothing: it may have been given to another process. So it counts only together with the start time
and the boot of the machine.
"""

from __future__ import annotations

import fcntl
import functools
import os
from pathlib import Path

from zoe_hub.backends.local.records import Alive
from zoe_hub.backends.local.shim.system import stat_of


def lock(folder: Path) -> int | None:
    """Take the lock of a process's folder: the open file that holds it, ``None`` if a shim (or another starter) has
    it.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def locked(folder: Path) -> bool:
    """Whether a shim lives there."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@functools.cache
def boot() -> str:
    """What identifies this run of the machine; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def is_same_process(identity: tuple[int, int], in_boot: str) -> bool:
    """Whether the process that was recorded with this pid and start time still is the one with that pid."""
    found = stat_of(identity[0])
    return in_boot == boot() and found is not None and found[1] == identity[1]


def shim_lives(alive: Alive) -> bool:
    """Whether the recorded shim still is what it was. Without /proc, nobody can say otherwise."""
    if not boot():
        return True
    if not is_same_process(alive.shim, alive.boot):
        return False
    try:
        state = Path(f"/proc/{alive.shim[0]}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in {b"Z", b"X"}
