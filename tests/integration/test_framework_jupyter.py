"""The framework jupyter, started as a backend starts it: a real JupyterLab behind a prefix, with its own token."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from zoe_hub.catalog import Catalog
from zoe_hub.core.text import bind

BASE = "/zoe/pages/e1/notebook-0/web/"
TOKEN = "t0ken-of-this-test"


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder, root = tmp_path_factory.mktemp("private"), tmp_path_factory.mktemp("root")
    (root / "mine.txt").write_text("x")
    catalog = Catalog()
    catalog.load()
    spec = catalog.render("notebook", {"kernels": ["python3"], "root": str(root)}).spec
    group, port = spec.group("notebook"), free_port()
    known = {
        "port": str(port),
        "bind": "127.0.0.1",
        "path": BASE,
        "folder": str(catalog.folder("jupyter")),
        "secret": TOKEN,
    }

    def bound(text):
        return bind(text, lambda reference: known[reference.kind])

    (folder / "startup.py").write_text("import pathlib\npathlib.Path(__file__).with_name('started').touch()\n")
    command = [sys.executable, *map(bound, group.command[1:])]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ZOE_", "JUPYTER"))}
    environment |= {name: bound(value) for name, value in group.environment.items()} | {
        "ZOE_FOLDER": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
    }
    environment["ZOE_HUB_URL"] = (
        "http://127.0.0.1:9"  # where no hub is; without it the server would start the user's own
    )
    assert not any(TOKEN in part for part in command)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    ready = f"http://127.0.0.1:{port}{bound(group.ready.path)}"
    deadline = time.monotonic() + 90
    try:
        while True:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            try:
                urllib.request.urlopen(ready, timeout=5).close()
                break
            except OSError:
                process_wait(process, 0.1)
        headers = {name: bound(value) for name, value in group.ports[0].headers.items()}
        yield f"http://127.0.0.1:{port}{BASE}", headers, folder
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()


def process_wait(process, seconds):
    """Until the process has ended, at most for some seconds."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def ask(url, headers=None, method="GET", data=None):
    request = urllib.request.Request(url, headers=headers or {}, method=method, data=data)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_it_answers_under_the_prefix_with_the_header_of_the_proxy(server):
    url, headers, _ = server
    assert ask(f"{url}api/contents", headers)["content"][0]["name"] == "mine.txt"
    with urllib.request.urlopen(urllib.request.Request(f"{url}lab", headers=headers), timeout=30) as page:
        text = page.read().decode()
    assert f'"baseUrl": "{BASE}"' in text


def test_without_the_header_it_refuses(server):
    url, _, _ = server
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(f"{url}api/contents")
    assert caught.value.code == 403


def test_only_the_chosen_kernels_are_offered_and_can_be_started_from_another_host_name(server):
    url, headers, _ = server
    assert list(ask(f"{url}api/kernelspecs", headers)["kernelspecs"]) == ["python3"]
    # as a browser's request arrives: another origin, another host, no XSRF cookie of this server
    kernel = ask(
        f"{url}api/kernels",
        {**headers, "Origin": "https://hub.example", "Host": "hub.example", "Content-Type": "application/json"},
        "POST",
        b'{"name": "python3"}',
    )
    request = urllib.request.Request(f"{url}api/kernels/{kernel['id']}", headers=headers, method="DELETE")
    assert urllib.request.urlopen(request, timeout=30).status == 204


def test_runtime_files_and_log_keep_the_token_private(server):
    _, _, folder = server
    holding = [path for path in folder.rglob("*") if path.is_file() and TOKEN in path.read_text(errors="replace")]
    assert holding
    assert all(path.is_relative_to(folder / "runtime") for path in holding), holding
    assert (folder / "runtime").stat().st_mode & 0o077 == 0


def test_kernels_run_what_a_zapp_wires_in(server):
    url, headers, folder = server
    kernel = ask(f"{url}api/kernels", {**headers, "Content-Type": "application/json"}, "POST", b'{"name": "python3"}')
    deadline = time.monotonic() + 60
    while not (folder / "started").exists():
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.05)
    urllib.request.urlopen(
        urllib.request.Request(f"{url}api/kernels/{kernel['id']}", headers=headers, method="DELETE"), timeout=30
    ).close()
