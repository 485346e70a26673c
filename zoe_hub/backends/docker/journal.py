"""What this backend keeps of a container after it is gone: its log. How it ended is in the execution's record.

The engine's own log is the source while a container exists; ``Journal.pump`` copies what is new into files, and readers
read the files alone. So an offset means the same before and after the container is gone, and over restarts of the hub.
The copy is exact without help from the engine: it remembers how many messages it has seen since a second shortly before
the newest, asks for all since then, and skips that many. The copy goes on in segments named by the offset they begin
with; the oldest is deleted when there are too many. Called by ``backend`` in threads; one journal serves all
incarnations of a process.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from zoe_hub.backends.base import Chunk
from zoe_hub.core.record import Record

PIECE = 1 << 16
SAVE_EVERY = 1 << 20  # bytes copied between two saves of the position
NANO = 10**9
LOST = b"[zoe: a part of the log was dropped by the engine before it could be copied]\n"


class Position(Record, kw_only=True):
    """How far the copy is."""

    container: str = ""
    since: int = 0  # second of the engine's clock from which ``seen`` counts
    seen: int = 0
    newest: int = 0  # time of the newest message copied, in nanoseconds
    end: int = 0  # offset after the last copied byte
    complete: bool = False  # the container has exited and all it wrote is here


class Journal:
    """The log of one process."""

    def __init__(self, folder: Path, name: str, *, segment: int, segments: int) -> None:
        """:param segment: bytes after which a new segment begins
        :param segments: how many are kept
        """
        self.folder = folder
        self.name = name
        self.segment = segment
        self.segments = segments
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
                parts = self._parts()
                self._position = Position(end=parts[-1][0] + parts[-1][1].stat().st_size if parts else 0)
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

    # --- the copy ---

    def pump(
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
                self._save(
                    container=container, since=0, seen=0, newest=0, complete=False, end=max(position.end, self.size())
                )
                position = self.position()
            elif position.complete:
                return
            self._truncate(position.end)
            self._copy(read(position.since), exited=exited, copied=copied)

    def _copy(self, messages: Iterable[bytes], *, exited: bool, copied: Callable[[], None] | None) -> None:
        position = self.position()
        skip, since, newest = position.seen, position.since, position.newest
        times: deque[int] = deque()  # of the messages since ``since``
        saved = end = position.end
        complete = met = False
        output = self._segment_for(end)
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
                    output = self._rotate(output, end)
            complete = exited
        finally:
            output.close()
            if skip == 0:
                since = _advance(times, newest, since)
                self._save(since=since, seen=len(times), newest=newest, end=end, complete=complete)
            elif complete:
                self._save(complete=True)

    def _parts(self) -> list[tuple[int, Path]]:
        found = []
        for path in self.folder.glob(f"{self.name}.*.log"):
            with contextlib.suppress(ValueError):
                found.append((int(path.name[len(self.name) + 1 : -4]), path))
        return sorted(found)

    def _truncate(self, end: int) -> None:
        """Take away what was copied after the last save: it comes again."""
        for begin, path in reversed(self._parts()):
            if begin > end:
                path.unlink()
                continue
            if begin + path.stat().st_size > end:
                os.truncate(path, end - begin)
            break

    def _segment_for(self, end: int) -> _Output:
        parts = self._parts()
        if parts and parts[-1][0] <= end and end - parts[-1][0] < self.segment:
            return _Output(parts[-1][1])
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _, path in parts[: max(0, len(parts) + 1 - self.segments)]:
            path.unlink(missing_ok=True)
        return _Output(self.folder / f"{self.name}.{end:020d}.log")

    def _rotate(self, output: _Output, end: int) -> _Output:
        output.close()
        return self._segment_for(end)

    # --- readers ---

    def read(self, offset: int) -> Chunk | None:
        """A piece from ``offset``, or from the oldest byte kept; None at the end. Does not wait for a copy that
        runs.
        """
        for begin, path in self._parts():
            try:
                with path.open("rb") as stream:
                    size = os.fstat(stream.fileno()).st_size
                    if begin + size <= offset:
                        continue
                    first = max(begin, offset)
                    stream.seek(first - begin)
                    data = stream.read(PIECE)
            except FileNotFoundError:  # rotated away just now
                continue
            if data:
                return Chunk(offset=first, data=data)
        return None

    def size(self) -> int:
        """The offset after the last byte."""
        parts = self._parts()
        return parts[-1][0] + parts[-1][1].stat().st_size if parts else 0


class _Output:
    """A segment being written, private to the hub's user."""

    def __init__(self, path: Path) -> None:
        self._stream = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
        self.write = self._stream.write
        self.flush = self._stream.flush
        self.close = self._stream.close


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
