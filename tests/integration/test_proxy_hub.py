"""Web pages of processes through the hub's own application: who may, what the process sees, what people see while it is
not ready.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect

from zoe_hub.controllers.kit.tokens import digest
from zoe_hub.core.executions.model import Address, Execution, Phase, Process, ProcessState
from zoe_hub.core.executions.spec import ExecutionSpec, Group, Port, Secret
from zoe_hub.core.reasons import because
from zoe_hub.store.base import Batch, SecretValue, Token
from zoe_hub.store.memory import MemoryStore
from zoe_hub.web.access.auth import EmbeddedAuthenticator
from zoe_hub.web.context import WebHub
from zoe_hub.web.pages import proxy
from zoe_hub.web.server import make_application

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OWN = {"Authorization": "Bearer own"}


class Page(RequestHandler):
    def any(self) -> None:
        self.add_header("Set-Cookie", "mine=1; Path=/")
        self.add_header("Set-Cookie", "zoe-session-1=forged; Path=/")
        self.add_header("X-Zoe-Proxy", "waiting")
        self.set_header("Content-Type", "text/plain")
        self.finish(
            json.dumps(
                {"uri": self.request.uri, "headers": dict(self.request.headers), "body": self.request.body.decode()}
            )
        )

    get = post = any


class Away(RequestHandler):
    def get(self) -> None:
        self.redirect(self.get_argument("to"))


class Index(RequestHandler):
    """Names itself, another page and a stranger by their addresses."""

    def get(self) -> None:
        self.set_header("ETag", '"upstream"')
        self.set_header("X-Encodings", self.request.headers.get("Accept-Encoding", "none"))
        port = int(str(self.request.host).rpartition(":")[2])
        self.finish(
            "".join(
                f'<a href="http://{host}/page?a=1">'
                for host in (f"127.0.0.1:{port}", "peer.test:8081", f"127.0.0.1:{port}0")
            )
        )


class Talk(WebSocketHandler):
    async def on_message(self, message: str | bytes) -> None:
        await self.write_message(message)


class Rig:
    """The hub's application with one execution of alice's whose pages a real server answers."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.client = AsyncHTTPClient(force_instance=True)
        self.url = ""
        self.hub: WebHub
        self.refused = ""  # why the page's listener is not the process
        self.checked: list[str] = []

    async def check_listener(self, name: str, connection: object) -> None:
        """As of a backend."""
        self.checked.append(name)
        if self.refused:
            raise ConnectionError(self.refused)

    async def fetch(self, path: str, headers: dict[str, str] | None = None, **options: Any) -> Any:
        request = HTTPRequest(
            f"{self.url}{path}",
            headers=OWN if headers is None else headers,
            follow_redirects=False,
            allow_nonstandard_methods=True,
            **options,
        )
        return await self.client.fetch(request, raise_error=False)

    async def change(self, **members: Any) -> None:
        old = self.store.executions["e1"]
        await self.store.commit(Batch(put=(replace(old, version=old.version + 1, **members),)))

    async def state(self, state: ProcessState) -> None:
        (old,) = self.store.executions["e1"].processes
        await self.change(processes=(replace(old, state=state),))


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    servers = []

    def serve(application: Application) -> int:
        server = HTTPServer(application)
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        servers.append(server)
        return int(sockets[0].getsockname()[1])

    pages = serve(Application([(r".*/away", Away), (r".*/index", Index), (r".*/talk", Talk), (r".*", Page)]))
    ports = (
        Port(
            name="ui",
            number=80,
            protocol="http",
            headers={"Authorization": "token ⟦secret:page⟧", "X-Where": "⟦path:ui⟧"},
        ),
        Port(name="lab", number=81, protocol="http", strip=False),
        Port(name="rpc", number=82, protocol="tcp"),
    )
    group = Group(name="web", framework="f", image="i", command=("x",), ports=ports)
    spec = ExecutionSpec(
        zapp="z", title="<Title>", version="1", kind="notebook", groups=(group,), secrets=(Secret(name="page"),)
    )
    address = Address(number=80, host="127.0.0.1", port=pages, endpoint_host="127.0.0.1", endpoint_port=pages)
    process = Process(
        name="zoe-d-e1-web-0",
        group="web",
        index=0,
        state=ProcessState.READY,
        since=NOW,
        reason=because("told", words="it answers"),
        addresses=dict.fromkeys(("ui", "lab", "rpc"), address),
    )
    execution = Execution(
        id="e1",
        owner="alice",
        name="one",
        spec=spec,
        created=NOW,
        phase=Phase.RUNNING,
        reason=because("told", words="it is one of a test"),
        processes=(process,),
        web_prefix="/user/alice/zoe",
    )
    await rig.store.open()
    tokens = tuple(
        Token(digest=digest(token), owner=owner, scopes=scopes, created=NOW)
        for token, owner, scopes in (
            ("own", "alice", ("read", "write")),
            ("read", "alice", ("read",)),
            ("bob", "bob", ("read", "write")),
            ("admin", "root", ("admin",)),
        )
    )
    await rig.store.commit(Batch(put=(execution, *tokens, SecretValue(execution="e1", name="page", value="s3cret"))))
    service: Any = SimpleNamespace(
        admission=SimpleNamespace(place=lambda execution: None),
        leases=None,
        store=rig.store,
        backend=SimpleNamespace(check_listener=rig.check_listener),
        catalog=SimpleNamespace(folder=Path),
        deployment="d",
    )
    rig.hub = WebHub(
        service=service,
        catalog=service.catalog,
        authenticator=EmbeddedAuthenticator(store=rig.store, now=lambda: datetime.now(UTC)),
    )
    rig.url = f"http://127.0.0.1:{serve(make_application(rig.hub, proxy.routes()))}"
    yield rig
    rig.client.close()
    for server in servers:
        server.stop()
        await server.close_all_connections()
    await rig.store.close()


async def test_the_process_sees_its_own_secret_and_nothing_of_the_hubs(rig: Rig) -> None:
    answer = await rig.fetch(
        "/zoe/pages/e1/web-0/ui/a%2Fb?q=1", {**OWN, "Cookie": "zoe-session-99=x; mine=2", "Origin": rig.url}
    )
    seen = json.loads(answer.body)
    assert seen["uri"] == "/a%2Fb?q=1"
    assert seen["headers"]["Authorization"] == "token s3cret"
    assert seen["headers"]["Cookie"] == "mine=2"
    assert seen["headers"]["Origin"] == f"http://{seen['headers']['Host']}"
    assert seen["headers"]["X-Forwarded-Context"] == "/zoe/pages/e1/web-0/ui"
    assert "own" not in str(seen)
    assert answer.headers.get_list("Set-Cookie") == ["mine=1; Path=/zoe/pages/e1/web-0/ui/"]
    assert "X-Zoe-Proxy" not in answer.headers  # only the hub says so
    assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'self'"


async def test_the_prefix_that_the_server_extension_names_is_the_public_one(rig: Rig) -> None:
    through = {
        **OWN,
        "X-Forwarded-Host": "hub.example:8888",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "9.9.9.9",
        "X-Forwarded-Prefix": "/user/alice/zoe/pages",
    }
    answer = await rig.fetch("/zoe/pages/e1/web-0/ui/away?to=/x", through)
    assert answer.headers["Location"] == "/user/alice/zoe/pages/e1/web-0/ui/x"
    seen = json.loads((await rig.fetch("/zoe/pages/e1/web-0/ui/", through)).body)["headers"]
    assert (seen["X-Forwarded-Host"], seen["X-Forwarded-Proto"], seen["X-Forwarded-For"]) == (
        "hub.example:8888",
        "https",
        "9.9.9.9",
    )
    assert seen["X-Where"] == "/user/alice/zoe/pages/e1/web-0/ui/"
    assert (await rig.fetch("/zoe/pages/e1/web-0/ui/away?to=/x")).headers["Location"] == "/zoe/pages/e1/web-0/ui/x"


async def test_links_to_pages_of_the_execution_lead_through_the_proxy(rig: Rig) -> None:
    (web,) = rig.store.executions["e1"].processes
    assert web.addresses is not None
    elsewhere = Address(number=81, host="peer.test", port=8081, endpoint_host="127.0.0.1", endpoint_port=1)
    peer = replace(web, name="zoe-d-e1-web-1", index=1, addresses={"ui": elsewhere})
    await rig.change(processes=(web, peer))
    port = web.addresses["ui"].endpoint_port
    answer = await rig.fetch("/zoe/pages/e1/web-0/ui/index", {**OWN, "Accept-Encoding": "gzip"})
    own, other = "/zoe/pages/e1/web-0/", "/zoe/pages/e1/web-1/ui"
    assert (
        answer.body.decode()
        == f'<a href="{own}lab/page?a=1"><a href="{other}/page?a=1"><a href="http://127.0.0.1:{port}0/page?a=1">'
    )
    assert answer.headers["X-Encodings"] == "none"
    assert "ETag" not in answer.headers
    assert (await rig.fetch("/zoe/pages/e1/web-0/ui/away?to=http://peer.test:8081/x")).headers[
        "Location"
    ] == f"{other}/x"
    kept = await rig.fetch("/zoe/pages/e1/web-0/lab/index")
    assert b"http://peer.test:8081/page" in kept.body, "who knows the proxy's prefix knows its links"


async def test_a_process_that_keeps_its_prefix_sees_the_one_it_was_started_with(rig: Rig) -> None:
    assert (
        json.loads((await rig.fetch("/zoe/pages/e1/web-0/lab/tree")).body)["uri"]
        == "/user/alice/zoe/pages/e1/web-0/lab/tree"
    )


async def test_without_a_slash_at_the_end_it_leads_to_the_page(rig: Rig) -> None:
    answer = await rig.fetch("/zoe/pages/e1/web-0/ui?q=1")
    assert (answer.code, answer.headers["Location"]) == (307, "ui/?q=1")


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("e1/web-0/ui/", {}, "not-authenticated"),
        ("e1/web-0/ui/", {"Authorization": "Bearer wrong"}, "not-authenticated"),
        ("e1/web-0/ui/", {"Authorization": "Bearer bob"}, "unknown-execution"),
        ("e2/web-0/ui/", OWN, "unknown-execution"),
        ("e1/web-1/ui/", OWN, "unknown-process"),
        ("e1/web-0/rpc/", OWN, "unknown-port"),
        ("e1/web-0/no/", OWN, "unknown-port"),
        ("e1/web-0", OWN, "not-found"),
        ("e1/web-0/ui/..%2f..%2fx", OWN, "bad-request"),
        ("e1/web-0/ui/", {**OWN, "Origin": "http://evil.example"}, "foreign-origin"),
    ],
)
async def test_who_may_not_and_what_is_not_there(rig: Rig, path: str, headers: dict[str, str], code: str) -> None:
    problem = json.loads((await rig.fetch(f"/zoe/pages/{path}", headers)).body)
    assert problem["code"] == code


@pytest.mark.parametrize(
    ("path", "headers"),
    [("e1/web-0/ui/", {"Authorization": "Bearer bob"}), ("e9/web-0/ui/", {"Authorization": "Bearer bob"})],
)
async def test_anothers_looks_like_none(rig: Rig, path: str, headers: dict[str, str]) -> None:
    answer = await rig.fetch(f"/zoe/pages/{path}", headers)
    identifier = path.partition("/")[0]
    assert (answer.code, json.loads(answer.body)["detail"]) == (404, f"There is no execution {identifier!r}.")


async def test_changing_something_needs_write_and_the_own_origin(rig: Rig) -> None:
    path = "/zoe/pages/e1/web-0/ui/kill"
    assert (await rig.fetch(path, OWN, method="POST", body="x")).code == 200
    assert (await rig.fetch(path, {**OWN, "Origin": "null"}, method="POST", body="x")).code == 403
    assert (await rig.fetch(path, {**OWN, "Sec-Fetch-Site": "cross-site"}, method="POST", body="x")).code == 403
    assert (await rig.fetch(path, {"Authorization": "Bearer read"}, method="POST", body="x")).code == 403
    assert (await rig.fetch(path, {"Authorization": "Bearer read"})).code == 200


async def test_an_admin_may_look_and_it_is_recorded_once(rig: Rig) -> None:
    for _ in range(3):
        assert (await rig.fetch("/zoe/pages/e1/web-0/ui/", {"Authorization": "Bearer admin"})).code == 200
    assert [event.data["admin"] for event in await rig.store.events() if event.kind == "audit.access"] == ["root"]


async def test_websocket(rig: Rig) -> None:
    url = rig.url.replace("http", "ws") + "/zoe/pages/e1/web-0/ui/talk"
    connection = await websocket_connect(HTTPRequest(url, headers={**OWN, "Origin": rig.url}))
    await connection.write_message("hello")
    assert await connection.read_message() == "hello"
    connection.close()
    for headers, status in (
        ({"Origin": rig.url}, 401),
        ({**OWN, "Origin": "http://evil.example"}, 403),
        ({"Authorization": "Bearer bob"}, 404),
        ({"Authorization": "Bearer read"}, 403),
    ):
        with pytest.raises(HTTPClientError) as refused:
            await websocket_connect(HTTPRequest(url, headers=headers))
        assert refused.value.code == status


async def test_a_page_waits_for_the_process_and_a_program_gets_a_problem(rig: Rig) -> None:
    await rig.state(ProcessState.STARTING)
    page = await rig.fetch("/zoe/pages/e1/web-0/ui/", {**OWN, "Accept": "text/html,*/*"})
    assert (page.code, page.headers["X-Zoe-Proxy"], page.headers["Retry-After"]) == (503, "waiting", "1")
    assert b"web-0 of one is not ready yet" in page.body
    assert b"&lt;Title&gt;" in page.body
    assert b"setTimeout(look" in page.body
    answer = await rig.fetch("/zoe/pages/e1/web-0/ui/")
    assert (answer.code, json.loads(answer.body)["code"], answer.headers["X-Zoe-Proxy"]) == (
        409,
        "not-ready",
        "waiting",
    )


async def test_a_process_that_does_not_listen_is_waited_for_as_well(rig: Rig) -> None:
    (old,) = rig.store.executions["e1"].processes
    assert old.addresses is not None
    sockets = bind_sockets(0, "127.0.0.1")
    free = sockets[0].getsockname()[1]
    for each in sockets:
        each.close()
    await rig.change(processes=(replace(old, addresses={"ui": replace(old.addresses["ui"], endpoint_port=free)}),))
    answer = await rig.fetch("/zoe/pages/e1/web-0/ui/")
    assert (answer.code, json.loads(answer.body)["code"]) == (409, "not-ready")


async def test_a_listener_that_is_not_the_process_is_sent_nothing(rig: Rig) -> None:
    assert (await rig.fetch("/zoe/pages/e1/web-0/ui/")).code == 200
    rig.refused = "it is somebody else's"
    answer = await rig.fetch("/zoe/pages/e1/web-0/ui/")
    assert (answer.code, json.loads(answer.body)["code"]) == (409, "not-ready")
    assert "somebody else's" in json.loads(answer.body)["detail"]
    name = rig.store.executions["e1"].processes[0].name
    assert rig.checked == [name, name]


async def test_after_the_end_nobody_waits(rig: Rig) -> None:
    await rig.change(phase=Phase.ENDED, desired="ended")
    page = await rig.fetch("/zoe/pages/e1/web-0/ui/", {**OWN, "Accept": "text/html"})
    assert (page.code, page.headers["X-Zoe-Proxy"]) == (410, "ended")
    assert b"setTimeout" not in page.body
    assert json.loads((await rig.fetch("/zoe/pages/e1/web-0/ui/")).body)["code"] == "already-ended"


async def test_a_browsers_session_opens_pages_and_nothing_else(rig: Rig) -> None:
    issued = await rig.fetch(
        "/api/v1/tickets",
        {**OWN, "Content-Type": "application/json"},
        method="POST",
        body=json.dumps({"path": "/zoe/pages/e1/web-0/ui/"}),
    )
    assert issued.code == 201, issued.body
    ticket = json.loads(issued.body)
    login = await rig.fetch("/zoe/login?ticket=" + str(ticket).split("ticket=")[1].split("'")[0], {})
    cookie = login.headers["Set-Cookie"].partition(";")[0]
    assert (await rig.fetch("/zoe/pages/e1/web-0/ui/", {"Cookie": cookie})).code == 200
    assert (await rig.fetch("/zoe/pages/e1/web-0/ui/", {"Cookie": cookie, "Origin": "http://evil.example"})).code == 403
    assert (await rig.fetch("/api/v1/user", {"Cookie": cookie})).code == 401
