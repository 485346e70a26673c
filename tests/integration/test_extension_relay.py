"""The server extension in a real Jupyter server, with the real hub that it starts: routes, tokens, streams,
restarts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from zoe_hub.testing import strangers
from zoe_hub.testing.kernels import run_in_new_kernel

ROOT = Path(__file__).parents[2]
TOKEN = "jupyter-token-of-the-test"
BASE = "/user/te-st@er/"
Result = TypeVar("Result")
PAGES = """
import asyncio, json, os
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

class Page(RequestHandler):
    def get(self):
        self.set_cookie("inner", "1", path="/")
        self.write({"uri": self.request.uri, "headers": dict(self.request.headers)})
    def post(self):
        self.write({"body": self.request.body.decode()})

class Away(RequestHandler):
    def get(self):
        self.redirect("/there")

class Talk(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)

async def main():
    pages = Application([("/talk", Talk), ("/away", Away), (".*", Page)])
    pages.listen(int(os.environ["ZOE_PORT_WEB"]), os.environ["ZOE_BIND"])
    print("pages are served", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def eventually(ask: Callable[[], Result], seconds: float = 30.0) -> Result:
    """The first true value of ``ask``."""
    deadline = time.monotonic() + seconds
    while True:
        found = ask()
        if found or time.monotonic() > deadline:
            assert found, "did not happen in time"
            return found
        time.sleep(0.02)


class Server:
    """A Jupyter server with folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "zoe"
        for name in ("config", "runtime", "root"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        definition = folder / "definitions" / "pages"
        definition.mkdir(parents=True, exist_ok=True)
        (definition / "pages.py").write_text(PAGES)
        (definition / "framework.yaml").write_text(
            textwrap.dedent("""\
            framework: pages
            version: "1.0"
            kind: notebook
            title: Pages
            processes:
              web:
                image: "zoe/pages:1"
                command: [python, "{{ folder }}/pages.py"]
                ports:
                  web: {port: 80, protocol: http, show: true, title: Pages}
                ready: {tcp: web, timeout: 30s}
                grace: 2s
            """)
        )
        (definition / "zapp.yaml").write_text('zapp: pages\nversion: "1.0"\ntitle: Pages\nframeworks:\n  pages: {}\n')
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self, *options: str, **environment: str) -> None:
        """Start, and wait until it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "ZOE_", "JPY_"))}
        clean |= {
            "JUPYTER_CONFIG_PATH": str(
                ROOT / "jupyter-config"
            ),  # the file that the package installs enables the extension
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "IPYTHONDIR": str(self.folder / "ipython"),
            "JUPYTER_TOKEN": TOKEN,
            "ZOE_DATA": str(self.data),
            "ZOE_HUB_OPTIONS": f"--ZoeHub.catalog_folders={self.folder / 'definitions'}",
            "PYTHONPATH": str(ROOT),
        } | environment
        command = [
            sys.executable,
            "-m",
            "jupyter_server",
            f"--ServerApp.port={port}",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.base_url={BASE}",
            "--ServerApp.open_browser=False",
        ]
        command += [
            f"--ServerApp.root_dir={self.folder / 'root'}",
            *(["--allow-root"] if os.geteuid() == 0 else []),
            *options,
        ]
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(command, env=clean, stdout=log, stderr=log, start_new_session=True)
        self.url = f"http://127.0.0.1:{port}{BASE}"
        eventually(self._answers)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "server.log").read_text()
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(self.url + "api").status_code == 200
        return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    @property
    def runtime(self) -> dict[str, Any]:
        """The hub's runtime file."""
        found: dict[str, Any] = json.loads((self.data / "hub.json").read_text())
        return found

    def end_hub(self) -> None:
        """End the hub and what it runs."""
        with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
            hub = psutil.Process(self.runtime["pid"])
            hub.terminate()
            hub.wait(15)

    def client(self, **options: Any) -> httpx.Client:
        """An authenticated client."""
        options.setdefault("headers", {"Authorization": f"token {TOKEN}"})
        return httpx.Client(base_url=self.url, timeout=40, **options)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("jupyter"))
    try:
        server.start()
        with server.client() as client:
            eventually(lambda: client.get("zoe/status").json()["hub"] == "ready")
        yield server
        with server.client() as client, contextlib.suppress(httpx.HTTPError, KeyError):
            for each in client.get("zoe/api/v1/executions?active=true").json()["items"]:
                client.post(f"zoe/api/v1/executions/{each['id']}/terminate", json={})
            eventually(lambda: not client.get("zoe/api/v1/executions?active=true").json()["items"])
    finally:
        server.stop()
        server.end_hub()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        eventually(lambda: client.get("zoe/status").json()["hub"] == "ready")
        yield client


@pytest.fixture(scope="module")
def execution(server: Server) -> dict[str, Any]:
    """A running execution with a web page."""
    with server.client() as client:
        answer = client.post("zoe/api/v1/executions", json={"zapp": "pages"})
        assert answer.status_code == 202, answer.text
        path = f"zoe/api/v1/executions/{answer.json()['id']}"
        return eventually(lambda: found if (found := client.get(path).json())["phase"] == "running" else None)


ROUTES = [
    "zoe/open",
    "zoe/enter",
    "zoe/enter?ticket=0",
    "zoe/pages/~0123456789abcdef/e1/web-0/web/",
    "zoe/status",
    "zoe/api/v1/health",
    "zoe/api/v1/executions",
    "zoe/api/",
    "zoe/pages/e1/web-0/web/",
    "zoe/pages/",
]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "PROPFIND"])
def test_every_route_refuses_an_anonymous_caller(server: Server, route: str, method: str) -> None:
    with server.client(headers={}) as client:
        for headers in (
            {},
            {"Authorization": "token wrong"},
            {"Authorization": f"Bearer {server.runtime['token']}"},
            {"Accept": "text/html"},
        ):
            answer = client.request(method, route, headers=headers)
            if answer.status_code == 302:  # people are sent to the login page
                assert answer.headers["Location"].startswith(f"{BASE}login?next=")
            else:
                assert answer.status_code in (401, 403, 405)
            assert not answer.is_success


def test_the_routes_of_this_test_are_all_there_are() -> None:
    from jupyter_zoe.extension.app import ZoeExtension
    from jupyter_zoe.extension.pages import Pages
    from zoe_proxy.pages.origins import Origins

    extension = ZoeExtension()
    extension.handlers = []
    extension.pages = Pages(origins=Origins(), life=1.0, base="/zoe/pages", ip="", port=0)
    extension.initialize_handlers()
    patterns = [pattern for pattern, *_ in extension.handlers]
    patterns.remove("/zoe/storage.js")  # a file, the same for everybody
    assert patterns == ["/zoe/status", "/zoe/api/.*", "/zoe/open", "/zoe/enter", "/zoe/pages/~.*", "/zoe/pages/.*"]
    paths = ["/" + path.partition("?")[0] for path in ROUTES]
    assert all(any(re.fullmatch(pattern, path) for path in paths) for pattern in patterns)


def test_the_hub_is_started_by_itself_and_only_its_owner_reads_its_files(server: Server, client: httpx.Client) -> None:
    assert client.get("zoe/status").json() == {"hub": "ready", "reason": "", "root": f"{server.folder / 'root'}/"}
    assert client.get("zoe/api/v1/health").json()["status"] == "ok"
    assert (server.data / "hub.json").stat().st_mode & 0o777 == 0o600
    hub = psutil.Process(server.runtime["pid"])
    assert server.process is not None
    assert os.getsid(hub.pid) != os.getsid(server.process.pid)
    assert not [name for name in hub.environ() if name.startswith(("JUPYTER_TOKEN", "JPY_"))]
    assert TOKEN not in hub.environ().values()


def test_the_hubs_token_is_in_no_answer(server: Server, client: httpx.Client, execution: dict[str, Any]) -> None:
    token = server.runtime["token"]
    (endpoint,) = execution["endpoints"]
    pages = [
        "zoe/status",
        "zoe/api/v1/health",
        "zoe/api/v1/user",
        "zoe/api/v1/executions",
        "zoe/api/v1/nothing",
        endpoint["path"].removeprefix(BASE),
    ]
    for page in pages:
        answer = client.get(page)
        assert token not in answer.text + str(answer.headers)
    assert token not in (server.folder / "server.log").read_text()
    assert token not in (server.data / "hub.log").read_text()


def test_the_prefix_is_filled_in_and_the_page_opens_there(client: httpx.Client, execution: dict[str, Any]) -> None:
    (endpoint,) = execution["endpoints"]
    assert endpoint["path"] == f"{BASE}zoe/pages/{execution['id']}/web-0/web/"
    page = client.get(
        endpoint["path"].removeprefix(BASE) + "a%2Fb", headers={"Cookie": "username-127-0-0-1=x; inner=1"}
    )
    seen = page.json()
    assert seen["uri"] == "/a%2Fb"
    assert seen["headers"]["X-Forwarded-Context"] == endpoint["path"].rstrip("/")
    assert seen["headers"]["X-Forwarded-Host"] == str(client.base_url.netloc, "ascii")
    assert "Authorization" not in seen["headers"]
    assert seen["headers"]["Cookie"] == "inner=1"
    assert f"inner=1; Path={endpoint['path']}" in page.headers.get_list("Set-Cookie")
    assert client.get(endpoint["path"].removeprefix(BASE) + "away").headers["Location"] == f"{endpoint['path']}there"


def test_this_servers_token_in_an_address_ends_here(
    server: Server, client: httpx.Client, execution: dict[str, Any]
) -> None:
    path = execution["endpoints"][0]["path"].removeprefix(BASE)
    with server.client(headers={}) as other:
        assert other.get(f"{path}?token={TOKEN}&a=1").json()["uri"] == "/?a=1"
        assert other.get(f"zoe/api/v1/health?token={TOKEN}").status_code == 200


def test_a_path_never_leaves_the_relay(server: Server, client: httpx.Client) -> None:
    for path in ("zoe/pages/..%2f..%2fapi/v1/user", "zoe/api/%2e%2e/%2e%2e/x"):
        with socket.create_connection(("127.0.0.1", int(server.url.split(":")[2].split("/")[0]))) as raw:
            raw.sendall(
                f"GET {BASE}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: token {TOKEN}\r\nConnection:"
                " close\r\n\r\n".encode()
            )
            answer = b""
            while piece := raw.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 400")


@contextlib.contextmanager
def cookies(server: Server) -> Iterator[httpx.Client]:
    """A browser that is logged in by cookie."""
    with server.client(headers={}) as browser:
        browser.get("login")  # a page, which sets the xsrf cookie
        browser.get(f"login?token={TOKEN}")
        assert any(name.startswith("username-") for name in browser.cookies)
        yield browser


def test_changes_by_cookie_need_the_xsrf_token(server: Server, client: httpx.Client) -> None:
    with cookies(server) as browser:
        assert browser.get("zoe/api/v1/user").status_code == 200
        body = {"start": {"zapp": "pages"}}
        assert browser.post("zoe/api/v1/plans", json=body).status_code == 403
        token = browser.cookies["_xsrf"]
        assert browser.post("zoe/api/v1/plans", json=body, headers={"X-XSRFToken": token}).status_code == 200
        evil = {"Origin": "http://evil.example", "X-XSRFToken": token}
        refused = browser.post("zoe/api/v1/plans", json=body, headers=evil)
        assert refused.status_code in (403, 404)
        assert browser.get("zoe/api/v1/user", headers={"Origin": "http://evil.example"}).status_code == 403
        assert browser.get("zoe/status", headers={"Origin": "http://evil.example"}).status_code == 403


def open_page(browser: httpx.Client, execution: dict[str, Any], rest: str = "", **members: Any) -> dict[str, Any]:
    """Ask for the ways to the page of an execution, as the panel does."""
    path = execution["endpoints"][0]["path"].partition(f"/pages/{execution['id']}/")[2]
    headers = {"X-XSRFToken": browser.cookies["_xsrf"]} if "_xsrf" in browser.cookies else {}
    body = {"execution": execution["id"], "page": path + rest, **members}
    answer = browser.post("zoe/open", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


class Own:
    """A browser at the origin that an execution has for itself, without anything of Jupyter's."""

    def __init__(self, way: dict[str, str]) -> None:
        there = urlsplit(way["url"])
        self.origin = f"{there.scheme}://{there.netloc}"
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{there.port}", headers={"Host": there.netloc}, timeout=40, trust_env=False
        )
        entered = self.client.get(f"{there.path}?{there.query}", headers={"Sec-Fetch-Dest": "iframe"})
        assert entered.status_code == 303, entered.text
        self.path = entered.headers["Location"]
        self.cookie = entered.headers["Set-Cookie"].partition(";")[0]
        self.client.cookies.clear()  # the name of the host is no name that this client knows
        self.client.headers["Cookie"] = self.cookie


def test_the_panel_gets_the_ways_to_a_page(server: Server, execution: dict[str, Any]) -> None:
    with cookies(server) as browser:
        path = execution["endpoints"][0]["path"]
        opening = open_page(browser, execution, "a?b=1", ancestors=["http://127.0.0.1:8888"])
        assert (opening["sandboxed"], opening["refusal"]) == (True, "")
        assert len(opening["own"]) == 2, "the second listener of this server, and the hub's"
        for way in opening["own"]:
            own = Own(way)
            assert own.origin.startswith(f"http://{execution['id']}.localhost:")
            here = own.client.get("/zoe/here")
            assert (here.text, way["here"]) == (way["proof"], f"{own.origin}/zoe/here")
            assert own.path == f"{path}a?b=1"
            page = own.client.get(own.path)
            assert page.json()["uri"] == "/a?b=1"
            assert "cookie" not in {name.lower() for name in page.json()["headers"]}
            assert page.headers["Content-Security-Policy"] == "frame-ancestors 'self' http://127.0.0.1:8888"
            cookie = f"inner=1; Path={path}; Secure; SameSite=None; Partitioned"
            assert cookie in page.headers.get_list("Set-Cookie")
        refused = browser.post("zoe/open", json={"execution": execution["id"], "page": "web-0/web/"})
        assert refused.status_code == 403, "without the xsrf token"
        for body in ([], {"execution": 1, "page": "x"}, {"execution": "../e1", "page": "x"}, {"page": "x"}):
            headers = {"X-XSRFToken": browser.cookies["_xsrf"]}
            assert browser.post("zoe/open", json=body, headers=headers).status_code == 400
        unknown = browser.post("zoe/open", json={"execution": "enone", "page": "web-0/web/"}, headers=headers)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-execution")


def test_the_second_listener_knows_neither_jupyters_cookies_nor_its_tokens(
    server: Server, execution: dict[str, Any]
) -> None:
    with cookies(server) as browser:
        jupyters = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        ways = open_page(browser, execution)["own"]
        for way in ways:
            own = Own(way)
            secret = own.cookie.partition("=")[2]
            assert own.client.get(own.path).status_code == 200
            for headers in (
                {"Cookie": jupyters},
                {"Cookie": "", "Authorization": f"token {TOKEN}"},
                {"Cookie": "", "Authorization": f"Bearer {server.runtime['token']}"},
            ):
                assert own.client.get(own.path, headers=headers).status_code == 401
                assert own.client.get(f"{own.path}?token={TOKEN}", headers=headers).status_code == 401
            for path in ("api/terminals", "api/kernels", "zoe/api/v1/executions", "zoe/status", "lab", "login"):
                assert own.client.get(BASE + path).status_code == 401
                assert own.client.post(BASE + path, headers={"Origin": own.origin}).status_code == 401
            # and the session is worth nothing at Jupyter's own address
            page = execution["endpoints"][0]["path"].removeprefix(BASE)
            with server.client(headers={}) as other:
                for path in (page, page.replace("pages/", f"pages/~{secret}/"), "api/kernels", "zoe/api/v1/user"):
                    for name in (own.cookie.partition("=")[0], f"zoe-trusted-{execution['id']}-0", "zoe-sandbox-"):
                        answer = other.get(path, headers={"Cookie": f"{name}={secret}"})
                        assert answer.status_code in (401, 403), path


def test_at_its_own_origin_a_page_hears_of_no_other(server: Server, execution: dict[str, Any]) -> None:
    with cookies(server) as browser:
        for way in open_page(browser, execution)["own"]:
            own = Own(way)
            assert own.client.post(own.path, content="x", headers={"Origin": own.origin}).json() == {"body": "x"}
            for headers in (
                {},
                {"Origin": "null"},
                {"Origin": "http://evil.example"},
                {"Origin": server.url.removesuffix(BASE)},
                {"Sec-Fetch-Site": "cross-site"},
            ):
                assert own.client.post(own.path, content="x", headers=headers).status_code == 403
            embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
            assert own.client.get(own.path, headers=embedded).status_code == 403


def test_in_the_sandbox_the_address_is_all_and_cookies_are_nothing(server: Server, execution: dict[str, Any]) -> None:
    with cookies(server) as browser:
        fallback = open_page(browser, execution, "a?b=1")["fallback"].removeprefix(BASE)
        entered = browser.get(fallback)
        address = entered.headers["Location"].removeprefix(BASE)
        assert re.fullmatch(rf"zoe/pages/~[0-9a-f]{{48}}/{execution['id']}/web-0/web/a\?b=1", address)
        assert browser.get(fallback).status_code == 401
        page = browser.get(address, headers={"Origin": "null"})
        assert page.json()["uri"] == "/a?b=1"
        assert "cookie" not in {name.lower() for name in page.json()["headers"]}
        assert "Set-Cookie" not in page.headers
        assert page.headers.get_list("Content-Security-Policy")[-1].startswith("sandbox allow-")
        assert "allow-same-origin" not in str(page.headers)
        assert page.headers["Access-Control-Allow-Origin"] == "null"
        # neither Jupyter's cookie nor its xsrf token is asked for
        with server.client(headers={"Origin": "null"}) as nobody:
            assert nobody.get("zoe/storage.js").headers["Content-Type"] == "text/javascript; charset=utf-8"
            assert nobody.get(address).status_code == 200
            assert nobody.post(address, content="x").json() == {"body": "x"}
            preflight = {"Access-Control-Request-Method": "PUT"}
            assert nobody.options(address, headers=preflight).headers["Access-Control-Allow-Methods"] == "PUT"
            assert nobody.get(address, headers={"Origin": "http://evil.example"}).status_code == 403
            for other in (address.replace("~", "~0"), address.replace("/web-0", "/../../api"), "zoe/pages/~/x"):
                assert nobody.get(other).status_code in (401, 403, 404)
    session = address.split("~")[1].partition("/")[0]
    assert session not in (server.folder / "server.log").read_text()


def test_a_plain_address_leads_a_person_to_the_page(server: Server, execution: dict[str, Any]) -> None:
    path = execution["endpoints"][0]["path"].removeprefix(BASE)
    person = {"Accept": "text/html,*/*", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    with cookies(server) as browser:
        gate = browser.get(f"{path}a?b=1", headers={**person, "Sec-Fetch-Site": "cross-site"})
        assert gate.status_code == 200
        found = re.search(r'<script id="plan"[^>]*>(.*?)</script>', gate.text)
        assert found
        plan = json.loads(found[1])
        assert Own(plan["own"][0]).path == f"{BASE}{path}a?b=1"
        assert plan["fallback"].startswith(f"{BASE}zoe/enter?ticket=")
        assert "uri" not in gate.text
        # what a script or another page asks for at this address is not given
        for headers in ({}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, {"Origin": "null"}):
            answer = browser.get(path, headers=headers)
            assert (answer.status_code, "uri" in answer.text) == (403, False)
        assert browser.post(path, content="x", headers={"Origin": server.url.removesuffix(BASE)}).status_code == 403
        missing = browser.get("zoe/pages/enone/web-0/web/", headers=person)
        assert (missing.status_code, "no execution" in missing.text) == (404, True)
    with server.client(headers=person) as nobody:
        assert nobody.get(path).headers["Location"].startswith(f"{BASE}login?next=")


def test_a_program_with_jupyters_token_gets_the_page_as_no_document_of_this_origin(
    client: httpx.Client, execution: dict[str, Any]
) -> None:
    path = execution["endpoints"][0]["path"].removeprefix(BASE)
    page = client.get(path, headers={"Accept": "text/html"})
    assert page.json()["uri"] == "/"
    assert page.headers.get_list("Content-Security-Policy")[-1].startswith("sandbox ")
    assert client.post(path, content="x").json() == {"body": "x"}


async def test_websockets_in_every_place(server: Server, execution: dict[str, Any]) -> None:
    here = server.url.removesuffix(BASE)
    with cookies(server) as browser:
        opening = open_page(browser, execution)
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        sandbox = here + browser.get(opening["fallback"].removeprefix(BASE)).headers["Location"] + "talk"
    own = Own(opening["own"][0])
    at_own = f"http://127.0.0.1:{urlsplit(own.origin).port}{own.path}talk"
    to_own = {"Host": urlsplit(own.origin).netloc, "Cookie": own.cookie}
    plain = here + execution["endpoints"][0]["path"] + "talk"
    for url, headers in (
        (plain, {"Authorization": f"token {TOKEN}"}),
        (at_own, {**to_own, "Origin": own.origin}),
        (sandbox, {"Origin": "null"}),
    ):
        connection = await websocket_connect(HTTPRequest(url.replace("http", "ws", 1), headers=headers))
        for number in range(300):
            await connection.write_message(f"{number}")
        for number in range(300):
            assert await connection.read_message() == f"{number}"
        connection.close()
    for url, headers, code in (
        (plain, {}, 401),
        (plain, {"Cookie": cookie, "Origin": here}, 403),
        (plain, {"Cookie": cookie, "Origin": "http://evil.example"}, 403),
        (at_own, {**to_own, "Origin": here}, 403),
        (at_own, {"Host": to_own["Host"], "Cookie": cookie, "Origin": own.origin}, 401),
        (sandbox, {"Origin": "http://evil.example"}, 403),
        (sandbox.replace("~", "~0"), {"Origin": "null"}, 401),
    ):
        with pytest.raises(HTTPClientError) as refused:
            await websocket_connect(HTTPRequest(url.replace("http", "ws", 1), headers=headers))
        assert refused.value.code == code, (url, headers)


async def test_a_jupyterlab_of_the_hub_works_behind_this_one(server: Server, client: httpx.Client) -> None:
    started = client.post("zoe/api/v1/executions", json={"zapp": "notebook"}).json()
    path = f"zoe/api/v1/executions/{started['id']}"
    running = eventually(
        lambda: found if (found := client.get(path).json())["phase"] != "starting" and found["endpoints"] else None, 120
    )
    assert running["phase"] == "running", running["reason"]
    with cookies(server) as browser:
        opening = open_page(browser, running)
        assert not opening["sandboxed"], "the hub is embedded and trusts its own JupyterLab"
        own = Own(opening["own"][0])
        inner = own.path.partition("lab")[0]
        assert f'"baseUrl": "{inner}' in own.client.get(own.path).text
        answer = own.client.post(f"{inner}api/kernels", json={}, headers={"Origin": own.origin})
        assert answer.status_code == 201, (answer.status_code, answer.text, answer.request.headers)
        kernel = answer.json()
        url = f"ws://127.0.0.1:{urlsplit(own.origin).port}{inner}api/kernels/{kernel['id']}/channels"
        headers = {"Host": urlsplit(own.origin).netloc, "Cookie": own.cookie, "Origin": own.origin}
        connection = await websocket_connect(HTTPRequest(url, headers=headers))
        async with asyncio.timeout(60):
            assert json.loads(str(await connection.read_message()))["msg_type"] == "status"
        connection.close()
        # The panel in there reaches the same hub, as the same user.
        assert own.client.get(f"{inner}zoe/api/v1/user").json()["name"] == running["owner"]
        # As trusted it works at this server's own origin, and nothing else of the execution with it.
        entered = browser.get(opening["fallback"].removeprefix(BASE))
        assert entered.headers["Location"] == own.path
        here = server.url.removesuffix(BASE)
        lab = browser.get(own.path.removeprefix(BASE), headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"})
        assert f'"baseUrl": "{inner}' in lab.text
        assert browser.post(f"{here}{inner}api/kernels", json={}, headers={"Origin": here}).status_code == 201
        assert browser.post(f"{here}{inner}api/kernels", json={}, headers={"Origin": "null"}).status_code == 403
        browser.cookies.delete(next(name for name in browser.cookies if name.startswith("zoe-trusted-")))
        assert browser.get(f"{here}{inner}api/kernels").status_code == 403
    client.post(f"{path}/terminate", json={})
    eventually(lambda: client.get(path).json()["phase"] == "ended")


@contextlib.asynccontextmanager
async def streaming(server: Server, path: str) -> AsyncIterator[AsyncIterator[str]]:
    async with (
        httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"token {TOKEN}"}, timeout=30) as client,
        client.stream("GET", path) as answer,
    ):
        assert answer.status_code == 200
        yield answer.aiter_lines()


async def test_events_and_logs_pass_as_they_come(
    server: Server, client: httpx.Client, execution: dict[str, Any]
) -> None:
    async with asyncio.timeout(30), streaming(server, "zoe/api/v1/events?since=0") as lines:
        async for line in lines:
            if line.startswith("data:") and execution["id"] in line:
                break
    async with (
        asyncio.timeout(30),
        streaming(server, f"zoe/api/v1/executions/{execution['id']}/processes/web-0/logs?follow=true") as lines,
    ):
        async for line in lines:  # the process goes on, so the answer never ends
            if "pages are served" in line:
                break


def test_a_long_body_gets_the_hubs_own_answer(client: httpx.Client) -> None:
    answer = client.post(
        "zoe/api/v1/executions", content=b"x" * (30 * 2**20), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_a_body_that_does_not_come_is_not_awaited(tmp_path: Path) -> None:
    other = Server(tmp_path)
    try:
        other.start("--ZoeExtension.body_timeout=0.3")
        with other.client() as client:
            eventually(lambda: client.get("zoe/status").json()["hub"] == "ready")
        place = httpx.URL(other.url)
        for path in ("zoe/api/v1/executions", "zoe/pages/e1/web-0/web/"):
            head = (
                f"POST {place.path}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: token {TOKEN}\r\nContent-Length: 9\r\n"
            )
            with socket.create_connection((place.host, place.port), timeout=20) as silent:
                silent.sendall(f"{head}\r\n1".encode())
                answer = silent.makefile("rb").read().decode()
            assert answer.startswith("HTTP/1.1 408 "), answer
            assert '"code": "request-timeout"' in answer
    finally:
        other.stop()
        other.end_hub()


def test_a_killed_hub_is_replaced_at_the_next_request_and_what_ran_goes_on(
    server: Server, client: httpx.Client, execution: dict[str, Any]
) -> None:
    first = server.runtime["pid"]
    os.kill(first, signal.SIGKILL)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(first).wait(10)
    assert client.get("zoe/api/v1/health").json()["status"] == "ok"
    assert server.runtime["pid"] != first
    path = execution["endpoints"][0]["path"].removeprefix(BASE)
    assert eventually(lambda: client.get(path).status_code == 200)


def test_the_hub_survives_a_restart_of_jupyter(server: Server, client: httpx.Client) -> None:
    before = server.runtime["pid"]
    server.stop()
    assert psutil.Process(before).is_running()
    server.start()
    with server.client() as other:
        assert eventually(lambda: other.get("zoe/status").json()["hub"] == "ready")
    assert server.runtime["pid"] == before


def test_a_hub_that_cannot_start_is_a_problem_that_says_what_to_do(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        server.start(ZOE_HUB_OPTIONS="--backend=nowhere")
        with server.client() as client:
            answer = client.get("zoe/api/v1/health")
            assert answer.status_code == 503
            assert answer.headers["Content-Type"] == "application/problem+json"
            problem = answer.json()
            assert problem["code"] == "hub-unreachable"
            assert "nowhere" in problem["detail"]
            assert "hub.log" in problem["remedy"]
            status = client.get("zoe/status").json()
            assert status["hub"] == "failed"
            assert "nowhere" in status["reason"]
    finally:
        server.stop()
        server.end_hub()


def test_a_hub_elsewhere_is_used_with_its_token_and_kernels_are_told(
    server: Server, client: httpx.Client, tmp_path: Path
) -> None:
    runtime = server.runtime
    secret = tmp_path / "token"
    secret.write_text(runtime["token"])
    secret.chmod(0o600)
    other = Server(tmp_path / "other")
    try:
        other.start(f"--ZoeExtension.hub_url={runtime['url']}", f"--ZoeExtension.hub_token_file={secret}")
        with other.client() as client:
            assert client.get("zoe/status").json()["hub"] == "ready"
            assert client.get("zoe/api/v1/health").json()["status"] == "ok"
            assert not (other.data / "hub.json").exists()
            assert (
                asyncio.run(
                    in_kernel(
                        other,
                        "import os; print(os.environ['ZOE_HUB_URL'], len(os.environ['ZOE_HUB_TOKEN']),"
                        " os.environ['ZOE_WEB_PREFIX'])",
                    )
                )
                == f"{runtime['url']} {len(runtime['token'])} {BASE}zoe\n"
            )
    finally:
        other.stop()


@pytest.mark.skipif(not strangers.possible(), reason="only root can start a process of another user")
@pytest.mark.parametrize("user", ["", "nobody"])
def test_a_stranger_at_the_hubs_address_is_told_nothing_unless_that_user_is_named(tmp_path: Path, user: str) -> None:
    other = Server(tmp_path / "other")
    with strangers.Listener() as stranger:
        try:
            options = [f"--ZoeExtension.hub_user={user}"] if user else []
            address = f"http://127.0.0.1:{stranger.port}"
            other.start(*options, ZOE_HUB_URL=address, ZOE_HUB_TOKEN="zoe_precious")
            with other.client() as client:
                if not user:
                    status = client.get("zoe/status").json()
                    assert status["hub"] == "failed"
                    assert "nobody (user 65534)" in status["reason"]
                    assert "ZoeExtension.hub_user" in status["reason"]
                code = 200 if user else 503
                assert client.get("zoe/api/v1/health").status_code == code
                assert client.post("zoe/api/v1/executions", json={"zapp": "pages"}).status_code == code
                assert client.get("zoe/pages/e/web-0/web/").status_code == code
                if not user:
                    with pytest.raises(HTTPClientError) as refused:
                        asyncio.run(talk(other))
                    assert refused.value.code == 503
            assert stranger.met >= 3
            assert (b"zoe_precious" in stranger.received(3)) == bool(user)
            if not user:
                assert stranger.received(stranger.met) == b""
        finally:
            other.stop()
            other.end_hub()


async def talk(server: Server) -> None:
    """Try to open a WebSocket to a page."""
    address = server.url.replace("http:", "ws:") + "zoe/pages/e/web-0/web/talk"
    origin = "/".join(server.url.split("/")[:3])
    await websocket_connect(HTTPRequest(address, headers={"Authorization": f"token {TOKEN}", "Origin": origin}))


async def in_kernel(server: Server, code: str) -> str:
    """What ``code`` prints in a new kernel of a Jupyter server."""
    return await run_in_new_kernel(server.url, {"Authorization": f"token {TOKEN}"}, code)


def test_kernels_of_the_users_own_hub_get_no_secret(server: Server, client: httpx.Client) -> None:
    code = "import os; print(sorted(n for n in os.environ if n.startswith('ZOE_HUB')), os.environ['ZOE_WEB_PREFIX'])"
    assert asyncio.run(in_kernel(server, code)) == f"['ZOE_HUB_OPTIONS'] {BASE}zoe\n"
