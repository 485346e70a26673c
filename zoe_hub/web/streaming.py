"""Answers that go on: they end when the client leaves, when the hub shuts down, and when the token that opened them is
not valid any more. Used by ``web.operations.events`` and ``logs``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Protocol, TypeVar

from zoe_hub.web.call import Call
from zoe_hub.web.transport import TransportClosed

T = TypeVar("T")

_LAST = 1.0  # seconds for the last bytes of a stream


class Over(Exception):
    """The stream has to end: the client has left or the hub shuts down."""


class Wait(Protocol):
    """Waits for something, or raises ``Over``."""

    async def __call__(self, awaitable: Awaitable[T], patience: float | None = None) -> T:
        """:raises TimeoutError: after ``patience`` seconds; ``awaitable`` is cancelled"""


@contextlib.asynccontextmanager
async def streaming(call: Call) -> AsyncIterator[Wait]:
    """Counts a stream as use of the hub, gives what waits, and ends the answer as a whole one when it is over."""
    hub, transport = call.hub, call.transport
    ends = [asyncio.ensure_future(transport.gone.wait()), asyncio.ensure_future(hub.closing.wait())]
    work: set[asyncio.Future[Any]] = set()

    async def wait(awaitable: Awaitable[T], patience: float | None = None) -> T:
        future = asyncio.ensure_future(awaitable)
        work.add(future)
        await asyncio.wait([future, *ends], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if future.done():
            work.discard(future)
            return future.result()
        future.cancel()
        if any(end.done() for end in ends):
            raise Over
        raise TimeoutError

    hub.streams += 1
    try:
        with contextlib.suppress(Over, TransportClosed):
            yield wait
        if not transport.gone.is_set():  # the stream counts until its last bytes are on their way
            await asyncio.wait([asyncio.ensure_future(transport.finish())], timeout=_LAST)
    finally:
        hub.streams -= 1
        hub.touch()
        for future in (*ends, *work):
            future.cancel()
        await asyncio.gather(*ends, *work, return_exceptions=True)


def still_valid(call: Call) -> None:
    """Look the token up again. :raises Over: it has been revoked or has expired"""
    if call.hub.authenticator.of_token(call.principal.digest) is None:
        raise Over
