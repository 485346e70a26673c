"""The event stream and the history of executions.

A reader who does not read is disconnected from the stream and may resume: nothing is held for it.
"""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from zoe_hub.contract.events import EventPage, HistoryQuery, Story, StoryQuery
from zoe_hub.core.access import sees_only
from zoe_hub.core.errors import FieldError, ZoeError
from zoe_hub.core.events import Event
from zoe_hub.core.executions.story import story
from zoe_hub.web.call import Call, bind
from zoe_hub.web.streaming import Over, Wait, still_valid, streaming
from zoe_hub.web.views.events import event_view, moment_view

_BATCH = 500  # events read and written at a time
_RETRY = 1000  # milliseconds after which a browser connects again


def encode_event(event: Event) -> bytes:
    """An event as the stream writes it: its id is the sequence number, its data an EventView."""
    return b"id: %d\ndata: %b\n\n" % (event.seq, msgspec.json.encode(event_view(event)))


@bind("stream_events")
async def stream_events(call: Call) -> None:
    """Write events from where the client was, then as they happen."""
    store = call.hub.store
    if call.query.execution is not None:
        await call.own_execution(call.query.execution)
    owner = sees_only(call.principal)
    cursor = _start(call)
    call.transport.head({"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"})
    head = b"retry: %d\n" % _RETRY
    if cursor > store.last_seq:  # a cursor of another database: what this client knows is of no use any more
        cursor = store.last_seq
        head += b'event: reset\nid: %d\ndata: {"seq":%d}\n\n' % (cursor, cursor)
    else:
        head += b"id: %d\n\n" % cursor  # no event, but a client that reconnects resumes here
    async with streaming(call) as wait:
        await _write(call, wait, head)
        while True:
            still_valid(call)
            last = store.last_seq
            events = await store.events(since=cursor, limit=_BATCH, owner=owner, execution=call.query.execution)
            if events:
                await _write(call, wait, b"".join(map(encode_event, events)))
            # events of others are passed over, unless there may be more of one's own before them
            cursor = events[-1].seq if len(events) == _BATCH else max(last, events[-1].seq if events else cursor)
            if len(events) < _BATCH and cursor >= store.last_seq:
                await _news(call, wait, cursor)


def _start(call: Call) -> int:
    last = call.transport.headers.get("Last-Event-ID", "").strip()
    if last:
        if not (last.isascii() and last.isdigit() and len(last) <= 18):
            raise ZoeError(
                "bad-parameter",
                "Last-Event-ID is a sequence number.",
                (FieldError(path="/Last-Event-ID", message="is not a sequence number"),),
            )
        return int(last)
    return call.hub.store.last_seq if call.query.since is None else int(call.query.since)


async def _news(call: Call, wait: Wait, cursor: int) -> None:
    """Return when there is something after ``cursor``; show signs of life meanwhile."""
    while True:
        try:
            await wait(call.hub.store.changed(cursor), call.hub.heartbeat)
        except TimeoutError:
            still_valid(call)
            await _write(call, wait, b": still here\nid: %d\n\n" % cursor)
        except RuntimeError:  # the store was closed
            raise Over from None
        else:
            return


async def _write(call: Call, wait: Wait, data: bytes) -> None:
    """Write and wait until the client takes it; one that does not is disconnected."""
    call.transport.write(data)
    try:
        await wait(asyncio.shield(call.transport.flush()), call.hub.stall)
    except TimeoutError:
        call.transport.abort()
        raise Over from None


@bind("get_history")
async def get_history(call: Call) -> EventPage:
    """What happened to an execution."""
    query: HistoryQuery = call.query
    events = await call.hub.store.events(since=query.since, limit=query.limit + 1, execution=call.execution.id)
    page = events[: query.limit]
    return EventPage(items=tuple(map(event_view, page)), next=page[-1].seq if len(events) > query.limit else None)


@bind("get_story")
async def get_story(call: Call) -> Story:
    """All that led an execution to its state."""
    query: StoryQuery = call.query
    store, execution = call.hub.store, call.execution
    last: deque[Event] = deque(maxlen=query.limit)
    since = 0
    while events := await store.events(since=since, limit=_BATCH, execution=execution.id):
        last += events
        since = events[-1].seq
    moments = story(execution, last, call.hub.now(), call.hub.views.place(execution))
    return Story(items=tuple(map(moment_view, moments)))
