"""Benchmark ``events-1000``: how long one commit takes to reach 1,000 event streams, and what each stream costs.

The baseline is a bare asyncio server that writes the same bytes to as many connections, read by the same reader.
"""

from __future__ import annotations

import contextlib
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import shop
from memory import pss

STREAMS = 1000
ROUNDS = 7
TARGET = 200.0  # milliseconds
KIB = 40.0  # of memory for each stream
BARE = """
import asyncio, sys
streams = []
async def serve(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\n\\r\\nid: 0\\n\\n")
    streams.append(writer)
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    told = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), sys.stdin)
    while size := await told.readline():
        for writer in streams:
            writer.write(b"id: 1\\ndata: " + b"x" * int(size) + b"\\n\\n")
asyncio.run(main())
"""


class Readers:
    """A thousand connections, read in one place."""

    def __init__(self, address: tuple[str, int], head: bytes) -> None:
        self._selector = selectors.DefaultSelector()
        for _ in range(STREAMS):
            connection = socket.create_connection(address)
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ)
            connection.send(head)
        self.until(b"id: ")  # each has its head and where it is

    def until(self, part: bytes) -> int:
        """Read until every connection has got ``part``; how many bytes one of them got."""
        waiting = {key.fileobj: b"" for key in self._selector.get_map().values()}
        received = b""
        deadline = time.monotonic() + 60
        while waiting:
            assert time.monotonic() < deadline, f"{len(waiting)} streams got nothing"
            for key, _ in self._selector.select(1):
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                assert data, "a stream ended"
                if key.fileobj in waiting:
                    received = waiting[key.fileobj] + data
                    waiting[key.fileobj] = received
                    if part in received:
                        del waiting[key.fileobj]
        return len(received)

    def quiet(self, seconds: float) -> None:
        """Read until nothing has come for a while."""
        while ready := self._selector.select(seconds):
            for key, _ in ready:
                key.fileobj.recv(65536)  # type: ignore[union-attr]

    def close(self) -> None:
        """Leave."""
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()


def run() -> dict[str, object]:
    """The median of some commits in milliseconds."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with shop.hub(["--ZoeHub.streams_per_user=0"]) as hub:
        place = urlsplit(hub.url)
        head = f"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {hub.token}\r\n\r\n"
        hub.get("/health")
        before = pss(hub.pid)
        with contextlib.closing(Readers((place.hostname or "", place.port or 0), head.encode())) as readers:
            kib = 1024 * (pss(hub.pid) - before) / STREAMS
            size, ours = _rounds(readers, b"execution.created", lambda: hub.post("/executions", {"zapp": "sleeper"}))
    with (
        _bare() as (process, port),
        contextlib.closing(Readers(("127.0.0.1", port), b"GET / HTTP/1.1\r\n\r\n")) as readers,
    ):

        def tell() -> None:
            assert process.stdin is not None
            process.stdin.write(b"%d\n" % size)
            process.stdin.flush()

        _, bare = _rounds(readers, b"data: ", tell)
    return {
        "name": "events-1000",
        "figure": round(statistics.median(ours), 1),
        "unit": "ms",
        "target": TARGET,
        "met": statistics.median(ours) <= TARGET and kib <= KIB,
        "detail": {
            "kib_for_each_stream": round(kib, 1),
            "target_kib": KIB,
            "slowest_ms": round(max(ours), 1),
            "bare_ms": round(statistics.median(bare), 1),
            "bytes": size,
        },
    }


def _rounds(readers: Readers, part: bytes, act: Callable[[], object]) -> tuple[int, list[float]]:
    size, times = 0, []
    for _ in range(ROUNDS):
        readers.quiet(0.5)
        begun = time.perf_counter()
        act()
        size = readers.until(part)
        times.append(1000 * (time.perf_counter() - begun))
    return size, times


@contextlib.contextmanager
def _bare() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    process = subprocess.Popen([sys.executable, "-c", BARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()
