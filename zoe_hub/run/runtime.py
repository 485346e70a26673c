"""How the user's programs find a hub that runs, and how a second one learns that it is not needed. Used by ``app``.

``hub.json`` says where the hub is and holds its token; only its user may read it. ``hub.lock`` is held with ``flock``
while the hub lives, so a hub that was killed leaves no lock. ``hub.state`` keeps what the next hub of this folder
should choose again: its deployment, which is part of all names, and its port, which running processes know.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import re
import secrets
import stat
from pathlib import Path
from typing import Any

import zoe_hub

RUNTIME, LOCK, STATE = "hub.json", "hub.lock", "hub.state"


def data_folder() -> Path:
    """``$ZOE_DATA``, or the platform's folder for a user's data.

    :raises OSError: there is no home folder in which it would be
    """
    chosen = os.environ.get("ZOE_DATA")
    if chosen:
        return expanded(chosen).absolute()
    if os.uname().sysname == "Darwin":
        return expanded("~") / "Library" / "Application Support" / "zoe"
    given = os.environ.get("XDG_DATA_HOME", "")
    # a relative one is not valid (XDG Base Directory Specification) and would be another one for each program
    return (Path(given) if os.path.isabs(given) else expanded("~") / ".local" / "share") / "zoe"


def expanded(path: str) -> Path:
    """A path of a setting, with ``~`` as in a shell. :raises OSError: there is no such home folder"""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise FileNotFoundError(
            f"there is no home folder for {path!r}: set HOME, or name a data folder with --data or $ZOE_DATA"
        ) from None


def private_folder(path: Path) -> Path:
    """``path``, made with mode 0700 or brought to it.

    :raises OSError: it cannot be made, or belongs to somebody else, who could change what is in it
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise PermissionError(
            f"the folder {path} belongs to {_user(status.st_uid)}, and the hub runs as {_user(os.geteuid())}."
            " Choose a folder of its own with --data or $ZOE_DATA, or give it this one (chown)"
        )
    if status.st_mode & 0o077:
        path.chmod(0o700)
    return path


def refuse_shared(file: Path) -> None:
    """Refuse a configuration file that others can change: it is a program that runs as the hub.

    :raises OSError: it, or its folder, belongs to or can be written by somebody else
    """
    for path in (file, file.parent):
        status = path.stat()
        if status.st_uid not in (0, os.geteuid()):
            raise PermissionError(
                f"{path} belongs to {_user(status.st_uid)}, who could have the hub ({_user(os.geteuid())}) do anything."
                f" Give it to the hub's user: chown {_user(os.geteuid())} {path}"
            )
        if status.st_mode & _writers(status.st_gid) and not status.st_mode & stat.S_ISVTX:
            raise PermissionError(f"{path} can be written by others. Forbid it: chmod go-w {path}")


def _writers(group: int) -> int:
    """Bits of a mode that let others write. With a umask of 002 everybody's first group is their own."""
    return stat.S_IWOTH if group == os.getegid() else stat.S_IWOTH | stat.S_IWGRP


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


class Lock:
    """Held by the one hub of a data folder."""

    def __init__(self, data: Path) -> None:
        self._path = data / LOCK
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Whether this hub is the one now."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let another one be it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file with mode 0600 at once: readers see the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    temporary.replace(path)


def write_runtime_file(data: Path, url: str, token: str) -> None:
    """Say where this hub is."""
    write_private(
        data / RUNTIME,
        {"url": url, "token": token, "pid": os.getpid(), "started": _started(), "version": zoe_hub.__version__},
    )


def remove_runtime_file(data: Path) -> None:
    """Say that this hub is not there any more."""
    found = read(data / RUNTIME)
    if found.get("pid") == os.getpid():
        (data / RUNTIME).unlink(missing_ok=True)


def read(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing if there is none or it is not one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def new_deployment(user: str) -> str:
    """A name for a new deployment: short, a DNS label, different for each data folder, so that hubs can share an
    engine.
    """
    readable = re.sub(r"[^a-z0-9]+", "", user.lower())[:8] or "zoe"
    return f"{readable}{secrets.token_hex(3)}"


def _started() -> int | None:
    """When this process began, in the kernel's ticks since boot: a pid that was reused has another one."""
    try:
        return int(Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
