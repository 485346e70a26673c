"""Walks the table of operations: each one refuses whom it must refuse, and each one is there."""

from __future__ import annotations

from typing import Any

import pytest

from zoe_hub.contract.operations import BY_ID, OPERATIONS
from zoe_hub.contract.table import Operation
from zoe_hub.web import operations
from zoe_hub.web.call import BOUND

BODIES: dict[str, dict[str, Any]] = {
    "start_execution": {"zapp": "cluster"},
    "scale_execution": {"count": 3},
    "terminate_execution": {},
    "attach": {"key": "a.ipynb", "zapp": "cluster"},
    "report_work": {"cells": ["a.ipynb, cell 1"]},
    "plan": {"start": {"zapp": "cluster"}},
    "create_ticket": {"path": "/zoe/pages/e1/main-0/web/"},
}
OWNED = [operation for operation in OPERATIONS if operation.owns]
LOWER = {"read": [], "write": ["read"], "admin": ["read", "write"]}


def path(operation: Operation, **values: str) -> str:
    known = {
        **dict.fromkeys(operation.parameters, "any"),
        "execution": "enone",
        "process": "main-0",
        "attachment": "anone",
        "zapp": "cluster",
        "framework": "sim",
        **values,
    }
    return operation.path.format(**known)


async def ask(client: Any, operation: Operation, where: str, **headers: str) -> Any:
    body = BODIES.get(operation.id) if operation.input else None
    async with client.stream(operation.method, where, json=body, headers=headers) as answer:
        if answer.headers["content-type"].startswith("text/event-stream"):
            return answer
        await answer.aread()
        return answer


def problem(answer: Any) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == answer.status_code
    assert found["detail"]
    assert found["type"] == f"urn:zoe:problem:{found['code']}"
    return str(found["code"])


def test_every_operation_has_a_handler_and_no_other_is_bound():
    operations.load()
    assert set(BOUND) == set(BY_ID)


async def refused(client: Any, code: str, **headers: str) -> None:
    """Every operation answers with the problem ``code``."""
    for operation in OPERATIONS:
        answer = await ask(client, operation, path(operation), **headers)
        assert problem(answer) == code, (operation.id, headers, answer.text)


async def test_every_operation_refuses_the_anonymous(world):
    await refused(await world.client(None), "not-authenticated")
    answer = await (await world.client(None)).get("/user")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert world.store.last_seq == 0


async def test_every_operation_refuses_unknown_malformed_and_expired_tokens(world):
    expired = await world.token("alice", "admin", life=-1)
    for header in (
        "Bearer nonsense",
        "Bearer zoe_" + "x" * 43,
        f"Bearer {expired}",
        f"Basic {world.tokens['root']}",
        "Bearer",
    ):
        await refused(await world.client(None, Authorization=header), "not-authenticated")


async def test_every_operation_refuses_a_token_without_its_scope(world):
    for scope in ("none", "read", "write"):
        client = await world.client("alice", scope)
        for operation in OPERATIONS:
            if scope != "none" and scope not in LOWER[operation.scope]:
                continue
            answer = await ask(client, operation, path(operation))
            assert (answer.status_code, problem(answer)) == (403, "not-allowed"), (operation.id, scope)
    assert world.store.last_seq == 0


async def test_every_operation_refuses_foreign_origins_even_with_the_token(world):
    client = await world.client("root")
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},  # DNS rebinding
        {"Host": f"evil.example:{world.port}", "Origin": f"http://evil.example:{world.port}"},
        {"Host": ""},
    ):
        await refused(client, "foreign-origin", **headers)
    assert (
        await client.get("/user", headers={"Origin": world.url, "Sec-Fetch-Site": "same-origin"})
    ).status_code == 200


async def test_every_operation_refuses_a_token_in_the_address(world):
    client = await world.client("root")
    for operation in OPERATIONS:
        answer = await ask(client, operation, f"{path(operation)}?token={world.tokens['root']}")
        assert (answer.status_code, problem(answer)) == (400, "bad-request"), operation.id


@pytest.mark.parametrize("operation", OWNED, ids=lambda operation: operation.id)
async def test_what_is_anothers_is_answered_like_what_is_not_there(world, operation):
    alice, bob = await world.client("alice"), await world.client("bob")
    mine = await world.running(alice)
    attached = (await alice.post("/attachments", json={"key": "a.ipynb", "execution": mine["id"]})).json()
    before = world.store.last_seq
    identifier = {"execution": mine["id"], "attachment": attached["id"]}[operation.owns]
    theirs = await ask(bob, operation, path(operation, **{operation.owns: identifier}))
    missing = await ask(bob, operation, path(operation, **{operation.owns: "e" + identifier[1:][::-1]}))
    assert (theirs.status_code, problem(theirs)) == (404, f"unknown-{operation.owns}")
    assert theirs.text.replace(identifier, "X") == missing.text.replace("e" + identifier[1:][::-1], "X")
    assert {k: v for k, v in theirs.headers.items() if k != "date"} == {
        k: v for k, v in missing.headers.items() if k != "date"
    }
    assert world.store.last_seq == before


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
async def test_the_owner_gets_an_answer_of_the_declared_kind(world, operation, monkeypatch):
    owner = await world.client("root")
    execution = await world.running(owner)
    attached = (await owner.post("/attachments", json={"key": "a.ipynb", "execution": execution["id"]})).json()
    if operation.id == "create_ticket":
        monkeypatch.setitem(BODIES, operation.id, {"path": f"/zoe/pages/{execution['id']}/main-0/web/"})
    answer = await ask(owner, operation, path(operation, execution=execution["id"], attachment=attached["id"]))
    assert answer.status_code == operation.status, answer.text
    assert answer.headers["content-type"].split(";")[0] == operation.media
    for header, value in (
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
    ):
        assert answer.headers[header] == value
    assert "server" not in answer.headers
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_bodies_that_name_anothers_execution_are_refused(world):
    alice, bob = await world.client("alice"), await world.client("bob")
    mine = await world.running(alice)
    before = world.store.last_seq
    for address, body in (
        ("/attachments", {"key": "b.ipynb", "execution": mine["id"]}),
        ("/plans", {"execution": mine["id"], "scale": {"count": 5}}),
        ("/plans", {"execution": mine["id"], "terminate": {}}),
    ):
        answer = await bob.post(address, json=body)
        assert (answer.status_code, problem(answer)) == (404, "unknown-execution")
    answer = await bob.get("/events", params={"execution": mine["id"]})
    assert (answer.status_code, problem(answer)) == (404, "unknown-execution")
    assert world.store.last_seq == before


async def test_an_admin_reaches_what_is_anothers_and_leaves_a_record(world):
    alice, admin = await world.client("alice"), await world.client("root")
    mine = await world.running(alice)
    for _ in range(3):
        assert (await admin.get(f"/executions/{mine['id']}")).status_code == 200
    assert (await admin.post(f"/executions/{mine['id']}/scale", json={"count": 3})).status_code == 202
    assert (await admin.post(f"/executions/{mine['id']}/scale", json={"count": 4})).status_code == 202
    history = (await alice.get(f"/executions/{mine['id']}/history")).json()["items"]
    audits = [event["data"] for event in history if event["kind"] == "audit.access"]
    assert audits == [
        {"admin": "root", "operation": "get_execution"},
        *[{"admin": "root", "operation": "scale_execution"}] * 2,
    ]


async def test_lists_show_ones_own_and_admins_everything(world):
    alice, bob, admin = await world.client("alice"), await world.client("bob"), await world.client("root")
    mine = await world.running(alice)
    owned = await world.running(bob)

    async def ids(client: Any, **query: str) -> set[str]:
        return {each["id"] for each in (await client.get("/executions", params=query)).json()["items"]}

    assert await ids(alice) == {mine["id"]}
    assert await ids(alice, owner="bob") == set()
    assert await ids(bob, owner="bob") == {owned["id"]}
    assert await ids(admin) == {mine["id"], owned["id"]}
    assert await ids(admin, owner="bob") == {owned["id"]}
    await alice.post("/attachments", json={"key": "a.ipynb", "execution": mine["id"]})
    assert len((await alice.get("/attachments")).json()["items"]) == 1
    assert (await bob.get("/attachments")).json()["items"] == []


async def test_a_revoked_token_ends(world):
    from zoe_hub.controllers.kit.tokens import digest
    from zoe_hub.store.base import Batch, Ref, Token

    token = await world.token("alice")
    client = await world.client(None, Authorization=f"Bearer {token}")
    assert (await client.get("/user")).json() == {"name": "alice", "scopes": ["read", "write"]}
    await world.store.commit(Batch(drop=(Ref(Token, digest(token)),)))
    assert (await client.get("/user")).status_code == 401


async def test_sessions_of_pages_open_nothing_in_the_interface(world):
    world.options = {"trusted": ["sim"]}
    await world.stop()
    await world.start()
    client = await world.client("alice")
    path = f"/zoe/pages/{(await world.running(client))['id']}/main-0/web/"
    ticket = (await client.post("/tickets", json={"path": path})).json()
    browser = await world.client(None)
    login = await browser.get(world.url + ticket["url"])
    entered = await browser.get(world.url + login.headers["location"])
    assert entered.headers["location"] == path
    assert {f"Path={path}", "HttpOnly", "SameSite=Strict"} <= set(entered.headers["set-cookie"].split("; "))
    cookie = entered.headers["set-cookie"].split(";")[0]
    for headers in ({"Cookie": cookie}, {"Authorization": f"Bearer {cookie.partition('=')[2]}"}):
        answer = await browser.get("/user", headers=headers)
        assert (answer.status_code, problem(answer)) == (401, "not-authenticated")
