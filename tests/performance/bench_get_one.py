"""Benchmark ``get-one``: the 99th percentile of GET of one execution at 16 connections, each asking again at once."""

from __future__ import annotations

import asyncio
import statistics
import time
from urllib.parse import urlsplit

import shop

CONNECTIONS, REQUESTS = 16, 400  # requests of each connection
TARGET = 10.0  # milliseconds


def run() -> dict[str, object]:
    """The percentile in milliseconds."""
    with shop.hub() as hub:
        made = hub.post("/executions", {"zapp": "sleeper"})
        hub.wait(made["id"], lambda seen: seen["phase"] == "running")
        place = urlsplit(hub.url)
        one = (
            f"GET /api/v1/executions/{made['id']} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer"
            f" {hub.token}\r\n\r\n".encode()
        )
        health = one.replace(f"executions/{made['id']}".encode(), b"user")
        asyncio.run(_load(place.hostname or "", place.port or 0, one, 20))
        times = asyncio.run(_load(place.hostname or "", place.port or 0, one, REQUESTS))
        least = asyncio.run(_load(place.hostname or "", place.port or 0, health, REQUESTS))
    ranks = statistics.quantiles(times, n=100)
    detail = {
        "p50_ms": round(1000 * ranks[49], 2),
        "smallest_answer_p99_ms": round(1000 * statistics.quantiles(least, n=100)[98], 2),
    }
    return {"name": "get-one", "figure": round(1000 * ranks[98], 2), "unit": "ms", "target": TARGET, "detail": detail}


async def _load(host: str, port: int, request: bytes, count: int) -> list[float]:
    times: list[float] = []
    await asyncio.gather(*(_ask(host, port, request, count, times) for _ in range(CONNECTIONS)))
    return times


async def _ask(host: str, port: int, request: bytes, count: int, times: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    for _ in range(count):
        begun = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        times.append(time.perf_counter() - begun)
        assert head.startswith(b"HTTP/1.1 200"), head
    writer.close()
    await writer.wait_closed()
