"""Copies the log of a container into a journal, which is all that is left of it when the container is gone.

The engine's own log is the source while a container exists; ``LogCopy.update`` copies what is new, and readers read the
journal alone. The copy is exact without help from the engine: it remembers how many messages it has seen since a second
shortly before the newest, asks for all since then, and skips that many. Called by ``logs`` in threads; one copy serves
all incarnations of a process.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from zoe_hub.backends.journal import Journal
from zoe_hub.core.record import Record

SAVE_EVERY = 1 << 20  # bytes copied between two saves of the position
NANO = 10**9
LOST = b"[zoe: a part of the log was dropped by the engine before it could be copied]\n"


class Position(Record, kw_only=True):
    """How far the copy is."""

    container: str = ""
    since: int = 0  # second of the engine's clock from which ``seen`` counts
    seen: int = 0
    newest: int = 0  # time of the newest message copied, in nanoseconds
    begin: int = 0  # offset of the container's first byte
    end: int = 0  # offset after the last copied byte
    complete: bool = False  # the container has exited and all it wrote is here


class LogCopy:
    """The copy of one process's log, over all its containers."""

    def __init__(self, folder: Path, name: str, *, part_size: int, parts: int) -> None:
        """:param part_size: bytes after which the copy goes on in a new file
        :param parts: how many files are kept
        """
        self.folder = folder
        self.name = name
        self.journal = Journal(folder, prefix=f"{name}.", suffix=".log")
        self._part_size = part_size
        self._parts = parts
        self._lock = threading.RLock()
        self._position: Position | None = None

    def exists(self) -> bool:
        """Whether anything was kept."""
        return self._state.exists()

    def position(self) -> Position:
        """How far the copy is."""
        if self._position is None:
            try:
                self._position = msgspec.json.decode(self._state.read_bytes(), type=Position)
            except (OSError, msgspec.MsgspecError):
                # Without its position the copy begins anew behind what is there: nothing is lost, something may be
                # twice.
                self._position = Position(end=self.journal.end())
        return self._position

    def _save(self, **changes: object) -> None:
        self._position = msgspec.structs.replace(self.position(), **changes)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._state.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(self._position))
        temporary.chmod(0o600)
        temporary.replace(self._state)

    @property
    def _state(self) -> Path:
        return self.folder / f"{self.name}.json"

    def update(
        self,
        container: str,
        read: Callable[[int], Iterable[bytes]],
        *,
        exited: bool,
        copied: Callable[[], None] | None = None,
    ) -> None:
        """Copy what is new. Returns when ``read`` ends; one at a time for each process.

        :param read: the engine's messages since a second, each ``<time> <bytes>``
        :param exited: whether the container had exited before, so that nothing can follow
        :param copied: called after each piece that readers can see
        """
        with self._lock:
            position = self.position()
            if position.container != container:
                # What was copied of the one before and not noted cannot come again once that is gone: it stays.
                end = max(position.end, self.journal.end())
                self._save(container=container, since=0, seen=0, newest=0, complete=False, begin=end, end=end)
                position = self.position()
            elif position.complete:
                return
            self.journal.truncate(position.end)  # what was copied after the last save comes again
            self._copy(read(position.since), exited=exited, copied=copied)

    def _copy(self, messages: Iterable[bytes], *, exited: bool, copied: Callable[[], None] | None) -> None:
        position = self.position()
        skip, since, newest = position.seen, position.since, position.newest
        times: deque[int] = deque()  # of the messages since ``since``
        saved = end = position.end
        complete = met = False
        output = self._opened(end)
        try:
            for message in messages:
                stamp, _, data = message.partition(b" ")
                time = nanoseconds(stamp)
                times.append(time)
                if skip and time <= newest:
                    skip -= 1
                    met = True
                    continue
                if skip:  # what was seen is there no more: the engine has rotated its log away
                    data = data if met else LOST + data
                    skip = 0
                newest = max(newest, time)
                output.write(data)
                end += len(data)
                output.flush()
                if copied is not None:
                    copied()
                if end - saved >= SAVE_EVERY:
                    since = _advance(times, newest, since)
                    self._save(since=since, seen=len(times), newest=newest, end=end)
                    saved = end
                    output.close()
                    output = self._opened(end)
            complete = exited
        finally:
            output.close()
            if skip == 0:
                since = _advance(times, newest, since)
                self._save(since=since, seen=len(times), newest=newest, end=end, complete=complete)
            elif complete:
                self._save(complete=True)

    def _opened(self, end: int) -> BinaryIO:
        return self.journal.opened(end, size=self._part_size, most=self._parts)


def _advance(times: deque[int], newest: int, since: int) -> int:
    """The next ``since``: a whole second that surely has no message to come before it, whose messages ``times`` keeps.

    Times are not quite in order, since output and errors are stamped by two hands; a second is far more than they
    differ.
    """
    wanted = newest // NANO - 1
    if wanted <= since:
        return since
    kept = [time for time in times if time >= wanted * NANO]
    times.clear()
    times.extend(kept)
    return wanted


def nanoseconds(stamp: bytes) -> int:
    """A time as the engine writes it in front of a message (``2026-01-31T12:00:00.123456789Z``), as a number."""
    text = stamp.decode("ascii", errors="replace")
    whole, _, fraction = text.rstrip("Z").partition(".")
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp()) * NANO + int(fraction.ljust(9, "0")[:9] or 0)
