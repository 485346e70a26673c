"""Benchmark ``start-history``: start of a hub that remembers 100,000 ended executions, over one that remembers none."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import history

ROUNDS = 7
ENDED = 100_000
TARGET = 1.5


def run() -> dict[str, object]:
    """How many times as long."""
    took: dict[int, list[float]] = {0: [], ENDED: []}
    with tempfile.TemporaryDirectory(prefix="zoe-bench-") as name:
        hubs = {ended: history.hub(Path(name) / str(ended), ended) for ended in took}
        for number in range(ROUNDS + 1):
            for ended, hub in hubs.items():
                seconds = hub.start()
                hub.stop()
                if number:  # the first start of each reads the file from the disk
                    took[ended].append(seconds)
        size = (Path(name) / str(ENDED) / "zoe.db").stat().st_size
    with_none, with_many = (statistics.median(seconds) for seconds in took.values())
    return {
        "name": "start-history",
        "figure": round(with_many / with_none, 2),
        "unit": "x",
        "target": TARGET,
        "detail": {
            "ended": ENDED,
            "database_mib": size >> 20,
            "with_s": round(with_many, 3),
            "without_s": round(with_none, 3),
        },
    }
