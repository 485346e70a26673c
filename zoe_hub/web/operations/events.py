"""The event stream and the history of executions.

A reader who does not read is disconnected from the stream and may resume: nothing is held for it. One that resumes from
before the first event that is kept is told (``reset`` in the stream, ``history-pruned`` elsewhere), reads everything
again and goes on with what is left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from zoe_hub.contract.events import EventPage, HistoryQuery, Story, StoryQuery
from zoe_hub.core.access import sees_only
from zoe_hub.core.errors import FieldError, ZoeError
from zoe_hub.core.events import Event, concerns
from zoe_hub.core.executions.story import story
from zoe_hub.store.base import Store
from zoe_hub.web.call import Call, bind
from zoe_hub.web.context import WebHub
from zoe_hub.web.feed import EncodedEvent, encode_event
from zoe_hub.web.streaming import OpenStream, Over, still_valid, streaming
from zoe_hub.web.views.events import event_view, moment_view

_BATCH = 500  # events read and written at a time
_PIECE = 2**16  # bytes
_RETRY = 1000  # milliseconds after which a browser connects again


@bind("stream_events")
async def stream_events(call: Call) -> None:
    """Write events from where the client was, then as they happen."""
    hub, query = call.hub, call.query
    if query.execution is not None:
        await call.own_execution(query.execution)
    owner = sees_only(call.principal)
    cursor = _start(call)
    head = b"retry: %d\n" % _RETRY
    if cursor > hub.store.last_seq:  # a cursor of another database: what this client knows is of no use any more
        cursor = hub.store.last_seq
        head += _reset(hub, cursor)
    else:
        head += b"id: %d\n\n" % cursor  # no event, but a client that reconnects resumes here
    async with streaming(hub.streams, call.transport, call.principal.name) as stream:
        call.transport.head({"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"})
        with hub.feed.wakes(stream):
            await _write(stream, head, hub.stall)
            while True:
                still_valid(hub.authenticator, call.principal)
                news = hub.feed.after(cursor)
                if news is None:
                    cursor = await _catch_up(hub, stream, cursor, owner, query.execution)
                elif news:
                    cursor = news[-1].seq
                    await _write(stream, b"".join(_concerning(news, owner, query.execution)), hub.stall)
                else:
                    await _wait(hub, stream, cursor)


async def _catch_up(hub: WebHub, stream: OpenStream, cursor: int, owner: str | None, execution: str | None) -> int:
    """Write a batch of older events, or that they are not kept any more; how far the stream is then."""
    last = hub.store.last_seq
    try:
        events = await hub.store.events(since=cursor, limit=_BATCH, owner=owner, execution=execution)
    except ZoeError as error:
        if error.code != "history-pruned":
            raise
        kept = hub.store.first_seq - 1
        await _write(stream, _reset(hub, kept), hub.stall)
        return kept
    await _write(stream, b"".join(map(encode_event, events)), hub.stall)
    # events of others are passed over, unless there may be more of one's own before them
    return events[-1].seq if len(events) == _BATCH else max(last, events[-1].seq if events else cursor)


def _reset(hub: WebHub, cursor: int) -> bytes:
    """That what the client knows is of no use any more; what follows comes after ``cursor``."""
    return b'event: reset\nid: %d\ndata: {"seq":%d,"first_seq":%d}\n\n' % (cursor, cursor, hub.store.first_seq)


def _concerning(news: Iterable[EncodedEvent], owner: str | None, execution: str | None) -> Iterator[bytes]:
    for each in news:
        if concerns(each.owner, owner) and (execution is None or each.execution == execution):
            yield each.data


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


async def _wait(hub: WebHub, stream: OpenStream, cursor: int) -> None:
    """Return when there may be something new; show signs of life meanwhile."""
    try:
        await stream.sleep(hub.heartbeat)
    except TimeoutError:
        await _write(stream, b": still here\nid: %d\n\n" % cursor, hub.stall)


async def _write(stream: OpenStream, data: bytes, stall: float) -> None:
    """Write piece by piece, each when the client has taken the one before; one that takes nothing is disconnected."""
    for at in range(0, len(data), _PIECE):
        stream.transport.write(data[at : at + _PIECE])
        taken = stream.transport.flush()
        if taken is not None:
            try:
                await stream.until(taken, stall)
            except TimeoutError:
                stream.transport.abort()
                raise Over from None


@bind("get_history")
async def get_history(call: Call) -> EventPage:
    """What happened to an execution."""
    query: HistoryQuery = call.query
    since = query.since or None  # 0 is the beginning, whichever that is by now
    events = await call.hub.store.events(since=since, limit=query.limit + 1, execution=call.execution.id)
    page = events[: query.limit]
    return EventPage(items=tuple(map(event_view, page)), next=page[-1].seq if len(events) > query.limit else None)


@bind("get_story")
async def get_story(call: Call) -> Story:
    """All that led an execution to its state."""
    query: StoryQuery = call.query
    execution = call.execution
    last = await _last_events(call.hub.store, execution.id, query.limit)
    moments = story(execution, last, call.hub.now(), call.hub.views.place(execution))
    return Story(items=tuple(map(moment_view, moments)))


async def _last_events(store: Store, execution: str, limit: int) -> deque[Event]:
    """The last ``limit`` events of an execution."""
    last: deque[Event] = deque(maxlen=limit)
    since = None
    while True:
        try:
            events = await store.events(since=since, limit=_BATCH, execution=execution)
        except ZoeError as error:
            if error.code != "history-pruned":
                raise
            since = None  # they were forgotten while this read them: what is left is the whole history now
            last.clear()
            continue
        if not events:
            return last
        last += events
        since = events[-1].seq
