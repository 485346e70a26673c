"""The hub is killed with SIGKILL at random moments while executions start, scale and stop, on real processes and
containers.

After each restart, and at the end: nothing lost, nothing started twice, no process without an execution and none the
other way, the right final states and exit codes. ``ZOE_KILLS`` sets how often (50), ``ZOE_SEED`` repeats a run.
"""

import contextlib
import os
import random
import threading
import time
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import pytest
from docker import APIClient

from zoe_hub.images.building import Builder, connect
from zoe_hub.testing.dockerd import dockerd as dockerd  # noqa: PLC0414 - a fixture
from zoe_hub.testing.hub import RunningHub

KILLS = int(os.environ.get("ZOE_KILLS", "50"))
SEED = int(os.environ.get("ZOE_SEED", str(random.randrange(10**6))))

FRAMEWORK = """
framework: crowd
version: "1"
kind: engine
title: Crowd
parameters:
  size: {type: integer, minimum: 1, maximum: 6, default: 2}
processes:
  leader:
    image: "IMAGE"
    command: [python3, -S, -c, "import time; print('up', flush=True); time.sleep(3600)"]
    ready: {log: "^up"}
    restart: {limit: 1000, delay: 100ms}
  member:
    image: "IMAGE"
    command: [python3, -S, -c, "import time; time.sleep(3600)"]
    count: "{{ size }}"
    essential: 1
    maximum: 6
    resources: {cores: 0.05, memory: 32MiB}
    grace: 2s
"""
CROWD = """
zapp: crowd
version: "1"
kind: engine
title: Crowd
parameters:
  size: {type: integer, minimum: 1, maximum: 6, default: 2}
frameworks:
  crowd: {framework: crowd, parameters: {size: "{{ size }}"}}
"""
TASK = """
framework: task
version: "1"
kind: job
title: Task
parameters:
  code: {type: integer, default: 0}
  tenths: {type: integer, default: 5}
processes:
  task:
    image: "IMAGE"
    command:
      - python3
      - -S
      - -c
      - "import sys, time; time.sleep(int(sys.argv[2]) / 10); sys.exit(int(sys.argv[1]))"
      - "{{ code }}"
      - "{{ tenths }}"
    resources: {cores: 0.05, memory: 32MiB}
    decides_result: true
"""
JOB = """
zapp: task
version: "1"
kind: job
title: Task
ends: true
parameters:
  code: {type: integer, default: 0}
  tenths: {type: integer, default: 5}
frameworks:
  task: {framework: task, parameters: {code: "{{ code }}", tenths: "{{ tenths }}"}}
"""


def shop(folder: Path, image: str) -> Path:
    """A catalog of a crowd that grows and shrinks, and a task that ends with a code."""
    for name, framework, zapp in (("crowd", FRAMEWORK, CROWD), ("task", TASK, JOB)):
        (folder / name).mkdir(parents=True)
        (folder / name / "framework.yaml").write_text(framework.replace("IMAGE", image))
        (folder / name / "zapp.yaml").write_text(zapp)
    return folder


class LocalEngine:
    """What really runs, as the kernel tells it."""

    image = "any"

    def __init__(self, data: Path) -> None:
        self._data = data

    def running(self) -> dict[tuple[str, str], int]:
        """Execution and process id -> how many programs run for it."""
        found: dict[tuple[str, str], int] = {}
        for process in psutil.process_iter():
            try:
                environment = process.environ()
                if process.status() == psutil.STATUS_ZOMBIE or not environment.get("ZOE_FOLDER", "").startswith(
                    str(self._data)
                ):
                    continue
                key = environment["ZOE_EXECUTION"], environment["ZOE_PROCESS"]
                found[key] = found.get(key, 0) + (process.cmdline()[:1] == ["python3"])
            except (psutil.Error, KeyError):
                continue
        return {key: count for key, count in found.items() if count}

    def clear(self) -> None:
        """End whatever carries the data folder, hubs and programs; supervisors end with their programs."""
        while left := [process for process in psutil.process_iter() if self._carries(process)]:
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=30)

    def _carries(self, process: psutil.Process) -> bool:
        try:
            values = process.environ().values()
            return process.status() != psutil.STATUS_ZOMBIE and any(
                value == str(self._data) or value.startswith(f"{self._data}/") for value in values
            )
        except psutil.Error:
            return False


class DockerEngine:
    """What really runs, as the engine tells it."""

    def __init__(self, url: str, image: str, deployment: str) -> None:
        self._api, self.image, self._deployment = APIClient(base_url=url, version="auto"), image, deployment

    def running(self) -> dict[tuple[str, str], int]:
        """Execution and process id -> how many containers run for it."""
        found: dict[tuple[str, str], int] = {}
        for each in self._api.containers(filters={"label": f"zoe.deployment={self._deployment}"}):
            labels = each["Labels"]
            key = labels["zoe.execution"], f"{labels['zoe.group']}-{labels['zoe.index']}"
            found[key] = found.get(key, 0) + 1
        return found

    def clear(self) -> None:
        """Remove every container and network of the deployment."""
        label = {"label": f"zoe.deployment={self._deployment}"}
        for each in self._api.containers(all=True, filters=label):
            self._api.remove_container(each["Id"], force=True)
        for each in self._api.networks(filters=label):
            self._api.remove_network(each["Id"])


@pytest.fixture
def local(tmp_path):
    return LocalEngine(tmp_path / "hub"), [], {}


@pytest.fixture
def docker(dockerd):
    builder = Builder(connect(dockerd))
    try:
        image = builder.build(["os"], [])["os"]
    finally:
        builder.close()
    deployment = f"k{uuid4().hex[:8]}"
    return (
        DockerEngine(dockerd, image, deployment),
        ["--backend=docker", f"--deployment={deployment}"],
        {"DOCKER_HOST": dockerd},
    )


class Trouble:
    """Commands in one thread, kills in another."""

    def __init__(self, hub: RunningHub, seed: int) -> None:
        self.hub, self.random, self.tasks = hub, random.Random(seed), {}
        self.crowds: dict[str, int | None] = {}  # -> wanted members, None: terminated

    def command(self) -> None:
        """One random command; what was acknowledged is remembered."""
        draw = self.random.random()
        living = [name for name, size in self.crowds.items() if size is not None]
        if draw < 0.3 and len(living) < 4:
            size = self.random.randint(1, 4)
            self.crowds[self.hub.post("/executions", {"zapp": "crowd", "parameters": {"size": size}})["id"]] = size
        elif draw < 0.6:
            code = self.random.choice([0, 0, 3, 7])
            made = self.hub.post(
                "/executions", {"zapp": "task", "parameters": {"code": code, "tenths": self.random.randint(0, 30)}}
            )
            self.tasks[made["id"]] = code
        elif draw < 0.85 and living:
            name, size = self.random.choice(living), self.random.randint(1, 6)
            self.hub.post(f"/executions/{name}/scale", {"count": size})
            self.crowds[name] = size
        elif living:
            name = self.random.choice(living)
            del self.crowds[name]  # if no answer comes, either is right
            self.hub.post(f"/executions/{name}/terminate", {})
            self.crowds[name] = None

    def until_killed(self, after: float) -> None:
        """Give commands until the hub, killed after so many seconds, does not answer any more.

        A command without an answer may or may not have been taken: its execution is looked up in the end.
        """
        timer = threading.Timer(after, lambda: os.kill(self.hub.pid, 9))
        timer.start()
        try:
            while timer.is_alive() or psutil.pid_exists(self.hub.pid):
                self.command()
        except (httpx.HTTPError, FileNotFoundError):
            pass
        timer.join()
        self.hub.kill()


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("backend", ["local", pytest.param("docker", marks=pytest.mark.docker)])
def test_killed_at_random_moments_nothing_is_lost_or_started_twice(backend, request, tmp_path):
    engine, options, environment = request.getfixturevalue(backend)
    print(f"seed {SEED}, {KILLS} kills")
    folder = shop(tmp_path / "shop", engine.image)
    options = [*options, f"--ZoeHub.catalog_folders={folder}", "--ZoeHub.idle_timeout=0"]
    hub = RunningHub(tmp_path / "hub", options=options, environment=environment)
    trouble = Trouble(hub, SEED)
    try:
        hub.start()
        for _ in range(KILLS):
            trouble.until_killed(trouble.random.random() * 1.2)
            hub.start()
            assert all(count == 1 for count in engine.running().values()), "started twice"
        compare(hub, engine, trouble)
        hub.end_all(120)
        assert engine.running() == {}
    finally:
        try:
            hub.stop()
        finally:
            engine.clear()


def compare(hub: RunningHub, engine, trouble: Trouble) -> None:
    """What the hub says, what was acknowledged and what runs are the same."""
    for name, code in trouble.tasks.items():
        ended = hub.wait(name, lambda seen: seen["phase"] == "ended", 120)
        assert (ended["outcome"], ended["exit_code"]) == ("completed" if code == 0 else "failed", code), ended["reason"]
    for name, size in trouble.crowds.items():
        if size is None:
            hub.wait(name, lambda seen: seen["phase"] == "ended", 120)
        else:
            hub.wait(name, calm, 120)
    listed = hub.executions()
    assert set(trouble.tasks) | set(trouble.crowds) <= {each["id"] for each in listed}, "lost"
    for each in listed:  # also what was started without an answer
        hub.wait(each["id"], lambda seen: seen["phase"] == "ended" or (seen["zapp"] == "crowd" and calm(seen)), 120)
    says = {
        (each["id"], process["id"]): 1
        for each in hub.executions()
        for process in each["processes"]
        if process["state"] == "ready"
    }
    deadline = time.monotonic() + 30
    while (runs := engine.running()) != says and time.monotonic() < deadline:
        time.sleep(0.05)
    assert runs == says


def calm(seen) -> bool:
    """Whether a crowd is as it is meant to be."""
    return seen["phase"] == "running" and all(
        group["ready"] == group["live"] == group["count"] for group in seen["groups"]
    )
