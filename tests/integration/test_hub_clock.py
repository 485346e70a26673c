"""The hub as a real process, on a clock that is set while it runs and while it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from zoe_hub.testing.hub import RunningHub

DAY = 86_400.0
FRAMEWORK = """
framework: {name}
version: "1"
kind: engine
title: T
processes:
  main:
    image: any
    command: [python3, -S, -c, "import time; {program}"]
    ready: {{log: "^up", timeout: 4s}}
    restart: {{limit: 1000, delay: 3s, longest: 3s}}
"""
ZAPP = """
zapp: {name}
version: "1"
kind: engine
title: T
frameworks:
  main: {{framework: {name}}}
"""
PROGRAMS = {
    "fails": "raise SystemExit(1)",
    "slow": "time.sleep(600)",
    "steady": "print('up', flush=True); time.sleep(600)",
}


class ClockedHub(RunningHub):
    """A hub whose clock is set."""

    def __init__(self, folder: Path) -> None:
        self._ahead = folder / "ahead"
        self.set_clock(0.0)
        for name, program in PROGRAMS.items():
            place = folder / "shop" / name
            place.mkdir(parents=True)
            (place / "framework.yaml").write_text(FRAMEWORK.format(name=name, program=program))
            (place / "zapp.yaml").write_text(ZAPP.format(name=name))
        super().__init__(
            folder / "hub",
            program=(str(Path(__file__).with_name("clocked_hub.py")), str(self._ahead)),
            options=[f"--ZoeHub.catalog_folders={folder / 'shop'}", "--backend=local"],
        )

    def set_clock(self, ahead: float) -> None:
        """Seconds by which it is ahead of the machine's."""
        self.ahead = ahead
        new = self._ahead.with_suffix(".new")
        new.write_text(str(ahead))
        new.replace(self._ahead)

    def run(self, name: str) -> str:
        """Start an application; its id."""
        return str(self.post("/executions", {"zapp": name})["id"])

    def jumps(self) -> list[str]:
        """What the log says of the clock."""
        return [line.partition("Time has jumped: ")[2] for line in self.log().splitlines() if "Time has jumped" in line]


def only(execution: dict[str, Any]) -> dict[str, Any]:
    (process,) = execution["processes"] or [{"state": "", "starts": 1, "failures": 0}]
    return process


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[ClockedHub]:
    made = ClockedHub(tmp_path)
    made.start()
    yield made
    made.end_all()
    made.stop()


def test_a_hub_restarted_with_the_clock_a_day_back_does_what_is_stored_and_shows_new_jobs_as_new(hub):
    fails, slow, steady = hub.run("fails"), hub.run("slow"), hub.run("steady")
    hub.wait(fails, lambda seen: only(seen)["state"] == "ended")
    hub.wait(slow, lambda seen: only(seen)["state"] == "starting")
    hub.wait(steady, lambda seen: seen["phase"] == "running")
    hub.kill()
    hub.set_clock(-DAY)
    hub.start()
    for each in (fails, slow):
        before = only(hub.get(f"/executions/{each}"))["starts"]
        hub.wait(each, lambda seen: only(seen)["starts"] > before, timeout=30)  # noqa: B023
    assert only(hub.get(f"/executions/{steady}"))["starts"] == 1
    new = hub.get(f"/executions/{hub.run('steady')}")
    age = datetime.now(UTC).timestamp() + hub.ahead - datetime.fromisoformat(new["created"]).timestamp()
    assert abs(age) < 10, "not a day"
    assert any(line.startswith("the clock was set back by 86") for line in hub.jumps())


def test_a_clock_that_is_set_while_the_hub_runs_ends_nothing_early_and_nothing_late(hub):
    steady, fails = hub.run("steady"), hub.run("fails")
    hub.wait(steady, lambda seen: seen["phase"] == "running")
    for ahead in (10 * 3600.0, -DAY):
        hub.set_clock(ahead)
        before = only(hub.get(f"/executions/{fails}"))["starts"]
        hub.wait(fails, lambda seen: only(seen)["starts"] > before, timeout=30)  # noqa: B023
    assert only(hub.get(f"/executions/{steady}"))["starts"] == 1
    assert [line.split(" by ")[0] for line in hub.jumps()] == ["the clock was set forwards", "the clock was set back"]


def test_people_see_ages_by_the_hubs_clock_though_theirs_is_ten_hours_ahead(hub):
    hub.set_clock(-36_000.0)
    steady = hub.run("steady")
    hub.wait(steady, lambda seen: seen["phase"] == "running")
    environment = {**os.environ, "ZOE_HUB_URL": hub.url, "ZOE_HUB_TOKEN": hub.token}
    for verb in (["ps"], ["status", steady]):
        shown = subprocess.run(
            [sys.executable, "-m", "jupyter_zoe.cli", *verb],
            env=environment,
            text=True,
            capture_output=True,
            check=True,
        ).stdout
        assert " s " in shown, shown
        assert "10 h" not in shown
