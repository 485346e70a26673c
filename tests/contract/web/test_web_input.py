"""Bad input is refused with a stable code that names the place, and nothing is half done."""

from __future__ import annotations

import asyncio
import json
import resource
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoe_hub.contract.attachments import AttachRequest
from zoe_hub.contract.executions import ExecutionQuery, ScaleRequest, StartRequest
from zoe_hub.contract.plans import PlanRequest
from zoe_hub.contract.tickets import TicketRequest
from zoe_hub.core.errors import ZoeError
from zoe_hub.web.decode import decode_body, decode_query


def places(answer) -> dict[str, str]:
    return {each["path"]: each["message"] for each in answer.json()["errors"]}


async def test_every_wrong_place_is_named_at_once(world):
    client = await world.client()
    answer = await client.post(
        "/executions", json={"name": "../x", "labels": {"a": 1}, "surprise": 1, "web_prefix": "//x"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-parameter")
    assert set(places(answer)) == {"/zapp", "/name", "/labels/...", "/surprise", "/web_prefix"} or {
        "/zapp",
        "/name",
        "/surprise",
        "/web_prefix",
    } < set(places(answer))
    assert answer.json()["remedy"]
    answer = await client.get("/executions", params={"limit": "many", "phase": "dead", "nonsense": "1"})
    assert set(places(answer)) == {"/limit", "/phase", "/nonsense"}
    assert (await client.get("/executions?limit=1&limit=2")).json()["errors"][0]["message"] == "is given more than once"
    assert not world.store.everything


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        ({"zapp": "nope"}, "unknown-zapp", None),
        ({"zapp": "cluster", "parameters": {"workers": "two"}}, "bad-parameter", "/workers"),
        ({"zapp": "cluster", "parameters": {"workers": 10**30}}, "bad-parameter", "/workers"),
        ({"zapp": "cluster", "parameters": {"workers": 0}}, "bad-parameter", "/workers"),
        ({"zapp": "cluster", "name": "../../etc"}, "bad-parameter", "/name"),
        ({"zapp": "cluster", "name": "line\n"}, "bad-parameter", "/name"),
        ({"zapp": "../cluster"}, "bad-parameter", "/zapp"),
        ({"zapp": "cluster", "web_prefix": "/zoe\n"}, "bad-parameter", "/web_prefix"),
        ({"zapp": "cluster", "parameters": []}, "bad-parameter", "/parameters"),
        ([], "bad-parameter", None),
    ],
)
async def test_a_wrong_start_starts_nothing(world, body, code, place):
    answer = await (await world.client()).post("/executions", json=body)
    assert answer.json()["code"] == code, answer.text
    assert answer.status_code < 500
    if place is not None:
        assert any(found.endswith(place) for found in places(answer)), answer.text
    assert not world.store.everything
    assert world.store.last_seq == 0


@pytest.mark.parametrize(
    ("content", "media"),
    [
        (b'{"zapp": "cluster"', "application/json"),
        (b"zapp=cluster", "application/x-www-form-urlencoded"),
        (b'{"zapp": "cluster"}', "text/plain"),
        (b'{"zapp": "cluster"}', "application/json; charset=latin-1"),
        (b'{"zapp": "\xff"}', "application/json"),
        (b'{"zapp":"cluster","parameters":{"a":' + b"[" * 100_000, "application/json"),
        (b'{"zapp":"cluster","parameters":{"a":' + b'{"a":' * 100_000, "application/json"),
        (b'{"zapp":"cluster","parameters":{"a":' + b"[" * 63 + b"]" * 63 + b"}}", "application/json"),
        (b'{"zapp":"cluster","parameters":{"a":' + b'{"a":' * 63 + b"1" + b"}" * 65, "application/json"),
    ],
)
async def test_what_is_no_json_is_a_bad_request(world, content, media):
    answer = await (await world.client()).post("/executions", content=content, headers={"Content-Type": media})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request"), answer.text
    assert not world.store.everything


async def test_levels_are_counted_and_not_brackets(world):
    client = await world.client()
    for value in (json.loads("[" * 62 + "]" * 62), [[1]] * 1000, '["' + "[{" * 1000, '\\"[' * 100, '"\\' + "{" * 100):
        answer = await client.post("/executions", json={"zapp": "cluster", "parameters": {"a": value}})
        assert set(places(answer)) == {"/a"}, answer.text[:200]  # it was read, and the application does not know it


@pytest.mark.parametrize(
    ("address", "body", "place"),
    [
        ("/executions", {"labels": {"a": "x" * 257}}, "labels"),
        ("/executions", {"labels": {"x" * 64: "a"}}, "labels"),
        ("/executions", {"labels": {f"a{number}": "x" for number in range(65)}}, "labels"),
        ("/executions", {"parameters": {f"a{number}": 1 for number in range(1001)}}, "parameters"),
        ("/executions", {"parameters": {"line": ["x"] * 10_001}}, "line"),
        ("/attachments", {"kernel": "x" * 257}, "kernel"),
        ("/attachments", {"language": "x" * 257}, "language"),
        ("/attachments", {"versions": {"simpy": "1." + "0" * 300}}, "versions"),
        ("/attachments", {"versions": {f"a{number}": "1" for number in range(5001)}}, "versions"),
        ("/executions/{id}/terminate", {"reason": "x" * 2001}, "reason"),
        ("/executions/{id}/scale", {"count": 1, "group": "x" * 257}, "group"),
    ],
)
async def test_what_is_too_much_is_refused(world, address, body, place):
    client = await world.client()
    identifier = (await world.running(client))["id"]
    whole = {
        **({"zapp": "cluster"} if "{" not in address else {}),
        **({"key": "a"} if "att" in address else {}),
        **body,
    }
    answer = await client.post(address.format(id=identifier), json=whole)
    assert answer.status_code == 422, answer.text[:200]
    assert place in {found.split("/")[1] for found in places(answer)}
    assert len(world.store.everything) == 1


async def test_a_body_of_100_mb_is_refused_early_and_not_held(world):
    client = await world.client()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    async def pieces():
        for _ in range(100):
            yield b" " * 2**20

    headers = {"Content-Type": "application/json", "Content-Length": str(100 * 2**20)}
    for sent in (headers, {"Content-Type": "application/json"}):  # announced, and in chunks of unknown number
        answer = await client.post("/executions", content=pieces(), headers=sent)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write(b"POST /api/v1/executions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 104857600\r\n\r\n")
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(
        b"HTTP/1.1 413"
    )  # before a byte of the body is sent
    writer.close()
    assert (await client.get("/user")).status_code == 200


async def test_addresses_and_methods_outside_of_the_table_are_problems(world):
    client = await world.client("root")
    execution = await world.running(client)
    for where in ("/nope", "/executions/../../etc/passwd", f"/executions/{execution['id']}/", "/executions/a/b/c/d"):
        answer = await client.get(where)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), where
    for where in (
        "/executions/..%2F..%2Fetc",
        "/executions/%00",
        "/executions/" + "x" * 5000,
        "/executions/%F0%9F%92%A9",
    ):
        assert (await client.get(where)).json()["code"] == "unknown-execution"
    for process in ("worker", "worker--1", "worker-01", "..%2F..%2F0", "nope-0", "worker-" + "9" * 400, "worker-²"):
        for rest in ("", "/logs"):
            assert (await client.get(f"/executions/{execution['id']}/processes/{process}{rest}")).json()[
                "code"
            ] == "unknown-process", process
    assert (await client.get("/zapps/%2e%2e")).json()["code"] == "unknown-zapp"
    assert (await client.get("/frameworks/x")).json()["code"] == "unknown-framework"
    assert (await client.get("/executions/%ff")).json()["code"] == "bad-request"
    answer = await client.put("/executions", json={})
    assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (
        405,
        "method-not-allowed",
        "POST, GET",
    )
    for where, allowed in (
        (f"{world.url}/api/v1/executions", {"POST", "GET"}),
        (f"{world.url}/healthz", {"GET", "HEAD"}),
        (f"{world.url}/zoe/login", {"GET"}),
        (f"{world.url}/zoe/enter", {"GET"}),
        (f"{world.url}/nope", {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}),
    ):
        answer = await client.request("TRACE", where)
        assert answer.headers["content-type"] == "application/problem+json", where
        assert (answer.status_code, set(answer.headers.get("allow", "").split(", "))) == (405, allowed), where
    answer = await client.request("TRACE", f"{world.url}/zoe/pages/{execution['id']}/main-0/web/")
    assert answer.status_code == 405
    assert "PROPFIND" in answer.headers["allow"]


@pytest.mark.parametrize("number", [str(2**63), str(2**64), "-" + str(2**63), "9" * 5000])
@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("/executions/{id}/history", "since"),
        ("/executions/{id}/history", "limit"),
        ("/executions/{id}/story", "limit"),
        ("/executions/{id}/processes/main-0/logs", "offset"),
        ("/executions/{id}/processes/main-0/logs", "limit"),
        ("/events", "since"),
        ("/executions", "limit"),
    ],
)
async def test_an_integer_that_no_database_takes_is_refused(world, where, name, number):
    client = await world.client()
    identifier = (await world.running(client))["id"]
    answer = await client.get(where.format(id=identifier), params={name: number})
    assert (answer.status_code, set(places(answer))) == (422, {f"/{name}"})


@pytest.mark.parametrize("rest", ["\u2028", "\x85", "\x7f", "é", "\u27e6", "?a=\u2028", " ", "a\\b"])
async def test_a_ticket_is_for_an_address_as_it_stands_in_a_browser(world, rest):
    client = await world.client()
    page = f"/zoe/pages/{(await world.running(client))['id']}/main-0/web/"
    answer = await client.post("/tickets", json={"path": page + rest})
    assert (answer.status_code, set(places(answer))) == (422, {"/path"})
    encoded = quote(rest, safe="?=")
    ticket = (await client.post("/tickets", json={"path": page + encoded})).json()
    browser = await world.client(None)
    login = await browser.get(world.url + ticket["url"])
    entered = await browser.get(world.url + login.headers["location"])
    assert entered.headers["location"].endswith(encoded)


async def test_plans_do_nothing_and_need_one_command(world):
    client = await world.client()
    execution = await world.running(client)
    before = world.store.last_seq
    for body in (
        {},
        {"start": {"zapp": "cluster"}, "scale": {"count": 1}},
        {"scale": {"count": 1}},
        {"start": {"zapp": "cluster"}, "execution": execution["id"]},
    ):
        assert (await client.post("/plans", json=body)).json()["code"] == "bad-parameter"
    planned = (await client.post("/plans", json={"execution": execution["id"], "scale": {"count": 5}})).json()
    assert planned["changes"]
    assert all(change["reason"] for change in planned["changes"])
    assert (await client.post("/plans", json={"start": {"zapp": "cluster", "parameters": {"workers": 3}}})).json()[
        "changes"
    ]
    assert (await client.post("/plans", json={"execution": execution["id"], "terminate": {}})).status_code == 200
    assert world.store.last_seq == before


async def test_an_unknown_error_has_an_incident_and_no_trace(world, monkeypatch, caplog):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret path /etc/zoe")

    client = await world.client()
    monkeypatch.setattr(world.backend, "nodes", broken)
    answer = await client.get("/nodes")
    found = answer.json()
    assert (answer.status_code, found["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert any(found["incident"] in record.getMessage() and record.exc_info for record in caplog.records)


def outcome(action):
    """What an action gives, or the declared error that it raises."""
    try:
        return action()
    except ZoeError as error:
        return error


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    kind=st.sampled_from([StartRequest, ScaleRequest, AttachRequest, PlanRequest, TicketRequest]),
    body=st.binary() | values.map(lambda value: json.dumps(value).encode()),
)
def test_any_body_is_decoded_or_refused_with_a_declared_error(kind, body):
    found = outcome(lambda: decode_body(kind, body, "application/json"))
    if isinstance(found, ZoeError):
        assert found.code == "bad-request" or (found.code == "bad-parameter" and found.errors)
    else:
        assert isinstance(found, kind)


@given(
    st.dictionaries(
        st.sampled_from(["limit", "phase", "active", "cursor", "label", "other"]),
        st.lists(st.binary(), min_size=1, max_size=2),
    )
)
def test_any_query_is_decoded_or_refused_with_a_declared_error(arguments):
    found = outcome(lambda: decode_query(ExecutionQuery, arguments))
    if isinstance(found, ZoeError):
        assert found.code == "bad-parameter"
        assert found.errors
    else:
        assert isinstance(found, ExecutionQuery)
