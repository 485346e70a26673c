"""Benchmark ``list-1000``: GET of 1000 executions over a bare Tornado handler that sends the same bytes."""

from __future__ import annotations

import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from urllib.parse import urlsplit

import shop

ROUNDS = 60
TARGET = 0.7
BARE = """
import asyncio, sys, tornado.web, tornado.httpserver, tornado.netutil
body = open(sys.argv[1], "rb").read()
class Handler(tornado.web.RequestHandler):
    def get(self):
        self.set_header("Content-Type", "application/json")
        self.write(body)
async def main():
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    tornado.httpserver.HTTPServer(tornado.web.Application([("/", Handler)])).add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def run() -> dict[str, object]:
    """How much of the bare handler's speed is left: 1 is all of it."""
    with shop.hub() as hub, tempfile.NamedTemporaryFile() as same:
        for _ in range(1000):
            hub.post("/executions", {"zapp": "sleeper"})
        for each in hub.get("/executions?limit=1000")["items"]:
            hub.wait(each["id"], lambda seen: seen["phase"] == "running")
        place = urlsplit(hub.url)
        ours = http.client.HTTPConnection(place.hostname or "", place.port)
        body = _get(ours, "/api/v1/executions?limit=1000", hub.token)[1]
        same.write(body)
        same.flush()
        bare = subprocess.Popen([sys.executable, "-c", BARE, same.name], stdout=subprocess.PIPE)
        assert bare.stdout is not None
        theirs = http.client.HTTPConnection("127.0.0.1", int(bare.stdout.readline()))
        fast, full = [], []
        try:
            for _ in range(ROUNDS):
                fast.append(_get(theirs, "/", "")[0])
                full.append(_get(ours, "/api/v1/executions?limit=1000", hub.token)[0])
        finally:
            bare.kill()
            bare.wait()
    figure = statistics.median(fast) / statistics.median(full)
    detail = {
        "bytes": len(body),
        "hub_ms": round(1000 * statistics.median(full), 2),
        "bare_ms": round(1000 * statistics.median(fast), 2),
    }
    return {
        "name": "list-1000",
        "figure": round(figure, 3),
        "unit": "",
        "target": TARGET,
        "at_least": True,
        "detail": detail,
    }


def _get(connection: http.client.HTTPConnection, path: str, token: str) -> tuple[float, bytes]:
    begun = time.perf_counter()
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    body = response.read()
    assert response.status == 200, body[:500]
    return time.perf_counter() - begun, body
