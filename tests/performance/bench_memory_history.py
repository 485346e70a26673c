"""Benchmark ``memory-history``: proportional set size of a hub that remembers 100,000 ended executions and has shown
some of them, over one that remembers none.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import history
from memory import pss

ENDED = 100_000
TARGET = 1.2


def run() -> dict[str, object]:
    """How many times as much."""
    found = []
    with tempfile.TemporaryDirectory(prefix="zoe-bench-") as name:
        for ended in (0, ENDED):
            hub = history.hub(Path(name) / str(ended), ended)
            hub.start()
            try:
                for path in ("/zapps", "/executions", "/executions?active=false&limit=20", "/executions?name=job-7"):
                    hub.get(path)
                found.append(pss(hub.pid))
            finally:
                hub.stop()
    without, with_many = found
    return {
        "name": "memory-history",
        "figure": round(with_many / without, 2),
        "unit": "x",
        "target": TARGET,
        "detail": {"ended": ENDED, "with_mib": round(with_many, 1), "without_mib": round(without, 1)},
    }
