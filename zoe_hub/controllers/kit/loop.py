"""One supervised loop: a round of work, a wait until there is news or time is up, the next round, for as long as the
hub lives.

An error that nobody foresaw ends no loop: it is logged, told (``problem``, which the hub's health shows) and tried
again after a pause that grows with each failure. Whatever the hub does again and again is such a loop, so that all of
them behave alike and none is written by hand. Used by the parts of ``controllers.hub``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from logging import Logger

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.reasons import Reason, reason_of

Round = Callable[[], Awaitable[float | None]]
"""One round. Gives the seconds until the next one if there is no news; None: only news brings it."""


class Loop:
    """Goes round and round."""

    def __init__(self, name: str, round_: Round, log: Logger, *, shortest: float = 1.0, longest: float = 30.0) -> None:
        """:param name: what goes on, as people read it: ``The watch of the backend``
        :param shortest: seconds until a round that failed is repeated, doubled with each failure up to ``longest``; an
            error that knows better says it (``delay``)
        """
        self.name = name
        self.problem: Reason | None = None
        """Why the last round failed; None if it did not."""
        self.rounds = 0
        """How many there were."""
        self._round, self._log = round_, log
        self._shortest, self._longest = shortest, longest
        self._failures = 0  # in a row
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, after: float = 0.0) -> None:
        """Begin. :param after: seconds until the first round, if there is no news before"""
        self._task = asyncio.create_task(self._run(after), name=self.name)

    def wake(self) -> None:
        """There is news: the next round begins now, or as soon as the present one is over. While one that failed waits
        to be repeated, news waits with it: what is away is not asked more often because much happens.
        """
        self._news.set()

    def works(self) -> None:
        """What the round does has just worked, though it is not over yet (a stream that has said something)."""
        self._failures, self.problem = 0, None

    async def stop(self) -> None:
        """End it, wherever it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, after: float) -> None:
        await self._wait(after)
        while True:
            self._news.clear()
            self.rounds += 1
            try:
                pause = await self._round()
            except Exception as error:
                await asyncio.sleep(self._failed(error))
            else:
                self.works()
                await self._wait(pause)

    async def _wait(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # wait_for may swallow a cancellation (before Python 3.12)
                await self._news.wait()

    def _failed(self, error: Exception) -> float:
        """Remember and log an error; the seconds until the next round."""
        self._failures += 1
        self.problem = reason_of(error, self.name)
        pause = min(self._longest, self._shortest * 2.0 ** min(self._failures - 1, 20))
        pause = max(pause, float(getattr(error, "delay", 0.0)))
        if isinstance(error, ZoeError):
            self._log.warning("%s failed; it is tried again in %.1f s: %s", self.name, pause, error)
        else:
            self._log.error("%s failed; it is tried again in %.1f s", self.name, pause, exc_info=error)
        return pause
