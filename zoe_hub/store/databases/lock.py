"""One hub at a database: a lock file beside it, taken with ``flock``, so that a hub that is killed leaves no lock. Used
by ``sqlite``.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from zoe_hub.core.errors import ZoeError


class HubLock:
    """Held by the hub that has a database open."""

    def __init__(self, path: Path, database: Path) -> None:
        """:param path: of the lock file; its folder is made if it is missing"""
        self._path, self._database = path, database
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take it, once. :raises ZoeError: ``storage-locked``: another process has it; :raises OSError:"""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while self._descriptor is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
                os.close(descriptor)
                by = f"process {holder}" if holder else "another process"
                raise ZoeError("storage-locked", f"{self._database} is in use by {by}.") from None
            except OSError:
                os.close(descriptor)
                raise
            # Who held the lock before may have deleted the file in the meantime: then this lock keeps nobody out.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(self._path)):
                    self._descriptor = descriptor
                    break
            os.close(descriptor)
        with suppress(OSError):  # for the message above; a full disk must not keep the hub from starting
            os.truncate(self._descriptor, 0)
            os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let others have it, if it was taken."""
        if self._descriptor is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = None
