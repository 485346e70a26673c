"""Benchmark ``queue-5000``: 5,000 jobs of which one fits at a time, through a hub on the fake backend.

A step is the end of one job and the start of the next. Jobs a second; bytes of records and events that a step writes
(each version of a record counts with the bytes of its last); and how long others wait for the hub meanwhile: the
99th percentile of a request for its health over one for the same bytes from a bare server on the same machine.
"""

from __future__ import annotations

import contextlib
import sqlite3
import statistics
import tempfile
import threading
import time
from pathlib import Path

import httpx
import shop

from zoe_hub.testing.hub import RunningHub

JOBS, MEASURED = 5000, 2000  # in the queue; that have had their turn when the clock is stopped
SPEED, WRITTEN, PATIENCE = 100.0, 20_000, 20.0  # jobs a second at least; bytes a step, milliseconds at most
FRAMEWORK = """
framework: quick
version: "1"
kind: job
title: Quick
parameters:
  seconds: {type: number, default: 0}
processes:
  main:
    image: any
    command: [do, "sleep {{ seconds }}", "exit 0"]
    resources: {cores: 1, memory: 1MiB}
    decides_result: true
"""
ZAPP = """
zapp: quick
version: "1"
kind: job
title: Quick
ends: true
frameworks:
  quick: {framework: quick, ask: [seconds]}
"""


def run() -> dict[str, object]:
    """Jobs a second with the queue full."""
    with tempfile.TemporaryDirectory(prefix="zoe-bench-") as name:
        folder = shop.catalog(Path(name) / "shop")
        (folder / "quick").mkdir()
        (folder / "quick" / "framework.yaml").write_text(FRAMEWORK)
        (folder / "quick" / "zapp.yaml").write_text(ZAPP)
        options = ["--backend=fake", "--FakeBackend.node_cores=1", f"--ZoeHub.catalog_folders={folder}"]
        hub = RunningHub(Path(name) / "data", options=[*options, "--ZoeHub.idle_timeout=0"])
        hub.start()
        try:
            return _measure(hub)
        finally:
            hub.kill()


def _measure(hub: RunningHub) -> dict[str, object]:
    first = hub.post("/executions", {"zapp": "quick", "parameters": {"seconds": 3600}})
    hub.wait(first["id"], lambda seen: seen["phase"] == "running")
    for _ in range(JOBS):
        hub.post("/executions", {"zapp": "quick"})
    idle = _waits(hub, lambda: False, most=200)
    hub.post(f"/executions/{first['id']}/terminate", {})
    begun, ended = time.monotonic(), threading.Event()
    asked: list[float] = []
    asking = threading.Thread(target=lambda: asked.extend(_waits(hub, ended.is_set)))
    asking.start()
    while _active(hub) > JOBS - MEASURED:
        time.sleep(0.1)
    seconds = time.monotonic() - begun
    done = JOBS - _active(hub)
    ended.set()
    asking.join()
    records, events = _written(hub, done)
    waited = _percentile(asked)
    speed = done / seconds
    return {
        "name": "queue-5000",
        "figure": round(speed, 1),
        "unit": "/s",
        "target": SPEED,
        "at_least": True,
        "met": speed >= SPEED and records + events <= WRITTEN and waited <= PATIENCE,
        "detail": {
            "step_bytes": records + events,
            "step_bytes_target": WRITTEN,
            "of_records": records,
            "of_events": events,
            "health_p99_ms": round(waited, 1),
            "health_p99_target_ms": PATIENCE,
            "health_p99_idle_ms": round(_percentile(idle), 1),
            "health_median_ms": round(statistics.median(asked), 1),
        },
    }


def _active(hub: RunningHub) -> int:
    return int(hub.get("/health")["active"])


def _waits(hub: RunningHub, done: object, most: int = 10**9) -> list[float]:
    """Milliseconds that requests for the health took, one every 20 ms."""
    found: list[float] = []
    headers = {"Authorization": f"Bearer {hub.token}"}
    with httpx.Client(base_url=hub.url, headers=headers, timeout=60) as client:
        while len(found) < most and not done():  # type: ignore[operator]
            begun = time.perf_counter()
            client.get("/api/v1/health").raise_for_status()
            found.append(1000 * (time.perf_counter() - begun))
            time.sleep(0.02)
    return found


def _percentile(waits: list[float]) -> float:
    return statistics.quantiles(waits, n=100)[98]


def _written(hub: RunningHub, steps: int) -> tuple[int, int]:
    """Bytes a step of records and of events."""
    path = next(hub.data.glob("*.db"))
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        records = database.execute("SELECT sum((version - 1) * length(payload)) FROM executions").fetchone()[0]
        events = database.execute(
            "SELECT sum(length(payload)) FROM events WHERE kind NOT IN ('execution.created')"
        ).fetchone()[0]
    return records // steps, events // steps
