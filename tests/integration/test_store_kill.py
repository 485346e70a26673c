"""A hub is killed in the middle of commits, again and again: what was acknowledged is there, nothing is there in part.

The seed is printed; ``ZOE_KILLS`` is the number of kills, ``ZOE_SEED`` repeats a run.
"""

import asyncio
import os
import random
import subprocess
import sys
import time

import pytest

from zoe_hub.core.executions.model import Phase
from zoe_hub.store.base import Batch
from zoe_hub.store.sql import SQLStore
from zoe_hub.testing.store_records import event, execution, mark_of

KILLS = int(os.environ.get("ZOE_KILLS", "12"))
SEED = int(os.environ.get("ZOE_SEED", random.SystemRandom().randrange(10**6)))
DEADLINE = 60

HUB = """
import asyncio, os, sys
from zoe_hub.store.base import Batch
from zoe_hub.store.sql import SQLStore
from zoe_hub.testing.store_records import *

async def work(store, life, worker):
    chain = f"chain{worker}"
    for n in range(100_000):
        name = f"{life}-{worker}-{n}"
        known = store.executions.get(chain)
        version = known.version + 1 if known else 1
        await store.commit(Batch(
            put=(execution(f"e{name}"), execution(chain, version=version, name=name), reply(f"k{name}"),
                 attachment(f"a{name}", execution=f"e{name}"), token(f"t{name}"), *secrets(f"e{name}", s=name)),
            events=(event("first", process=name), event("second", process=name)),
        ))
        os.write(1, f"{name} {version}\\n".encode())

async def main():
    store = SQLStore(sys.argv[1])
    await store.open()
    await asyncio.gather(*(work(store, sys.argv[2], worker) for worker in range(6)))

asyncio.run(main())
"""


def live(path, life, until):
    """One life of a hub; the commits that it acknowledged, with the version of the chain.

    :param until: how many it may acknowledge before it is killed
    """
    acknowledged = []
    with subprocess.Popen(
        [sys.executable, "-c", HUB, path, str(life)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as hub:
        try:
            while len(acknowledged) < until:
                line = hub.stdout.readline()
                assert line, hub.stderr.read().decode()
                acknowledged.append(line)
        finally:
            hub.kill()
        acknowledged += (line for line in hub.stdout if line.endswith(b"\n"))  # said, but not heard before the kill
    return [line.split() for line in acknowledged]


async def check(path, promised):
    store = SQLStore(path)
    await store.open()
    events = []
    while page := await store.events(since=len(events), limit=10_000):
        events += page
    assert [each.seq for each in events] == list(range(1, store.last_seq + 1))
    pairs = [(a.process, b.process, mark_of(a), mark_of(b)) for a, b in zip(events[::2], events[1::2], strict=True)]
    assert all(a == b and (x, y) == ("first", "second") for a, b, x, y in pairs), "events of a batch are together"
    kept = {pair[0] for pair in pairs}
    for said, version in promised:
        name = said.decode()
        worker = name.split("-")[1]
        assert name in kept, f"{name} was acknowledged and is lost"
        assert store.executions[f"chain{worker}"].version >= int(version)
    for name in kept:
        assert f"e{name}" in store.executions
        assert f"a{name}" in store.attachments
        assert store.token(f"t{name}")
        assert await store.reply("ann", f"k{name}")
        assert store.secrets(f"e{name}") == {"s": name}
    chains = [each for each in store.executions.values() if each.id.startswith("chain")]
    assert len(store.executions) == len(store.attachments) + len(chains) == len(kept) + len(chains)
    assert sum(each.version for each in chains) == len(kept)
    await store.close()


async def test_a_killed_hub_loses_nothing_and_leaves_nothing_half_done(tmp_path):
    print(f"seed {SEED}, {KILLS} kills")
    chance = random.Random(SEED)
    path = tmp_path / "zoe.db"
    promised = []
    for life in range(KILLS):
        promised += live(path, life, until=chance.choice([1, 5, 50, 400]) + chance.randrange(20))
        if chance.random() < 0.5:  # otherwise the next hub meets the log of the killed one
            await check(path, promised)
    await check(path, promised)


async def test_a_hub_killed_while_it_begins_leaves_a_database_or_none(tmp_path):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    path = tmp_path / "zoe.db"
    begin = (
        "import sys\nfrom zoe_hub.store.sql import SQLStore\nimport asyncio\nstore ="
        " SQLStore(sys.argv[1])\nprint(flush=True)\nasyncio.run(store.open())\nsys.stdin.read()"
    )
    for _ in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", begin, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as hub:
            hub.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                hub.wait(chance.uniform(0, 0.06))
            hub.kill()
        store = SQLStore(path)
        await store.open()
        await store.commit(Batch(events=(event(),)))
        assert await store.events()
        await store.close()
        assert os.listdir(tmp_path) == ["zoe.db"]
        path.unlink()


async def test_a_restart_with_1000_live_executions_is_quick(tmp_path):
    store = SQLStore(tmp_path / "zoe.db")
    await store.open()
    made = [execution(f"e{n}", phase=Phase.RUNNING) for n in range(1000)]
    await asyncio.gather(*(store.commit(Batch(put=(each,), events=(event(), event()))) for each in made))
    await store.close()
    began = time.monotonic()
    await store.open()
    took = time.monotonic() - began
    assert list(store.active()) == made
    await store.close()
    assert took < 1, f"{took:.2f} s"
