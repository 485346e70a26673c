"""Web pages of processes through the hub's own application: who may, what the process sees, what people see while it is
not ready.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect

from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.tokens import digest
from zoe_hub.core.executions.model import Address, Execution, Phase, Process, ProcessState
from zoe_hub.core.executions.spec import ExecutionSpec, Group, Port, Secret
from zoe_hub.core.reasons import because
from zoe_hub.store.base import Batch, Ref, SecretValue, Token
from zoe_hub.store.memory import MemoryStore
from zoe_hub.web.access.auth import EmbeddedAuthenticator
from zoe_hub.web.context import WebHub
from zoe_hub.web.pages import proxy
from zoe_hub.web.server import make_application
from zoe_hub.web.shares import Shares
from zoe_proxy.pages.listener import bind
from zoe_proxy.pages.origins import Origins

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OWN = {"Authorization": "Bearer own"}
READER = {**OWN, "Accept": "text/html,*/*"}


class Page(RequestHandler):
    def any(self) -> None:
        self.add_header("Set-Cookie", "mine=1; Path=/")
        self.add_header("Set-Cookie", "zoe-own-e1-1=forged; Path=/")
        self.add_header("X-Zoe-Proxy", "waiting")
        for name, value in json.loads(self.get_query_argument("set", "{}")).items():
            self.set_header(name, value)
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
        self.pages = 0  # port of the second listener
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

    async def fetch_own(
        self, path: str, headers: dict[str, str] | None = None, *, execution: str = "e1", **options: Any
    ) -> Any:
        """Ask the second listener, as a browser that is at the origin of an execution."""
        host = f"{execution}.localhost:{self.pages}"
        request = HTTPRequest(
            f"http://127.0.0.1:{self.pages}{path}",
            headers={"Host": host, **(headers or {})},
            follow_redirects=False,
            allow_nonstandard_methods=True,
            **options,
        )
        return await self.client.fetch(request, raise_error=False)

    async def ticket(self, path: str = "/zoe/pages/e1/web-0/ui/", **members: Any) -> dict[str, Any]:
        """Ask for a ticket, as the command line and the server extension do."""
        headers = {**OWN, "Content-Type": "application/json"}
        body = json.dumps({"path": path, **members})
        answer = await self.fetch("/api/v1/tickets", headers, method="POST", body=body)
        assert answer.code == 201, answer.body
        return json.loads(answer.body)

    async def enter(self, path: str = "/zoe/pages/e1/web-0/ui/", **headers: str) -> tuple[str, str]:
        """Begin a session at the second listener: the cookie and where it leads."""
        own = (await self.ticket(path))["own"]
        answer = await self.fetch_own(own["url"].partition(str(self.pages))[2], headers)
        assert answer.code == 303, answer.body
        return answer.headers["Set-Cookie"].partition(";")[0], answer.headers["Location"]

    async def sandboxed(self, path: str = "/zoe/pages/e1/web-0/ui/") -> str:
        """Begin a session in the sandbox: the address that holds it."""
        ticket = await self.ticket(path)
        login = await self.fetch(ticket["url"], {"Host": self.url.replace("http://127.0.0.1", "hub.example")})
        entered = await self.fetch(login.headers["Location"], {})
        assert entered.code == 303
        return str(entered.headers["Location"])

    async def change(self, **members: Any) -> None:
        old = self.store.executions["e1"]
        await self.store.commit(Batch(put=(replace(old, version=old.version + 1, **members),)))

    async def state(self, state: ProcessState) -> None:
        (old,) = self.store.executions["e1"].processes
        await self.change(processes=(replace(old, state=state),))


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    servers: list[Any] = []

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
    groups = (
        Group(name="web", framework="f", image="i", command=("x",), ports=ports),
        Group(name="lab", framework="lab", image="i", command=("x",), ports=ports, count=0),
    )
    spec = ExecutionSpec(
        zapp="z", title="<Title>", version="1", kind="notebook", groups=groups, secrets=(Secret(name="page"),)
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
    controllers: Any = SimpleNamespace(
        executions=SimpleNamespace(place=lambda execution: None),
        attachments=None,
        leases=None,
        store=rig.store,
        backend=SimpleNamespace(check_listener=rig.check_listener),
        deployment="d",
        clock=Clock(),
    )
    page_sockets, rig.pages = bind("", 0)
    rig.hub = WebHub(
        controllers=controllers,
        catalog=SimpleNamespace(folder=Path),
        authenticator=EmbeddedAuthenticator(store=rig.store, now=lambda: datetime.now(UTC)),
        pages=Origins("auto", rig.pages),
        trusted=["lab"],
        hosts=["hub.example"],
    )
    rig.url = f"http://127.0.0.1:{serve(make_application(rig.hub, proxy.routes()))}"
    listener = proxy.make_page_server(rig.hub)
    listener.add_sockets(page_sockets)
    servers.append(listener)
    yield rig
    rig.client.close()
    for server in servers:
        server.stop()
        await server.close_all_connections()
    await rig.store.close()


async def test_the_process_sees_its_own_secret_and_nothing_of_the_hubs(rig: Rig) -> None:
    answer = await rig.fetch(
        "/zoe/pages/e1/web-0/ui/a%2Fb?q=1",
        {**OWN, "Cookie": "zoe-own-e1-99=x; username-x=1; mine=2", "Origin": rig.url},
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


async def test_each_user_may_have_so_many_connections_to_pages(rig: Rig) -> None:
    rig.hub.page_shares = Shares("connections to pages", 2, "ZoeHub.page_connections_per_user")
    for _ in range(5):  # one after the other: each is given back
        assert (await rig.fetch("/zoe/pages/e1/web-0/ui/")).code == 200
    url = rig.url.replace("http", "ws") + "/zoe/pages/e1/web-0/ui/talk"
    open_ones = [await websocket_connect(HTTPRequest(url, headers={**OWN, "Origin": rig.url})) for _ in range(2)]
    refused = await rig.fetch("/zoe/pages/e1/web-0/ui/")
    assert (refused.code, json.loads(refused.body)["code"]) == (429, "too-many")
    assert b"as many of these as you may have" in (await rig.fetch("/zoe/pages/e1/web-0/ui/", READER)).body
    posted = await rig.fetch("/zoe/pages/e1/web-0/ui/", method="POST", body="x" * 100_000)
    assert posted.code == 429, "the answer comes after the body"
    assert (await rig.fetch("/zoe/pages/e1/web-0/ui/", {"Authorization": "Bearer admin"})).code == 200, "another user"
    open_ones[0].close()
    async with asyncio.timeout(10):
        while (await rig.fetch("/zoe/pages/e1/web-0/ui/")).code != 200:
            pass
    open_ones[1].close()


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


# --- at an origin of its own -----------------------------------------------------------------------------------------

AT = "/user/alice/zoe/pages/e1/web-0/ui/"  # where the process was told that it is


async def test_a_ticket_begins_a_session_that_is_bound_to_the_execution(rig: Rig) -> None:
    own = (await rig.ticket(ancestors=["http://127.0.0.1:8888"]))["own"]
    assert own["url"].startswith(f"http://e1.localhost:{rig.pages}/zoe/enter?ticket=")
    here = await rig.fetch_own("/zoe/here")
    assert (here.body.decode(), here.headers["Access-Control-Allow-Origin"]) == (own["proof"], "*")
    path = own["url"].partition(str(rig.pages))[2]
    framed = await rig.fetch_own(path, {"Sec-Fetch-Dest": "iframe"})
    assert (framed.code, framed.headers["Location"]) == (303, AT)
    cookie, *attributes = framed.headers["Set-Cookie"].split("; ")
    scope = "Path=/user/alice/zoe/pages/e1/"
    assert attributes == [scope, "HttpOnly", "Secure", "SameSite=None", "Partitioned"]
    assert cookie.startswith(f"zoe-own-e1-{rig.pages}=")
    page = await rig.fetch_own(AT + "jobs", {"Cookie": f"{cookie}; mine=2; jupyterhub-session-id=x"})
    seen = json.loads(page.body)
    assert (seen["uri"], seen["headers"]["Cookie"]) == ("/jobs", "mine=2")
    assert seen["headers"]["X-Where"] == AT
    assert page.headers.get_list("Set-Cookie") == [f"mine=1; Path={AT}; Secure; SameSite=None; Partitioned"]
    assert page.headers["Content-Security-Policy"] == "frame-ancestors 'self' http://127.0.0.1:8888"
    assert (await rig.fetch_own(path)).code == 401, "a ticket works once"
    window = (await rig.ticket())["own"]["url"].partition(str(rig.pages))[2]
    assert (await rig.fetch_own(window)).headers["Set-Cookie"].split("; ")[1:] == [
        *(scope, "HttpOnly", "Secure", "SameSite=Lax")
    ]


async def test_the_second_listener_takes_nothing_but_its_own_sessions_for_pages(rig: Rig) -> None:
    cookie, path = await rig.enter()
    assert (await rig.fetch_own(path, {"Cookie": cookie})).code == 200
    name, _, secret = cookie.partition("=")
    sandbox = (await rig.sandboxed()).split("~")[1].partition("/")[0]
    for headers in (
        {},
        OWN,
        {"Authorization": f"Bearer {secret}"},
        {"Cookie": "username-127-0-0-1-8888=x; _xsrf=y"},
        {"Cookie": f"{name}={sandbox}"},
        {"Cookie": f"zoe-trusted-e1-0={secret}"},
        {"Cookie": cookie, "Host": f"e2.localhost:{rig.pages}"},
        {"Cookie": cookie, "Host": f"localhost:{rig.pages}"},
        {"Cookie": cookie, "Host": "evil.example"},
    ):
        answer = await rig.fetch_own(path, headers)
        assert (answer.code, json.loads(answer.body)["code"]) == (401, "not-authenticated"), headers
    for other in (
        "/user/alice/zoe/pages/e2/web-0/ui/",
        "/api/v1/user",
        "/api/v1/health",
        "/zoe/login",
        "/healthz",
        "/",
    ):
        for headers in ({"Cookie": cookie}, {**OWN, "Cookie": cookie}):
            answer = await rig.fetch_own(other, headers)
            assert (answer.code, b"alice" in answer.body) == (401, False), other
    assert (await rig.fetch_own(AT + "..%2f..%2fx", {"Cookie": cookie})).code == 400


async def test_the_first_listener_does_not_take_sessions_of_the_second(rig: Rig) -> None:
    secret = (await rig.enter())[0].partition("=")[2]
    for name in ("zoe-own-e1-0", "zoe-trusted-e1-0", "zoe-session", f"zoe-own-e1-{rig.pages}"):
        for path in ("/zoe/pages/e1/web-0/ui/", f"/zoe/pages/~{secret}/e1/web-0/ui/", "/api/v1/user"):
            answer = await rig.fetch(path, {"Cookie": f"{name}={secret}"})
            assert (answer.code, json.loads(answer.body)["code"]) == (401, "not-authenticated")
    ticket = (await rig.ticket())["own"]["url"].partition("?")[2]
    assert (await rig.fetch(f"/zoe/enter?{ticket}", {})).code == 401


async def test_at_its_own_origin_a_page_hears_of_no_other(rig: Rig) -> None:
    cookie, path = await rig.enter()
    own = f"http://e1.localhost:{rig.pages}"
    for headers, code in (
        ({"Origin": own}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": rig.url}, 403),
        ({"Origin": f"http://e2.localhost:{rig.pages}"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
    ):
        assert (await rig.fetch_own(path, {"Cookie": cookie, **headers}, method="POST", body="x")).code == code
    for headers, code in (
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "object"}, 403),
        ({"Origin": rig.url}, 403),
    ):
        answer = await rig.fetch_own(path, {"Cookie": cookie, **headers})
        assert answer.code == code, headers
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_a_websocket_at_its_own_origin(rig: Rig) -> None:
    cookie, path = await rig.enter()
    own = {"Host": f"e1.localhost:{rig.pages}", "Cookie": cookie}
    url = f"ws://127.0.0.1:{rig.pages}{path}talk"
    connection = await websocket_connect(
        HTTPRequest(url, headers={**own, "Origin": f"http://e1.localhost:{rig.pages}"})
    )
    await connection.write_message("hello")
    assert await connection.read_message() == "hello"
    connection.close()
    for origin in ("http://evil.example", rig.url, "null"):
        with pytest.raises(HTTPClientError) as refused:
            await websocket_connect(HTTPRequest(url, headers={**own, "Origin": origin}))
        assert refused.value.code == 403


async def test_a_session_ends_with_the_token_it_was_begun_with(rig: Rig) -> None:
    cookie, path = await rig.enter()
    sandbox = await rig.sandboxed()
    await rig.store.commit(Batch(drop=(Ref(Token, digest("own")),)))
    assert (await rig.fetch_own(path, {"Cookie": cookie})).code == 401
    assert (await rig.fetch(sandbox, {})).code == 401


# --- in the sandbox --------------------------------------------------------------------------------------------------


async def test_in_the_sandbox_a_page_has_no_origin_and_no_cookies(rig: Rig) -> None:
    address = await rig.sandboxed()
    cookies = {"Cookie": "username-x=1; _xsrf=2; mine=3"}
    page = await rig.fetch(address, {**cookies, "Origin": "null"})
    assert page.code == 200
    policies = page.headers.get_list("Content-Security-Policy")
    assert policies == [
        "frame-ancestors 'self'",
        "sandbox allow-downloads allow-forms allow-modals allow-pointer-lock allow-popups allow-scripts",
    ]
    seen = json.loads(page.body)["headers"]
    assert "Cookie" not in seen
    assert seen["X-Forwarded-Prefix"] == address.rstrip("/"), "links of the page keep the session"
    assert "Set-Cookie" not in page.headers
    assert page.headers["Access-Control-Allow-Origin"] == "null"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "X-Zoe-Proxy" not in page.headers
    moved = await rig.fetch(address + "away?to=/x", {})
    assert moved.headers["Location"] == address + "x"


async def test_in_the_sandbox_a_document_begins_with_a_storage_and_its_parts_do_not(rig: Rig) -> None:
    address = f"{await rig.sandboxed()}index"
    reader = {"Accept": "text/html,*/*;q=0.8", "Accept-Encoding": "gzip"}
    begins = b'<script src="/zoe/storage.js"></script><a href='
    for headers in (reader, {**reader, "Sec-Fetch-Mode": "navigate"}):
        document = await rig.fetch(address, headers)
        assert document.body.startswith(begins), headers
        assert (document.headers["X-Encodings"], "ETag" in document.headers) == ("none", False)
        assert document.headers["Content-Type"].startswith("text/html")
    for headers in ({**reader, "Origin": "null"}, {**reader, "Sec-Fetch-Mode": "cors"}, {"Accept": "*/*"}):
        assert (await rig.fetch(address, headers)).body.startswith(b"<a href="), headers
    script = await rig.fetch("/zoe/storage.js", {"Origin": "null"})
    assert (script.code, script.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    cookie, path = await rig.enter()
    own = await rig.fetch_own(f"{path}index", {**reader, "Cookie": cookie, "Sec-Fetch-Mode": "navigate"})
    assert own.body.startswith(b"<a href="), "at an origin of its own it has a real one"


async def test_what_a_page_says_against_its_place_is_not_heard(rig: Rig) -> None:
    upstream = {
        "Content-Security-Policy": "default-src 'self'; frame-ancestors *; report-uri /api/terminals",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Access-Control-Allow-Origin": "https://evil.example",
        "Referrer-Policy": "unsafe-url",
        "X-Frame-Options": "SAMEORIGIN",
    }
    address = await rig.sandboxed()
    page = await rig.fetch(f"{address}?set={quote(json.dumps(upstream))}", {"Origin": "null"})
    policies = page.headers.get_list("Content-Security-Policy")
    assert policies[:2] == ["default-src 'self'", "frame-ancestors 'self'"]
    assert policies[2].startswith("sandbox ")
    assert not {"X-Frame-Options", "Cross-Origin-Resource-Policy", "Cross-Origin-Opener-Policy"} & set(page.headers)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Access-Control-Allow-Origin"] == "null"
    cookie, path = await rig.enter()
    for said, obeyed in (
        ({"X-Frame-Options": "DENY"}, "frame-ancestors 'none'"),
        ({"Content-Security-Policy": "frame-ancestors 'none'"}, "frame-ancestors 'none'"),
        ({"X-Frame-Options": "DENY", "Content-Security-Policy": "frame-ancestors 'self'"}, "frame-ancestors 'self'"),
    ):
        own = await rig.fetch_own(f"{path}?set={quote(json.dumps(said))}", {"Cookie": cookie})
        assert own.headers.get_list("Content-Security-Policy") == [obeyed]


async def test_a_sandboxed_page_asks_for_its_own_parts_and_no_other_page_does(rig: Rig) -> None:
    address = await rig.sandboxed()
    asked = {"Origin": "null", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a"}
    permitted = await rig.fetch(address, asked, method="OPTIONS")
    assert (permitted.code, permitted.headers["Access-Control-Allow-Methods"]) == (204, "POST")
    assert permitted.headers["Access-Control-Allow-Headers"] == "x-a"
    assert (await rig.fetch(address, {"Origin": "null"}, method="POST", body="x")).code == 200
    for origin in ("http://evil.example", f"http://e1.localhost:{rig.pages}"):
        answer = await rig.fetch(address, {"Origin": origin})
        assert answer.code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert (await rig.fetch(address, {**asked, "Origin": origin}, method="OPTIONS")).code == 403
    url = rig.url.replace("http", "ws") + address + "talk"
    connection = await websocket_connect(HTTPRequest(url, headers={"Origin": "null"}))
    await connection.write_message("hello")
    assert await connection.read_message() == "hello"
    connection.close()


async def test_the_address_of_a_sandboxed_page_opens_one_execution(rig: Rig) -> None:
    address = await rig.sandboxed()
    await rig.store.commit(Batch(put=(replace(rig.store.executions["e1"], id="e2", name="two"),)))
    assert (await rig.fetch(address, {})).code == 200
    for other in (
        address.replace("/e1/", "/e2/"),
        address.replace("/e1/", "/e1/../e2/"),
        address.replace("~", "~0"),
        "/zoe/pages/~/e1/web-0/ui/",
        "/zoe/pages/e1/web-0/ui/",
    ):
        answer = await rig.fetch(other, {})
        assert (answer.code in (401, 404), b"uri" in answer.body) == (True, False), other
    assert (
        await rig.fetch(address.replace("/e1/web-0/ui/", "/e1/web-0/ui/..%2f..%2f..%2fe2/web-0/ui/"), {})
    ).code == 400


async def test_people_read_in_the_sandbox_why_a_page_is_not_there(rig: Rig) -> None:
    address = await rig.sandboxed()
    await rig.state(ProcessState.STARTING)
    page = await rig.fetch(address, {"Accept": "text/html", "Origin": "null"})
    assert (page.code, page.headers["X-Zoe-Proxy"]) == (503, "waiting")
    assert any(policy.startswith("sandbox") for policy in page.headers.get_list("Content-Security-Policy"))
    assert "X-Zoe-Proxy" in page.headers["Access-Control-Expose-Headers"], "its script looks for the mark"


# --- which of them ---------------------------------------------------------------------------------------------------


def plan_of(page: Any) -> dict[str, Any]:
    """What the gate is to try."""
    found = re.search(r'<script id="plan"[^>]*>(.*?)</script>', page.body.decode(), re.DOTALL)
    assert found, page.body
    return json.loads(found[1])  # type: ignore[no-any-return]


async def test_a_browser_tries_the_own_origin_first_where_it_can_be_reached(rig: Rig) -> None:
    for host in ("127.0.0.1", "localhost"):
        login = await rig.fetch((await rig.ticket())["url"], {"Host": rig.url.replace("http://127.0.0.1", host)})
        plan = plan_of(login)
        (own,) = plan["own"]
        assert own["here"] == f"http://e1.localhost:{rig.pages}/zoe/here"
        assert f"connect-src http://e1.localhost:{rig.pages}" in login.headers["Content-Security-Policy"]
        assert (plan["sandboxed"], plan["refusal"]) == (True, "")
        assert (await rig.fetch(plan["fallback"], {})).headers["Location"].startswith("/zoe/pages/~")
    elsewhere = await rig.fetch(
        (await rig.ticket())["url"], {"Host": rig.url.replace("http://127.0.0.1", "hub.example")}
    )
    assert elsewhere.code == 303, "a browser on another machine has no use for localhost"


async def test_a_page_that_needs_an_origin_says_so_where_there_is_none(rig: Rig) -> None:
    ticket = await rig.ticket("/zoe/pages/e1/web-0/lab/tree")
    assert (ticket["needs_origin"], ticket["trusted"]) == (True, False)
    login = await rig.fetch(ticket["url"], {"Host": rig.url.replace("http://127.0.0.1", "hub.example")})
    assert (login.code, b"trusted_frameworks" in login.body, b"pages_origin" in login.body) == (403, True, True)


async def test_a_trusted_page_is_shown_at_the_hubs_own_address_and_no_other_with_it(rig: Rig) -> None:
    (web,) = rig.store.executions["e1"].processes
    lab = replace(web, name="zoe-d-e1-lab-0", group="lab")
    await rig.change(processes=(web, lab), web_prefix="/zoe")
    ticket = await rig.ticket("/zoe/pages/e1/lab-0/lab/tree?a=1")
    assert ticket["trusted"]
    plan = plan_of(await rig.fetch(ticket["url"], {}))
    assert not plan["sandboxed"]
    entered = await rig.fetch(plan["fallback"], {})
    assert entered.headers["Location"] == "/zoe/pages/e1/lab-0/lab/tree?a=1"
    cookie, *attributes = entered.headers["Set-Cookie"].split("; ")
    assert attributes == ["Path=/zoe/pages/e1/lab-0/lab/", "HttpOnly", "SameSite=Strict"]
    page = await rig.fetch("/zoe/pages/e1/lab-0/lab/tree", {"Cookie": f"{cookie}; _xsrf=outer", "X-XSRFToken": "outer"})
    assert page.code == 200
    assert "outer" not in page.body.decode()
    assert "sandbox" not in page.headers["Content-Security-Policy"]
    for path in ("/zoe/pages/e1/web-0/ui/", "/zoe/pages/e1/lab-0/ui/", "/api/v1/user"):
        assert (await rig.fetch(path, {"Cookie": cookie})).code == 401
    worker = {"Cookie": cookie, "Service-Worker": "script", "Sec-Fetch-Site": "same-origin"}
    assert (await rig.fetch("/zoe/pages/e1/lab-0/lab/sw.js", worker)).code == 403, "it would outlive the trust"
    post = {"Cookie": cookie, "Origin": "null"}
    assert (await rig.fetch("/zoe/pages/e1/lab-0/lab/tree", post, method="POST", body="x")).code == 403
