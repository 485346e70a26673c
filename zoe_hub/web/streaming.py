"""Answers that go on: they end when the client leaves, when the hub shuts down, and when the token that opened them is
not valid any more. Used by ``web.operations.events`` and ``logs``.

There may be a thousand of them, so one that waits costs a future and a timer, not tasks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

from zoe_hub.core.access import Principal
from zoe_hub.web.access.auth import Authenticator
from zoe_hub.web.shares import Shares
from zoe_hub.web.transport import Transport

T = TypeVar("T")

_LAST = 1.0  # seconds for the last bytes of a stream


class Over(Exception):
    """The stream has to end: the client has left, the hub shuts down, or the token is not valid any more."""


class OpenStream:
    """One answer that goes on, and what it waits for."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.over = False
        self._woken = False
        self._waiting: asyncio.Future[None] | None = None

    def wake(self, _: object = None) -> None:
        """Have it look again what there is to do."""
        self._woken = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def end(self) -> None:
        """Have it end."""
        self.over = True
        self.wake()

    async def sleep(self, seconds: float | None = None) -> None:
        """Return when somebody has called ``wake`` since the last time.

        :raises TimeoutError: nobody has
        :raises Over: it has to end
        """
        if not self._woken:
            loop = asyncio.get_running_loop()
            waiting = self._waiting = loop.create_future()
            alarm = None if seconds is None else loop.call_later(seconds, _ring, waiting)
            try:
                await waiting
            finally:
                self._waiting = None
                if alarm is not None:
                    alarm.cancel()
        woken, self._woken = self._woken, False
        if self.over:
            raise Over
        if not woken:
            raise TimeoutError

    async def until(self, future: asyncio.Future[T], seconds: float | None = None) -> T:
        """What ``future`` gives. It is not cancelled, whatever happens.

        :raises TimeoutError: it takes longer
        :raises Over: the stream has to end
        """
        if not future.done():
            loop = asyncio.get_running_loop()
            deadline = None if seconds is None else loop.time() + seconds
            future.add_done_callback(self.wake)
            try:
                while not future.done():
                    await self.sleep(None if deadline is None else deadline - loop.time())
            finally:
                future.remove_done_callback(self.wake)
        return future.result()


def _ring(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


class Streams:
    """The streams of a hub that are open."""

    def __init__(self, ended: Callable[[], None], shares: Shares) -> None:
        """:param ended: called when one has ended
        :param shares: how many each user may have
        """
        self._open: set[OpenStream] = set()
        self._shares = shares
        self._closing = False
        self._ended = ended

    def __len__(self) -> int:
        return len(self._open)

    def close(self) -> None:
        """The hub shuts down: have all end, and those that begin now."""
        self._closing = True
        for each in self._open:
            each.end()

    @contextlib.contextmanager
    def count(self, stream: OpenStream, user: str) -> Iterator[None]:
        """A stream of a user's is open for as long as this is entered. :raises ZoeError: ``too-many``"""
        with self._shares.taken(user):
            self._open.add(stream)
            if self._closing:
                stream.end()
            try:
                yield
            finally:
                self._open.discard(stream)
                self._ended()


@contextlib.asynccontextmanager
async def streaming(streams: Streams, transport: Transport, user: str) -> AsyncIterator[OpenStream]:
    """An open stream, which ends the answer as a whole one when it is over.

    :raises ZoeError: ``too-many``, before anything is answered
    """
    stream = OpenStream(transport)
    transport.when_gone(stream.end)
    with streams.count(stream, user):  # until its last bytes are on their way
        with contextlib.suppress(Over):
            yield stream
        if not transport.gone:
            await asyncio.wait([transport.finish()], timeout=_LAST)


def still_valid(authenticator: Authenticator, principal: Principal) -> None:
    """Look a stream's token up again. :raises Over: it has been revoked or has expired"""
    if authenticator.of_token(principal.digest) is None:
        raise Over
