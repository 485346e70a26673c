"""Benchmark ``adopt-1000``: a hub comes back to 1000 live executions, until it has looked at each; over reading the
database alone.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from pathlib import Path

import shop

from zoe_hub.backends.fake import FakeBackend, FakeEngine
from zoe_hub.catalog import Catalog
from zoe_hub.controllers.hub import Controllers
from zoe_hub.core.executions.commands import StartZApp
from zoe_hub.core.executions.model import Phase
from zoe_hub.store.sql import SQLStore

COUNT = 1000
TARGET = 2.0  # seconds


class Bench:
    """An engine and a database that outlive the hubs."""

    def __init__(self, folder: Path) -> None:
        self.engine = FakeEngine()
        self.path = folder / "zoe.db"
        self.catalog = Catalog([shop.catalog(folder / "shop")])
        self.catalog.load()

    async def boot(self) -> tuple[SQLStore, Controllers, float]:
        """Start a hub; how long reading the database took."""
        begun = time.perf_counter()
        store = SQLStore(str(self.path))
        await store.open()
        read = time.perf_counter() - begun
        backend = FakeBackend(deployment="bench", data=str(self.path.parent), engine=self.engine)
        await backend.open()
        controllers = Controllers(
            store=store,
            backend=backend,
            catalog=self.catalog,
            deployment="bench",
            hub_url="http://hub",
            log=logging.getLogger("bench"),
        )
        await controllers.start()
        await controllers.settled()
        return store, controllers, read


def run() -> dict[str, object]:
    """Seconds until every execution was looked at."""
    with tempfile.TemporaryDirectory(prefix="zoe-bench-") as name:
        return asyncio.run(_run(Bench(Path(name))))


async def _run(bench: Bench) -> dict[str, object]:
    store, controllers, _ = await bench.boot()
    await asyncio.gather(*(controllers.executions.start("ada", StartZApp(zapp="sleeper")) for _ in range(COUNT)))
    while sum(each.phase is Phase.RUNNING for each in store.active()) < COUNT:
        await store.changed(store.last_seq)
    await controllers.settled()
    await controllers.stop()
    await store.close()
    began = len(bench.engine.starts)
    begun = time.perf_counter()
    store, controllers, read = await bench.boot()
    figure = time.perf_counter() - begun
    assert len(controllers.report.adopted) == COUNT
    assert len(bench.engine.starts) == began, "something was started again"
    await controllers.stop()
    await store.close()
    return {
        "name": "adopt-1000",
        "figure": round(figure, 3),
        "unit": "s",
        "target": TARGET,
        "detail": {"reading_s": round(read, 3)},
    }
