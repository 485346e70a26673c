"""How the synchronous client waits: the names of ``tasks``, for threads. ``synchronous`` uses nothing else of them."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import httpx

    from jupyter_zoe.hub.info import HubInfo

T = TypeVar("T")
Lock = threading.Lock
_ENDING = 2.0  # seconds that a reader may take to notice that its stream was cut


def new_http(options: dict[str, Any], hub: Callable[[], HubInfo]) -> httpx.Client:
    """A connection pool. ``hub``: which one it is for, now."""
    import httpx  # noqa: PLC0415 - 0.1 s that '--help' does not need

    from jupyter_zoe.client.transport import Transport  # noqa: PLC0415

    return httpx.Client(transport=Transport(hub), **options)


def sleep(seconds: float) -> None:
    """Do nothing for so long."""
    time.sleep(seconds)


def run_blocking(function: Callable[..., T], *arguments: Any) -> T:
    """Call what blocks."""
    return function(*arguments)


def cut(answer: httpx.Response) -> None:
    """Break off an answer that another thread reads, which wakes it."""
    stream = answer.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream is not None else None
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


class Stream(Protocol):
    """What a ``Reader`` reads."""

    def wakes(self) -> Iterator[object]:
        """Something each time that there is news."""

    def close(self) -> None:
        """End it, even while somebody waits for it."""


class Reader:
    """Reads a stream in the background and tells that there was something."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._news: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, name="zoe-events", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for _ in self._stream.wakes():
                self._news.put(None)
        except Exception as error:
            self._news.put(error)

    def wait(self, timeout: float | None) -> bool:
        """Whether there was something, within ``timeout`` seconds. What came together is one thing.

        :raises Exception: what reading raised
        """
        try:
            news = self._news.get(timeout=timeout)
        except queue.Empty:
            return False
        while True:
            if news is not None:
                raise news
            if self._news.empty():
                return True
            news = self._news.get_nowait()

    def stop(self) -> None:
        """Read no more."""
        self._stream.close()
        self._thread.join(_ENDING)
