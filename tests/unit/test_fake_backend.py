"""The fake backend: virtual time, faults on purpose and by chance, many processes."""

import asyncio
import time
from datetime import timedelta

import pytest

from zoe_hub.backends.base import Permanent, ProcessSpec, Resync, Temporary
from zoe_hub.backends.fake import FakeBackend, FakeEngine, Faults
from zoe_hub.core.reasons import because

pytestmark = pytest.mark.looptime


def spec(index, *command, **changes):
    known = {
        "name": f"zoe-one-e1-main-{index}",
        "deployment": "one",
        "execution": "e1",
        "owner": "ann",
        "group": "main",
        "index": index,
        "incarnation": 1,
        "framework": "f",
        "image": "i",
        "command": command or ("sleep",),
        "environment": {},
    }
    return ProcessSpec(**known | changes)


async def connected(engine, **options):
    backend = FakeBackend(deployment="one", data="/nowhere", engine=engine, **options)
    await backend.open()
    return backend


async def only(backend):
    (seen,) = await backend.processes()
    return seen


async def test_time_is_the_loops(tmp_path):
    backend = await connected(FakeEngine())
    started = await backend.start(spec(0, "do", "sleep 3600", "exit 4"))
    await asyncio.sleep(3599)
    assert (await only(backend)).state == "running"
    await asyncio.sleep(2)
    ended = await only(backend)
    assert ended.exit_code == 4
    assert timedelta(seconds=3599.9) < ended.ended - started.started < timedelta(seconds=3600.1)


async def test_the_grace_is_kept():
    backend = await connected(FakeEngine())
    await backend.start(spec(0, "do", "ignore-term", "sleep"))
    await asyncio.sleep(1)
    await backend.stop("zoe-one-e1-main-0", 30)
    await asyncio.sleep(29)
    assert (await only(backend)).state == "running"
    await asyncio.sleep(2)
    assert (await only(backend)).reason == because("killed-late", grace=30)


@pytest.mark.parametrize(("after", "count"), [(False, 0), (True, 1)])
async def test_a_planned_failure_comes_before_or_after_it_was_done(after, count):
    engine = FakeEngine()
    backend = await connected(engine)
    engine.fail_next("start", after=after)
    with pytest.raises(Temporary):
        await backend.start(spec(0))
    assert len(engine.starts) == count
    await backend.start(spec(0))
    assert engine.starts == [("zoe-one-e1-main-0", 1)]
    engine.fail_next("stop", Permanent("backend-refused", "no"))
    with pytest.raises(Permanent, match="no"):
        await backend.stop("zoe-one-e1-main-0", 0)


async def test_a_process_can_be_killed_from_outside():
    engine = FakeEngine()
    backend = await connected(engine)
    await backend.start(spec(0))
    engine.kill("zoe-one-e1-main-0", 137, because("out-of-memory"))
    assert ((await only(backend)).exit_code, (await only(backend)).reason) == (137, because("out-of-memory"))


async def test_a_silent_watch_is_noticed():
    engine = FakeEngine()
    backend = await connected(engine, watch_timeout=60.0)
    watch = backend.watch()
    assert isinstance(await anext(watch), Resync)
    engine.silence()
    await backend.start(spec(0))
    loop = asyncio.get_running_loop()
    before = loop.time()
    item = await anext(watch)
    assert isinstance(item, Resync)
    assert 59 < loop.time() - before < 61
    engine.speak()
    engine.kill("zoe-one-e1-main-0")
    assert (await anext(watch)).state == "exited"
    engine.break_watches()
    assert isinstance(await anext(watch), Resync)
    await watch.aclose()


async def test_faults_by_chance_are_the_same_for_the_same_seed():
    async def run(seed):
        engine = FakeEngine(seed)
        backend = await connected(engine)
        engine.faults = Faults(before=0.3, after=0.3, delay=0.5, death=0.3, duplicate=0.5, lost=0.2)
        results = []
        for index in range(30):
            try:
                results.append((await backend.start(spec(index))).name)
            except Temporary as error:
                results.append(error.detail)
        await asyncio.sleep(10)
        engine.faults = Faults()
        return results, [(seen.name, seen.state) for seen in await backend.processes()], engine.starts

    first = await run(1)
    assert first == await run(1)
    assert first != await run(2)
    results, seen, starts = first
    assert any("did not get through" in result for result in results)
    assert any("was lost" in result for result in results)
    assert {state for _, state in seen} == {"running", "exited"}
    assert len(starts) > len([result for result in results if result.startswith("zoe-")])


async def test_news_may_come_twice_or_late_but_the_list_is_true():
    engine = FakeEngine()
    backend = await connected(engine)
    watch = backend.watch()
    await anext(watch)
    engine.faults = Faults(duplicate=1.0)
    await backend.start(spec(0))
    assert (await anext(watch)).state == (await anext(watch)).state == "running"
    engine.faults = Faults(lost=1.0)
    engine.kill("zoe-one-e1-main-0")
    assert (await only(backend)).state == "exited"
    await watch.aclose()


async def test_a_thousand_live_processes_are_cheap():
    engine = FakeEngine()
    backend = await connected(engine)
    begun = time.perf_counter()
    for index in range(1000):
        await backend.start(spec(index, "do", "print hello", "sleep"))
    again = await connected(engine)
    assert len(await again.processes()) == 1000
    assert time.perf_counter() - begun < 2


async def test_other_commands_can_be_given_a_meaning():
    engine = FakeEngine(interpret=lambda command: ("print " + command[0], "sleep") if command[0] == "java" else None)
    backend = await connected(engine)
    await backend.start(spec(0, "java", "Master"))
    await backend.start(spec(1, "cobol"))
    await asyncio.sleep(1)
    assert [seen.exit_code for seen in await backend.processes()] == [None, 127]


async def test_the_node_is_what_the_options_say():
    backend = await connected(FakeEngine(), node_count=3, node_cores=2.0, node_memory=7)
    nodes = await backend.nodes()
    assert [(node.cores, node.memory) for node in nodes] == [(2.0, 7)] * 3
    assert backend.capabilities().nodes


async def test_without_an_engine_it_makes_one(tmp_path):
    backend = FakeBackend(deployment="one", data=str(tmp_path))
    await backend.open()
    assert await backend.processes() == ()
