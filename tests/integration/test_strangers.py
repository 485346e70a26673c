"""Another user takes the port of a process: what the hub's probes and proxy send goes to nobody but the process.

The stranger is a real process of user ``nobody`` that keeps every byte. Each test waits until it was met often enough.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from zoe_hub.controllers.executions.probes import MEETINGS
from zoe_hub.testing import strangers
from zoe_hub.testing.hub import RunningHub, running_hub
from zoe_hub.testing.strangers import Listener

pytestmark = pytest.mark.skipif(not strangers.possible(), reason="only root can start a process of another user")

FRAMEWORK = """
framework: NAME
version: "1"
kind: engine
title: NAME
secrets: {page: random}
processes:
  web:
    image: any
    command: [python3, -I, -c, "CODE"]
    environment: {PAGE: "{{ secret('page') }}", ZOE_BIND: "{{ bind }}", PORT: "{{ port.ui }}"}
    ports:
      ui: {port: 80, protocol: http, show: true, title: NAME, headers: {Authorization: "Bearer {{ secret('page') }}"}}
    ready: READY
    resources: {cores: 0.05, memory: 32MiB}
    grace: 1s
"""
ZAPP = """
zapp: NAME
version: "1"
kind: engine
title: NAME
frameworks:
  NAME: {framework: NAME}
"""
SLEEP = "import time; print('up', flush=True); time.sleep(3600)"
# Answers who asks with the right secret, after a signal: until then its port is free for others.
SERVE = """
import http.server, os, signal
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        right = self.headers['Authorization'] == 'Bearer ' + os.environ['PAGE']
        self.send_response(200 if right else 403)
        self.end_headers()
print('up', flush=True)
http.server.HTTPServer((os.environ['ZOE_BIND'], int(os.environ['PORT'])), Page).serve_forever()
"""
KINDS = {
    "asked": (SLEEP, "{http: ui, timeout: 600s}"),
    "accepting": (SLEEP, "{tcp: ui, timeout: 600s}"),
    "shown": (SLEEP, "{log: '^up'}"),
    "served": (SERVE, "{http: ui, timeout: 60s}"),
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    place = tmp_path_factory.mktemp("strangers")
    for name, (code, ready) in KINDS.items():
        folder = place / "shop" / name
        folder.mkdir(parents=True)
        quoted = json.dumps(code)[1:-1]
        text = FRAMEWORK.replace("NAME", name).replace("CODE", quoted).replace("READY", ready)
        (folder / "framework.yaml").write_text(text)
        (folder / "zapp.yaml").write_text(ZAPP.replace("NAME", name))
    options = [f"--ZoeHub.catalog_folders={place / 'shop'}", "--ZoeHub.idle_timeout=0"]
    with running_hub(place / "data", options=options) as hub:
        yield hub


def started(hub: RunningHub, zapp: str) -> tuple[str, int]:
    """An execution whose process runs, and the port that it was given."""
    made = hub.post("/executions", {"zapp": zapp})
    hub.wait(made["id"], lambda seen: [each["state"] for each in seen["processes"]] in (["starting"], ["ready"]))
    return made["id"], address(hub, made["id"])


def started_again(seen: Any) -> bool:
    """Whether the process of an execution runs for the second time."""
    return [(each["starts"], each["state"]) for each in seen["processes"]] == [(2, "starting")]


def record(hub: RunningHub, execution: str, name: str) -> Any:
    """What the local backend has on record of the only process of an execution."""
    (found,) = Path(hub.data, "local", "executions", execution).glob(f"*/{name}.json")
    return json.loads(found.read_text())


def address(hub: RunningHub, execution: str) -> int:
    """The port that the process was given."""
    return int(record(hub, execution, "launch")["addresses"]["ui"]["endpoint_port"])


def secret_of(hub: RunningHub, execution: str) -> bytes:
    """The secret in the environment of the program."""
    environment = Path(f"/proc/{record(hub, execution, 'alive')['child'][0]}/environ").read_bytes()
    (found,) = [each for each in environment.split(b"\0") if each.startswith(b"PAGE=")]
    return found


@pytest.mark.parametrize("zapp", ["asked", "accepting"])
def test_a_probe_tells_a_stranger_nothing_and_does_not_believe_it(hub: RunningHub, zapp: str) -> None:
    execution, port = started(hub, zapp)
    before = secret_of(hub, execution)
    with Listener(port) as stranger:
        assert stranger.received(MEETINGS) == b""
        hub.wait(execution, started_again)
        assert stranger.so_far == b""
        assert stranger.met == MEETINGS
    assert address(hub, execution) != port
    assert secret_of(hub, execution) != before  # whoever knows the old one knows nothing any more
    assert hub.get(f"/executions/{execution}")["phase"] == "starting"
    hub.post(f"/executions/{execution}/terminate", {})


@pytest.mark.parametrize("zapp", ["asked", "accepting"])
def test_a_program_of_the_same_user_beside_the_process_is_not_believed_either(hub: RunningHub, zapp: str) -> None:
    execution, port = started(hub, zapp)
    with socket.create_server(("127.0.0.1", port)) as beside:
        beside.settimeout(30)
        for _ in range(MEETINGS):
            connection, _ = beside.accept()
            with connection:
                connection.settimeout(30)
                assert connection.recv(1000) == b""
        hub.wait(execution, started_again)
    assert address(hub, execution) != port
    assert hub.get(f"/executions/{execution}")["phase"] == "starting"
    hub.post(f"/executions/{execution}/terminate", {})


def test_the_process_itself_is_asked_with_its_secret_and_believed(hub: RunningHub) -> None:
    execution, _ = started(hub, "served")
    hub.wait(execution, lambda seen: seen["phase"] == "running")
    page = httpx.get(f"{hub.url}/zoe/pages/{execution}/web-0/ui/", headers={"Authorization": f"Bearer {hub.token}"})
    assert page.status_code == 200


@pytest.mark.parametrize("mode", ["accept", "wait", "defer"])
def test_a_proxied_request_does_not_reach_a_stranger(hub: RunningHub, mode: str) -> None:
    execution, port = started(hub, "shown")
    hub.wait(execution, lambda seen: seen["phase"] == "running")
    own = {"Authorization": f"Bearer {hub.token}"}
    page = f"{hub.url}/zoe/pages/{execution}/web-0/ui/"
    with Listener(port, mode=mode) as stranger:
        got = httpx.get(page, headers=own)
        posted = httpx.post(page, headers={**own, "Origin": hub.url}, content=b"precious")
        assert (got.status_code, posted.status_code) == (409, 409)
        assert "held by nobody (user 65534)" in got.json()["detail"]
        if mode == "wait":
            stranger.accept()
        if mode != "defer":  # else the kernel never hands over a connection without a byte
            assert stranger.received(2) == b""
        assert stranger.so_far == b""


async def test_nor_does_a_websocket(hub: RunningHub) -> None:
    execution, port = started(hub, "shown")
    hub.wait(execution, lambda seen: seen["phase"] == "running")
    address = f"{hub.url}/zoe/pages/{execution}/web-0/ui/talk".replace("http:", "ws:")
    asked: Any = HTTPRequest(address, headers={"Authorization": f"Bearer {hub.token}", "Origin": hub.url})
    with Listener(port) as stranger:
        with pytest.raises(HTTPClientError) as refused:
            await websocket_connect(asked)
        assert refused.value.code == 409
        assert stranger.received(1) == b""
