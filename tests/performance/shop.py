"""A hub with a small catalog for the benchmarks, and a minimal HTTP client that costs less than what it measures."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from zoe_hub.testing.hub import RunningHub

FRAMEWORK = """
framework: sleeper
version: "1"
kind: engine
title: Sleeper
processes:
  main: {image: any, command: [sleep], resources: {cores: 0.001, memory: 1MiB}}
"""
ZAPP = """
zapp: sleeper
version: "1"
kind: engine
title: Sleeper
frameworks:
  sleeper: {framework: sleeper}
"""


def catalog(folder: Path) -> Path:
    """A catalog with one ZApp that does nothing for ever."""
    (folder / "sleeper").mkdir(parents=True)
    (folder / "sleeper" / "framework.yaml").write_text(FRAMEWORK)
    (folder / "sleeper" / "zapp.yaml").write_text(ZAPP)
    return folder


@contextlib.contextmanager
def hub(options: Sequence[str] = ()) -> Iterator[RunningHub]:
    """A hub on the fake backend, stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="zoe-bench-") as name:
        folder = catalog(Path(name) / "shop")
        made = RunningHub(
            Path(name) / "data",
            options=["--backend=fake", f"--ZoeHub.catalog_folders={folder}", "--ZoeHub.idle_timeout=0", *options],
        )
        made.start()
        try:
            yield made
        finally:
            made.kill()
