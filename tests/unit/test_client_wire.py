"""What the client does on its own: problems, retries, resumed streams, waiting. Against a small server in this
process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import tornado.httpserver
import tornado.netutil
import tornado.web
from hypothesis import given
from hypothesis import strategies as st

from jupyter_zoe.client import AsyncClient, Client, ZoeProblem, generate
from jupyter_zoe.client.events import Events, Reset
from jupyter_zoe.client.operations import OPERATIONS
from jupyter_zoe.client.problems import problem_of_answer
from jupyter_zoe.client.requests import rebased, request_of
from jupyter_zoe.hub.info import HubInfo

Handle = Callable[[tornado.web.RequestHandler], Awaitable[None]]
TOKEN = "zoe_secret"


class Server:
    """Answers with whatever ``handle`` does, in a thread of its own; remembers what came."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.handle: Handle | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        self.info = HubInfo(url=f"http://127.0.0.1:{self.port}", token=TOKEN)

    async def _main(self) -> None:
        server = self

        class All(tornado.web.RequestHandler):
            async def _any(self) -> None:
                server.requests.append(
                    (self.request.method or "", self.request.uri or "", dict(self.request.headers), self.request.body)
                )
                assert server.handle is not None
                await server.handle(self)

            get = post = delete = _any

        sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        self._http = tornado.httpserver.HTTPServer(tornado.web.Application([(".*", All)]))
        self._http.add_sockets(sockets)
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._end.wait()
        self._http.stop()
        await self._http.close_all_connections()

    def close(self) -> None:
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.info, pauses=(0.01, 0.01)) as client:
        yield client


def drop(handler: tornado.web.RequestHandler) -> None:
    """Break the connection without an answer."""
    handler.request.connection.stream.close()  # type: ignore[union-attr]


def view(phase: str = "running", **more: Any) -> dict[str, Any]:
    return {
        "id": "e1",
        "name": "one",
        "phase": phase,
        "reason": {"code": "told", "words": "because"},
        "groups": [],
        "processes": [],
        **more,
    }


def event(seq: int) -> bytes:
    return f"id: {seq}\ndata: {json.dumps({'seq': seq, 'kind': 'x'})}\n\n".encode()


def write(handler: tornado.web.RequestHandler, value: Any, status: int = 200) -> None:
    handler.set_status(status)
    handler.write(json.dumps(value))


# --- requests and problems ---


def test_a_request_is_authenticated_and_escaped(server: Server, client: Client) -> None:
    async def handle(handler: tornado.web.RequestHandler) -> None:
        write(handler, {"items": [], "next": None})

    server.handle = handle
    client.list_executions(name="a b&c", active=True, label=None)
    method, uri, headers, _ = server.requests[0]
    assert (method, uri) == ("GET", "/api/v1/executions?name=a%20b%26c&active=true")
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    client.get_process("e1", "../../x")
    assert server.requests[1][1] == "/api/v1/executions/e1/processes/..%2F..%2Fx"


def test_the_time_is_the_one_that_the_hub_says(server: Server, client: Client) -> None:
    dates: list[str] = []

    async def handle(handler: tornado.web.RequestHandler) -> None:
        handler.set_header("Date", dates[-1])
        write(handler, {})

    def ahead(date: str) -> float:
        dates.append(date)
        client.get_health()
        return (client.now() - datetime.now(UTC)).total_seconds()

    def in_seconds(seconds: float) -> str:
        return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)

    server.handle = handle
    assert client.now() - datetime.now(UTC) < timedelta(seconds=1)
    assert abs(ahead(in_seconds(-36_000)) + 36_000) < 3
    assert abs(ahead("yesterday") + 36_000) < 3, "what is no time changes nothing"
    assert abs(ahead(in_seconds(0))) < 0.5, "a header of whole seconds is no reason for others"


def test_a_problem_becomes_an_exception_with_everything_it_says(server: Server, client: Client) -> None:
    problem = {
        "type": "t",
        "title": "T",
        "status": 422,
        "code": "bad-parameter",
        "detail": "Two are wrong.",
        "remedy": "Correct them.",
        "errors": [{"path": "/conf/x", "message": "must be a text"}, {"path": "", "message": "is too much"}],
    }

    async def handle(handler: tornado.web.RequestHandler) -> None:
        write(handler, problem, 422)

    server.handle = handle
    with pytest.raises(ZoeProblem) as caught:
        client.start_execution(zapp="x")
    found = caught.value
    assert (found.code, found.status, found.detail, found.remedy) == (
        "bad-parameter",
        422,
        "Two are wrong.",
        "Correct them.",
    )
    assert found.lines() == ["Two are wrong.", "  conf.x: must be a text", "  is too much", "Correct them."]
    assert TOKEN not in str(found)
    assert len(server.requests) == 1, "a refusal is not tried again"


@pytest.mark.parametrize("body", [b"<html>", b"", b'"text"', b'{"no": "code"}', b"\xff\xfe"])
def test_an_answer_of_something_else_is_said_to_be_one(server: Server, client: Client, body: bytes) -> None:
    async def handle(handler: tornado.web.RequestHandler) -> None:
        handler.set_status(502)
        handler.write(body)

    server.handle = handle
    with pytest.raises(ZoeProblem) as caught:
        client.get_health()
    assert (caught.value.code, caught.value.status) == ("bad-answer", 502)


def test_redirects_do_not_carry_the_token_away(server: Server, client: Client) -> None:
    async def handle(handler: tornado.web.RequestHandler) -> None:
        handler.redirect("/elsewhere")

    server.handle = handle
    with pytest.raises(ZoeProblem, match="302"):
        client.get_health()
    assert len(server.requests) == 1


# --- retries ---


def test_a_creating_call_keeps_its_key_when_its_connection_breaks(server: Server, client: Client) -> None:
    async def handle(handler: tornado.web.RequestHandler) -> None:
        if len(server.requests) < 3:
            drop(handler)
        else:
            write(handler, view("queued"), 202)

    server.handle = handle
    assert client.start_execution(zapp="x")["id"] == "e1"
    keys = {headers["Idempotency-Key"] for _, _, headers, _ in server.requests}
    assert len(server.requests) == 3
    assert len(keys) == 1
    client.start_execution(zapp="x")
    assert server.requests[-1][2]["Idempotency-Key"] not in keys, "another call is another start"
    client.start_execution(zapp="x", idempotency_key="mine")
    assert server.requests[-1][2]["Idempotency-Key"] == "mine"


def test_what_is_not_harmless_is_not_repeated_once_it_may_have_arrived(server: Server, client: Client) -> None:
    async def handle(handler: tornado.web.RequestHandler) -> None:
        drop(handler)

    server.handle = handle
    for call in (lambda: client.detach("a1"), lambda: client.scale_execution("e1", count=2, if_match=4)):
        server.requests.clear()
        with pytest.raises(ZoeProblem) as caught:
            call()
        assert caught.value.code == "hub-unreachable"
        assert len(server.requests) == 1
    server.requests.clear()
    with pytest.raises(ZoeProblem):
        client.scale_execution("e1", count=2)  # two workers asked for twice are two workers
    assert len(server.requests) == 3


def test_a_hub_that_is_not_there(server: Server) -> None:
    server.close()
    with Client(server.info, pauses=(0.01,)) as client, pytest.raises(ZoeProblem) as caught:
        client.get_health()
    assert caught.value.code == "hub-unreachable"
    assert caught.value.remedy
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_request_goes_to_the_hub_that_came_after() -> None:
    old, new = (
        HubInfo(url="http://127.0.0.1:1", token="old", embedded=True),
        HubInfo(url="http://127.0.0.1:2", token="new", embedded=True),
    )
    sent = request_of(old, OPERATIONS["start_execution"], {}, {}, {"zapp": "x"}, {})
    again = rebased(sent, new)
    assert again.url == "http://127.0.0.1:2/api/v1/executions"
    assert again.headers["Authorization"] == "Bearer new"
    assert again.headers["Idempotency-Key"] == sent.headers["Idempotency-Key"]


# --- event streams ---


def breaking(server: Server, connections: list[bytes]) -> Handle:
    """A stream that breaks after each of these, then stays."""

    async def handle(handler: tornado.web.RequestHandler) -> None:
        handler.set_header("Content-Type", "text/event-stream")
        index = len(server.requests) - 1
        handler.write(connections[index] if index < len(connections) else b": nothing more\n")
        await handler.flush()
        if index < len(connections):
            drop(handler)
        else:
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(server._end.wait(), 10)

    return handle


CONNECTIONS = [
    b"retry: 1000\nid: 4\n\n" + event(5) + event(6)[:9],  # breaks within an event
    event(6) + b": still here\nid: 8\n\n",  # a cursor without an event
    event(7) + event(9) + event(9),  # what was seen is not told twice, even if it is sent
    event(10),
]


def test_a_stream_resumes_without_loss_or_repetition(server: Server, client: Client) -> None:
    server.handle = breaking(server, CONNECTIONS)
    stream = client.stream_events(execution="e1")
    assert [next(stream)["seq"] for _ in range(4)] == [5, 6, 9, 10]
    last = [headers.get("Last-Event-Id") for _, _, headers, _ in server.requests]
    assert last[:4] == [None, "5", "8", "9"]
    assert all(uri == "/api/v1/events?execution=e1" for _, uri, _, _ in server.requests)


async def test_an_asynchronous_stream_does_the_same(server: Server) -> None:
    server.handle = breaking(server, CONNECTIONS)
    async with AsyncClient(server.info, pauses=(0.01, 0.01)) as client:
        seen = []
        stream: AsyncIterator[Any] = client.stream_events(execution="e1", since=3)
        async for each in stream:
            seen.append(each["seq"])
            if len(seen) == 4:
                break
    assert seen == [5, 6, 9, 10]
    assert [headers.get("Last-Event-Id") for _, _, headers, _ in server.requests][:4] == ["3", "5", "8", "9"]


def test_a_stream_that_is_refused_is_not_tried_again(server: Server, client: Client) -> None:
    async def handle(handler: tornado.web.RequestHandler) -> None:
        write(handler, {"code": "not-authenticated", "detail": "No."}, 401)

    server.handle = handle
    with pytest.raises(ZoeProblem, match="No"):
        next(client.stream_events())
    assert len(server.requests) == 1


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.data())
def test_events_are_found_however_the_bytes_are_cut(seqs: list[int], data: st.DataObject) -> None:
    sent = sorted(set(seqs))
    stream = b"retry: 5\nid: 0\n\n" + b"".join(
        event(seq).replace(b"\n", b"\r\n") if seq % 3 == 0 else event(seq) for seq in sent
    )
    events, seen = Events(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        seen += [each["seq"] for each in events.feed(stream[:cut])]
        stream = stream[cut:]
    assert seen == sent
    assert events.cursor == sent[-1]


def test_letters_cut_in_two_and_lines_of_data() -> None:
    events = Events()
    text = 'id: 1\ndata: {"seq": 1,\ndata: "kind": "größer"}\n\nevent: reset\nid: 9\ndata: {"seq": 9}\n\n'.encode()
    found = [each for byte in text for each in events.feed(bytes([byte]))]
    assert found == [{"seq": 1, "kind": "größer"}, Reset(0)]
    assert events.cursor == 9


PRUNED = [
    b"id: 4\n\n" + event(5),
    b'event: reset\nid: 19\ndata: {"seq":19,"first_seq":20}\n\n' + event(20) + event(21),
    b'event: reset\nid: 3\ndata: {"seq":3,"first_seq":1}\n\n' + event(4),  # of another history
]


def test_who_has_missed_what_is_not_kept_is_told_once_and_reads_on(server: Server, client: Client) -> None:
    server.handle = breaking(server, PRUNED)
    stream = client.stream_events(execution="e1", since=4)
    assert next(stream)["seq"] == 5
    for first, left in ((20, [20, 21]), (1, [4])):
        with pytest.raises(ZoeProblem, match="are not kept any more") as raised:
            next(stream)
        assert (raised.value.code, raised.value.members) == ("history-pruned", {"first_seq": first})
        assert [next(stream)["seq"] for _ in left] == left
    assert [headers.get("Last-Event-Id") for _, _, headers, _ in server.requests][:3] == ["4", "5", "21"]


async def test_an_asynchronous_reader_is_told_likewise(server: Server) -> None:
    server.handle = breaking(server, PRUNED)
    async with AsyncClient(server.info, pauses=(0.01, 0.01)) as client:
        stream: AsyncIterator[Any] = client.stream_events(execution="e1", since=4)
        assert (await anext(stream))["seq"] == 5
        with pytest.raises(ZoeProblem) as raised:
            await anext(stream)
        assert (raised.value.code, raised.value.members) == ("history-pruned", {"first_seq": 20})
        assert [(await anext(stream))["seq"] for _ in range(2)] == [20, 21]


def test_what_a_problem_says_beside_the_usual_is_kept() -> None:
    body = b'{"code": "history-pruned", "detail": "Gone.", "status": 410, "first_seq": 7}'
    assert problem_of_answer(410, body).members == {"first_seq": 7}


def test_a_stream_is_closed_while_somebody_waits_for_it(server: Server, client: Client) -> None:
    server.handle = breaking(server, [])
    stream = client.stream_events(execution="e1")
    ended = threading.Event()
    threading.Thread(target=lambda: (list(stream), ended.set()), daemon=True).start()
    deadline = time.monotonic() + 10
    while not server.requests or stream._answer is None:  # type: ignore[attr-defined]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stream.close()  # type: ignore[attr-defined]
    assert ended.wait(5)


async def test_an_asynchronous_stream_is_closed_likewise(server: Server) -> None:
    server.handle = breaking(server, [])
    async with AsyncClient(server.info, pauses=(0.01,)) as client:
        stream: Any = client.stream_events(execution="e1")
        waiting = asyncio.create_task(anext(stream, None))
        async with asyncio.timeout(10):
            while stream._answer is None:
                await asyncio.sleep(0.01)
            await stream.close()
            assert await waiting is None


# --- waiting ---


class Changing:
    """An execution that changes when it is told to; its events follow."""

    def __init__(self, server: Server) -> None:
        self.server, self.state, self.asked = server, view("starting"), 0
        self.news = event
        self._news = asyncio.Event()
        server.handle = self.handle

    async def handle(self, handler: tornado.web.RequestHandler) -> None:
        if not (handler.request.uri or "").startswith("/api/v1/events"):
            self.asked += 1
            write(handler, self.state)
            return
        handler.write(b"id: 0\n\n")
        await handler.flush()
        for seq in range(1, 100):
            await asyncio.wait_for(self._news.wait(), 10)
            self._news.clear()
            handler.write(self.news(seq))
            await handler.flush()

    def change(self, **state: Any) -> None:
        self.state = {**self.state, **state}
        self.server._loop.call_soon_threadsafe(self._news.set)


def test_waiting_is_woken_by_events_and_does_not_poll(server: Server, client: Client) -> None:
    changing = Changing(server)
    seen: list[str] = []

    def progress(now: Any, seconds: float) -> None:
        seen.append(now["phase"])
        if now["phase"] == "starting" and len(seen) == 3:
            changing.change(phase="running")

    assert client.wait("e1", "running", timeout=10, progress=progress, tick=0.05)["phase"] == "running"
    assert seen == ["starting", "starting", "starting", "running"]
    assert changing.asked == 2, "a tick shows time, it asks for nothing"
    assert not [each for each in threading.enumerate() if each.name == "zoe-events"], "nothing stays behind"


def test_waiting_looks_again_when_events_were_missed(server: Server, client: Client) -> None:
    changing = Changing(server)
    changing.news = lambda seq: b'event: reset\nid: 8\ndata: {"seq":8,"first_seq":9}\n\n'

    def progress(now: Any, seconds: float) -> None:
        if now["phase"] == "starting":
            changing.change(phase="ended")

    assert client.wait("e1", "ended", timeout=10, progress=progress)["phase"] == "ended"


def test_waiting_ends_when_the_execution_does_or_the_time_is_over(server: Server, client: Client) -> None:
    changing = Changing(server)
    begun = time.monotonic()
    with pytest.raises(ZoeProblem) as caught:
        client.wait("e1", "running", timeout=0.2)
    assert caught.value.code == "timeout"
    assert "one is starting: because" in caught.value.detail
    assert time.monotonic() - begun < 5
    changing.state = view("ended")
    assert client.wait("e1", "running", timeout=10)["phase"] == "ended"
    assert client.wait("e1", lambda now: now["name"] == "one", timeout=10)["name"] == "one"


async def test_waiting_asynchronously(server: Server) -> None:
    changing = Changing(server)
    async with AsyncClient(server.info, pauses=(0.01,)) as client:
        seen: list[str] = []

        def progress(now: Any, seconds: float) -> None:
            seen.append(now["phase"])
            if len(seen) == 1:
                changing.change(phase="running")

        assert (await client.wait("e1", "running", timeout=10, progress=progress))["phase"] == "running"
        with pytest.raises(ZoeProblem, match="Not ended after"):
            await client.wait("e1", "ended", timeout=0.2)
    assert seen == ["starting", "running"]


async def test_waiting_asynchronously_ticks_and_asks_for_nothing_meanwhile(server: Server) -> None:
    changing = Changing(server)
    seen: list[float] = []

    def progress(now: Any, seconds: float) -> None:
        seen.append(seconds)
        if len(seen) == 4:
            changing.change(phase="ended")

    async with AsyncClient(server.info, pauses=(0.01,)) as client:
        assert (await client.wait("e1", timeout=10, progress=progress, tick=0.02))["phase"] == "ended"
    assert seen == sorted(seen)
    assert changing.asked == 2


# --- one source ---


def test_the_synchronous_client_is_made_of_the_asynchronous_one() -> None:
    assert generate.RESULT.read_text() == generate.synchronous(generate.SOURCE.read_text())
    assert generate.main(["--check"]) == 0


def test_words_are_replaced_in_code_alone() -> None:
    source = (
        '''"""Head."""\nasync def aclose() -> None:\n    """Await tasks."""\n    await self.aread("await")  # async\n'''
    )
    assert generate.synchronous(source) == (
        generate.HEAD + 'def close() -> None:\n    """Await tasks."""\n    self.read("await")  # async\n'
    )


# --- names ---


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        ([], "unknown-execution"),
        (["ended"], "e0"),
        (["ended", "running", "ended"], "e1"),
        (["ended", "ended"], "e0"),
        (["running", "starting"], "ambiguous"),
    ],
)
def test_a_name_means_the_active_execution_else_the_newest(
    server: Server, client: Client, found: list[str], answer: str
) -> None:
    async def handle(handler: tornado.web.RequestHandler) -> None:
        if "?" in (handler.request.uri or ""):
            write(handler, {"items": [view(phase, id=f"e{index}") for index, phase in enumerate(found)], "next": None})
        else:
            write(handler, {"code": "unknown-execution", "detail": "No."}, 404)

    server.handle = handle
    if answer.startswith("e"):
        assert client.find("one")["id"] == answer
    else:
        with pytest.raises(ZoeProblem) as caught:
            client.find("one")
        assert caught.value.code == answer


# --- logs ---


def test_a_log_comes_as_it_is_written(server: Server, client: Client) -> None:
    more = threading.Event()

    async def handle(handler: tornado.web.RequestHandler) -> None:
        handler.write(b"first\n")
        await handler.flush()
        await asyncio.to_thread(more.wait, 10)
        handler.write(b"\xc3")
        await handler.flush()
        handler.write(b"\xa4")

    server.handle = handle
    log = client.get_logs("e1", "job-0", follow=True)
    assert next(log) == b"first\n"
    more.set()
    assert b"".join(log) == "ä".encode()
    assert server.requests[0][1] == "/api/v1/executions/e1/processes/job-0/logs?follow=true"


def test_the_token_is_not_shown(server: Server, client: Client) -> None:
    assert TOKEN not in repr(client)
    assert TOKEN not in repr(client.info)
    assert TOKEN not in repr(vars(client))


@pytest.mark.parametrize("lines", [0, 1, 3, 5000])
async def test_both_clients_read_the_end_of_a_log(server: Server, client: Client, lines: int) -> None:
    whole = b"".join(b"line %d\n" % number for number in range(20000))

    async def handle(handler: tornado.web.RequestHandler) -> None:
        begin = max(0, len(whole) + int(handler.get_argument("offset")))
        handler.set_header("Zoe-Log-Offset", str(begin))
        handler.write(whole[begin:])

    server.handle = handle
    wanted = b"".join(whole.splitlines(keepends=True)[-lines:]) if lines else b""
    assert await asyncio.to_thread(client.tail, "e1", "job-0", lines) == (wanted, len(whole))
    async with AsyncClient(server.info) as other:
        assert await other.tail("e1", "job-0", lines) == (wanted, len(whole))
