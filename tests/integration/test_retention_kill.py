"""A hub is killed while it forgets what is over, again and again: what is listed has its logs, and of what has gone
nothing is left in the end.

On a real database and the local backend's folders. The seed is printed; ``ZOE_KILLS`` is the number of kills,
``ZOE_SEED`` repeats a run.
"""

import asyncio
import os
import random
import subprocess
import sys

from zoe_hub.backends.local import LocalBackend
from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.retention import FORGOTTEN, Retention
from zoe_hub.core.executions.model import Execution
from zoe_hub.store.base import Filter, Remains
from zoe_hub.store.sql import SQLStore

KILLS = int(os.environ.get("ZOE_KILLS", "12"))
SEED = int(os.environ.get("ZOE_SEED", random.SystemRandom().randrange(10**6)))
KEPT = 10

HUB = f"""
import asyncio, os, sys
from pathlib import Path
from zoe_hub.backends.local import LocalBackend
from zoe_hub.backends.local.records import Prepared, write
from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.retention import Retention
from zoe_hub.store.base import Batch
from zoe_hub.store.sql import SQLStore
from zoe_hub.testing.store_records import *

async def main(data, life):
    store, backend = SQLStore(data / "zoe.db"), LocalBackend(deployment="test", data=str(data))
    await store.open()
    await backend.open()
    retention = Retention(store, backend, Clock())
    retention.executions_number, retention.events_number = {KEPT}, 60
    for n in range(100_000):
        name = f"e{{life}}x{{n}}"
        await store.commit(Batch(put=(execution(name),), events=tuple(event(execution=name) for _ in range(3))))
        for process in ("main-0", "worker-0"):
            folder = data / "logs" / name / f"zoe-test-{{name}}-{{process}}"
            folder.mkdir(parents=True)
            write(folder / "of.json", Prepared(deployment="test", owner="ann"))
            for part in range(3):
                (folder / f"log.{{part * 10:020d}}").write_bytes(b"x" * 10)
        over = ended(execution(name), ended=datetime.now(UTC))
        await store.commit(Batch(put=(over,), events=(event(execution=name), event(execution=name))))
        if n % 7 == 6:
            while await retention.step():
                os.write(1, b"s")
        os.write(1, b"n")

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def live(data, life, until):
    """One life of a hub, killed after so many signs of life."""
    with subprocess.Popen(
        [sys.executable, "-c", HUB, data, str(life)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as hub:
        try:
            for _ in range(until):
                assert hub.stdout.read(1), hub.stderr.read().decode()
        finally:
            hub.kill()


async def check(data, *, to_the_end):
    store, backend = SQLStore(data / "zoe.db"), LocalBackend(deployment="test", data=str(data))
    await store.open()
    await backend.open()
    retention = Retention(store, backend, Clock())
    retention.executions_number = KEPT
    while to_the_end and await retention.step():
        pass
    page = await store.page(Execution, Filter(active=False), limit=1000)
    over, active, remains = {each.id for each in page.items}, set(store.executions), set(store.records(Remains))
    assert not remains & (over | active), "what is not there any more is not listed"
    logs = {path.name for path in (data / "logs").iterdir()}
    assert logs <= over | active | remains, "logs of nobody"
    for each in over:
        assert len(list((data / "logs" / each).glob("*/log.*"))) == 6, "what is listed has all its logs"
    for each in await store.events(limit=10**6):
        assert each.execution in over | active | remains or each.kind == FORGOTTEN
    if to_the_end:
        assert not remains
        assert len(over) == KEPT
        newest = sorted(over, key=lambda name: [int(part) for part in name[1:].split("x")])
        assert [each.id for each in reversed(page.items)] == newest
    await store.close()
    await backend.close()


async def test_a_hub_that_is_killed_while_it_forgets_leaves_nothing_half_done(tmp_path):
    print(f"seed {SEED}, {KILLS} kills")
    chance = random.Random(SEED)
    await asyncio.to_thread((tmp_path / "logs").mkdir)
    for life in range(KILLS):
        await asyncio.to_thread(live, tmp_path, life, chance.choice([12, 30, 60]) + chance.randrange(20))
        await check(tmp_path, to_the_end=False)
    await check(tmp_path, to_the_end=True)
