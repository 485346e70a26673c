"""The proxy between real servers on loopback: streams, slow readers, events, WebSockets, and upstreams that die."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import psutil
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, stream_request_body
from tornado.websocket import WebSocketClosedError, WebSocketHandler, websocket_connect

from zoe_proxy import Caller, ProxyHandler, Route, Timeouts, Upstream, UpstreamError
from zoe_proxy.rewrite import Rules

MEGABYTE = 2**20
PIECE = os.urandom(MEGABYTE)


class Echo(RequestHandler):
    """Says what it was asked."""

    SUPPORTED_METHODS = (*RequestHandler.SUPPORTED_METHODS, "PROPFIND")

    def any(self) -> None:
        self.set_header("X-Method", str(self.request.method))
        self.add_header("Set-Cookie", "a=1; Path=/; Domain=example.org")
        self.add_header("Set-Cookie", "b=2; Path=/deep; HttpOnly")
        self.write(
            {
                "method": self.request.method,
                "uri": self.request.uri,
                "headers": [list(pair) for pair in self.request.headers.get_all()],
                "body": self.request.body.decode("latin-1"),
            }
        )

    get = head = post = delete = patch = put = options = propfind = any


class Big(RequestHandler):
    """Sends ``?megabytes=`` as fast as the other side takes them."""

    sent = 0
    left: asyncio.Event

    async def get(self) -> None:
        type(self).sent = 0
        type(self).left = asyncio.Event()
        count = int(self.get_argument("megabytes"))
        if self.get_argument("length", ""):
            self.set_header("Content-Length", str(count * MEGABYTE))
        with contextlib.suppress(StreamClosedError):
            for _ in range(count):
                self.write(PIECE)
                await self.flush()
                type(self).sent += MEGABYTE

    def on_connection_close(self) -> None:
        type(self).left.set()


@stream_request_body
class Sink(RequestHandler):
    """Hashes what comes, waiting for ``gate`` before each piece."""

    gate: asyncio.Event

    def prepare(self) -> None:
        self.request.connection.set_max_body_size(2**40)  # type: ignore[union-attr]
        self.hash, self.count = hashlib.sha256(), 0

    async def data_received(self, chunk: bytes) -> None:
        await type(self).gate.wait()
        self.hash.update(chunk)
        self.count += len(chunk)

    def post(self) -> None:
        self.write({"sha256": self.hash.hexdigest(), "count": self.count})

    delete = post


@stream_request_body
class Refuse(RequestHandler):
    """Answers before the body has come, and takes no more than a piece of it until the test is over."""

    over: asyncio.Event

    async def prepare(self) -> None:
        self.set_status(413)
        self.set_header("Content-Length", "8")
        self.write("too much")
        await self.flush()

    async def data_received(self, chunk: bytes) -> None:
        await type(self).over.wait()

    def post(self) -> None:
        """Nothing is left to say."""


class Events(RequestHandler):
    """Server-sent events, the next one only when the test says so."""

    go: asyncio.Queue[str]

    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.write(": hello\n\n")
        await self.flush()
        while text := await type(self).go.get():
            self.write(f"data: {text}\n\n")
            await self.flush()


class Ranges(RequestHandler):
    """A file in parts, or not modified."""

    def get(self) -> None:
        if self.request.headers.get("If-None-Match") == '"one"':
            self.set_status(304)
            self.set_header("Etag", '"one"')
            return
        assert self.request.headers["Range"] == "bytes=2-4"
        self.set_status(206)
        self.set_header("Content-Range", "bytes 2-4/10")
        self.finish(b"234")


class Gzipped(RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Encoding", "gzip")
        self.finish(b"not really gzip")


class Redirect(RequestHandler):
    def get(self) -> None:
        self.set_header("Location", self.get_argument("to").replace("HOST", self.request.host))
        self.set_status(302)


class Sockets(WebSocketHandler):
    """Sends back what it gets; closes as it is asked to."""

    flooded = 0

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[-1] if subprotocols else None

    def check_origin(self, origin: str) -> bool:
        return origin == f"http://{self.request.host}"

    @property
    def max_message_size(self) -> int:
        return 64 * MEGABYTE

    async def on_message(self, message: str | bytes) -> None:
        if isinstance(message, str) and message.startswith("close "):
            self.close(int(message.split()[1]), "as asked")
            return
        if message == "flood":
            with contextlib.suppress(WebSocketClosedError):
                for _ in range(200):
                    await self.write_message(PIECE, binary=True)
                    type(self).flooded += 1
            return
        if message == "headers":
            message = json.dumps(dict(self.request.headers))
        with contextlib.suppress(WebSocketClosedError):
            await self.write_message(message, binary=isinstance(message, bytes))


class Front(ProxyHandler):
    """A proxy below ``/p/web`` to the port that the test has set."""

    port = 0
    inner = ""
    scheme: str = "http"
    timeouts = Timeouts()
    patience = 60.0
    failures: list[UpstreamError]

    @property
    def body_timeout(self) -> float:
        return self.patience

    async def upstream(self) -> Upstream | None:
        route = Route(public="/p/web", netloc=f"127.0.0.1:{self.port}", inner=self.inner)
        client = Caller(address=str(self.request.remote_ip), scheme="http", host=self.request.host)
        rest = self.request.path.removeprefix("/p/web")
        return Upstream(
            host="127.0.0.1",
            port=self.port,
            route=route,
            rest=rest,
            query=self.request.query,
            client=client,
            timeouts=self.timeouts,
            rules=Rules(added={"X-Added": "yes"}),
            collect=MEGABYTE if rest.endswith("/edit") else 0,
        )

    def edit_body(self, body: bytes) -> bytes:
        return body + b" edited"

    def upstream_failed(self, error: UpstreamError) -> None:
        self.failures.append(error)
        super().upstream_failed(error)


class Servers:
    """What a test uses: the proxy's URL, and the handler classes of this test."""

    def __init__(self, front: type[Front], url: str) -> None:
        self.front = front
        self.url = url
        self.client = AsyncHTTPClient(force_instance=True, max_body_size=2**40)

    async def fetch(self, path: str, **options: Any) -> Any:
        options.setdefault("request_timeout", 60)
        options.setdefault("follow_redirects", False)
        request = HTTPRequest(f"{self.url}{path}", decompress_response=False, allow_nonstandard_methods=True, **options)
        return await self.client.fetch(request, raise_error=False)


async def raw(servers: Servers, head: str) -> IOStream:
    """A connection to the proxy on which ``head`` was sent, and nothing is read by itself."""
    port = int(servers.url.split(":")[2].split("/")[0])
    stream = IOStream(socket.socket(), max_buffer_size=4 * MEGABYTE)
    await stream.connect(("127.0.0.1", port))
    await stream.write(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n")
    return stream


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    front = type("Front", (Front,), {"failures": []})
    sink = type("Sink", (Sink,), {"gate": asyncio.Event()})
    Sink.gate = sink.gate  # type: ignore[attr-defined]
    Events.go = asyncio.Queue()
    Refuse.over = asyncio.Event()
    upstream = Application(
        [
            (r".*/big", Big),
            (r".*/sink", sink),
            (r".*/refuse", Refuse),
            (r".*/events", Events),
            (r".*/range", Ranges),
            (r".*/gzipped", Gzipped),
            (r".*/redirect", Redirect),
            (r".*/ws", Sockets),
            (r".*", Echo),
        ]
    )
    inner, outer = HTTPServer(upstream), HTTPServer(Application([(r"/p/web.*", front)], compress_response=True))
    ports = []
    for server in (inner, outer):
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        ports.append(sockets[0].getsockname()[1])
    front.port = ports[0]  # type: ignore[attr-defined]
    found = Servers(front, f"http://127.0.0.1:{ports[1]}/p/web")  # type: ignore[arg-type]
    yield found
    Refuse.over.set()
    found.client.close()
    for server in (inner, outer):
        server.stop()
        await server.close_all_connections()


# --- requests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_any_method_passes_with_and_without_a_body(servers: Servers, method: str) -> None:
    for body in (b"", b"some \xff body"):
        seen = json.loads((await servers.fetch("/x", method=method, body=body or None)).body)
        assert seen["method"] == method
        assert seen["body"].encode("latin-1") == body


async def test_connect_and_trace_do_not_pass(servers: Servers) -> None:
    refused = await servers.fetch("/x", method="TRACE")
    assert refused.code == 405
    assert {"GET", "PROPFIND"} < set(refused.headers["Allow"].split(", "))


async def test_headers_on_the_way(servers: Servers) -> None:
    sent = {
        "Authorization": "Bearer outer",
        "Cookie": "c=1; c=2",
        "X-Own": "kept",
        "Connection": "x-hop",
        "X-Hop": "1",
        "X-Forwarded-For": "6.6.6.6",
    }
    answer = await servers.fetch("/x", headers=sent)
    seen = dict(json.loads(answer.body)["headers"])
    assert seen["X-Own"] == "kept"
    assert seen["X-Added"] == "yes"
    assert seen["Cookie"] == "c=1"
    assert "Authorization" not in seen
    assert "X-Hop" not in seen
    assert seen["X-Forwarded-For"] == "127.0.0.1"
    assert seen["X-Forwarded-Prefix"] == seen["X-Forwarded-Context"] == "/p/web"
    assert seen["Host"] == f"127.0.0.1:{servers.front.port}"
    assert answer.headers.get_list("Set-Cookie") == ["a=1; Path=/p/web/", "b=2; Path=/p/web/deep; HttpOnly"]


@pytest.mark.parametrize("path", ["/a%2Fb", "/%C3%A9t%C3%A9", "/a%20b;c=1", "/a//b/./c", "/%252e%252e/x", "/a/b/../c"])
async def test_paths_arrive_as_they_were_sent(servers: Servers, path: str) -> None:
    answer = await servers.fetch(f"{path}?q=%2F")
    seen = json.loads(answer.body)
    assert seen["uri"] == f"{path}?q=%2F"


async def test_raw_unicode_in_a_path_is_encoded_once(servers: Servers) -> None:
    stream = await raw(
        servers, "GET /p/web/" + "é".encode().decode("latin-1") + " HTTP/1.1\nHost: x\nConnection: close"
    )
    answer = await stream.read_until_close()
    assert b'"uri": "/%C3%A9"' in answer


@pytest.mark.parametrize(
    "path", ["/..", "/../x", "/a/../../x", "/%2e%2e/x", "/a%2f..%2f../x", "/..%5cx", "/.%2E/x", "/a/..;/../x"]
)
async def test_a_path_never_leaves_its_prefix(servers: Servers, path: str) -> None:
    stream = await raw(servers, f"GET /p/web{path} HTTP/1.1\nHost: x\nConnection: close")
    assert (await stream.read_until_close()).startswith(b"HTTP/1.1 400")


async def test_range_not_modified_encoding_and_head_pass_unchanged(servers: Servers) -> None:
    part = await servers.fetch("/range", headers={"Range": "bytes=2-4", "Accept-Encoding": "gzip"})
    assert (part.code, part.body, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    same = await servers.fetch("/range", headers={"If-None-Match": '"one"'})
    assert (same.code, same.headers["Etag"], same.body) == (304, '"one"', b"")
    packed = await servers.fetch("/gzipped", headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["Content-Encoding"], packed.body) == ("gzip", b"not really gzip")
    head = await servers.fetch("/x", method="HEAD")
    assert head.code == 200
    assert int(head.headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    ("to", "seen"),
    [
        ("/login?next=/x", "/p/web/login?next=/x"),
        ("http://HOST/x", "/p/web/x"),
        ("/p/web/x", "/p/web/x"),
        ("x/y", "x/y"),
        ("https://elsewhere.example/x", "https://elsewhere.example/x"),
    ],
)
async def test_redirects_stay_behind_the_proxy(servers: Servers, to: str, seen: str) -> None:
    assert (await servers.fetch(f"/redirect?to={to}")).headers["Location"] == seen


async def test_a_body_that_is_edited_and_one_that_is_too_long_for_it(servers: Servers) -> None:
    assert json.loads((await servers.fetch("/edit", method="POST", body=b"short")).body)["body"] == "short edited"
    long = b"x" * (MEGABYTE + 1)
    assert json.loads((await servers.fetch("/edit", method="POST", body=long)).body)["body"] == long.decode()


# --- clients that announce a body and do not send it -----------------------------------------------------------------


def held() -> list[ProxyHandler]:
    """The requests that the proxy has in memory."""
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, ProxyHandler)]


@pytest.mark.parametrize("path", ["sink", "edit", "../out"])
async def test_a_client_that_leaves_within_its_body_leaves_nothing(servers: Servers, path: str) -> None:
    Sink.gate.set()  # type: ignore[attr-defined]
    tasks = len(asyncio.all_tasks())
    for _ in range(20):
        stream = await raw(servers, f"POST /p/web/{path} HTTP/1.1\nHost: x\nContent-Length: 200000")
        await stream.write(b"x" * 100_000)
        stream.close()
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
    assert held() == []


@pytest.mark.parametrize("path", ["sink", "edit", "../out"])
async def test_a_client_that_is_silent_within_its_body_is_told_and_let_go(servers: Servers, path: str) -> None:
    Sink.gate.set()  # type: ignore[attr-defined]
    servers.front.patience = 0.2
    stream = await raw(servers, f"POST /p/web/{path} HTTP/1.1\nHost: x\nContent-Length: 200000")
    await stream.write(b"x" * 1000)
    answer = await asyncio.wait_for(stream.read_until_close(), 10)
    assert answer.startswith(b"HTTP/1.1 408 ") or (path == "../out" and answer == b"")
    await until(lambda: held() == [])


async def test_a_client_that_waits_for_a_slow_upstream_is_not_blamed(servers: Servers) -> None:
    servers.front.patience = 0.5
    stream = await raw(
        servers, f"POST /p/web/sink HTTP/1.1\nHost: x\nConnection: close\nContent-Length: {32 * MEGABYTE}"
    )
    writing = asyncio.gather(*(stream.write(PIECE) for _ in range(32)))
    with pytest.raises(TimeoutError):  # twice as long as a client may be silent
        await asyncio.wait_for(asyncio.shield(writing), 1.0)
    Sink.gate.set()  # type: ignore[attr-defined]
    await writing
    assert json.loads((await stream.read_until_close()).partition(b"\r\n\r\n")[2])["count"] == 32 * MEGABYTE


# --- streams -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", ["", "&length=1"])
async def test_200_megabytes_down_in_bounded_memory(servers: Servers, length: str) -> None:
    process, peak, count, digest = psutil.Process(), 0, 0, hashlib.sha256()
    before = process.memory_info().rss

    def take(piece: bytes) -> None:
        nonlocal peak, count
        count += len(piece)
        digest.update(piece)
        peak = max(peak, process.memory_info().rss)

    await servers.fetch(f"/big?megabytes=200{length}", streaming_callback=take)
    assert count == 200 * MEGABYTE
    expected = hashlib.sha256()
    for _ in range(200):
        expected.update(PIECE)
    assert digest.digest() == expected.digest()
    assert peak - before < 40 * MEGABYTE


@pytest.mark.parametrize(("method", "chunked"), [("POST", True), ("POST", False), ("DELETE", True)])
async def test_200_megabytes_up_in_bounded_memory(servers: Servers, method: str, chunked: bool) -> None:
    Sink.gate.set()  # type: ignore[attr-defined]
    process, peak = psutil.Process(), 0
    before = process.memory_info().rss
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {200 * MEGABYTE}"
    stream = await raw(servers, f"{method} /p/web/sink HTTP/1.1\nHost: x\nConnection: close\n{framing}")
    for _ in range(200):
        await stream.write(b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if chunked else PIECE)
        peak = max(peak, process.memory_info().rss)
    if chunked:
        await stream.write(b"0\r\n\r\n")
    answer = json.loads((await stream.read_until_close()).partition(b"\r\n\r\n")[2])
    expected = hashlib.sha256()
    for _ in range(200):
        expected.update(PIECE)
    assert answer == {"sha256": expected.hexdigest(), "count": 200 * MEGABYTE}
    assert peak - before < 40 * MEGABYTE


async def test_a_slow_reader_slows_the_upstream_down(servers: Servers) -> None:
    stream = await raw(servers, "GET /p/web/big?megabytes=200 HTTP/1.1\nHost: x")
    await stream.read_until(b"\r\n\r\n")
    await until(lambda: Big.sent > 0)
    previous = -1
    while previous != Big.sent:  # until nothing moves any more
        previous = Big.sent
        await asyncio.sleep(0.3)
    assert Big.sent < 40 * MEGABYTE  # the rest is in no buffer: it has not been written
    stream.close()
    async with asyncio.timeout(10):
        await Big.left.wait()  # a client that leaves ends the upstream's work


async def test_a_slow_upstream_slows_the_sender_down(servers: Servers) -> None:
    stream = await raw(servers, f"POST /p/web/sink HTTP/1.1\nHost: x\nContent-Length: {200 * MEGABYTE}")
    written = 0

    async def write() -> None:
        nonlocal written
        for _ in range(200):
            await stream.write(PIECE)
            written += MEGABYTE

    task = asyncio.create_task(write())
    previous = -1
    while previous != written:
        previous = written
        await asyncio.sleep(0.3)
    assert written < 40 * MEGABYTE
    Sink.gate.set()  # type: ignore[attr-defined]
    await task
    assert b'"count": %d' % (200 * MEGABYTE) in await stream.read_until(b"}")
    stream.close()


async def test_an_early_answer_reaches_a_client_that_is_still_sending(servers: Servers) -> None:
    answer = await servers.fetch("/refuse", method="POST", body=b"x" * (20 * MEGABYTE))
    assert (answer.code, answer.body) == (413, b"too much")


async def test_events_pass_at_once(servers: Servers) -> None:
    got: asyncio.Queue[bytes] = asyncio.Queue()
    fetching = asyncio.create_task(
        servers.fetch("/events", headers={"Accept-Encoding": "gzip"}, streaming_callback=got.put_nowait)
    )
    async with asyncio.timeout(10):
        assert await got.get() == b": hello\n\n"
        for number in range(50):  # the next is made only after this one has arrived
            Events.go.put_nowait(f"{number}")
            assert await got.get() == f"data: {number}\n\n".encode()
        Events.go.put_nowait("")
        assert (await fetching).headers["Content-Type"] == "text/event-stream"


# --- WebSocket -----------------------------------------------------------------------------------------------------


def ws(servers: Servers, path: str = "/ws", **headers: str) -> HTTPRequest:
    url = servers.url.replace("http:", "ws:")
    host = servers.url.split("/")[2]
    return HTTPRequest(url + path, headers={"Origin": f"http://{host}", **headers})


@pytest.mark.parametrize("compression", [None, {}])
async def test_10000_messages_both_ways_in_order(servers: Servers, compression: dict[str, Any] | None) -> None:
    connection = await websocket_connect(ws(servers), compression_options=compression)
    messages: list[str | bytes] = [f"text {n} ü" if n % 2 else b"binary \xff %d" % n for n in range(10_000)]

    async def send() -> None:
        for message in messages:
            await connection.write_message(message, binary=isinstance(message, bytes))

    sending = asyncio.create_task(send())
    async with asyncio.timeout(60):
        for message in messages:
            assert await connection.read_message() == message
        await sending
    connection.close()


async def test_large_messages_pings_subprotocol_and_close_codes(servers: Servers) -> None:
    pongs: list[bytes] = []
    connection = await websocket_connect(ws(servers), subprotocols=["one", "two"], max_message_size=64 * MEGABYTE)
    connection.on_pong = pongs.append  # type: ignore[method-assign]
    assert connection.selected_subprotocol == "two"
    large = os.urandom(32 * MEGABYTE)
    await connection.write_message(large, binary=True)
    assert await connection.read_message() == large
    connection.ping(b"there?")
    reading = asyncio.ensure_future(connection.read_message())
    await until(lambda: pongs == [b"there?"])
    await connection.write_message("close 4321")
    assert await asyncio.wait_for(reading, 10) is None
    assert (connection.close_code, connection.close_reason) == (4321, "as asked")


async def test_a_slow_reader_of_a_websocket_slows_the_upstream_down(servers: Servers) -> None:
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13"
    stream = await raw(servers, f"GET /p/web/ws HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\n{key}")
    assert b"101 Switching Protocols" in await stream.read_until(b"\r\n\r\n")
    Sockets.flooded = 0
    await stream.write(b"\x81\x85\x00\x00\x00\x00flood")  # a text, masked with zeros
    await until(lambda: Sockets.flooded > 0)
    previous = -1
    while previous != Sockets.flooded:
        previous = Sockets.flooded
        await asyncio.sleep(0.3)
    assert Sockets.flooded < 40
    stream.close()


async def test_a_websocket_reaches_the_upstream_as_from_its_own_page(servers: Servers) -> None:
    connection = await websocket_connect(ws(servers, Authorization="Bearer outer"))
    await connection.write_message("headers")
    seen = json.loads(str(await connection.read_message()))
    assert seen["Origin"] == f"http://127.0.0.1:{servers.front.port}"
    assert "Authorization" not in seen
    connection.close()


async def test_a_refused_websocket_shows_the_upstreams_answer(servers: Servers) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await websocket_connect(ws(servers, "/redirect?to=/elsewhere"))
    assert refused.value.code == 302


async def test_a_client_that_vanishes_ends_the_upstreams_websocket(servers: Servers) -> None:
    closed = asyncio.Event()
    original = Sockets.on_close
    Sockets.on_close = lambda self: closed.set()  # type: ignore[method-assign]
    try:
        connection = await websocket_connect(ws(servers))
        connection.protocol.stream.close()  # type: ignore[union-attr]
        await asyncio.wait_for(closed.wait(), 10)
    finally:
        Sockets.on_close = original  # type: ignore[method-assign]


# --- upstreams that fail -------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def answering(script: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[int]:
    """A server that does what ``script`` says on each connection after the request's head."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await script(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_nobody_listens(servers: Servers) -> None:
    async with answering(lambda *_: asyncio.sleep(0)) as port:
        servers.front.port = port
    assert (await servers.fetch("/x")).code == 502
    assert [failure.kind for failure in servers.front.failures] == ["connect"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"", "died"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "died"),
        (b"SSH-2.0-server\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok!", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2,\r\n\r\nok", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nok", "malformed"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "malformed",
        ),
        (b"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok", "malformed"),
        (b"HTTP/1.1 000 Odd\r\nContent-Length: 2\r\n\r\nok", "malformed"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "died"),
    ],
)
async def test_an_upstream_that_speaks_badly(servers: Servers, text: bytes, kind: str) -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    async with answering(script) as servers.front.port:
        answer = await servers.fetch("/x", request_timeout=10)
    assert answer.code == 502
    assert [failure.kind for failure in servers.front.failures] == [kind]


@pytest.mark.parametrize(
    "lengths", ["Content-Length: 2, 2", "Content-Length: 2\r\nContent-Length: 2", "Content-Length:  2 ,2"]
)
async def test_a_length_that_is_said_twice_is_one(servers: Servers, lengths: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nok".encode())
        await writer.drain()

    async with answering(script) as servers.front.port:
        answer = await servers.fetch("/x", request_timeout=10)
    assert (answer.code, answer.body, answer.headers.get_list("Content-Length")) == (200, b"ok", ["2"])


@pytest.mark.parametrize("status", ["299", "499", "599", "999"])
async def test_a_status_that_nobody_knows_passes(servers: Servers, status: str) -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} \r\nContent-Length: 2\r\n\r\nok".encode())
        await writer.drain()

    async with answering(script) as servers.front.port:
        assert (await servers.fetch("/x", request_timeout=10)).code == int(status)


@pytest.mark.parametrize("head", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
async def test_an_upstream_that_dies_in_its_answer_is_not_taken_for_complete(servers: Servers, head: str) -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + (b"5\r\nhello\r\n" if "chunked" in head else b"hello")
        )
        await writer.drain()
        await arrived.wait()

    arrived = asyncio.Event()
    async with answering(script) as servers.front.port, asyncio.timeout(10):
        stream = await raw(servers, "GET /p/web/x HTTP/1.1\nHost: x")
        await stream.read_until(b"hello")
        arrived.set()
        answer = await stream.read_until_close()
    assert not answer.endswith(b"0\r\n\r\n")  # no end of chunks: the client sees that something is missing


async def test_an_answer_that_ends_with_its_connection_passes(servers: Servers) -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + b"y" * 100_000)
        await writer.drain()

    async with answering(script) as servers.front.port:
        assert (await servers.fetch("/x")).body == b"y" * 100_000


async def test_timeouts(servers: Servers) -> None:
    ended = asyncio.Event()

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()  # silent until the proxy gives up
        ended.set()

    servers.front.timeouts = Timeouts(response=0.2)
    async with answering(script) as servers.front.port:
        assert (await servers.fetch("/x")).code == 504
        await asyncio.wait_for(ended.wait(), 10)


async def test_an_informational_answer_is_only_a_note(servers: Servers) -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    async with answering(script) as servers.front.port:
        answer = await servers.fetch("/x")
    assert (answer.code, answer.body) == (200, b"ok")
