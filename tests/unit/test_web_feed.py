"""The feed of event streams: encoded once, woken all, and nobody is left behind when the last one goes and the next one
comes.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from zoe_hub.core.events import Event
from zoe_hub.core.reasons import because
from zoe_hub.store.base import Batch
from zoe_hub.store.memory import MemoryStore
from zoe_hub.web import feed as feeds
from zoe_hub.web.feed import Feed
from zoe_hub.web.shares import Shares
from zoe_hub.web.streaming import OpenStream, Over, Streams, streaming

TRANSPORT: Any = SimpleNamespace()


@pytest.fixture
async def store():
    made = MemoryStore()
    await made.open()
    yield made
    await made.close()


async def happen(store: MemoryStore, count: int = 1) -> None:
    event = Event(time=datetime.now(UTC), kind="test", owner="ada", reason=because("told", words="x"))
    await store.commit(Batch(events=(event,) * count))


async def numbers(feed: Feed, stream: OpenStream, cursor: int, last: int) -> list[int]:
    """The sequence numbers of what the feed gives after ``cursor``, up to ``last``."""
    found: list[int] = []
    while cursor < last:
        news = feed.after(cursor)
        assert news is not None
        found += [int(each.data.split(b"\n")[0].removeprefix(b"id: ")) for each in news]
        cursor = news[-1].seq if news else cursor
        if not news:
            await stream.sleep(5)
    return found


async def test_every_stream_is_woken_and_gets_the_same_bytes(store):
    await happen(store, 3)
    feed, streams = Feed(store), [OpenStream(TRANSPORT) for _ in range(3)]
    with feed.wakes(streams[0]), feed.wakes(streams[1]), feed.wakes(streams[2]):
        assert feed.after(3) == []
        assert feed.after(2) is None  # older than the feed: the store has it
        await happen(store, 2)
        for stream in (streams[0], streams[1], streams[2]):
            assert await numbers(feed, stream, 3, 5) == [4, 5]
        news = feed.after(3)
        assert news is not None
        assert news[0].data is feed.after(3)[0].data  # encoded once


async def test_the_next_stream_after_the_last_has_gone_misses_nothing(store):
    feed = Feed(store)
    for meanwhile in (0, 1, 0, 2):
        stream = OpenStream(TRANSPORT)
        with feed.wakes(stream):
            cursor = store.last_seq
            await happen(store)
            assert await numbers(feed, stream, cursor, cursor + 1) == [cursor + 1]
        if meanwhile:
            await happen(store, meanwhile)


async def test_what_is_kept_is_bounded(store, monkeypatch):
    monkeypatch.setattr(feeds, "_KEPT", 10)
    feed, stream = Feed(store), OpenStream(TRANSPORT)
    with feed.wakes(stream):
        for _ in range(15):
            await happen(store, 3)
            await numbers(feed, stream, store.last_seq - 3, store.last_seq)
        assert feed.after(0) is None
        assert len(feed.after(store.last_seq - 10) or ()) == 10
        assert sum(feed.after(cursor) is not None for cursor in range(45)) <= 20


async def test_events_that_are_forgotten_before_they_are_read_leave_a_gap_that_is_told(store):
    feed, stream = Feed(store), OpenStream(TRANSPORT)
    with feed.wakes(stream):
        await happen(store, 3)
        assert await numbers(feed, stream, 0, 3) == [1, 2, 3]
        real = store.changed

        async def late(since):
            await real(since)
            if store.last_seq < 20:
                await happen(store, 17)
                await store.commit(Batch(first_seq=10))
            return store.last_seq

        store.changed = late
        feed._reading.cancel()
        feed._reading = asyncio.create_task(feed._read())
        await happen(store)
        await stream.sleep(5)
        assert feed.after(3) is None, "the stream reads from the store, which says what is missing"
        assert await numbers(feed, stream, 9, 21) == list(range(10, 22))


async def test_streams_end_with_the_store(store):
    feed, stream = Feed(store), OpenStream(TRANSPORT)
    with feed.wakes(stream):
        await asyncio.sleep(0)
        await store.close()
        with pytest.raises(Over):
            await stream.sleep(5)


async def test_a_stream_sleeps_until_it_is_woken_or_the_time_is_up():
    stream = OpenStream(TRANSPORT)
    stream.wake()
    await stream.sleep()  # it was woken before
    with pytest.raises(TimeoutError):
        await stream.sleep(0.01)
    asyncio.get_running_loop().call_soon(stream.wake)
    await stream.sleep()
    future = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        await stream.until(future, 0.01)
    assert not future.cancelled()
    asyncio.get_running_loop().call_soon(future.set_result, "it")
    assert await stream.until(future) == "it"
    asyncio.get_running_loop().call_soon(stream.end)
    with pytest.raises(Over):
        await stream.until(asyncio.get_running_loop().create_future())


async def test_a_stream_that_begins_while_the_hub_ends_ends_at_once():
    ended: list[str] = []
    transport: Any = SimpleNamespace(gone=True, when_gone=lambda tell: None)
    streams = Streams(ended=lambda: ended.append("one"), shares=Shares("streams", 0, ""))
    streams.close()
    async with streaming(streams, transport, "somebody") as stream:
        assert len(streams) == 1
        await stream.sleep(5)
        pytest.fail("it goes on")
    assert (len(streams), ended) == (0, ["one"])
