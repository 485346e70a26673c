"""``zoe`` as a program, with a real hub and real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from zoe_hub.testing.kernels import belonging, clean_environment, eventually, own_hub

JOB = """
import sys, time
print("begins", *sys.argv[1:], flush=True)
time.sleep(0.3)
print("ends", flush=True)
sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
"""
SERVICE = """
import time
print("up", flush=True)
time.sleep(600)
"""


class Zoe:
    """The command line, in an environment of its own."""

    def __init__(self, environment: Mapping[str, str], home: Path) -> None:
        self.environment, self.home = dict(environment), home
        self.data = home / "zoe"

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "jupyter_zoe.cli", *arguments],
            env={**self.environment, **more},
            cwd=self.home,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )

    def __call__(self, *arguments: str, code: int = 0, **more: str) -> tuple[str, str]:
        """What it writes, to the standard output and to the standard error."""
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, f"{arguments}: {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err
        return out, err

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code)[0])


@pytest.fixture(scope="module")
def zoe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoe]:
    home = tmp_path_factory.mktemp("home")
    (home / "job.py").write_text(JOB)
    (home / "service.py").write_text(SERVICE)
    environment = clean_environment(home)
    with own_hub(environment):
        yield Zoe(environment, home)


def test_a_job_gives_its_output_and_its_exit_code(zoe: Zoe) -> None:
    out, err = zoe(
        "run", "python-job", "--code", "job.py", "--name", "nightly", "--wait", "--", "7", "two words", code=7
    )
    assert out == "begins 7 two words\nends\n"
    assert "nightly has failed (7)" in err
    assert zoe("run", "python-job", "--code", "job.py", "--wait")[0] == "begins\nends\n"
    view = zoe.json("run", "python-job", "--code", "job.py", "--wait")
    assert (view["outcome"], view["exit_code"]) == ("completed", 0)
    # afterwards the same is found by its name
    assert zoe("logs", "nightly")[0] == "begins 7 two words\nends\n"
    assert zoe("logs", "nightly", "job-0", "-n", "1")[0] == "ends\n"
    assert zoe("logs", "nightly", "-f", "-n", "1")[0] == "ends\n"
    assert "nightly" in zoe("ps", "--all")[0]
    assert "failed (7)" in zoe("status", "nightly")[0]
    assert zoe.json("status", "nightly")["exit_code"] == 7


def test_as_many_lines_as_asked_for_of_a_long_log(zoe: Zoe) -> None:
    line = "line {:06} " + "x" * 50
    (zoe.home / "long.py").write_text(
        f"import sys\nfor number in range(12000): print({line!r}.format(number))\nprint('no newline', end='')\n"
    )
    zoe("run", "python-job", "--code", "long.py", "--name", "long", "--wait")
    whole = [line.format(number) for number in range(12000)] + ["no newline"]
    for count in (1, 2, 1200, 10000, 99999):
        assert zoe("logs", "long", "-n", str(count))[0].splitlines() == whole[-count:], count
    assert zoe("logs", "long", "-n", "0")[0].splitlines() == whole
    assert zoe.json("logs", "long", "-n", "0") == {"job-0": whole}
    assert zoe("logs", "long", "-f", "-n", "3")[0] == "\n".join(whole[-3:]), "nothing is told twice"


def test_what_runs_is_seen_followed_and_ended(zoe: Zoe) -> None:
    out, _ = zoe("run", "python-job", "--code", "service.py", "--name", "service")
    assert out.startswith("Started service (e")
    view = eventually(lambda: (now := zoe.json("status", "service"))["phase"] == "running" and now)
    (listed,) = zoe.json("ps")
    assert listed["id"] == view["id"]
    follower = zoe.start("logs", view["id"], "-f")
    assert follower.stdout is not None
    assert follower.stdout.readline() == "up\n"
    out, _ = zoe("stop", "service", "--wait")
    assert out.startswith("service has ended")
    assert follower.wait(30) == 0, "following ends with the process"
    follower.communicate()
    assert zoe.json("ps") == []
    zoe("stop", "service")  # asked twice: it has ended, that is what was wanted


def test_waiting_can_be_interrupted_and_timed(zoe: Zoe) -> None:
    process = zoe.start("run", "python-job", "--code", "service.py", "--name", "patient", "--wait")
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "patient goes on" in err
    assert "Traceback" not in err
    assert zoe.json("status", "patient")["phase"] == "running"
    zoe("stop", "patient", "--wait")
    _, err = zoe("run", "python-job", "--code", "service.py", "--name", "slow", "--wait", "--timeout", "1", code=1)
    assert "zoe: timeout: Not ended after 1 s" in err
    zoe("stop", "slow", "--wait")


@pytest.mark.parametrize(
    ("arguments", "code", "problem", "words"),
    [
        (("run", "python-jbo"), 3, "unknown-zapp", "did you mean 'python-job'"),
        (("run", "spark-cluster", "--workers", "two"), 3, "bad-parameter", "workers must be a whole number"),
        (("run", "spark-cluster", "--workers", "3", "--worker-memory", "900TiB"), 3, "never-fits", "memory"),
        (("run", "python-job", "--code", "no-such.py"), 2, "usage", "no-such.py"),
        (("run", "python-job", "--code", "job.py", "--name", "../x"), 3, "bad-parameter", "name"),
        (("status", "no-such"), 3, "unknown-execution", "zoe ps --all"),
        (("status", "../../user"), 3, "unknown-execution", "zoe ps --all"),
        (("frob",), 2, "usage", "no verb"),
        (("scale", "x"), 2, "usage", "N"),
        (("detach",), 3, "not-attached", "zoe ps"),
    ],
)
def test_errors_are_a_line_with_code_and_remedy(
    zoe: Zoe, arguments: tuple[str, ...], code: int, problem: str, words: str
) -> None:
    out, err = zoe(*arguments, code=code)
    assert out == ""
    assert err.startswith(f"zoe: {problem}: ")
    assert words in err
    assert err.count("\n") == 1
    _, err = zoe(*arguments, "--json", code=code)
    assert json.loads(err)["code"] == problem


def test_a_hub_that_is_not_there(zoe: Zoe) -> None:
    _, err = zoe("ps", code=4, ZOE_HUB_URL="http://127.0.0.1:9", ZOE_HUB_TOKEN="x")
    assert err.startswith("zoe: hub-unreachable: ")
    _, err = zoe("ps", code=4, ZOE_HUB_URL="http://127.0.0.1:9")
    assert "ZOE_HUB_TOKEN" in err


def test_a_wrong_token_is_refused(zoe: Zoe) -> None:
    zoe("hub", "start")
    url = json.loads((zoe.data / "hub.json").read_text())["url"]
    _, err = zoe("ps", code=3, ZOE_HUB_URL=url, ZOE_HUB_TOKEN="zoe_wrong")
    assert "zoe: not-authenticated: " in err
    assert "zoe_wrong" not in err


def test_what_a_hub_ran_is_found_by_the_next_one(zoe: Zoe) -> None:
    zoe("run", "python-job", "--code", "service.py", "--name", "lasting")
    first = zoe.json("hub", "status")
    running = eventually(lambda: (now := zoe.json("status", "lasting"))["phase"] == "running" and now)
    assert zoe.json("hub", "stop")["pid"] == first["pid"]
    _, err = zoe("hub", "status", code=4)
    assert "No hub is running" in err
    assert zoe("hub", "stop")[0] == "No hub is running.\n"
    assert zoe("hub", "start")[0].startswith("The hub at http://127.0.0.1:")
    again = zoe.json("status", "lasting")
    assert again["phase"] == "running"
    assert [each["started"] for each in again["processes"]] == [each["started"] for each in running["processes"]]
    zoe("stop", "lasting", "--wait")


def test_a_page_opens_in_a_browser_that_has_no_token(zoe: Zoe) -> None:
    zoe("run", "notebook", "--name", "lab", "--wait", "--timeout", "90")
    shown = zoe.json("open", "lab")
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(shown["url"], timeout=60) as answer:
        page = answer.read().decode()
    assert "plan.refusal" in page, "the hub's own page, whose script finds out where JupyterLab may be shown"
    with pytest.raises(urllib.error.HTTPError):  # it works once
        urllib.request.build_opener().open(shown["url"], timeout=60)
    assert shown["url"] not in zoe("open", "lab", BROWSER="true")[0]
    _, err = zoe("open", "lab", "--page", "nothing", code=3)
    assert "unknown-port" in err
    zoe("stop", "lab", "--wait")


def test_the_shop_and_help(zoe: Zoe) -> None:
    shop, blocks = zoe("apps")[0].split("Frameworks, which ZApps are made of")
    assert "python-job" in shop
    spark = next(line for line in blocks.splitlines() if line.startswith("spark "))
    assert "spark-cluster" in spark
    assert "spark-notebook" in spark
    answer = zoe.json("apps")
    names = {each["name"] for each in answer["items"]}
    assert {"notebook", "python-job", "spark-cluster"} <= names
    assert {"jupyter", "spark"} <= {each["name"] for each in answer["frameworks"]}
    _, err = zoe("run", "spark", code=3)
    assert "framework-alone" in err
    assert "spark-cluster" in err
    assert "exit codes" in zoe()[0]
    assert "--worker-memory MEMORY" in zoe("run", "spark-cluster", "--help")[0]
    assert zoe("--version")[0].strip()


def test_a_reader_who_has_enough(zoe: Zoe) -> None:
    process = zoe.start("apps", "--json")
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    assert process.wait(30) == 0
    assert err == ""


def test_help_does_not_import_what_takes_long(zoe: Zoe) -> None:
    program = (
        "import sys; from jupyter_zoe.cli import main; main(['--help']); heavy = {'httpx', 'IPython', 'asyncio',"
        " 'jupyter_server', 'urllib.request'} & set(sys.modules); print(heavy); sys.exit(bool(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=zoe.environment,
        cwd=zoe.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-200:]


def test_the_token_is_in_no_argument_list(zoe: Zoe) -> None:
    zoe("run", "python-job", "--code", "service.py", "--name", "quiet")
    eventually(lambda: zoe.json("status", "quiet")["phase"] == "running")
    token = json.loads((zoe.data / "hub.json").read_text())["token"]
    lines = [" ".join(each.cmdline()) for each in belonging(zoe.data)]
    assert len(lines) >= 2
    assert not [line for line in lines if token in line]
    zoe("stop", "quiet", "--wait")


@pytest.mark.spark
@pytest.mark.timeout(400)
def test_a_cluster_for_a_folder(zoe: Zoe) -> None:
    out, _ = zoe("attach", "spark", "--workers", "1")
    assert "1 worker ready" in out
    assert "spark_remote = sc://" in out
    assert "jupyter_zoe.attach()" in out
    assert zoe("attach")[0].startswith("Found spark-cluster-")
    script = "import jupyter_zoe; spark = jupyter_zoe.attach(); print('rows:', spark.range(12).count()); spark.stop()"
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=zoe.environment,
        cwd=zoe.home,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert "rows: 12" in done.stdout, f"{done.stdout}\n{done.stderr[-2000:]} {time.monotonic() - begun}"
    (name,) = [each["name"] for each in zoe.json("ps")]
    assert "2 workers ready" in zoe("scale", "2", "--wait")[0]
    assert zoe("status")[0].startswith(name)
    _, err = zoe("scale", name, "1000", code=3)
    assert "zoe: out-of-range: " in err
    _, err = zoe("logs", "-f", code=2)
    assert "worker-1" in err
    assert "is ending" in zoe("detach")[0]
    eventually(lambda: zoe.json("ps") == [], 60)
    assert os.path.exists(zoe.data / "hub.json")
