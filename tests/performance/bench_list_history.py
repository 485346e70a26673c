"""Benchmark ``list-history``: the first page of each list and filter with 100,000 ended executions, over the same with
1,000. The figure is the worst of them.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import history

ROUNDS = 60
FEW, MANY = 1_000, 100_000
TARGET = 1.2
LISTS = {
    "all": "",
    "ended": "&active=false",
    "name": "&name=job-7",
    "owner": "&owner={owner}",
    "owner-and-name": "&owner={owner}&name=job-7",
    "zapp": "&zapp=short",
    "phase": "&phase=ended",
    "nothing": "&name=nobody",
}


def run() -> dict[str, object]:
    """How many times as long the slowest takes."""
    ratios: dict[str, float] = {}
    times: dict[str, dict[int, list[float]]] = {each: {FEW: [], MANY: []} for each in LISTS}
    with tempfile.TemporaryDirectory(prefix="zoe-bench-") as name:
        hubs = {ended: history.hub(Path(name) / str(ended), ended) for ended in (FEW, MANY)}
        try:
            for hub in hubs.values():
                hub.start()
            owner = hubs[FEW].get("/user")["name"]
            for kind, filtered in LISTS.items():
                path = f"/executions?limit=10{filtered.format(owner=owner)}"
                for number in range(ROUNDS + 1):
                    for ended, hub in hubs.items():
                        begun = time.perf_counter()
                        items = hub.get(path)["items"]
                        if number:
                            times[kind][ended].append(time.perf_counter() - begun)
                        assert len(items) == (0 if kind == "nothing" else 10), (kind, len(items))
                ratios[kind] = statistics.median(times[kind][MANY]) / statistics.median(times[kind][FEW])
        finally:
            for hub in hubs.values():
                hub.kill()
    return {
        "name": "list-history",
        "figure": round(max(ratios.values()), 2),
        "unit": "x",
        "target": TARGET,
        "detail": {
            **{kind: round(ratio, 2) for kind, ratio in ratios.items()},
            "all_ms": round(1000 * statistics.median(times["all"][MANY]), 2),
        },
    }
