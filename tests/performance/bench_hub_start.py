"""Benchmark ``hub-start``: from the start of the process to the first 200, over the start of a bare Tornado server."""

from __future__ import annotations

import contextlib
import http.client
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from zoe_hub.testing.hub import RunningHub

ROUNDS = 7
TARGET = 1.0  # seconds
BARE = """
import asyncio, sys, tornado.web
class Handler(tornado.web.RequestHandler):
    def get(self): self.write("ok")
async def main():
    tornado.web.Application([("/", Handler)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()
asyncio.run(main())
"""


def run() -> dict[str, object]:
    """The median in seconds."""
    ours, bare = [], []
    with tempfile.TemporaryDirectory(prefix="zoe-bench-") as name:
        hub = RunningHub(Path(name) / "data", options=["--ZoeHub.idle_timeout=0"])
        for number in range(ROUNDS + 1):  # the first start makes the database and the compiled files
            took = hub.start()
            hub.stop()
            if number:
                ours.append(took)
                bare.append(_bare())
    figure = statistics.median(ours)
    detail = {"bare_tornado_s": round(statistics.median(bare), 3), "ratio": round(figure / statistics.median(bare), 2)}
    return {"name": "hub-start", "figure": round(figure, 3), "unit": "s", "target": TARGET, "detail": detail}


def _bare() -> float:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)])
    try:
        while time.monotonic() - begun < 30:
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/")
                if connection.getresponse().status == 200:
                    return time.monotonic() - begun
            time.sleep(0.005)
        raise TimeoutError
    finally:
        process.kill()
        process.wait()
