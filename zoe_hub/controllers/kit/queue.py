"""The keyed work queue: each key is worked on by one task at a time, however often it is added meanwhile.

After the pattern of dask-gateway's and Kubernetes' work queues: adding is cheap and idempotent; a key that is added
while it is being worked on is worked on once more; a failure comes back after a doubled delay. Used by
``controllers.hub``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from logging import Logger


class WorkQueue:
    """Runs ``work(key)`` for the keys that were added."""

    def __init__(
        self,
        work: Callable[[str], Awaitable[None]],
        log: Logger,
        *,
        concurrency: int = 64,
        shortest: float = 0.2,
        longest: float = 30.0,
    ) -> None:
        """:param concurrency: keys worked on at the same time
        :param shortest: seconds until a failed key is tried again, doubled with each failure up to ``longest``
        """
        self._work, self._log = work, log
        self._slots = asyncio.Semaphore(concurrency)
        self._shortest, self._longest = shortest, longest
        self._waiting: set[str] = set()  # added, not taken yet
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._failures: dict[str, int] = {}
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.passes = 0
        self.seconds = 0.0  # that passes took, waiting for the backend included

    @property
    def depth(self) -> int:
        """How many keys wait or are worked on."""
        return len(self._waiting.union(self._tasks))

    def add(self, key: str) -> None:
        """Have ``key`` worked on soon."""
        if self._closed:
            return
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._waiting.add(key)
        self._idle.clear()
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._run(key), name=f"work {key}")

    def add_after(self, key: str, delay: float) -> None:
        """Have ``key`` worked on in ``delay`` seconds, or sooner if something sooner was asked for."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + delay:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(delay, self._due, key)

    def _due(self, key: str) -> None:
        self._timers.pop(key, None)
        self.add(key)

    async def _run(self, key: str) -> None:
        try:
            while key in self._waiting and not self._closed:
                async with self._slots:
                    self._waiting.discard(key)
                    self.passes += 1
                    await self._once(key)
        finally:
            del self._tasks[key]
            if not self._tasks:
                self._idle.set()

    async def _once(self, key: str) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            await self._work(key)
        except Exception as error:
            count = self._failures[key] = self._failures.get(key, 0) + 1
            delay = min(self._longest, max(getattr(error, "delay", 0.0), self._shortest * 2 ** min(count - 1, 20)))
            expected = hasattr(error, "delay")
            self._log.warning("%s: failed, tried again in %.1f s: %s", key, delay, error, exc_info=not expected)
            self.add_after(key, delay)
        else:
            self._failures.pop(key, None)
        finally:
            self.seconds += loop.time() - begun

    async def idle(self) -> None:
        """Wait until nothing is waiting or worked on; timers may still be set."""
        await self._idle.wait()

    async def close(self) -> None:
        """Take no more keys and cancel the running work, wherever it is: whoever comes next finds what was committed
        and goes on.
        """
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
