"""Leases through HTTP: who is there, what has moved, what is kept."""

from __future__ import annotations

from typing import Any


def holder(key: str, kernel: str = "k1", **fields: Any) -> dict[str, Any]:
    return {"kernel": kernel, "kind": "notebook", "key": key, **fields}


async def attached(alice: Any, **body: Any) -> dict[str, Any]:
    answer = await alice.post("/attachments", json={"key": "/n/a.ipynb", "kernel": "k1", "zapp": "cluster", **body})
    assert answer.status_code == 202, answer.text
    return answer.json()


async def keys(alice: Any) -> dict[str, str]:
    return {each["id"]: each["key"] for each in (await alice.get("/attachments")).json()["items"]}


async def test_a_renamed_notebook_keeps_its_cluster_and_the_next_of_its_old_name_gets_another(world):
    alice = await world.client()
    mine = await attached(alice, key="/n/Untitled.ipynb")
    report = {"holders": [holder("/n/sales.ipynb"), holder("/n/Untitled.ipynb", "k2")]}
    answer = await alice.post("/leases", json=report)
    assert (answer.status_code, answer.json()) == (200, {"ttl": 120.0})
    assert await keys(alice) == {mine["id"]: "/n/sales.ipynb"}
    other = await attached(alice, key="/n/Untitled.ipynb", kernel="k2")
    assert other["execution"]["id"] != mine["execution"]["id"]
    again = await attached(alice, key="/n/Untitled.ipynb", kernel="k1")
    assert again["id"] == mine["id"], "a kernel's own word is out of date: its server knows better"


async def test_a_folder_moves_with_its_notebooks_and_a_deleted_one_takes_its_cluster_along(world):
    alice = await world.client()
    mine = await attached(alice, key="/n/old/a.ipynb")
    await alice.post("/leases", json={"moved": [{"source": "/n/old", "target": "/n/new"}]})
    assert await keys(alice) == {mine["id"]: "/n/new/a.ipynb"}
    await alice.post("/leases", json={"deleted": ["/n/new"]})
    assert await keys(alice) == {}
    view = (await alice.get(f"/executions/{mine['execution']['id']}")).json()
    assert view["desired"] == "ended"
    assert view["reason"]["code"] == "holder-deleted"


async def test_nobody_reports_for_others(world):
    alice, bob = await world.client(), await world.client("bob")
    mine = await attached(alice)
    await bob.post("/leases", json={"holders": [holder("/n/b.ipynb")], "deleted": ["/n"], "moved": []})
    assert await keys(alice) == {mine["id"]: "/n/a.ipynb"}


async def test_what_is_attached_says_what_becomes_of_it(world):
    alice = await world.client()
    await alice.post("/leases", json={"holders": [holder("/n/a.ipynb"), holder("k9", "k9", kind="batch")]})
    mine = await attached(alice)
    assert (mine["kind"], mine["policy"], mine["gone"]) == ("notebook", "shrink", None)
    again = await attached(alice, policy="keep")
    assert (again["id"], again["policy"]) == (mine["id"], "keep")
    batch = await attached(alice, key="/n/b.ipynb", kernel="k9")
    assert (batch["kind"], batch["key"], batch["policy"]) == ("batch", "k9", "terminate")


async def test_keeping_says_until_when_and_has_a_limit(world):
    alice = await world.client()
    view = await world.running(alice)
    kept = await alice.post(f"/executions/{view['id']}/keep", json={"seconds": 3600})
    assert kept.status_code == 200
    assert kept.json()["kept_until"] > kept.json()["created"]
    refused = await alice.post(f"/executions/{view['id']}/keep", json={"seconds": 10**6})
    assert (refused.status_code, refused.json()["code"]) == (422, "out-of-range")
    bob = await world.client("bob")
    assert (await bob.post(f"/executions/{view['id']}/keep", json={})).status_code == 404


async def former(alice: Any, **query: str) -> str | None:
    """The id of what a holder that is attached to nothing held last."""
    answer = (await alice.get("/attachments", params=query)).json()
    assert answer["items"] == []
    return answer["former"]["id"] if answer["former"] else None


async def end(world: Any, alice: Any, execution: str) -> None:
    await alice.post(f"/executions/{execution}/terminate", json={})
    await world.until(lambda: execution not in world.store.executions)


async def test_whoever_is_attached_to_nothing_hears_what_it_held_last(world):
    alice, bob = await world.client(), await world.client("bob")
    mine = await attached(alice, key="/n/old/a.ipynb")
    running = (await alice.get("/attachments", params={"key": "/n/old/a.ipynb"})).json()
    assert (len(running["items"]), running["former"]) == (1, None)
    await alice.post("/leases", json={"moved": [{"source": "/n/old", "target": "/n/new"}]})
    await end(world, alice, mine["execution"]["id"])
    assert await former(alice, key="/n/new/a.ipynb") == mine["execution"]["id"]
    assert await former(alice, key="/n/old/a.ipynb") is None, "a new notebook of the old name"
    assert await former(alice) is None, "nobody was asked for"
    assert await former(bob, key="/n/new/a.ipynb") is None, "what is alice's"
    await alice.post("/leases", json={"holders": [holder("/n/new/a.ipynb", "k7")]})
    assert await former(alice, key="k7", kernel="k7") == mine["execution"]["id"], "its server knows who it is"


async def test_the_history_tells_which_cells_had_queries(world):
    alice, bob = await world.client(), await world.client("bob")
    mine = await attached(alice)
    cells = ["a.ipynb, cell 3", "a.ipynb, cell 4"]
    answer = await alice.post(f"/attachments/{mine['id']}/work", json={"cells": cells})
    assert (answer.status_code, answer.json()["id"]) == (200, mine["id"])
    history = (await alice.get(f"/executions/{mine['execution']['id']}/history")).json()["items"]
    (told,) = [each for each in history if each["kind"] == "attachment.worked"]
    assert told["reason"]["code"] == "cells-worked"
    assert told["reason"]["facts"]["cells"] == cells
    assert told["reason"]["words"] == "queries of a.ipynb, cell 3, a.ipynb, cell 4"
    story = (await alice.get(f"/executions/{mine['execution']['id']}/story")).json()["items"]
    assert "attachment.worked" in [each["kind"] for each in story]
    assert (await bob.post(f"/attachments/{mine['id']}/work", json={"cells": cells})).status_code == 404
    many = await alice.post(f"/attachments/{mine['id']}/work", json={"cells": cells * 20})
    assert (many.status_code, many.json()["code"]) == (422, "bad-parameter")
    await alice.delete(f"/attachments/{mine['id']}")
    assert (await alice.post(f"/attachments/{mine['id']}/work", json={"cells": cells})).status_code == 404


async def test_what_was_let_go_is_nothing_that_was_lost(world):
    alice = await world.client()
    first = await attached(alice)
    await end(world, alice, first["execution"]["id"])
    second = await attached(alice)
    await alice.delete(f"/attachments/{second['id']}", params={"keep": "true"})
    await end(world, alice, second["execution"]["id"])
    assert await former(alice, key="/n/a.ipynb") == first["execution"]["id"]
