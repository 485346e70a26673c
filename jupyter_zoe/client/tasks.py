"""How the asynchronous client waits: everything about it that is not the same word for word in the synchronous one.

``threads`` has the same names for threads. ``asynchronous`` uses nothing else of asyncio.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import httpx

    from jupyter_zoe.hub.info import HubInfo

T = TypeVar("T")
Lock = asyncio.Lock


def new_http(options: dict[str, Any], hub: Callable[[], HubInfo]) -> httpx.AsyncClient:
    """A connection pool. ``hub``: which one it is for, now."""
    import httpx  # noqa: PLC0415 - 0.1 s that a client which is never used does not need

    from jupyter_zoe.client.transport import AsyncTransport  # noqa: PLC0415

    return httpx.AsyncClient(transport=AsyncTransport(hub), **options)


async def sleep(seconds: float) -> None:
    """Let the others go on for so long."""
    await asyncio.sleep(seconds)


async def run_blocking(function: Callable[..., T], *arguments: Any) -> T:
    """Call what blocks without keeping the others from going on."""
    return await asyncio.to_thread(function, *arguments)


async def cut(answer: httpx.Response) -> None:
    """Break off an answer that somebody reads."""
    await answer.aclose()


class Stream(Protocol):
    """What a ``Reader`` reads."""

    def wakes(self) -> AsyncIterator[object]:
        """Something each time that there is news."""

    async def close(self) -> None:
        """End it, even while somebody waits for it."""


class Reader:
    """Reads a stream in the background and tells that there was something."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._news: asyncio.Queue[BaseException | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for _ in self._stream.wakes():
                self._news.put_nowait(None)
        except Exception as error:
            self._news.put_nowait(error)

    async def wait(self, timeout: float | None) -> bool:
        """Whether there was something, within ``timeout`` seconds. What came together is one thing.

        :raises Exception: what reading raised
        """
        try:
            async with asyncio.timeout(timeout):
                news = await self._news.get()
        except TimeoutError:
            return False
        while True:
            if news is not None:
                raise news
            if self._news.empty():
                return True
            news = self._news.get_nowait()

    async def stop(self) -> None:
        """Read no more."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._stream.close()
