"""What the local backend keeps on disk, where, and how it is read. Used by every other module of this package.

::

    <data>/executions/<execution>/              0700, made by ``prepare``
        execution.json                          Prepared
        <name>/                                 one process
            launch.json                         Launch, written by the hub before anything is started
            alive.json                          Alive, written by the shim before the program runs
            lock                                held (flock) by the shim while it lives
            control                             FIFO, read by the shim
            folder/                             ZOE_FOLDER: the process's own, new for each incarnation
    <data>/logs/<execution>/<name>/             outlives ``clean``
        of.json                                 Prepared: whose it is
        log.<offset of its first byte>          see ``shim.Log``
        begins.json                             Begins of the latest incarnation that was started
        exit.json                               Exit of the latest incarnation that ended

Records are written to another name and renamed. Only the exit record is fsynced: when the machine stops, nothing else
is true any more (the boot id tells), and a crash of the hub alone loses no write.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from zoe_hub.backends.base import Permanent, Temporary
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Address, Observed
from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.record import Record

from .shim import RESERVED, stat_of


class Prepared(Record, kw_only=True):
    """Which deployment prepared an execution, or wrote a log, for whom."""

    deployment: str
    owner: str


class Launch(Record, kw_only=True):
    """That a process is about to be started. ``mark`` is in the environment of the whole tree, to find it by."""

    name: str
    deployment: str
    execution: str
    group: str
    index: int
    incarnation: int
    mark: str
    addresses: Mapping[str, Address]


class Alive(Record, kw_only=True):
    """That a process runs: pid and start time (clock ticks since boot) of shim and program, and which boot that was."""

    incarnation: int
    boot: str
    shim: tuple[int, int]
    child: tuple[int, int]
    started: float


class Begins(Record, kw_only=True):
    """Where the log of an incarnation begins."""

    incarnation: int
    offset: int


class Exit(Record, kw_only=True):
    """How a process ended. ``code`` is negative for a signal, ``None`` if nobody was there to see."""

    incarnation: int
    code: int | None
    ended: float
    reason: Reason | str | None = None  # a text: of a supervisor that an earlier version started


RecordType = TypeVar("RecordType", bound=Record)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


def checked(name: str) -> str:
    """``name``, if it can be the name of a folder; ``Permanent`` ``bad-request`` otherwise."""
    if not NAME.fullmatch(name):
        raise Permanent("bad-request", f"{name!r} cannot be the name of an execution or a process.")
    return name


class Layout:
    """The paths below the data folder."""

    def __init__(self, data: str) -> None:
        self.executions = Path(data, "executions")
        self.logs = Path(data, "logs")

    def execution(self, execution: str) -> Path:
        """The folder of an execution."""
        return self.executions / checked(execution)

    def process(self, execution: str, name: str) -> Path:
        """The folder of a process."""
        return self.execution(execution) / checked(name)

    def log(self, execution: str, name: str) -> Path:
        """The folder of a process's logs and exit record."""
        return self.logs / checked(execution) / checked(name)

    def launches(self, deployment: str, execution: str = "*") -> Iterator[tuple[Path, Launch]]:
        """Every process of a deployment that is on record, with its folder."""
        for path in sorted(self.executions.glob(f"{execution}/*/launch.json")):
            launch = read(path, Launch)
            if launch is not None and launch.deployment == deployment:
                yield path.parent, launch

    def find(self, deployment: str, name: str) -> Launch | None:
        """The process of that name, if it is on record and the deployment's."""
        for path in self.executions.glob(f"*/{checked(name)}/launch.json"):
            launch = read(path, Launch)
            if launch is not None and launch.deployment == deployment:
                return launch
        return None

    def log_folders(self, deployment: str, execution: str = "*", name: str = "*") -> list[Path]:
        """The log folders of a deployment's processes, also of those that were removed long ago."""
        found = []
        for path in self.logs.glob(f"{execution}/{name}/of.json"):
            of = read(path, Prepared)
            if of is not None and of.deployment == deployment:
                found.append(path.parent)
        return found

    def find_log(self, deployment: str, name: str, execution: str = "*") -> Path | None:
        """The log folder of the process of that name; quicker if the execution is known."""
        return next(iter(self.log_folders(deployment, execution, checked(name))), None)


def read(path: Path, kind: type[RecordType]) -> RecordType | None:
    """A record from disk; ``None`` if there is none, or none that can be read (torn by a crash of the machine, or
    damaged).
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def write(path: Path, record: Record, durable: bool = False) -> None:
    """Write a record, all or nothing, mode 0600."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(record))
        file.flush()
        if durable:
            os.fsync(descriptor)
    temporary.rename(path)


def reserve(path: Path) -> None:
    """Take the disk blocks that ``shim.write_reserved`` fills later."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(b" " * RESERVED)


def remove_tree(folder: Path) -> None:
    """Delete a folder with all that is in it, also where a program took its own right to write (Go's module cache)."""
    try:
        shutil.rmtree(folder)
    except PermissionError:
        os.chmod(folder, 0o700)
        for place, folders, _ in os.walk(folder):
            for name in folders:
                if not os.path.islink(os.path.join(place, name)):
                    os.chmod(os.path.join(place, name), 0o700)
        shutil.rmtree(folder)


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


def same(identity: tuple[int, int], in_boot: str) -> bool:
    """Whether the process that was recorded with this pid and start time still is the one with that pid."""
    found = stat_of(identity[0])
    return in_boot == boot() and found is not None and found[1] == identity[1]


def shim_lives(alive: Alive) -> bool:
    """Whether the recorded shim still is what it was. Without /proc, nobody can say otherwise."""
    if not boot():
        return True
    if not same(alive.shim, alive.boot):
        return False
    try:
        state = Path(f"/proc/{alive.shim[0]}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in {b"Z", b"X"}


def observed(launch: Launch, alive: Alive | None, exit_record: Exit | None) -> Observed:
    """What the contract calls it. ``exit_record`` is given if the process has ended."""
    return Observed(
        name=launch.name,
        execution=launch.execution,
        group=launch.group,
        index=launch.index,
        incarnation=launch.incarnation,
        state="running" if exit_record is None else "exited",
        exit_code=exit_record.code if exit_record else None,
        started=moment(alive.started) if alive else None,
        ended=moment(exit_record.ended) if exit_record else None,
        reason=_reason(exit_record) if exit_record else None,
    )


def _reason(exit_record: Exit) -> Reason | None:
    reason = exit_record.reason
    if isinstance(reason, str):
        return because("told", words=reason) if reason else None
    return reason


def moment(seconds: float) -> datetime | None:
    """A time of the system's clock as an aware one; ``None`` if a damaged record says what is none."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


FULL = {errno.ENOSPC, errno.EDQUOT}
PASSING = {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.EIO, errno.EBUSY, errno.ENOTEMPTY}


def translated(error: OSError, doing: str) -> ZoeError:
    """An error of the system as one of the contract."""
    if error.errno in FULL:
        return Temporary(
            "storage-full", f"There is no space left {doing}: {error.filename or error.strerror}.", delay=5.0
        )
    if error.errno in PASSING:
        return Temporary("backend-unavailable", f"The system refused {doing}: {error}.", delay=1.0)
    return Permanent("backend-refused", f"The system refused {doing}: {error}.")


@contextlib.contextmanager
def translating(doing: str) -> Iterator[None]:
    """Translate errors of the system on the way out."""
    try:
        yield
    except OSError as error:
        raise translated(error, doing) from error
