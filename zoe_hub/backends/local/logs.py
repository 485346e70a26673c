"""Reading the log of a local process, while it grows or long after. Used by ``backend``; ``shim.Log`` writes.

Each file is named by the offset of its first byte, so nothing but the folder is needed to know where a byte is. A log
is followed by looking at the size of its last file: at once when something came, then ever more seldom, from 20 ms up
to half a second; the end of the process wakes a follower immediately.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from zoe_hub.backends.base import Chunk, Permanent

BLOCK = 64 * 1024
SHORTEST, LONGEST = 0.02, 0.5  # seconds between two looks while following


def files(folder: Path) -> list[tuple[int, Path]]:
    """The files of a log with the offset of their first byte, oldest first."""
    try:
        return sorted(
            (int(name[4:]), folder / name)
            for name in os.listdir(folder)
            if name.startswith("log.") and name[4:].isdigit()
        )
    except FileNotFoundError:
        return []


def end(folder: Path) -> int:
    """The offset behind the last byte."""
    for begin, path in reversed(files(folder)):
        with contextlib.suppress(FileNotFoundError):
            return begin + path.stat().st_size
    return 0


def read(folder: Path, offset: int) -> Chunk | None:
    """A piece from ``offset`` on, or from the oldest byte kept if that is later; ``None`` if there is nothing yet."""
    for begin, path in files(folder):
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                start = max(offset, begin)
                if start >= begin + size:
                    continue
                file.seek(start - begin)
                return Chunk(offset=start, data=file.read(BLOCK))
        except FileNotFoundError:
            continue  # rotated away just now
    return None


async def stream(folder: Path, offset: int, follow: bool, ended: asyncio.Event | None) -> AsyncGenerator[Chunk, None]:
    """The log from ``offset`` on (negative: from the end).

    :param ended: set when the process ends and no more can come; ``None`` if it has ended
    """
    if not await asyncio.to_thread(files, folder):
        raise Permanent("no-log", "The process has written no log, or its log was deleted.")
    if offset < 0:
        offset = max(await asyncio.to_thread(end, folder) + offset, 0)
    pause = SHORTEST
    while True:
        last = (
            not follow or ended is None or ended.is_set()
        )  # asked before the read: nothing that came before is missed
        chunk = await asyncio.to_thread(read, folder, offset)
        if chunk is not None:
            yield chunk
            offset = chunk.offset + len(chunk.data)
            pause = SHORTEST
        elif last:
            return
        else:
            assert ended is not None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), pause)
            pause = min(pause * 1.5, LONGEST)
