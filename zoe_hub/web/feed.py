"""The newest events, encoded once for all event streams, and the one who waits for more of them.

A thousand streams would otherwise read the same event a thousand times from the store. Made by ``web.context``, used by
``web.operations.events``; a stream that is further behind reads from the store until it has caught up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter

import msgspec

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event
from zoe_hub.store.base import Store
from zoe_hub.web.streaming import Stream
from zoe_hub.web.views.events import event_view

log = logging.getLogger("zoe_hub.web")

_KEPT = 500  # events, at least
_READ = 500  # events at a time
_SEQ = attrgetter("seq")
_AT_ONCE = 50  # streams that are woken before others have their turn


class EncodedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event as streams write it, and whom it concerns."""

    seq: int
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
        self._begin = 0  # sequence number after which all events are kept here
        self._last = 0
        self._streams: set[Stream] = set()
        self._reading: asyncio.Task[None] | None = None

    @property
    def last(self) -> int:
        """Sequence number of the newest event that was read."""
        return self._last

    def after(self, cursor: int) -> list[EncodedEvent] | None:
        """The events after ``cursor``; None: the feed does not go back that far."""
        return None if cursor < self._begin else self._kept[bisect_right(self._kept, cursor, key=_SEQ) :]

    @contextlib.contextmanager
    def wakes(self, stream: Stream) -> Iterator[None]:
        """Have a stream woken when there are new events."""
        if self._reading is None or self._reading.done():
            self._begin_after(self._store.last_seq)
            self._reading = asyncio.get_running_loop().create_task(self._read())
        self._streams.add(stream)
        try:
            yield
        finally:
            self._streams.discard(stream)
            if not self._streams and self._reading is not None:
                self._reading.cancel()
                self._reading = None

    def _begin_after(self, seq: int) -> None:
        self._kept.clear()
        self._begin = self._last = seq

    async def _read(self) -> None:
        """Read what is new, and wake. All streams end with the store."""
        try:
            while True:
                await self._store.changed(self.last)
                self._take(await self._news())
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

    async def _news(self) -> tuple[Event, ...]:
        """What came after the newest event that was read; after a gap if what came then is forgotten already."""
        while True:
            try:
                return await self._store.events(since=self.last, limit=_READ)
            except ZoeError as error:
                if error.code != "history-pruned":
                    raise
                self._begin_after(self._store.first_seq - 1)  # streams that have not come so far are told

    def _take(self, events: tuple[Event, ...]) -> None:
        for event in events:
            self._kept.append(EncodedEvent(event.seq, event.owner, event.execution, encode_event(event)))
            self._last = event.seq
        if len(self._kept) > 2 * _KEPT:
            del self._kept[:-_KEPT]
            self._begin = self._kept[0].seq - 1
