"""The newest events, encoded once for all event streams, and the one who waits for more of them.

A thousand streams would otherwise read the same event a thousand times from the store. Made by ``web.context``, used by
``web.operations.events``; a stream that is further behind reads from the store until it has caught up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

import msgspec

from zoe_hub.core.events import Event
from zoe_hub.store.base import Store
from zoe_hub.web.streaming import OpenStream
from zoe_hub.web.views.events import event_view

log = logging.getLogger("zoe_hub.web")

_KEPT = 500  # events, at least
_READ = 500  # events at a time
_AT_ONCE = 50  # streams that are woken before others have their turn


class EncodedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event as streams write it, and whom it concerns."""

    owner: str
    execution: str
    data: bytes


def encode_event(event: Event) -> bytes:
    """An event as a stream writes it: its id is the sequence number, its data an EventView."""
    return b"id: %d\ndata: %b\n\n" % (event.seq, msgspec.json.encode(event_view(event)))


class Feed:
    """The newest events of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: list[EncodedEvent] = []
        self._begin = 0  # sequence number of the event before the first that is kept
        self._streams: set[OpenStream] = set()
        self._reading: asyncio.Task[None] | None = None

    @property
    def last(self) -> int:
        """Sequence number of the newest event that is kept."""
        return self._begin + len(self._kept)

    def after(self, cursor: int) -> list[EncodedEvent] | None:
        """The events after ``cursor``; None: the feed does not go back that far."""
        return None if cursor < self._begin else self._kept[cursor - self._begin :]

    @contextlib.contextmanager
    def wakes(self, stream: OpenStream) -> Iterator[None]:
        """Have a stream woken when there are new events."""
        if self._reading is None or self._reading.done():
            self._kept.clear()
            self._begin = self._store.last_seq
            self._reading = asyncio.get_running_loop().create_task(self._read())
        self._streams.add(stream)
        try:
            yield
        finally:
            self._streams.discard(stream)
            if not self._streams and self._reading is not None:
                self._reading.cancel()
                self._reading = None

    async def _read(self) -> None:
        """Read what is new, and wake. All streams end with the store."""
        try:
            while True:
                await self._store.changed(self.last)
                self._take(await self._store.events(since=self.last, limit=_READ))
                for number, stream in enumerate(tuple(self._streams), 1):
                    stream.wake()
                    if number % _AT_ONCE == 0:
                        await asyncio.sleep(0)
        except RuntimeError:  # the store was closed
            pass
        except Exception:
            log.exception("Reading events failed; their readers are disconnected and come back.")
        for stream in self._streams:
            stream.end()

    def _take(self, events: tuple[Event, ...]) -> None:
        for event in events:
            self._kept.append(EncodedEvent(event.owner, event.execution, encode_event(event)))
        if len(self._kept) > 2 * _KEPT:
            superfluous = len(self._kept) - _KEPT
            del self._kept[:superfluous]
            self._begin += superfluous
