"""Finding and starting the user's own hub, with the real hub: at the same time, after a crash, with files that lie."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from jupyter_zoe.client import AsyncClient, Client, ZoeProblem
from jupyter_zoe.hub import finding, health, runtime, starting
from jupyter_zoe.hub.info import HubError, HubInfo

ROOT = Path(__file__).parents[2]
LOOK = """
import json
from jupyter_zoe.hub import finding

info = finding.ensure(60)
print(json.dumps([info.url, info.pid, info.token]))
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder of its own; the hub that lives there at the end is ended."""
    folder = tmp_path / "zoe"
    for name in list(os.environ):
        if name.startswith("ZOE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ZOE_DATA", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield folder
    for pid in hubs(folder):
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            process.terminate()
            process.wait(20)


def hubs(data: Path) -> list[int]:
    """Processes that are hubs of this folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if (
                "zoe_hub" in process.cmdline()
                and process.environ().get("ZOE_DATA") == str(data)
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process.pid)
    return found


def test_many_at_once_start_one(data: Path) -> None:
    starters = [subprocess.Popen([sys.executable, "-c", LOOK], stdout=subprocess.PIPE, cwd=ROOT) for _ in range(6)]
    answers = {starter.communicate(timeout=90)[0] for starter in starters}
    assert len(answers) == 1
    url, pid, token = json.loads(answers.pop())
    assert hubs(data) == [pid]  # which outlives those that started it
    assert finding.find() == HubInfo(url=url, token=token, embedded=True, pid=pid, started=finding.find().started)  # type: ignore[union-attr]
    assert (data.stat().st_mode & 0o777, (data / "hub.log").stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_killed_hub_is_replaced(data: Path) -> None:
    first = finding.ensure(60)
    assert runtime.alive(first)
    assert finding.ensure(60) == first
    os.kill(first.pid, signal.SIGKILL)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(first.pid).wait(10)
    assert not runtime.alive(first)
    assert finding.find() is None
    second = finding.ensure(60)
    assert second.pid != first.pid
    assert hubs(data) == [second.pid]


def end(info: HubInfo) -> None:
    """End a hub and wait until it is gone."""
    os.kill(info.pid, signal.SIGTERM)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(info.pid).wait(10)


def test_a_client_outlives_its_hub_though_the_next_has_the_same_address_and_another_token(data: Path) -> None:
    with Client() as client:
        first = client.info
        assert client.get_health()["status"] == "ok"
        end(first)
        second = finding.ensure(60)  # as the panel does
        assert (second.url, second.token != first.token) == (first.url, True)
        made = client.start_execution(zapp="python-job", parameters={"code": "print(1)"})
        assert client.wait(made["id"], timeout=60)["outcome"] == "completed"
        assert client.info == second
    stranger = Client(HubInfo(url=second.url, token="zoe_wrong"))
    with pytest.raises(ZoeProblem) as refused:
        stranger.get_health()
    assert refused.value.code == "not-authenticated", "whom it was given stays as it was given"


async def test_so_does_an_asynchronous_one(data: Path) -> None:
    async with AsyncClient() as client:
        assert (await client.get_health())["status"] == "ok"
        first = finding.ensure(60)
        await asyncio.to_thread(end, first)
        await asyncio.to_thread(finding.ensure, 60)
        made = await client.start_execution(zapp="python-job", parameters={"code": "print(1)"})
        assert (await client.wait(made["id"], timeout=60))["outcome"] == "completed"


@pytest.mark.parametrize(
    "url", ["hub.example", "ftp://hub.example", "http://host:80a", "http://[", "http://", "https://hub.example:0"]
)
def test_an_address_that_is_none_is_named(data: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ZOE_HUB_URL", url)
    monkeypatch.setenv("ZOE_HUB_TOKEN", "zoe_x")
    with pytest.raises(ZoeProblem) as failed:
        Client().get_health()
    assert failed.value.code == "hub-unreachable"
    assert f"ZOE_HUB_URL is {url!r}" in failed.value.detail


def test_options_that_cannot_be_read_are_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOE_HUB_OPTIONS", "--backend='fake")
    with pytest.raises(HubError, match="ZOE_HUB_OPTIONS cannot be read: No closing quotation"):
        finding.ensure(60)


def test_a_page_that_is_no_hub_is_no_traceback(data: Path) -> None:
    class Page(Listener):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>")

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with (
            Client(HubInfo(url=f"http://127.0.0.1:{server.server_port}", token="t")) as client,
            pytest.raises(ZoeProblem) as failed,
        ):
            client.get_health()
        assert failed.value.code == "bad-answer"
    finally:
        server.shutdown()
        server.server_close()


def test_a_hub_that_cannot_start_says_why(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOE_HUB_OPTIONS", "--backend=nowhere")
    with pytest.raises(HubError) as failed:
        finding.ensure(60)
    assert failed.value.code == "hub-unreachable"
    assert "nowhere" in failed.value.detail
    assert str(data / "hub.log") in failed.value.remedy


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HubError, match="cannot be used"):
        finding.ensure(5, tmp_path / "file" / "zoe")


class Listener(BaseHTTPRequestHandler):
    """Some other program on the hub's former port: writes down what it is told."""

    heard: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.heard.append(str(self.headers.get("Authorization")))
        body = b'{"status": "ok"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def listener() -> Iterator[str]:
    Listener.heard.clear()
    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(10)


def write(data: Path, mode: int = 0o600, **members: Any) -> None:
    data.mkdir(parents=True, exist_ok=True)
    own = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    path = data / "hub.json"
    path.write_text(json.dumps({"token": "t", "pid": os.getpid(), "started": own, "version": "0"} | members))
    path.chmod(mode)


def test_a_true_file_is_believed(data: Path, listener: str) -> None:
    write(data, url=listener)
    found = finding.find()
    assert found is not None
    assert found.url == listener
    assert Listener.heard == ["Bearer t"]
    assert "Bearer" not in repr(found)
    assert "token" not in repr(found)


@pytest.mark.parametrize(
    "lie",
    [
        {"started": 1},  # another process has the number now
        {"pid": 2**22 + 1},
        {"pid": 0},
        {"pid": "many"},
        {"mode": 0o644},  # others could have read it, or written it
        {"token": ""},
        {"url": "http://hub.example:80"},
    ],
)
def test_a_file_that_lies_gets_nobody_the_token(data: Path, listener: str, lie: dict[str, Any]) -> None:
    write(data, **({"url": listener} | lie))
    assert finding.find() is None
    assert Listener.heard == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"url": 1}'])
def test_a_damaged_file_is_none(data: Path, text: str) -> None:
    data.mkdir()
    (data / "hub.json").write_text(text)
    (data / "hub.json").chmod(0o600)
    assert finding.find() is None


def test_a_redirect_is_not_followed_with_the_token(data: Path, listener: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def redirect(handler: Listener) -> None:
        handler.heard.append(handler.path)
        handler.send_response(302)
        handler.send_header("Location", f"{listener}/elsewhere")
        handler.end_headers()

    monkeypatch.setattr(Listener, "do_GET", redirect)
    assert not health.healthy(HubInfo(url=listener, token="t"))
    assert Listener.heard == ["/api/v1/health"]


def test_a_hub_that_hangs_is_waited_for_and_not_doubled(data: Path) -> None:
    first = finding.ensure(60)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        with pytest.raises(HubError, match="hangs"):
            finding.ensure(1.5)
        assert hubs(data) == [first.pid]
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert finding.ensure(60) == first


def test_the_environment_wins_and_needs_both(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setenv("ZOE_HUB_URL", "https://hub.example/zoe/")
    with pytest.raises(HubError, match="ZOE_HUB_TOKEN"):
        finding.find()
    monkeypatch.setenv("ZOE_HUB_TOKEN", "t")
    assert finding.ensure(1) == HubInfo(url="https://hub.example/zoe", token="t")
    assert finding.find(data) is None  # a folder that is named wins over the environment
    assert not data.exists()


def test_nothing_of_the_starter_reaches_the_hub() -> None:
    given = {
        "PATH": "/bin",
        "HOME": "/home/x",
        "JUPYTER_TOKEN": "s",
        "JUPYTERHUB_API_TOKEN": "s",
        "JPY_PARENT_PID": "1",
        "ZOE_HUB_TOKEN": "s",
        "ZOE_PORT_WEB": "1",
        "CONFIGPROXY_AUTH_TOKEN": "s",
        "KG_AUTH_TOKEN": "s",
        "MPLBACKEND": "module://x",
        "JUPYTER_DATA_DIR": "/d",
        "JUPYTER_PATH": "/p",
        "JAVA_HOME": "/j",
        "ZOE_DATA": "/z",
    }
    assert starting.scrubbed(given) == {
        name: given[name] for name in ("PATH", "HOME", "JUPYTER_DATA_DIR", "JUPYTER_PATH", "JAVA_HOME", "ZOE_DATA")
    }


def test_nobody_listens_is_not_healthy() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert not health.healthy(HubInfo(url=url, token="t"), timeout=1)
