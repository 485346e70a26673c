"""The hub as a real process: found, used, ended, started again; what keeps it from starting is one clear message."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

PROGRAM = "import sys, time\nprint('started', flush=True)\ntime.sleep(300)\n"


def wait(condition: Any, seconds: float = 30.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
    return found


class HubProcess:
    """Starts hubs of one data folder and sees to it that nothing stays."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.processes: list[subprocess.Popen[str]] = []

    def launch(self, *options: str) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ZOE_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "zoe_hub", "--embedded", *options],
            env={**environment, "ZOE_DATA": str(self.data)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.processes.append(process)
        return process

    def runtime(self) -> dict[str, Any]:
        try:
            return json.loads((self.data / "hub.json").read_text())
        except (OSError, ValueError):
            return {}

    def start(self, *options: str) -> httpx.Client:
        process = self.launch(*options)

        def ready() -> dict[str, Any]:
            assert process.poll() is None, process.stdout.read()
            found = self.runtime()
            return found if found.get("pid") == process.pid else {}

        found = wait(ready)
        return httpx.Client(
            base_url=found["url"] + "/api/v1",
            headers={"Authorization": f"Bearer {found['token']}"},
            trust_env=False,
            timeout=20,
        )

    def end(self, number: int = signal.SIGTERM) -> int:
        process = self.processes[-1]
        process.send_signal(number)
        return process.wait(20)

    def children(self) -> list[int]:
        """Processes that carry this data folder in their environment."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if str(self.data).encode() in (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes():
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found


@pytest.fixture
def hubs(tmp_path: Path) -> Iterator[HubProcess]:
    made = HubProcess(tmp_path / "data")
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.kill()
        process.communicate()
    for pid in made.children():
        os.kill(pid, signal.SIGKILL)


def test_a_hub_lives_ends_and_comes_back_with_what_ran(hubs: HubProcess) -> None:
    client = hubs.start()
    first = hubs.runtime()
    assert (hubs.data.stat().st_mode & 0o777, (hubs.data / "hub.json").stat().st_mode & 0o777) == (0o700, 0o600)
    assert set(first) == {"url", "token", "pid", "started", "version"}
    answer = client.post("/executions", json={"zapp": "python-job", "parameters": {"code": PROGRAM}})
    assert answer.status_code == 202, answer.text
    where = f"/executions/{answer.json()['id']}"
    wait(lambda: client.get(where).json()["phase"] == "running")
    wait(
        lambda: "started" in client.get(f"{where}/processes/{client.get(where).json()['processes'][0]['id']}/logs").text
    )
    before = client.get(where).json()["processes"][0]

    assert hubs.end() == 0
    assert not (hubs.data / "hub.json").exists()
    assert hubs.processes[-1].stdout.read() == ""
    assert hubs.children(), "the job goes on without the hub"

    client = hubs.start()
    assert hubs.runtime()["url"] == first["url"], "processes know this address"
    assert hubs.runtime()["token"] != first["token"]
    after = client.get(where).json()
    assert (after["phase"], after["processes"][0]["starts"], after["processes"][0]["started"]) == (
        "running",
        1,
        before["started"],
    )
    assert client.post(f"{where}/terminate", json={}).status_code == 202
    wait(lambda: client.get(where).json()["phase"] == "ended")
    with client.stream("GET", "/events", params={"since": 0}) as stream:
        lines = stream.iter_lines()
        wait(lambda: "execution" in next(lines))
        hubs.processes[-1].send_signal(signal.SIGINT)
        for _ in lines:
            pass  # ends without an error
    assert hubs.processes[-1].wait(20) == 0
    wait(lambda: not hubs.children())

    log = (hubs.data / "hub.log").read_text()
    assert "listens at" in log
    assert not re.search(r"zoe_[A-Za-z0-9_-]{40,}", log)
    assert "Traceback" not in log


ASKS = """
import os, urllib.request
request = urllib.request.Request(
    os.environ["ZOE_HUB_URL"] + "/api/v1/user", headers={"Authorization": "Bearer " + os.environ["TOKEN"]}
)
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5).read()
"""


def interface() -> str:
    """An address of this machine that is not a loopback one, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.77", 9))
        except OSError:
            return "127.0.0.1"
        return str(asked.getsockname()[0])


@pytest.mark.parametrize("ip", ["127.0.0.2", "localhost", "0.0.0.0", "::1", "::", "*", "one interface"])
def test_wherever_the_hub_listens_processes_and_programs_find_it(ip: str, hubs: HubProcess, tmp_path: Path) -> None:
    """The address that processes are told, that of the runtime file, and the names that the hub answers to, are one."""
    folder = tmp_path / "catalog" / "asks"
    folder.mkdir(parents=True)
    process = {
        "image": "x",
        "restart": {"limit": 0},
        "command": ["python", "-c", ASKS],
        "environment": {"TOKEN": "{{ secret('hub') }}"},
        "decides_result": True,
    }
    framework = {
        "framework": "asks",
        "version": "1",
        "kind": "job",
        "secrets": {"hub": "token"},
        "processes": {"p": process},
    }
    (folder / "framework.yaml").write_text(json.dumps(framework))
    (folder / "zapp.yaml").write_text(
        json.dumps({"zapp": "asks", "version": "1", "title": "Asks", "frameworks": {"asks": {}}})
    )
    client = hubs.start(
        f"--ip={interface() if ip == 'one interface' else ip}", f"--ZoeHub.catalog_folders={folder.parent}"
    )
    where = f"/executions/{client.post('/executions', json={'zapp': 'asks'}).json()['id']}"
    wait(lambda: client.get(where).json()["phase"] == "ended")
    assert client.get(where).json()["exit_code"] == 0
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZOE_")}
    listed = subprocess.run(
        [sys.executable, "-m", "jupyter_zoe.cli", "ps", "--all"],
        env={**environment, "ZOE_DATA": str(hubs.data), "http_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (listed.returncode, "asks" in listed.stdout) == (0, True), listed.stderr
    hubs.end()


def test_a_second_hub_says_where_the_first_is(hubs: HubProcess) -> None:
    hubs.start("--backend=fake")
    second = hubs.launch("--backend=fake")
    output, _ = second.communicate(timeout=20)
    assert second.returncode == 3
    assert str(hubs.runtime()["pid"]) in output
    assert hubs.runtime()["url"] in output
    assert "Traceback" not in output
    hubs.processes.remove(second)
    hubs.end(signal.SIGKILL)
    client = hubs.start("--backend=fake")  # a killed hub leaves no lock, and its runtime file is replaced
    assert client.get("/health").json()["status"] == "ok"
    hubs.end()


def test_what_is_active_stays_on_its_backend(hubs: HubProcess) -> None:
    client = hubs.start("--backend=fake")
    made = client.post("/executions", json={"zapp": "notebook"}).json()
    hubs.end()
    other = hubs.launch("--backend=local")
    output, _ = other.communicate(timeout=30)
    assert (other.returncode, "active on the backend 'fake'" in output) == (1, True), output
    hubs.processes.remove(other)
    client = hubs.start()  # as a kernel does, which was not told
    assert client.get("/capabilities").json()["backend"] == "fake"
    assert client.post(f"/executions/{made['id']}/terminate", json={}).status_code == 202
    wait(lambda: client.get(f"/executions/{made['id']}").json()["phase"] == "ended")
    hubs.end()
    assert hubs.start().get("/capabilities").json()["backend"] == "local", "nothing is left that would hold it"
    hubs.end()


def test_the_data_folder_of_a_file_of_settings(hubs: HubProcess, tmp_path: Path) -> None:
    wanted = tmp_path / "wanted"
    settings = tmp_path / "settings.py"
    settings.write_text(f"c.ZoeHub.data = {str(wanted)!r}\nc.ZoeHub.backend = 'fake'\n")
    hubs.data.mkdir(mode=0o700)
    (hubs.data / "zoe_hub_config.py").write_text(settings.read_text())
    process = hubs.launch()
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, "cannot name another one" in output) == (1, True), output
    hubs.processes.remove(process)
    process = hubs.launch(f"--config={settings}")
    wait(lambda: (wanted / "hub.json").exists() or process.poll() is not None)
    assert process.poll() is None
    assert not (hubs.data / "zoe.db").exists()
    hubs.end()


def test_an_unused_hub_ends_by_itself(hubs: HubProcess) -> None:
    hubs.start("--backend=fake", "--ZoeHub.idle_timeout=0.3")
    assert hubs.processes[-1].wait(20) == 0


@pytest.fixture
def connect(hubs: HubProcess) -> Iterator[Callable[[str], socket.socket]]:
    """Connections to a hub that has 30 descriptors left; each sends something at once."""
    hubs.start("--ZoeHub.header_timeout=600", "--ZoeHub.heartbeat=0.5").close()
    pid, port = hubs.runtime()["pid"], int(hubs.runtime()["url"].rpartition(":")[2])
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 30, used + 30))
    made = []

    def connected(head: str) -> socket.socket:
        made.append(socket.create_connection(("127.0.0.1", port), timeout=60))
        made[-1].sendall(head.encode())
        return made[-1]

    yield connected
    for each in made:
        each.close()


HEALTH = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


def test_half_open_requests_do_not_keep_others_out(hubs: HubProcess, connect: Callable[[str], socket.socket]) -> None:
    for _ in range(200):
        connect(HEALTH)
    assert connect(HEALTH + "\r\n").recv(20).startswith(b"HTTP/1.1 200 OK")
    assert (hubs.data / "hub.log").read_text().count("cannot accept connections") == 1


def test_a_hub_without_descriptors_waits_until_it_has_some(
    hubs: HubProcess, connect: Callable[[str], socket.socket]
) -> None:
    head = f"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {hubs.runtime()['token']}\r\n\r\n"
    log, said = hubs.data / "hub.log", "cannot accept connections"
    streams = []
    while said not in log.read_text():
        streams.append(connect(head))
        wait(lambda: said in log.read_text() or select.select([streams[-1]], [], [], 0)[0])
    late = connect(HEALTH + "\r\n")
    process, begun = psutil.Process(hubs.runtime()["pid"]), time.monotonic()
    before, heartbeats, lines = sum(process.cpu_times()[:2]), 0, streams[0].makefile("rb")
    while heartbeats < 6:
        line = lines.readline()
        assert line, "the stream ended"
        heartbeats += line.startswith(b": still here")
    assert sum(process.cpu_times()[:2]) - before < 0.1 * (time.monotonic() - begun)
    assert log.read_text().count(said) == 1
    for each in streams:
        each.close()
    assert late.recv(20).startswith(b"HTTP/1.1 200 OK")


def test_the_hub_has_many_descriptors_and_what_it_starts_as_many_as_before(hubs: HubProcess) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    try:
        client = hubs.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert resource.prlimit(hubs.runtime()["pid"], resource.RLIMIT_NOFILE) == (before[1], before[1])
    code = "import resource; print('files', *resource.getrlimit(resource.RLIMIT_NOFILE))"
    answer = client.post("/executions", json={"zapp": "python-job", "parameters": {"code": code}})
    where = f"/executions/{answer.json()['id']}"
    wait(lambda: client.get(where).json()["phase"] == "ended")
    (process,) = client.get(where).json()["processes"]
    assert f"files 512 {before[1]}\n" in client.get(f"{where}/processes/{process['id']}/logs").text


def spoil_corrupt(data: Path) -> list[str]:
    data.mkdir(mode=0o700)
    (data / "zoe.db").write_bytes(b"no database " * 1000)
    return []


def spoil_port(data: Path) -> list[str]:
    import socket

    taken = socket.create_server(("127.0.0.1", 0))
    spoil_port.taken = taken  # type: ignore[attr-defined]
    return [f"--port={taken.getsockname()[1]}"]


def spoil_settings(data: Path) -> list[str]:
    return ["--config=/nowhere/zoe.py"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_corrupt, "damaged"),
        (spoil_port, "cannot listen"),
        (spoil_settings, "no configuration file"),
        (lambda data: ["--backend=nope"], "There is no 'nope'"),
        (lambda data: ["--backend=docker", "--DockerBackend.url=unix:///nowhere.sock"], "does not answer"),
    ],
    ids=["corrupt", "port", "settings", "backend", "engine"],
)
def test_what_keeps_it_from_starting_is_one_clear_message(hubs: HubProcess, spoil: Any, words: str) -> None:
    process = hubs.launch(*spoil(hubs.data))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output
    assert words in output
    assert "Traceback" not in output
    assert len(output.strip().splitlines()) <= 3
    assert not (hubs.data / "hub.json").exists()


def test_a_database_in_use_is_left_alone(hubs: HubProcess, tmp_path: Path) -> None:
    hubs.start("--backend=fake")
    other = HubProcess(tmp_path / "other")
    process = other.launch("--backend=fake", f"--ZoeHub.database={hubs.data / 'zoe.db'}")
    output, _ = process.communicate(timeout=20)
    assert (process.returncode, "in use by another hub" in output) == (1, True), output
    hubs.end()
    assert sqlite3.connect(hubs.data / "zoe.db").execute("pragma integrity_check").fetchone() == ("ok",)


def test_definitions_are_checked_with_exit_codes(tmp_path: Path) -> None:
    def validate(*arguments: str) -> tuple[int, str]:
        found = subprocess.run(
            [sys.executable, "-m", "zoe_hub", "validate", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return found.returncode, found.stdout + found.stderr

    import zoe_hub

    assert validate(str(Path(zoe_hub.__file__).parents[1] / "frameworks"))[0] == 0
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/framework.yaml").write_text(
        "framework: bad\nversion: 1\nkind: engine\nprocesses: {}\nsurprise: 1\n"
    )
    code, output = validate(str(tmp_path))
    assert code == 1
    assert re.search(r"framework\.yaml:\d+:\d+: ", output)
    assert len(output.strip().splitlines()) > 1
    assert validate()[0] == 2
    assert validate(str(tmp_path / "nowhere"))[0] == 1
