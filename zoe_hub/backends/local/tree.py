"""What is left of a process whose shim was killed: found and ended. Used by ``launch``, on Linux; elsewhere the
program's process group is all that can be found.

The kernel has killed the program itself (``PR_SET_PDEATHSIG``); its descendants carry its mark in their environment.
Nothing is signalled that was not identified by pid *and* start time.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from zoe_hub.backends.local.identity import boot
from zoe_hub.backends.local.records import Alive
from zoe_hub.backends.local.shim.system import signal_one, stat_of

MARK = "ZOE_MARK"
WAIT = 5.0  # seconds until what was killed must be gone


def sweep(mark: str, alive: Alive | None) -> int:
    """Kill what is left of a process.

    :param mark: what its tree carries as ZOE_MARK in the environment
    :param alive: the last that its shim recorded, if it did
    :return: how many processes were found
    """
    if sys.platform != "linux":
        if alive is not None:
            try:
                os.killpg(alive.child[0], signal.SIGKILL)
            except OSError:
                return 0
        return 0
    known = alive.child if alive is not None and alive.boot == boot() else (0, 0)
    total = 0
    until = time.monotonic() + WAIT
    while found := leftovers(mark, known):
        total = max(total, len(found))
        for pid, started in found:
            signal_one(pid, started, signal.SIGKILL)
        if time.monotonic() > until:
            break
        time.sleep(0.005)
    return total


def leftovers(mark: str, known: tuple[int, int]) -> list[tuple[int, int]]:
    """The living processes with this mark, and the one that is known, with their start times. Zombies do not count."""
    needle = f"{MARK}={mark}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        identity = stat_of(int(entry))
        if identity is None:
            continue
        try:
            fields = Path(f"/proc/{entry}/stat").read_bytes().rpartition(b")")[2].split()
            if fields[0] in {b"Z", b"X"}:
                continue
            if (int(entry), identity[1]) == known or needle in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                found.append((int(entry), identity[1]))
        except OSError:
            continue  # ended meanwhile, or another user's
    return found
