"""Event streams and logs: nothing lost, nothing repeated, nobody else's; clean ends."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from zoe_hub.controllers.kit.tokens import digest
from zoe_hub.core.events import EVERYONE, Event
from zoe_hub.core.reasons import because
from zoe_hub.store.base import Batch, Ref, Token
from zoe_hub.store.sql import SQLStore
from zoe_hub.web.operations import events as operations


async def happen(world, count, owner="alice", text="x"):
    for begin in range(0, count, 100):
        event = Event(time=world.hub.now(), kind="test", owner=owner, reason=because("told", words=text))
        await world.store.commit(Batch(events=(event,) * min(100, count - begin)))


async def take(stream, count):
    async with asyncio.timeout(10):
        return [(await anext(stream))["seq"] for _ in range(count)]


async def test_nothing_is_lost_or_repeated_across_reconnects_and_restarts(make_world, events, tmp_path):
    world = make_world(make_store=lambda: SQLStore(tmp_path / "zoe.db"))
    await world.start()
    try:
        reader = events(await world.client("alice"))
        async with reader.open() as stream:  # begins now
            await happen(world, 3)
            await take(stream, 3)
        await happen(world, 5)  # while nobody listens
        async with reader.open() as stream:
            await take(stream, 2)
            reader.last = str(reader.seen[-1]["seq"])  # more may have been received than was taken
        await world.stop()
        await world.start()
        await happen(world, 1200)  # more than one batch
        async with reader.open() as stream:
            await take(stream, 3 + 1200)
        assert [event["seq"] for event in reader.seen] == list(range(1, 1209))
    finally:
        await world.close()


async def test_a_reader_that_saw_nothing_yet_resumes_where_it_began(world, events):
    await happen(world, 2)
    reader = events(await world.client("alice"))
    async with reader.open() as stream:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await anext(stream)
    assert reader.last == "2"
    await happen(world, 1)
    async with reader.open() as stream:
        assert await take(stream, 1) == [3]


async def test_since_and_filters(world, events):
    alice, bob, admin = await world.client("alice"), await world.client("bob"), await world.client("root")
    execution = await world.running(bob)
    begin = world.store.last_seq
    await happen(world, 2, "alice")
    await happen(world, 2, "bob")
    await happen(world, 1, "alice")
    async with events(alice, since=0).open() as stream:
        assert await take(stream, 3) == [begin + 1, begin + 2, begin + 5]
    async with events(admin, since=begin).open() as stream:
        assert await take(stream, 5) == list(range(begin + 1, begin + 6))
    reader = events(bob, since=0, execution=execution["id"])
    async with reader.open() as stream:
        await take(stream, 3)
    assert {event["execution"] for event in reader.seen} == {execution["id"]}
    assert (await alice.get("/events", headers={"Last-Event-ID": "x"})).json()["code"] == "bad-parameter"
    assert (await alice.get("/events", params={"since": -1})).json()["code"] == "bad-parameter"


async def test_what_concerns_everyone_reaches_everyone(world, events):
    begin = world.store.last_seq
    await happen(world, 1, EVERYONE)
    async with events(await world.client("alice"), since=begin).open() as stream:
        assert await take(stream, 1) == [begin + 1]  # that was before
        await happen(world, 1, EVERYONE)
        await happen(world, 1, "bob")
        await happen(world, 1, "alice")
        assert await take(stream, 2) == [begin + 2, begin + 4]


async def test_a_cursor_of_another_database_is_reset(world, events):
    await happen(world, 3)
    reader = events(await world.client("alice"), since=500)
    async with reader.open() as stream:
        await happen(world, 1)
        assert await take(stream, 1) == [4]
    assert reader.resets == [{"seq": 3, "first_seq": 1}]


async def test_a_reader_from_before_what_is_kept_is_told_and_gets_what_is_left(make_world, events, tmp_path):
    world = make_world(make_store=lambda: SQLStore(tmp_path / "zoe.db"))
    await world.start()
    try:
        admin = await world.client("root")
        await happen(world, 30)
        for cursor, resets in ((0, 1), (10, 1), (23, 1), (24, 0), (29, 0)):
            await world.store.commit(Batch(first_seq=25))
            reader = events(admin, since=cursor)
            async with reader.open() as stream:
                left = list(range(max(25, cursor + 1), 31))
                assert await take(stream, len(left)) == left
            assert reader.resets == [{"seq": 24, "first_seq": 25}] * resets
            resumed = events(admin)
            resumed.last = str(cursor)  # as browsers resume
            async with resumed.open() as stream:
                assert await take(stream, len(left)) == left
            assert len(resumed.resets) == resets
            if cursor == 10:  # the same from the disk
                await world.stop()
                await world.start()
                admin = await world.client("root")
    finally:
        await world.close()


async def test_a_history_from_before_what_is_kept_is_refused_and_the_rest_given(world):
    client = await world.client("alice")
    made = await world.running(client)
    where = f"/executions/{made['id']}/history"
    whole = (await client.get(where)).json()["items"]
    first = whole[3]["seq"]
    await world.store.commit(Batch(first_seq=first))
    refused = await client.get(where, params={"since": first - 2})
    assert refused.status_code == 410
    assert (refused.json()["code"], refused.json()["first_seq"]) == ("history-pruned", first)
    assert (await client.get(where)).json()["items"] == whole[3:]
    assert (await client.get(where, params={"since": first - 1})).json()["items"] == whole[3:]
    told = (await client.get(f"/executions/{made['id']}/story")).json()["items"]
    assert [each["kind"] for each in told[:2]] == ["cut", whole[3]["kind"]]


async def test_a_story_that_is_forgotten_while_it_is_read_is_whole_from_where_it_begins(world, monkeypatch):
    client = await world.client("alice")
    made = await world.running(client)
    monkeypatch.setattr(operations, "_BATCH", 3)
    read, whole = world.store.events, await world.store.events(execution=made["id"])

    async def forgetting(**which):
        found = await read(**which)
        if which["since"] is None and world.store.first_seq == 1:
            await world.store.commit(Batch(first_seq=whole[-2].seq))
        return found

    monkeypatch.setattr(world.store, "events", forgetting)
    told = (await client.get(f"/executions/{made['id']}/story")).json()["items"]
    assert [each["seq"] for each in told] == [0, whole[-2].seq, whole[-1].seq, 0]


async def test_what_is_forgotten_is_told_to_who_follows_and_not_found_afterwards(world, events):
    client = await world.client("alice")
    made = await world.running(client)
    await client.post(f"/executions/{made['id']}/terminate", json={})
    await world.until(lambda: made["id"] not in world.store.executions)
    reader = events(client, since=world.store.last_seq)
    async with reader.open() as stream:
        world.controllers.retention.executions_age = 1e-9
        while await world.controllers.retention.step():
            pass
        await take(stream, 1)
    (told,) = reader.seen
    assert (told["kind"], told["execution"]) == ("execution.forgotten", made["id"])
    assert told["reason"]["code"] == "past-too-old"
    for path in ("", "/history", "/story", "/processes/main-0/logs"):
        assert (await client.get(f"/executions/{made['id']}{path}")).json()["code"] == "unknown-execution"
    assert (await client.get("/executions", params={"active": False})).json()["items"] == []
    measured = (await (await world.client("root")).get("/metrics")).text
    assert "zoe_forgotten_executions 1.0" in measured
    assert "zoe_remains 0.0" in measured


async def test_signs_of_life_move_the_cursor_and_a_token_that_expires_ends_the_stream(make_world, events):
    world = make_world()
    world.options = {"heartbeat": 0.05}
    await world.start()
    try:
        token = await world.token("alice")
        reader = events(await world.client(None, Authorization=f"Bearer {token}"))
        async with reader.open() as stream, asyncio.timeout(10):
            await happen(world, 2, "bob")
            rest = asyncio.create_task(collect(stream))
            while reader.comments < 2 or reader.last != "2":
                await asyncio.sleep(0.005)
            expired = replace(world.store.token(digest(token)), expires=world.hub.now())
            await world.store.commit(Batch(put=(expired,)))
            assert await rest == []  # until the hub ends it
    finally:
        await world.close()


async def collect(stream):
    return [event async for event in stream]


async def test_a_busy_stream_ends_with_its_token(world, events):
    token = await world.token("alice")
    reader = events(await world.client(None, Authorization=f"Bearer {token}"))
    async with reader.open() as stream:
        await happen(world, 1)
        assert await take(stream, 1) == [1]
        await world.store.commit(Batch(drop=(Ref(Token, digest(token)),)))
        await happen(world, 1)  # comes long before the next sign of life would
        async with asyncio.timeout(5):
            assert [event async for event in stream] == []


async def test_streams_end_cleanly_when_the_hub_does(world, events):
    client = await world.client("alice")
    execution = await world.running(client)
    reader = events(client)
    async with (
        reader.open() as stream,
        client.stream("GET", f"/executions/{execution['id']}/processes/main-0/logs", params={"follow": "true"}) as log,
    ):
        assert len(world.hub.streams) == 2
        await happen(world, 1)
        await take(stream, 1)
        await world.stop()
        async with asyncio.timeout(5):
            assert [event async for event in stream] == []  # no protocol error: the chunked body was finished
            assert (await log.aread()).startswith(b"hello")
    await world.start()


async def test_a_reader_who_does_not_read_is_disconnected_and_resumes(make_world, events):
    world = make_world()
    world.options = {"stall": 0.2}
    await world.start()
    try:
        client = await world.client("alice")
        token = client.headers["authorization"]
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port, limit=1024)
        writer.write(
            f"GET /api/v1/events?since=0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n".encode()
        )
        await reader.readline()
        await happen(world, 60, text="y" * 100_000)
        async with asyncio.timeout(10):
            while world.hub.streams:
                await asyncio.sleep(0.02)
        writer.close()
        world.hub.stall = 30.0  # whoever reads has all the time that a busy machine needs
        async with events(client, since=0).open() as stream:
            assert await take(stream, 60) == list(range(1, 61))
    finally:
        await world.close()


async def test_a_client_that_leaves_leaves_nothing_behind(world, events):
    client = await world.client("alice")
    execution = await world.running(client)
    tasks = len(asyncio.all_tasks())
    async with (
        events(client).open(),
        client.stream("GET", f"/executions/{execution['id']}/processes/main-0/logs", params={"follow": "true"}),
    ):
        assert len(world.hub.streams) == 2
    async with asyncio.timeout(5):
        while world.hub.streams or len(asyncio.all_tasks()) > tasks:
            await asyncio.sleep(0.01)


# --- logs ---


async def test_parts_of_a_log(world):
    client = await world.client("alice")
    execution = await world.running(client, parameters={"line": "0123456789"})
    where = f"/executions/{execution['id']}/processes/main-0/logs"
    whole = b"0123456789\nup\n"

    async def get(offset=None, limit=None, **headers):
        query = {name: value for name, value in (("offset", offset), ("limit", limit)) if value is not None}
        return await client.get(where, params=query, headers=headers)

    answer = await get()
    assert (answer.status_code, answer.content, answer.headers["zoe-log-offset"]) == (200, whole, "0")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert (await get(3, 4)).content == b"3456"
    answer = await get(-3)
    assert (answer.content, answer.headers["zoe-log-offset"]) == (b"up\n", "11")
    assert (await get(1000)).content == b""
    for header, content, told in (
        ("bytes=0-3", b"0123", "bytes 0-3/14"),
        ("bytes=10-", b"\nup\n", "bytes 10-13/14"),
        ("bytes=-3", b"up\n", "bytes 11-13/14"),
        ("bytes=12-9999", b"p\n", "bytes 12-13/14"),
    ):
        answer = await get(Range=header)
        assert (answer.status_code, answer.content, answer.headers["content-range"]) == (206, content, told), header
    answer = await get(Range="bytes=14-")
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */14")
    for ignored in ("bytes=5-2", "lines=1-2", "bytes=0-1,3-4", "bytes=-"):
        answer = await get(Range=ignored)
        assert (answer.status_code, answer.content) == (200, whole)
    assert (await get(limit=0)).json()["code"] == "bad-parameter"


async def test_a_followed_log_ends_with_its_process_and_stays(world):
    client = await world.client("alice")
    execution = await world.running(client)
    where = f"/executions/{execution['id']}/processes/worker-1/logs"
    async with client.stream("GET", where, params={"follow": "true", "offset": -1}) as log:
        await client.post(f"/executions/{execution['id']}/terminate", json={})
        async with asyncio.timeout(10):
            assert await log.aread() == b"\n"
        assert log.headers["zoe-log-offset"] == "2"
    await world.until(lambda: world.store.everything[execution["id"]].phase == "ended")
    assert (await client.get(where)).content == b"up\n"
    missing = await client.get(f"/executions/{execution['id']}/processes/worker-9/logs")
    assert (missing.status_code, missing.json()["code"]) == (404, "no-log")
