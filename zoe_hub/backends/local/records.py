"""What the local backend keeps on disk, and how it is read. Used by every other module of this package.

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
        log.<offset of its first byte>          see ``journal``
        begins.json                             Begins of the latest incarnation that was started
        exit.json                               Exit of the latest incarnation that ended

Records are written to another name and renamed. Only the exit record is fsynced: when the machine stops, nothing else
is true any more (the boot id tells), and a crash of the hub alone loses no write.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from zoe_hub.backends.local.shim.system import RESERVED
from zoe_hub.core.executions.model import Address, Observed
from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.record import Record


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
