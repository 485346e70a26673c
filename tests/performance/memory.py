"""How much memory a process takes, for the benchmarks."""

from __future__ import annotations

from pathlib import Path


def pss(pid: int) -> float:
    """Proportional set size in MiB: what is shared with others counts in part."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(line)
