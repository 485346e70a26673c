"""What each user may have at a time: no one takes it from the others."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from zoe_hub.web.limits import ClientLimits


@pytest.fixture
async def small(make_world):
    """A hub where each user may have two executions and two streams."""
    world = make_world()
    world.settings = {"executions_per_user": 2}
    world.options = {"limits": ClientLimits(max_streams=2)}
    await world.start()
    yield world
    await world.close()


async def test_requests_that_come_together_start_no_more_than_one_may_have(small):
    alice, bob = await small.client("alice"), await small.client("bob")
    answers = await asyncio.gather(*(alice.post("/executions", json={"zapp": "cluster"}) for _ in range(6)))
    assert Counter(each.status_code for each in answers) == {202: 2, 429: 4}
    refused = next(each.json() for each in answers if each.status_code == 429)
    assert refused["code"] == "too-many"
    assert "Controllers.executions_per_user" in refused["detail"], "an admin knows what to change"
    assert (await alice.post("/attachments", json={"key": "n.ipynb", "zapp": "cluster"})).json()["code"] == "too-many"
    assert (await alice.post("/plans", json={"start": {"zapp": "cluster"}})).json()["code"] == "too-many"
    assert (await bob.post("/executions", json={"zapp": "cluster"})).status_code == 202


async def test_what_has_ended_counts_no_more(small):
    client = await small.client()
    first = await small.running(client)
    second = await small.running(client)
    await client.post(f"/executions/{first['id']}/terminate", json={})
    await small.until(lambda: first["id"] not in small.store.executions)
    assert (await client.post("/attachments", json={"key": "n.ipynb", "zapp": "cluster"})).status_code == 202
    again = await client.post("/attachments", json={"key": "n.ipynb", "zapp": "cluster"})
    assert again.json()["found"], "what is there is no new one"
    assert (await client.post("/executions", json={"zapp": "cluster"})).status_code == 429
    assert (await client.post(f"/executions/{second['id']}/scale", json={"count": 3})).status_code == 202


async def test_a_user_follows_no_more_streams_than_one_may(small, events):
    alice, bob = await small.client("alice"), await small.client("bob")
    async with events(alice).open(), events(alice).open():
        refused = await alice.get("/events")
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many")
        assert refused.headers["content-type"].startswith("application/problem+json")
        async with events(bob).open():
            pass
    await asyncio.wait_for(_none_left(small), 5)
    async with events(alice).open():
        pass


async def _none_left(world):
    while world.hub.streams:
        await asyncio.sleep(0)
