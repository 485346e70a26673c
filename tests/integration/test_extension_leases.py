"""A real Jupyter server reports its notebooks and consoles to a real hub: attached is who is there, and no longer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from zoe_hub.testing.kernels import ROOT, clean_environment, eventually, own_hub

FRAMEWORK = """
framework: idle
version: "1.0"
kind: engine
title: Idle
processes:
  worker:
    image: zoe/idle
    command: [python, -c, "import time; time.sleep(600)"]
    count: 3
    essential: 1
    maximum: 8
outputs: {}
attach:
  python: {variable: idle, code: "idle = 'connected'"}
"""
ZAPP = "zapp: idle-cluster\nversion: '1.0'\ntitle: Idle cluster\nframeworks:\n  idle: {}\n"
TTL = 10.0  # seconds


class Jupyter:
    """A Jupyter server with the extension, and the hub behind it.

    :param options: lines of the hub's configuration
    """

    def __init__(self, home: Path, options: str = "") -> None:
        self.home, self.root = home, home / "work"
        self.root.mkdir()
        for name, content in (("idle/framework.yaml", FRAMEWORK), ("idle-cluster/zapp.yaml", ZAPP)):
            (home / "mine" / name).parent.mkdir(parents=True)
            (home / "mine" / name).write_text(content)
        (home / "zoe").mkdir(mode=0o700)
        (home / "zoe" / "zoe_hub_config.py").write_text(
            f"c.ZoeHub.catalog_folders = [{str(home / 'mine')!r}]\nc.Leases.ttl = {TTL}\n{options}"
        )
        self.environment = clean_environment(
            home, JUPYTER_CONFIG_PATH=str(ROOT / "jupyter-config"), JUPYTER_TOKEN="t" * 20
        )

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "jupyter_server", f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1"]
        command += [f"--ServerApp.root_dir={self.root}", "--ServerApp.open_browser=False"]
        command += ["--allow-root"] if os.geteuid() == 0 else []
        with open(self.home / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, cwd=self.root, start_new_session=True
            )
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/", headers={"Authorization": f"token {'t' * 20}"}, timeout=60
        )
        eventually(self._is_ready, 60)

    def _is_ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self.client.get("zoe/status").json().get("hub") == "ready"
        return False

    def kill(self) -> None:
        """As when the machine ends it: its kernels die with it, and nobody says goodbye."""
        for each in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.kill()
        self.process.wait()
        self.client.close()

    # --- what people do ---

    def session(self, path: str, kind: str = "notebook") -> dict[str, Any]:
        body = {"path": path, "name": Path(path).name, "type": kind, "kernel": {"name": "python3"}}
        answer = self.client.post("api/sessions", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def file(self, path: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(), self.root / path)

    def attach(self, session: dict[str, Any], **body: Any) -> dict[str, Any]:
        """As ``%zoe attach`` in a kernel, which knows its path from the time when it was started."""
        asked = {"key": str(self.root / session["path"]), "kernel": session["kernel"]["id"], "zapp": "idle-cluster"}
        answer = self.client.post("zoe/api/v1/attachments", json={**asked, **body})
        assert answer.status_code == 202, answer.text
        self.running(answer.json()["execution"]["id"])
        return answer.json()

    def attached(self) -> dict[str, str]:
        items = self.client.get("zoe/api/v1/attachments").json()["items"]
        return {each["id"]: each["key"] for each in items}

    def execution(self, identifier: str) -> dict[str, Any]:
        return self.client.get(f"zoe/api/v1/executions/{identifier}").json()

    def running(self, identifier: str) -> None:
        eventually(lambda: self.execution(identifier)["phase"] == "running", 60)

    def workers(self, identifier: str) -> int:
        return self.execution(identifier)["groups"][0]["count"]


@contextlib.contextmanager
def running(jupyter: Jupyter) -> Iterator[Jupyter]:
    with own_hub(jupyter.environment):
        jupyter.start()
        try:
            yield jupyter
        finally:
            jupyter.kill()


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    with running(Jupyter(tmp_path_factory.mktemp("home"))) as jupyter:
        yield jupyter


def test_an_unsaved_notebook_that_is_renamed_keeps_its_cluster_and_the_next_untitled_one_gets_its_own(jupyter):
    first = jupyter.session("Untitled.ipynb")
    mine = jupyter.attach(first)
    renamed = jupyter.client.patch(f"api/sessions/{first['id']}", json={"path": "sales.ipynb", "name": "sales.ipynb"})
    assert renamed.status_code == 200
    assert jupyter.attached()[mine["id"]] == str(jupyter.root / "sales.ipynb"), "the hub knows before the browser"
    other = jupyter.attach(jupyter.session("Untitled.ipynb"))
    assert other["execution"]["id"] != mine["execution"]["id"]
    again = jupyter.attach(first)
    assert (again["id"], again["found"]) == (mine["id"], True), "its kernel still says the old name"


def test_a_notebook_without_a_kernel_is_found_again_after_its_folder_was_renamed(jupyter):
    jupyter.file("old/report.ipynb")
    session = jupyter.session("old/report.ipynb")
    mine = jupyter.attach(session, policy="keep")
    assert jupyter.client.delete(f"api/sessions/{session['id']}").status_code == 204
    assert jupyter.client.patch("api/contents/old", json={"path": "new"}).status_code == 200
    moved = str(jupyter.root / "new" / "report.ipynb")
    eventually(lambda: jupyter.attached()[mine["id"]] == moved)
    assert jupyter.attach(jupyter.session("new/report.ipynb"))["id"] == mine["id"]


def test_a_copy_is_another_notebook_and_a_deleted_one_takes_its_cluster_along(jupyter):
    jupyter.file("a.ipynb")
    mine = jupyter.attach(jupyter.session("a.ipynb"))
    copy = jupyter.client.post("api/contents/", json={"copy_from": "a.ipynb"}).json()["path"]
    other = jupyter.attach(jupyter.session(copy))
    assert other["execution"]["id"] != mine["execution"]["id"]
    assert jupyter.client.delete("api/contents/a.ipynb").status_code == 204
    eventually(lambda: mine["id"] not in jupyter.attached())
    assert jupyter.execution(mine["execution"]["id"])["desired"] == "ended"
    assert jupyter.execution(other["execution"]["id"])["phase"] == "running"


def test_a_console_is_no_notebook_and_ends_with_its_kernel(jupyter):
    session = jupyter.session("console-1", "console")
    mine = jupyter.attach(session)
    assert (mine["kind"], mine["key"], mine["policy"]) == ("console", session["kernel"]["id"], "terminate")
    assert jupyter.client.delete(f"api/sessions/{session['id']}").status_code == 204
    eventually(lambda: jupyter.execution(mine["execution"]["id"])["phase"] == "ended", 60)
    assert jupyter.execution(mine["execution"]["id"])["reason"]["code"] == "holders-gone"


def test_a_server_that_was_killed_leaves_essentials_and_its_notebook_is_back_with_the_next_one(jupyter):
    mine = jupyter.attach(jupyter.session("long.ipynb"))
    execution = mine["execution"]["id"]
    assert jupyter.workers(execution) == 3
    jupyter.kill()
    jupyter.start()
    eventually(lambda: jupyter.workers(execution) == 1, 60)
    again = jupyter.attach(jupyter.session("long.ipynb"))
    assert (again["id"], again["gone"]) == (mine["id"], None)


def test_a_notebook_that_runs_unattended_ends_its_cluster_with_itself(jupyter):
    """nbclient, as nbconvert and papermill use it: the kernel is of no session. Its end lets go, unless killed."""
    code = "%load_ext jupyter_zoe.magics\n%zoe attach idle\nprint(idle)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    before = {each["id"] for each in jupyter.client.get("zoe/api/v1/executions").json()["items"]}
    client = NotebookClient(notebook, timeout=120)
    client.execute(env=jupyter.environment, cwd=str(jupyter.root))
    assert "connected" in json.dumps(notebook.cells[0].outputs)
    items = jupyter.client.get("zoe/api/v1/executions").json()["items"]
    (made,) = [each for each in items if each["id"] not in before]
    eventually(lambda: jupyter.execution(made["id"])["phase"] == "ended", 60)
    assert jupyter.execution(made["id"])["reason"]["code"] in {"last-detached", "holders-gone"}


# --- idleness -------------------------------------------------------------------------------------------------------


@pytest.fixture
def restless(tmp_path: Path) -> Iterator[Jupyter]:
    """A hub that shrinks what nobody has used for three seconds."""
    with running(Jupyter(tmp_path, "c.Leases.shrink_after = 3.0\n")) as jupyter:
        yield jupyter


async def typed(jupyter: Jupyter, terminal: str, line: str, until: Path) -> None:
    """Type into a terminal, and see what it writes until there is a file."""
    address = f"ws{str(jupyter.client.base_url)[4:]}terminals/websocket/{terminal}"
    connection = await websocket_connect(HTTPRequest(address, headers={"Authorization": f"token {'t' * 20}"}))
    await connection.write_message(json.dumps(["stdin", f"{line}\r"]))
    while not until.exists():
        assert await connection.read_message() is not None
    connection.close()


def test_a_program_in_a_terminal_uses_the_cluster_of_its_folder_and_a_prompt_does_not(restless):
    folder = restless.root
    name = restless.client.post("api/terminals", json={"cwd": str(folder)}).json()["name"]
    program = "(echo begun > begun; echo begun; sleep 9; echo ended > ended)"
    asyncio.run(typed(restless, name, program, folder / "begun"))
    body = {"key": f"folder:{folder}", "kind": "terminal", "zapp": "idle-cluster"}
    mine = restless.client.post("zoe/api/v1/attachments", json=body).json()["execution"]["id"]
    restless.running(mine)
    eventually(lambda: restless.workers(mine) == 1, 60)
    ended = datetime.fromtimestamp((folder / "ended").stat().st_mtime, UTC)
    story = restless.client.get(f"zoe/api/v1/executions/{mine}/history").json()["items"]
    (told,) = [each for each in story if each["kind"] == "execution.idle"]
    assert datetime.fromisoformat(told["data"]["since"]) >= ended
