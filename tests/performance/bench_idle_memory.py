"""Benchmark ``idle-memory``: proportional set size of a hub that has answered and now waits, over a bare Tornado
process.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from memory import pss

from zoe_hub.testing.hub import RunningHub

TARGET = 60.0  # MiB


def run() -> dict[str, object]:
    """The size in MiB."""
    with tempfile.TemporaryDirectory(prefix="zoe-bench-") as name:
        hub = RunningHub(Path(name) / "data", options=["--ZoeHub.idle_timeout=0"])
        hub.start()
        hub.get("/zapps")
        hub.get("/executions")
        figure = pss(hub.pid)
        hub.stop()
    code = "import asyncio, tornado.web; print(flush=True); input()"
    bare = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert bare.stdout is not None
    bare.stdout.readline()
    least = pss(bare.pid)
    bare.kill()
    bare.wait()
    return {
        "name": "idle-memory",
        "figure": round(figure, 1),
        "unit": "MiB",
        "target": TARGET,
        "detail": {"bare_tornado_mib": round(least, 1)},
    }
