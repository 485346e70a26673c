"""Tells watchers of starts and ends as they happen, and followers of logs of ends. Used by ``backend``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from zoe_hub.backends.base import Resync
from zoe_hub.backends.local.deployment import Seen
from zoe_hub.backends.local.watching import Endings
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Observed
from zoe_hub.core.reasons import because, reason_of


class Changes:
    """The watchers' queues, and what of the processes is awaited. Used from the event loop alone."""

    def __init__(self, observe: Callable[[str], Awaitable[Seen | None]], poll_interval: float) -> None:
        """:param observe: how a process is, asked when its shim has ended
        :param poll_interval: seconds between two looks at processes whose end the kernel does not report
        """
        self._observe = observe
        self._endings = Endings(self._shim_ended, poll_interval)
        self._running: dict[str, asyncio.Event] = {}  # set when it ends
        self._queues: set[asyncio.Queue[Observed | Resync]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop waiting for ends."""
        self._endings.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def ended(self, name: str) -> asyncio.Event | None:
        """Set when the process ends; ``None`` if it is not known to run."""
        return self._running.get(name)

    def follow(self, seen: Seen) -> None:
        """Notice the end of a process, if it runs."""
        if seen.process.state == "running":
            self._running.setdefault(seen.process.name, asyncio.Event())
            self._endings.add(seen.process.name, seen.folder, seen.alive)

    def tell(self, item: Observed | Resync) -> None:
        """Tell all watchers."""
        for queue in self._queues:
            queue.put_nowait(item)

    async def watch(self, resync_interval: float) -> AsyncIterator[Observed | Resync]:
        """What is told from now on, and a ``Resync`` at the beginning and every ``resync_interval`` seconds."""
        queue: asyncio.Queue[Observed | Resync] = asyncio.Queue()
        self._queues.add(queue)
        loop = asyncio.get_running_loop()
        try:
            yield Resync(reason=because("watch-begins"))
            due = loop.time() + resync_interval
            while True:
                try:
                    async with asyncio.timeout_at(due):
                        item = await queue.get()
                except TimeoutError:
                    item = Resync(reason=because("listing-due", interval=resync_interval))
                    due = loop.time() + resync_interval
                yield item
        finally:
            self._queues.discard(queue)

    def _shim_ended(self, name: str) -> None:
        task = asyncio.get_running_loop().create_task(self._tell_end(name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_end(self, name: str) -> None:
        try:
            seen = await self._observe(name)
        except ZoeError as error:
            self.tell(Resync(reason=because("end-unread", process=name, cause=reason_of(error))))
            seen = None
        event = self._running.pop(name, None)
        if event is not None:
            event.set()
        if seen is not None:
            self.follow(seen)  # the next incarnation may have begun already
            self.tell(seen.process)
