"""A real hub and ``zoe`` in whatever surroundings: nothing of them is needed but a folder to write to."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zoe_hub.testing.strangers import possible

VARIABLES = {
    "HOME": "",
    "USER": "ada",
    "LOGNAME": "ada",
    "TMPDIR": "/tmp",
    "XDG_DATA_HOME": "",
    "XDG_STATE_HOME": "",
    "XDG_RUNTIME_DIR": "",
    "PATH": "/usr/bin:/bin",
    "TERM": "xterm",
    "LANG": "C.UTF-8",
    "SHELL": "/bin/sh",
}
NO_ENTRY = 54321
as_another = pytest.mark.skipif(
    not (possible() and shutil.which("setpriv")), reason="another user's process can be started by root alone"
)
JOB = """
import os, signal
own = (signal.SIGPIPE, signal.SIGXFSZ)  # Python ignores these itself
print("ignored", [n for n in signal.valid_signals() if n not in own and signal.getsignal(n) == signal.SIG_IGN])
print("blocked", sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
print("mask", oct(os.umask(0)))
print("home", os.path.isabs(os.environ["HOME"]) and os.access(os.environ["HOME"], os.F_OK))
"""


def as_user(user: int) -> list[str]:
    """What runs a program as another user, who can read everything and write only what is the user's."""
    read = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *read, "--"]


class Surroundings:
    """Runs ``zoe`` with these variables alone; its hub inherits all of it, and is ended at the end."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.folder = folder
        self.environment = {
            **{name: value or str(folder) for name, value in VARIABLES.items()},
            "ZOE_DATA": str(self.data),
            **({"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}),
        }

    def __call__(self, *arguments: str, code: int = 0, user: int | None = None, **options: object) -> str:
        """Run ``zoe``; all that it wrote.

        :param user: by whom; it can read whatever the interpreter and Zoe need, wherever they are
        """
        found = subprocess.run(
            [*(as_user(user) if user is not None else ()), sys.executable, "-m", "jupyter_zoe.cli", *arguments],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=90,
            check=False,
            **options,  # type: ignore[call-overload]
        )
        output = (found.stdout + found.stderr).decode("utf-8", "replace")
        assert found.returncode == code, output
        assert "Traceback" not in output
        return output

    def job(self, **options: object) -> str:
        """Runs a job; what it wrote."""
        (self.folder / "job.py").write_text(JOB)
        (self.folder / "job.py").chmod(0o644)
        output = self("run", "python-job", "--code", "job.py", "--wait", **options)
        log = (self.data / "hub.log").read_text()
        assert "Traceback" not in log
        return output

    def end(self) -> None:
        """End the hub."""
        try:
            pid = int(json.loads((self.data / "hub.json").read_text())["pid"])
            os.kill(pid, signal.SIGTERM)
        except (OSError, ValueError):
            return
        deadline = time.monotonic() + 20
        while os.path.exists(f"/proc/{pid}/exe") and time.monotonic() < deadline:
            time.sleep(0.02)


@pytest.fixture
def around(tmp_path: Path) -> Iterator[Surroundings]:
    made = Surroundings(tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize("absent", [*VARIABLES, "all"])
def test_each_variable_may_be_absent(around: Surroundings, absent: str) -> None:
    for name in VARIABLES if absent == "all" else (absent,):
        del around.environment[name]
    assert "home True" in around.job()
    around("hub", "status")
    around("ps", "--all")


def blocking() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGUSR1))


def ignoring() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


@pytest.mark.parametrize("prepare", [blocking, ignoring])
def test_signals_that_the_parent_ignores_or_blocks(around: Surroundings, prepare: Callable[[], None]) -> None:
    """A job has none of it, and the hub can be ended."""
    output = around.job(preexec_fn=prepare)
    assert "ignored []" in output
    assert "blocked []" in output
    around("hub", "stop")


@pytest.mark.parametrize(("mask", "program"), [(0o077, "0o77"), (0, "0o0"), (0o022, "0o22"), (0o777, "0o77")])
@pytest.mark.parametrize("user", [pytest.param(NO_ENTRY, marks=as_another), os.geteuid()])
def test_other_umasks(around: Surroundings, mask: int, program: str, user: int) -> None:
    """Also of a user who is in no list of users, as containers run programs; what is private stays so."""
    options: dict[str, object] = {"umask": mask}
    if user != os.geteuid():
        for place in (around.folder, *list(around.folder.parents)[:2]):
            os.chmod(place, 0o755)
        os.chown(around.folder, user, user)
        options.update(user=user)
        for name in ("HOME", "USER", "LOGNAME"):
            del around.environment[name]
    assert f"mask {program}" in around.job(**options)
    assert around.data.stat().st_mode & 0o777 == 0o700
    assert (around.data / "hub.json").stat().st_mode & 0o777 == 0o600
    around.end()


@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1"])
def test_other_locales(around: Surroundings, locale: str) -> None:
    """And without Python's own remedies for them."""
    around.environment.update(LC_ALL=locale, LANG=locale, PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    (around.folder / "name.py").write_text("import sys; print(ascii(sys.argv[1]))")
    output = around("run", "python-job", "--code", "name.py", "--wait", "--", "größe")
    assert ascii("größe") in output or ascii(os.fsencode("größe").decode("ascii", "surrogateescape")) in output
    around("ps", "--all", "--json")
    assert "python-job" in around("apps")


def test_closed_standard_streams(around: Surroundings) -> None:
    """Nothing that the hub opens gets their place: messages would be written into it."""
    closing = "exec <&- >&- 2>&-; exec " + f"{sys.executable} -m zoe_hub --embedded"
    process = subprocess.Popen(["/bin/sh", "-c", closing], env=around.environment)
    deadline = time.monotonic() + 30
    while not (around.data / "hub.json").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for number in range(3):
        assert os.readlink(f"/proc/{process.pid}/fd/{number}") == os.devnull
    assert "home True" in around.job()
    around.end()
    assert process.wait(20) == 0
    said = subprocess.run(
        ["/bin/sh", "-c", f"exec <&- >&- 2>&-; exec {sys.executable} -m jupyter_zoe.cli apps"],
        env=around.environment,
        check=False,
        timeout=60,
    )
    assert said.returncode == 0


@as_another
def test_no_home_at_all_is_told_with_what_to_set(around: Surroundings) -> None:
    for name in ("HOME", "USER", "LOGNAME", "ZOE_DATA", "XDG_DATA_HOME"):
        del around.environment[name]
    for place in (around.folder, *list(around.folder.parents)[:2]):
        os.chmod(place, 0o755)
    output = around("ps", code=4, user=NO_ENTRY)
    assert "ZOE_DATA" in output
    found = subprocess.run(
        [*as_user(NO_ENTRY), sys.executable, "-m", "zoe_hub", "--embedded"],
        env=around.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (found.returncode, "no home folder" in found.stderr, "Traceback" in found.stderr) == (1, True, False)


@as_another
def test_a_folder_that_cannot_be_written_is_told(around: Surroundings) -> None:
    for place in (around.folder, *list(around.folder.parents)[:2]):
        os.chmod(place, 0o755)
    around.data.mkdir(mode=0o755)
    output = around("ps", code=4, user=NO_ENTRY)
    assert str(around.data) in output
    assert "ZOE_DATA" in output


def test_home_in_settings(around: Surroundings) -> None:
    """``~`` is the home folder in every path of a file of settings."""
    around.data.mkdir(mode=0o700)
    shop = around.folder / "shop"
    shop.mkdir()
    (around.data / "zoe_hub_config.py").write_text(
        "c.ZoeHub.database = '~/other.db'\n"
        "c.ZoeHub.log_file = '~/other.log'\n"
        "c.ZoeHub.catalog_folders = ['~/shop']\n"
        "c.LocalBackend.ports_folder = '~/ports'\n"
    )
    (around.folder / "job.py").write_text("print(1)")
    around("run", "python-job", "--code", "job.py", "--wait")
    assert (around.folder / "other.db").exists()
    log = (around.folder / "other.log").read_text()
    assert "cannot be listed" not in log
    assert not (around.folder / "~").exists()
    assert not (around.data / "~").exists()
    around.end()


def test_a_relative_data_folder_of_the_desktop_counts_as_none(around: Surroundings) -> None:
    """As the XDG Base Directory Specification has it: it would be another one for each program."""
    del around.environment["ZOE_DATA"]
    around.environment["XDG_DATA_HOME"] = "data"
    around.data = around.folder / ".local" / "share" / "zoe"
    assert "home True" in around.job()
