"""The files of a database and beside it. Used by ``sqlite``."""

from __future__ import annotations

import os
from pathlib import Path


def has_content(path: Path) -> bool:
    """Whether there is a file that is not empty."""
    return path.exists() and path.stat().st_size > 0


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_log(path: Path) -> None:
    """Remove the log of a database, if it has one."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a database with all that SQLite keeps beside it."""
    path.unlink(missing_ok=True)
    remove_log(path)
    path.with_name(path.name + "-journal").unlink(missing_ok=True)
