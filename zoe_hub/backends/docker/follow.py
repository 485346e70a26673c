"""Follows the log of a running container: one thread copies into the journal, any number of readers wait for it.

Called by ``logs``.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from zoe_hub.backends.docker.copying import LogCopy
from zoe_hub.backends.docker.engine import Engine, translate
from zoe_hub.core.errors import ZoeError


class Follower:
    """A running copy of one container's log. Used from the event loop alone."""

    def __init__(self, engine: Engine, copy: LogCopy, container: str) -> None:
        self._engine = engine
        self._copy = copy
        self.container = container
        self.readers = 0
        self.error: ZoeError | None = None
        self.begun = asyncio.Event()  # the journal knows that it is about this container
        self.ended = asyncio.Event()
        self._grown = asyncio.Event()  # another one after each piece
        self._loop = asyncio.get_running_loop()
        self._stream: Any = None
        self._closed = False
        self._wakes = False  # whether ``_wake`` is due already
        threading.Thread(target=self._run, name="docker-log", daemon=True).start()

    def _run(self) -> None:
        try:
            self._copy.update(self.container, self._read, exited=False, copied=self._wake_soon)
        except Exception as error:
            self.error = error if isinstance(error, ZoeError) else translate(error, self._engine.url)
        finally:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._end)

    def _read(self, since: int) -> Iterable[bytes]:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self.begun.set)
        self._stream = messages(self._engine, self.container, since, follow=True)
        if self._closed:
            self.close()
        return self._stream  # type: ignore[no-any-return]

    def _wake_soon(self) -> None:
        if not self._wakes:
            self._wakes = True
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._wakes = False
        self._grown.set()
        self._grown = asyncio.Event()

    def _end(self) -> None:
        self.begun.set()
        self.ended.set()
        self._grown.set()

    def next_growth(self, _offset: int) -> Callable[[], Awaitable[object]] | None:
        """For ``journal.stream``: ends with the next piece, or with the copy."""
        return None if self.ended.is_set() else self._grown.wait

    def close(self) -> None:
        """End the copy; what was copied stays."""
        self._closed = True
        if self._stream is not None:
            with contextlib.suppress(Exception):
                self._stream.close()


def messages(engine: Engine, container: str, since: int, *, follow: bool) -> Any:
    """The engine's messages, each with its time in front. ``close`` of what is returned ends a follow."""
    return engine.api.logs(
        container, stdout=True, stderr=True, stream=True, follow=follow, timestamps=True, since=since or None
    )


def reader(engine: Engine, container: str) -> Callable[[int], Iterable[bytes]]:
    """For ``LogCopy.update``: all messages there are now."""
    return lambda since: messages(engine, container, since, follow=False)
