"""Learning at once that a shim has ended: readable pidfds in the event loop, polling of locks where there are none.
Used by ``backend``, for processes that this hub started and for those it found.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

from zoe_hub.backends.local.identity import is_same_process, locked
from zoe_hub.backends.local.records import Alive


class Endings:
    """Calls ``ended(name)`` in the event loop when the shim of a process has ended. For each ``add``, once."""

    def __init__(self, ended: Callable[[str], None], interval: float) -> None:
        """:param interval: seconds between two looks at processes for which there is no pidfd"""
        self._ended = ended
        self._interval = interval
        self._descriptors: dict[str, tuple[int, int]] = {}  # name -> pidfd, pid
        self._polled: dict[str, tuple[Path, int]] = {}  # name -> folder, pid
        self._timer: asyncio.TimerHandle | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._descriptors or name in self._polled

    def add(self, name: str, folder: Path, alive: Alive | None) -> None:
        """Watch the shim of a process. One that has ended already is reported as well."""
        if name in self:
            return
        pid = alive.shim[0] if alive is not None else 0
        try:
            if alive is None:
                raise OSError("its shim is not known yet")
            descriptor = os.pidfd_open(pid)
        except (OSError, AttributeError):
            self._polled[name] = (folder, pid)
            self._arm()
            return
        assert alive is not None
        if not is_same_process(alive.shim, alive.boot):  # compared after the open: what is open cannot be reused
            os.close(descriptor)
            self._polled[name] = (folder, 0)
            self._arm()
            return
        self._descriptors[name] = (descriptor, pid)
        asyncio.get_running_loop().add_reader(descriptor, self._readable, name)

    def _readable(self, name: str) -> None:
        descriptor, pid = self._descriptors.pop(name)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
        reap(pid)
        self._ended(name)

    def _arm(self) -> None:
        if self._timer is None and self._polled:
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._poll)

    def _poll(self) -> None:
        self._timer = None
        for name, (folder, pid) in list(self._polled.items()):
            if not locked(folder):
                del self._polled[name]
                reap(pid)
                self._ended(name)
        self._arm()

    def close(self) -> None:
        """Stop watching."""
        for descriptor, _ in self._descriptors.values():
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)
        self._descriptors.clear()
        self._polled.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def reap(pid: int) -> None:
    """Take the exit status of a shim that this very process started; otherwise somebody else does."""
    if pid > 0:
        with contextlib.suppress(OSError):
            os.waitpid(pid, os.WNOHANG)


def signal_number(name: str, known: Iterable[signal.Signals] = signal.Signals) -> int | None:
    """The number of a signal by its name without ``SIG``; ``None`` if the system has none of that name."""
    return next((int(item) for item in known if item.name == f"SIG{name}"), None)
