"""Benchmark ``abandoned``: how much a hub grows by 10,000 requests that are announced and abandoned, half of them with
a token, each with a part of its body.
"""

from __future__ import annotations

import re
import socket
import time
from urllib.parse import urlsplit

import shop
from memory import pss

from zoe_hub.testing.hub import RunningHub

COUNT = 10_000
AT_A_TIME = 50  # connections
TARGET = 5.0  # MiB
PART = b" " * 20_000


def run() -> dict[str, object]:
    """The growth in MiB, after as many requests before it as fill the caches."""
    with shop.hub() as hub:
        _abandon(hub, 500)
        before = pss(hub.pid)
        begun = time.perf_counter()
        _abandon(hub, COUNT)
        took = time.perf_counter() - begun
        after = pss(hub.pid)
    detail = {"before_mib": round(before, 1), "after_mib": round(after, 1), "requests_per_second": round(COUNT / took)}
    return {"name": "abandoned", "figure": round(after - before, 1), "unit": "MiB", "target": TARGET, "detail": detail}


def _abandon(hub: RunningHub, count: int) -> None:
    """Announce requests, send a part of their bodies, leave; return when the hub has seen all of them leave."""
    place = urlsplit(hub.url)
    head = f"POST /api/v1/executions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {10 * len(PART)}\r\n"
    heads = (f"{head}\r\n".encode(), f"{head}Authorization: Bearer {hub.token}\r\n\r\n".encode())
    for _ in range(count // AT_A_TIME):
        connections = [socket.create_connection((place.hostname, place.port)) for _ in range(AT_A_TIME)]
        for number, connection in enumerate(connections):
            connection.sendall(heads[number % 2] + PART)
        for connection in connections:
            connection.close()
    while _open(hub) > 1:  # the one that asks
        time.sleep(0.01)


def _open(hub: RunningHub) -> float:
    text = hub.call("GET", "/metrics").raise_for_status().text
    return sum(map(float, re.findall(r"^zoe_connections\{.*\} (\S+)$", text, re.MULTILINE)))
