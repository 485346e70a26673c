"""The log of one process on disk, as all backends keep it: files that are named by the offset of their first byte.

A log goes on in a new file after so many bytes, and the oldest file goes when there are too many. Since the names say
where each byte belongs, an offset means the same while the process runs, after it is gone, after the oldest part was
deleted and over restarts of the hub. Whoever has the output writes: ``docker.copying`` through this module; the local
backend's shim, which runs beside the process and imports nothing, by itself in the same form. The hub reads every log
here. Used by the backends alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import BinaryIO

from zoe_hub.backends.base import Chunk

BLOCK = 64 * 1024  # bytes of a piece, at the most
NextGrowth = Callable[[int], Callable[[], Awaitable[object]] | None]
"""What a reader asks before it reads, with the offset it has come to: how to wait for what is written from then on;
``None`` if nothing will be."""


class Journal:
    """The files of one log. Its methods block, for as long as a disk does."""

    def __init__(self, folder: Path, prefix: str = "log.", suffix: str = "") -> None:
        """:param folder: may hold other files, and need not exist before something is written
        :param prefix: what the names of this log's files begin with, before the offset in 20 digits
        :param suffix: what they end with
        """
        self.folder = folder
        self._prefix = prefix
        self._suffix = suffix

    def files(self) -> list[tuple[int, Path]]:
        """The files with the offset of their first byte, oldest first."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        found = []
        for name in names:
            offset = name[len(self._prefix) : len(name) - len(self._suffix)]
            if name == f"{self._prefix}{offset}{self._suffix}" and offset.isdecimal():
                found.append((int(offset), self.folder / name))
        return sorted(found)

    def end(self) -> int:
        """The offset behind the last byte."""
        for begin, path in reversed(self.files()):
            with contextlib.suppress(FileNotFoundError):  # deleted just now
                return begin + path.stat().st_size
        return 0

    def size(self) -> int:
        """Bytes that are kept."""
        total = 0
        for _, path in self.files():
            with contextlib.suppress(FileNotFoundError):  # deleted just now
                total += path.stat().st_size
        return total

    def read(self, offset: int) -> Chunk | None:
        """A piece from ``offset`` on, or from the oldest byte kept if that is later; ``None`` if there is nothing."""
        for begin, path in self.files():
            try:
                with path.open("rb") as file:
                    size = os.fstat(file.fileno()).st_size
                    start = max(offset, begin)
                    if start >= begin + size:
                        continue
                    file.seek(start - begin)
                    data = file.read(BLOCK)
            except FileNotFoundError:
                continue  # deleted just now: what comes next is the oldest
            if data:
                return Chunk(offset=start, data=data)
        return None

    # --- writing ---

    def opened(self, end: int, *, size: int, most: int) -> BinaryIO:
        """The file that takes the byte at ``end``, mode 0600. Readers see what was written after ``flush``.

        :param size: bytes after which the log goes on in a new file
        :param most: how many files are kept; the oldest are deleted before a new one begins
        """
        files = self.files()
        if files and files[-1][0] <= end < files[-1][0] + size:
            path = files[-1][1]
        else:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for _, old in files[: max(0, len(files) + 1 - most)]:
                old.unlink(missing_ok=True)
            path = self.folder / f"{self._prefix}{end:020d}{self._suffix}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return os.fdopen(descriptor, "ab")

    def truncate(self, end: int) -> None:
        """Take away what stands from ``end`` on."""
        for begin, path in reversed(self.files()):
            if begin > end:
                path.unlink()
                continue
            if begin + path.stat().st_size > end:
                os.truncate(path, end - begin)
            break


async def stream(journal: Journal, offset: int, next_growth: NextGrowth | None = None) -> AsyncGenerator[Chunk, None]:
    """All pieces from ``offset`` on, without a gap but for what was deleted.

    :param offset: negative: so many bytes before the end
    :param next_growth: tells of what is written while this reads; ``None``: only what is there now
    """
    if offset < 0:
        offset += await asyncio.to_thread(journal.end)
    while True:
        # Asked before the read: what is written meanwhile is news, so nothing is missed.
        grown = next_growth(offset) if next_growth is not None else None
        while (chunk := await asyncio.to_thread(journal.read, offset)) is not None:
            offset = chunk.offset + len(chunk.data)
            yield chunk
        if grown is None:
            return
        await grown()
