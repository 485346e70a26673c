"""A hub whose limits are small runs many jobs and is killed while it forgets: lists, logs, events and files on the disk
are right in the end.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.hub.info import HubInfo
from zoe_hub.testing.hub import RunningHub

FRAMEWORK = """
framework: brief
version: "1"
kind: job
title: Brief
parameters:
  seconds: {type: number, default: 0}
processes:
  main:
    image: any
    command: [sh, -c, "echo hello; sleep {{ seconds }}"]
    decides_result: true
    resources: {cores: 0.01, memory: 1MiB}
"""
ZAPP = "zapp: brief\nversion: '1'\nkind: job\ntitle: Brief\nends: true\nframeworks:\n  brief: {ask: [seconds]}\n"
KEPT = 4


def wait(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def run(hub: RunningHub, count: int) -> dict[str, str]:
    """Jobs that have ended; when, by id. Each is looked at while the hub may have forgotten earlier ones."""
    ends = {}
    for _ in range(count):
        made = hub.post("/executions", {"zapp": "brief"})
        ends[made["id"]] = hub.wait(made["id"], lambda seen: seen["phase"] == "ended")["ended"]
    return ends


def ended(hub: RunningHub) -> set[str]:
    return {each["id"] for each in hub.executions(active=False)}


def test_many_jobs_small_limits_and_a_kill_in_the_middle(tmp_path: Path) -> None:
    shop = tmp_path / "shop" / "brief"
    shop.mkdir(parents=True)
    (shop / "framework.yaml").write_text(FRAMEWORK)
    (shop / "zapp.yaml").write_text(ZAPP)
    options = [
        f"--ZoeHub.catalog_folders={shop.parent}",
        "--ZoeHub.idle_timeout=0",
        f"--Retention.executions_number={KEPT}",
        "--Retention.events_number=100",
        "--Retention.interval=1",
    ]
    hub = RunningHub(tmp_path / "hub", options=["--backend=local", *options])
    hub.start()
    try:
        lasting = hub.post("/executions", {"zapp": "brief", "parameters": {"seconds": 600}})["id"]
        hub.wait(lasting, lambda seen: seen["phase"] == "running")
        ends = run(hub, 12)
        wait(lambda: len(ended(hub)) < 12)
        hub.kill()
        hub.start()
        assert hub.get(f"/executions/{lasting}")["phase"] == "running"
        ends |= run(hub, 6)
        wait(lambda: len(ended(hub)) == KEPT and "zoe_remains 0.0" in hub.call("GET", "/metrics").text)
        kept = set(sorted(ends, key=lambda each: ends[each])[-KEPT:])
        assert ended(hub) == kept, "those that ended last"
        environment = {**os.environ, "ZOE_DATA": str(hub.data)}
        shown = subprocess.run(
            [sys.executable, "-m", "jupyter_zoe.cli", "ps", "--all", "--json"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert {each["id"] for each in json.loads(shown.stdout)} == {lasting, *kept}
        assert {path.name for path in (hub.data / "local" / "logs").iterdir()} == {lasting, *kept}
        for each in kept:
            assert hub.call("GET", f"/executions/{each}/processes/main-0/logs").text == "hello\n"
        for each in ends.keys() - kept:
            assert hub.call("GET", f"/executions/{each}/processes/main-0/logs").json()["code"] == "unknown-execution"
        _events(hub, lasting, kept)
    finally:
        if hub.get("/health")["active"]:
            hub.end_all()
        hub.stop()


def _events(hub: RunningHub, lasting: str, kept: set[str]) -> None:
    """Of the others only that they were forgotten; a client from before what is kept is told, and reads on."""
    wait(lambda: _numbers(hub)[1] - _numbers(hub)[0] < 100)
    first, _ = _numbers(hub)
    with contextlib.closing(sqlite3.connect(f"file:{hub.data / 'zoe.db'}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT execution, kind FROM events").fetchall()
    assert {kind for execution, kind in rows if execution not in {"", lasting, *kept}} == {"execution.forgotten"}
    with Client(HubInfo(url=hub.url, token=hub.token)) as client:
        stream = client.stream_events(since=1)
        with pytest.raises(ZoeProblem) as raised:
            next(stream)
        assert (raised.value.code, raised.value.members) == ("history-pruned", {"first_seq": first})
        assert next(stream)["seq"] >= first
        assert client.get_execution(lasting)["phase"] == "running"
        stream.close()


def _numbers(hub: RunningHub) -> tuple[int, int]:
    with contextlib.closing(sqlite3.connect(f"file:{hub.data / 'zoe.db'}?mode=ro", uri=True)) as database:
        (first,) = database.execute("SELECT first_seq FROM kept_events").fetchone()
        (last,) = database.execute("SELECT max(seq) FROM events").fetchone()
    return first, last
