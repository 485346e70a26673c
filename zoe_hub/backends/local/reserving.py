"""One port, reserved: for the hubs of this user by a lock, from everybody else by the port itself, while that goes.

The lock is on a file in a folder that only this user can enter, so no other user sees what is reserved or can take it
away. The kernel gives it back when its last holder dies, however it dies: the hub holds it from ``allocate`` on and
hands it to the shim, which holds it as long as the process lives. All hubs of a user share the folder.

Until its process starts the port is also bound, without anybody listening, so that no program of any user can have it.
It cannot stay so until the program itself binds it: the kernel would refuse the program as well. Who takes it in that
moment is noticed, and gets nothing (``docs/decisions/listeners.md``). Used by ``ports``.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

EVERYWHERE = ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))  # noqa: S104 - nobody listens there


class Reservation:
    """One reserved port. ``close`` gives up this holder's part; what was handed on stays reserved."""

    def __init__(self, number: int, descriptor: int) -> None:
        """:param descriptor: the open file that has the lock"""
        self.number = number
        self.descriptor = descriptor
        self._bound = bound(number)

    @property
    def is_bound(self) -> bool:
        """Whether no other program can have the port."""
        return bool(self._bound)

    def unbind(self) -> None:
        """Let a program have the port."""
        for each in self._bound:
            each.close()
        self._bound = []

    def close(self) -> None:
        """Let go."""
        self.unbind()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def reserve(number: int, folder: Path) -> Reservation | None:
    """Reserve a port, ``None`` if another process of a hub of this user has it. Says nothing of other programs.

    :raises OSError: the folder cannot be used
    """
    descriptor = os.open(folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return Reservation(number, descriptor)


def bound(number: int) -> list[socket.socket]:
    """Sockets that have the port at all addresses; none if that is not possible, since somebody has it at one of them,
    or connections of the process before it are still dying there.
    """
    found: list[socket.socket] = []
    for family, address in EVERYWHERE:
        try:
            one = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue  # no IPv6 here
        found.append(one)
        try:
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((address, number))
        except OSError:
            for each in found:
                each.close()
            return []
    return found


def usual_folder() -> Path | None:
    """The folder of all hubs of this user; ``None`` if the user has no home."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "zoe" / "ports"
    state = os.environ.get("XDG_STATE_HOME")
    if state and os.path.isabs(state):
        return Path(state, "zoe", "ports")
    try:
        return Path.home() / ".local" / "state" / "zoe" / "ports"
    except RuntimeError:
        return None


def first_usable(folders: Iterable[Path]) -> Path:
    """The first of these folders that can be private and whose file system knows locks, made if need be.

    :raises OSError: none can
    """
    failure: OSError = FileNotFoundError("no folder for reserved ports is known")
    for folder in folders:
        try:
            _private(folder)
            with open(os.open(folder / "0", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
        except OSError as error:
            failure = error
            continue
        return folder
    raise failure


def _private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(f"{folder} is not a folder of this user")
    if found.st_mode & 0o077:
        folder.chmod(0o700)
