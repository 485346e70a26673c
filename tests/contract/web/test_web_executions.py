"""Executions through the interface: keys, versions, pages, filters, attachments, tickets, measurements."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from msgspec.structs import replace

import zoe_hub.web
from zoe_hub.core.executions.model import Execution, Outcome, Phase
from zoe_hub.run.logs import redact
from zoe_hub.store.base import Batch
from zoe_hub.store.sql import SQLStore
from zoe_hub.web.access.tickets import Tickets
from zoe_proxy.pages.origins import Origins

CLUSTER = {"zapp": "cluster", "parameters": {"workers": 2}}


async def test_a_repeated_key_is_answered_the_same_even_after_a_restart(make_world, tmp_path):
    world = make_world(make_store=lambda: SQLStore(tmp_path / "zoe.db"))
    await world.start()
    try:
        client = await world.client("alice", **{"Idempotency-Key": "one"})
        first, second = await asyncio.gather(
            client.post("/executions", json=CLUSTER), client.post("/executions", json=CLUSTER)
        )
        assert first.content == second.content
        assert {first.status_code, second.status_code} == {202}
        assert sorted(each.headers.get("idempotency-replayed", "") for each in (first, second)) == ["", "true"]
        await world.stop()
        await world.start()
        assert (await client.post("/executions", json=CLUSTER)).content == first.content
        other = await client.post("/executions", json={"zapp": "cluster"})
        assert (other.status_code, other.json()["code"]) == (409, "key-reused")
        bob = await world.client("bob", **{"Idempotency-Key": "one"})
        assert (await bob.post("/executions", json=CLUSTER)).json()["id"] != first.json()["id"]
        assert await world.store.count(Execution) == 2
        assert (
            await client.post("/executions", json=CLUSTER, headers={"Idempotency-Key": "x" * 256})
        ).status_code == 400
    finally:
        await world.close()


async def test_a_failed_request_does_not_use_up_its_key(world):
    client = await world.client("alice", **{"Idempotency-Key": "one"})
    assert (await client.post("/executions", json={"zapp": "nope"})).status_code == 404
    assert (await client.post("/executions", json=CLUSTER)).status_code == 202
    assert not world.hub.keys


async def test_versions_protect_changes(world):
    client = await world.client()
    execution = await world.running(client)
    where = f"/executions/{execution['id']}"
    seen = await client.get(where)
    assert seen.headers["etag"] == f'"{execution["version"]}"'
    assert (await client.get(where, headers={"If-None-Match": seen.headers["etag"]})).status_code == 304
    scaled = await client.post(f"{where}/scale", json={"count": 3}, headers={"If-Match": seen.headers["etag"]})
    assert scaled.status_code == 202
    assert scaled.json()["version"] > execution["version"]
    stale = await client.post(f"{where}/scale", json={"count": 4}, headers={"If-Match": seen.headers["etag"]})
    assert (stale.status_code, stale.json()["code"]) == (409, "conflict")
    assert (await client.post(f"{where}/scale", json={"count": 4}, headers={"If-Match": '"x"'})).json()[
        "code"
    ] == "bad-request"
    await world.until(
        lambda: (
            sum(
                process.group == "worker" and process.state == "ready"
                for process in world.store.everything[execution["id"]].processes
            )
            == 3
        )
    )
    assert (await client.post(f"{where}/scale", json={"count": 65})).json()["code"] == "out-of-range"
    assert (await client.post(f"{where}/scale", json={"count": 2, "group": "nope"})).json()["code"] == "unknown-group"
    assert (await client.post(f"{where}/terminate", content=b"")).status_code == 202  # no body stands for {}
    await world.until(lambda: world.store.everything[execution["id"]].phase == "ended")
    ended = (await client.get(where)).json()
    assert (ended["outcome"], ended["desired"]) == ("cancelled", "ended")


async def test_protected_wants_its_name(world):
    client = await world.client()
    execution = (await client.post("/executions", json={"zapp": "guarded", "name": "layer"})).json()
    where = f"/executions/{execution['id']}/terminate"
    assert (await client.post(where, json={})).json()["code"] == "protected"
    assert (await client.post(where, json={"confirm": "layer"})).status_code == 202


async def many(world, count, owner="alice"):
    """``count`` copies of one running execution."""
    client = await world.client(owner)
    model = world.store.executions[(await world.running(client))["id"]]
    copies = [
        replace(
            model,
            id=f"e{owner}{number:05}",
            name=f"n{number}",
            version=1,
            created=model.created + timedelta(microseconds=number + 1),
            desired="ended",
            phase=Phase.ENDED,
            outcome=Outcome.COMPLETED,
            labels={"even": str(number % 2 == 0)},
        )
        for number in range(count)
    ]
    await world.store.commit(Batch(put=tuple(copies)))
    return client


async def test_pages_neither_repeat_nor_miss_while_others_are_added(world):
    client = await many(world, 25)
    expected = list(reversed(world.store.everything))
    seen, cursor, rounds = [], None, 0
    while True:
        page = (await client.get("/executions", params={"limit": 4, **({"cursor": cursor} if cursor else {})})).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next"]
        rounds += 1
        if cursor is None:
            break
        await client.post("/executions", json=CLUSTER)
    assert seen == expected
    assert rounds == 7
    for wrong in ("x", "bm90IGEgY3Vyc29y", "é"):
        assert (await client.get("/executions", params={"cursor": wrong})).json()["code"] == "bad-parameter"


async def test_the_page_after_one_that_ended_meanwhile_goes_on(world):
    client = await world.client()
    made = [(await client.post("/executions", json=CLUSTER)).json()["id"] for _ in range(5)]
    page = (await client.get("/executions", params={"active": "true", "limit": 2})).json()
    assert [each["id"] for each in page["items"]] == made[:2:-1]
    last = world.store.everything[made[3]]
    await world.store.commit(
        Batch(
            put=(
                replace(last, version=last.version + 1, desired="ended", phase=Phase.ENDED, outcome=Outcome.COMPLETED),
            )
        )
    )
    page = (await client.get("/executions", params={"active": "true", "limit": 5, "cursor": page["next"]})).json()
    assert [each["id"] for each in page["items"]] == made[2::-1]


async def test_filters_combine(world):
    client = await many(world, 6)

    async def names(**query):
        return [each["name"] for each in (await client.get("/executions", params=query)).json()["items"]]

    assert await names(phase="ended", label="even=True") == ["n4", "n2", "n0"]
    assert await names(active="false", label="even", limit=2) == ["n5", "n4"]
    assert len(await names(active="true")) == 1
    assert await names(name="n3") == ["n3"]
    assert await names(zapp="nope") == []


async def test_attaching_again_changes_only_sizes_that_were_named_and_needs_no_shop(world):
    client = await world.client()
    request = {"key": "n.ipynb", "zapp": "sim"}
    made = (await client.post("/attachments", json={**request, "zapp": "cluster", "parameters": {"workers": 2}})).json()
    assert made["unapplied"] == [], "what is new has what was asked for"
    execution = made["execution"]["id"]
    counts = lambda: world.store.everything[execution].counts["worker"]  # noqa: E731
    await client.post(f"/executions/{execution}/scale", json={"count": 7})
    for parameters, count in (({"line": "other"}, 7), ({}, 7), ({"line": "x", "workers": 2}, 2), ({"workers": 5}, 5)):
        again = await client.post("/attachments", json={**request, "zapp": "cluster", "parameters": parameters})
        assert again.json()["execution"]["id"] == execution, again.text
        assert counts() == count
        assert again.json()["unapplied"] == (["line"] if "line" in parameters else []), "it is told what is otherwise"
    for zapp in ("cluster", "guarded"):
        (world.folder / "catalog" / zapp / "zapp.yaml").unlink()
    world.catalog.load()
    for name in ("cluster", "sim"):
        again = await client.post("/attachments", json={**request, "zapp": name})
        assert (again.status_code, again.json().get("found"), again.json()["execution"]["id"]) == (202, True, execution)
    assert (await client.post("/attachments", json={**request, "key": "other.ipynb", "zapp": "cluster"})).json()[
        "code"
    ] == "unknown-zapp"


async def test_a_kernel_connects_in_its_own_language(world):
    folder = world.folder / "catalog" / "sim"
    text = (folder / "framework.yaml").read_text()
    (folder / "framework.yaml").write_text(
        text.replace("attach:\n", "attach:\n  r: {variable: sim, code: r-code}\n").replace("  python:\n", "  julia:\n")
    )
    world.catalog.load()
    assert not world.catalog.problems
    client = await world.client()
    made = (await client.post("/attachments", json={"key": "n.ipynb", "zapp": "cluster", "language": "r"})).json()
    await world.until(lambda: world.store.everything[made["execution"]["id"]].phase == "running")
    assert (await client.get(f"/attachments/{made['id']}/connection")).json()["code"] == "r-code"
    refused = await client.post("/attachments", json={"key": "n.ipynb", "zapp": "cluster"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not-attachable")
    record = world.store.attachments[made["id"]]
    old = replace(record, language="python", version=record.version + 1)  # as a hub stored it that knew no language
    await world.store.commit(Batch(put=(old,)))
    refused = await client.get(f"/attachments/{made['id']}/connection")
    assert (refused.status_code, refused.json()["code"]) == (409, "not-attachable")


async def test_attachments_end_to_end(world):
    client = await world.client("alice", **{"Idempotency-Key": "attach"})
    request = {"key": "a.ipynb", "kernel": "k1", "zapp": "cluster", "versions": {"simpy": "4.0.1"}}
    wrong = await client.post("/attachments", json={**request, "versions": {"simpy": "3.0"}})
    assert (wrong.status_code, wrong.json()["code"]) == (424, "client-mismatch")
    made = await client.post("/attachments", json=request)
    assert made.status_code == 202, made.text
    attachment = made.json()
    assert made.headers["location"].endswith(attachment["id"])
    assert (await client.post("/attachments", json=request)).json()["id"] == attachment["id"]
    again = (await client.post("/attachments", json=request, headers={"Idempotency-Key": "other"})).json()
    assert (again["execution"]["id"], again["found"]) == (attachment["execution"]["id"], True)
    await world.until(lambda: world.store.everything[attachment["execution"]["id"]].phase == "running")
    connection = await client.get(f"/attachments/{again['id']}/connection")
    assert connection.json()["outputs"]["address"].startswith("sim://127.0.0.1:")
    secret = connection.json()["secrets"]["inner"]
    assert len(secret) > 20
    shown = [
        await client.get(where)
        for where in (
            f"/attachments/{again['id']}",
            f"/executions/{attachment['execution']['id']}",
            f"/executions/{attachment['execution']['id']}/history",
            "/executions",
            "/attachments",
        )
    ]
    assert all(secret not in each.text for each in shown)
    detached = await client.delete(f"/attachments/{again['id']}")
    assert detached.json()["desired"] == "ended"
    assert (await client.get(f"/attachments/{again['id']}")).json()["code"] == "unknown-attachment"


async def test_a_ticket_opens_one_page_once(world):
    client = await world.client()
    execution = (await world.running(client))["id"]
    path = f"/zoe/pages/{execution}/main-0/web/lab?x=1"
    ticket = (await client.post("/tickets", json={"path": path})).json()
    assert ticket["own"] is None, "this hub has no second listener"
    assert (ticket["prefix"], ticket["trusted"], ticket["needs_origin"]) == ("/zoe/pages", False, False)
    for client_of, unknown in ((client, "/zoe/pages/enone/main-0/web/"), (await world.client("bob"), path)):
        refused = await client_of.post("/tickets", json={"path": unknown})
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown-execution")
    for wrong in ("/etc", "//evil.example", "https://evil.example", "/zoe/pages/a\\b", "/zoe/pages/a\n", "/zoe/pagesx"):
        assert (await client.post("/tickets", json={"path": wrong})).json()["code"] == "bad-parameter"
    browser = await world.client(None)
    assert (await browser.get(world.url + ticket["url"], headers={"Sec-Fetch-Site": "cross-site"})).json()[
        "code"
    ] == "foreign-origin"
    first = await browser.get(world.url + ticket["url"])
    assert first.status_code == 303
    assert first.headers["location"].startswith("/zoe/enter?ticket=")
    entered = await browser.get(world.url + first.headers["location"])
    assert entered.status_code == 303
    assert re.fullmatch(rf"/zoe/pages/~[0-9a-f]{{48}}/{execution}/main-0/web/lab\?x=1", entered.headers["location"])
    assert "set-cookie" not in entered.headers
    for used in (ticket["url"], first.headers["location"]):
        assert (await browser.get(world.url + used)).status_code == 401


async def test_a_ticket_works_for_a_minute(world):
    passed = [1000.0]
    world.hub.tickets = Tickets(
        world.authenticator, world.hub.now, lambda: passed[0], life=3600.0, origins=Origins("sandbox"), trusted=()
    )
    client, browser = await world.client(), await world.client(None)
    path = f"/zoe/pages/{(await world.running(client))['id']}/main-0/web/"
    in_time, late = [(await client.post("/tickets", json={"path": path})).json()["url"] for _ in range(2)]
    world.ahead = -86400.0  # the clock is set back
    passed[0] += 59
    assert (await browser.get(world.url + in_time)).status_code == 303
    passed[0] += 1
    assert (await browser.get(world.url + late)).status_code == 401


async def test_the_date_of_an_answer_is_the_hubs_time_and_an_admin_sees_when_that_jumped(world):
    admin, person = await world.client("root"), await world.client()
    world.ahead = 36_000.0
    answer = await person.get("/user")
    date = parsedate_to_datetime(answer.headers["date"])
    assert abs((date - datetime.now(UTC)).total_seconds() - 36_000) < 3
    created = datetime.fromisoformat((await world.running(person))["created"])
    assert -1 < (created - date).total_seconds() < 30, "ages are right against it"
    last = (await admin.get("/health")).json()["last_event"]
    (jump,) = [each for each in await world.store.events(limit=last) if each.kind == "clock.jumped"]
    assert (jump.owner, jump.reason.code, jump.reason.facts) == ("", "clock-set-forwards", {"by": 36_000})


async def test_measurements_reference_and_liveness(world):
    admin = await world.client("root")
    await world.running(admin)
    measured = (await admin.get("/metrics")).text
    assert 'zoe_executions{phase="running"} 1.0' in measured
    assert 'zoe_requests_total{operation="start_execution",status="202"} 1.0' in measured
    for name in (
        "zoe_queue_depth",
        "zoe_reconcile_passes",
        "zoe_reconcile_seconds",
        "zoe_streams",
        "zoe_events_total",
        "process_resident_memory_bytes",
        "zoe_request_seconds_bucket",
    ):
        assert name in measured
    page = await admin.get("/reference")
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "<script" not in page.text
    assert "style-src 'sha256-" in page.headers["content-security-policy"]
    alive = await (await world.client(None)).get(world.url + "/healthz")
    assert (alive.status_code, alive.text) == (200, "ok\n")
    assert (
        await (await world.client(None)).get(world.url + "/healthz", headers={"Host": "evil.example"})
    ).status_code == 403


async def test_no_log_line_has_a_token(world, caplog):
    caplog.set_level(0)
    client = await world.client("root")
    await client.get("/user")
    await client.get(f"/user?token={world.tokens['root']}")
    path = f"/zoe/pages/{(await world.running(client))['id']}/main-0/web/"
    ticket = (await client.post("/tickets", json={"path": path})).json()["url"]
    login = await client.get(world.url + ticket)
    entered = await client.get(world.url + login.headers["location"])
    await client.get(world.url + entered.headers["location"])
    session = entered.headers["location"].split("~")[1].split("/")[0]
    lines = [record.getMessage() for record in caplog.records if record.name.startswith(("zoe", "tornado"))]
    assert any("/api/v1/user" in line for line in lines)
    hidden = (world.tokens["root"], ticket.partition("=")[2], login.headers["location"].partition("=")[2], session)
    assert not [line for line in lines if any(secret in line for secret in hidden)]
    secrets = f"Authorization: Bearer {world.tokens['root']} ?ticket=abc&x {world.tokens['root']} Bearer plain"
    assert redact(secrets) == "Authorization: Bearer *** ?ticket=***&x zoe_*** Bearer ***"


@contextlib.contextmanager
def calls_within(package):
    """Counts the calls of functions of a package on this thread. It counts the same under a debugger or coverage."""
    folder = str(Path(package.__file__).parent)
    count = Counter()

    def called(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(folder):
            count[frame.f_code.co_qualname] += 1

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        yield count
    finally:
        sys.setprofile(before)


async def test_a_list_of_a_thousand_calls_hardly_more_than_a_list_of_ten(world):
    """What is shown again is a join of bytes; how long that takes is what the benchmark ``list-1000`` measures."""
    client = await many(world, 1000)
    found, bodies = {}, {}
    for limit in (10, 1000):
        where = f"/executions?limit={limit}"
        first = await client.get(where)
        with calls_within(zoe_hub.web) as found[limit]:
            bodies[limit] = (await client.get(where)).content
        assert bodies[limit] == first.content
        assert bodies[limit].count(b'"zapp_version"') == limit
    assert found[10]["list_executions"], "the calls were counted"
    more = found[1000] - found[10]
    assert more.total() < 20, f"not one call for each of the 990 more, but {more}"


async def test_a_story_tells_all_that_led_to_the_state_and_where_it_stands(world):
    client = await world.client("alice")
    made = await world.running(client)
    seen = (await client.get(f"/executions/{made['id']}")).json()
    told = (await client.get(f"/executions/{made['id']}/story")).json()["items"]
    history = (await client.get(f"/executions/{made['id']}/history")).json()["items"]
    assert [each["seq"] for each in told] == [*(each["seq"] for each in history), 0]
    phases = [(each["before"], each["state"]) for each in told if each["state"] and not each["process"]]
    assert phases[:2] == [("", "queued"), ("queued", "starting")]
    assert phases[-1] == ("starting", "running")
    assert (told[-1]["kind"], told[-1]["before"], told[-1]["reason"]) == ("now", "running", seen["reason"])
    last = (await client.get(f"/executions/{made['id']}/story?limit=2")).json()["items"]
    assert [each["kind"] for each in last] == ["cut", history[-2]["kind"], history[-1]["kind"], "now"]
    stranger = await world.client("bob")
    assert (await stranger.get(f"/executions/{made['id']}/story")).json()["code"] == "unknown-execution"
