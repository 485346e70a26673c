"""A real Docker engine for tests, image builds and ``make run BACKEND=docker``: the one that runs, or one started here.

A running engine is used as it is (``DOCKER_HOST``, else ``/var/run/docker.sock``). Otherwise, as root, ``dockerd`` is
started by hand with folders of its own under the cache (``$ZOE_ENGINES``, default ``~/.cache/zoe-engines``), so that
images outlive it. Several users share it: each holds a shared lock, and the last one to leave stops it and takes away
what it made. Called by the fixture ``dockerd`` (``from zoe_hub.testing.dockerd import dockerd``) and by people and the
Makefile: ``python -m zoe_hub.testing.dockerd run -- COMMAND...``.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import pytest

DEFAULT_SOCKET = "/var/run/docker.sock"
START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
# Small subnets: an engine's default pools give about 30 networks, and each execution has one.
ADDRESS_POOL = "base=10.213.0.0/16,size=24"


class NoEngine(RuntimeError):
    """There is no Docker engine, and none can be started. The message says what to do."""


def missing() -> tuple[str, ...]:
    """The Debian packages that starting an engine here lacks, e.g. ``("docker.io",)``."""
    programs = {"dockerd": "docker.io", "containerd": "containerd", "docker-init": "docker.io", "iptables": "iptables"}
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    lacking = [package for program, package in programs.items() if shutil.which(program, path=path) is None]
    return tuple(dict.fromkeys(lacking))


def cache() -> Path:
    """Where engines keep what should outlive them."""
    return Path(os.environ.get("ZOE_ENGINES") or Path.home() / ".cache" / "zoe-engines")


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def answers(url: str) -> bool:
    """Whether an engine answers under ``url`` (``unix:///...`` or ``tcp://host:port``) within 5 seconds."""
    parts = urlsplit(url)
    connection = _UnixConnection(parts.path) if parts.scheme == "unix" else HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def running() -> str | None:
    """The URL of an engine that runs already and is not ours to stop, if there is one."""
    given = os.environ.get("DOCKER_HOST")
    if given:
        # A URL with TLS cannot be asked simply; whoever set it means it.
        if urlsplit(given).scheme in ("unix", "tcp") and not os.environ.get("DOCKER_TLS_VERIFY") and not answers(given):
            raise NoEngine(f"DOCKER_HOST is {given}, but no engine answers there. Start it, or unset DOCKER_HOST.")
        return given
    url = f"unix://{DEFAULT_SOCKET}"
    return url if answers(url) else None


class Dockerd:
    """The engine that this module starts and stops, shared by all processes that ``enter`` it."""

    def __init__(self, root: Path | None = None) -> None:
        """:param root: its folder; by default one for each version of dockerd in the cache"""
        self.root = root or cache() / "docker" / _version()
        self.run = self.root / "run"
        self.url = f"unix://{self.run / 'docker.sock'}"
        self._users: IO[str] | None = None

    def enter(self) -> str:
        """Start it unless it runs; its URL. It runs at least until ``leave``."""
        self.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(str(self.run / "docker.sock")) > 100:
            raise NoEngine(f"{self.run} is too long for a socket's path. Set ZOE_ENGINES to a shorter folder.")
        with self._alone():
            self._users = open(self.root / "users.lock", "w")  # noqa: SIM115 - held until leave
            fcntl.flock(self._users, fcntl.LOCK_SH)
            try:
                if not answers(self.url):
                    self._stop()  # what a killed one left
                    self._start()
            except BaseException:
                self._users.close()
                self._users = None
                raise
        return self.url

    def leave(self) -> None:
        """Stop it if nobody else uses it."""
        if self._users is None:
            return
        with self._alone():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self._stop()
            finally:
                self._users.close()
                self._users = None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with open(self.root / "change.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _start(self) -> None:
        lacking = missing()
        if lacking:
            raise NoEngine(f"No Docker engine runs, and none can be started: install {', '.join(lacking)}.")
        if os.geteuid() != 0:
            raise NoEngine("No Docker engine runs, and only root can start one. Start Docker, or set DOCKER_HOST.")
        (self.run / "before.json").write_text(json.dumps(_network_state()))
        command = [
            "dockerd",
            "--data-root",
            str(self.root / "data"),
            "--exec-root",
            str(self.run / "exec"),
            "--pidfile",
            str(self.run / "dockerd.pid"),
            "-H",
            self.url,
            "--group",
            str(os.getegid()),
            "--storage-driver",
            os.environ.get("ZOE_STORAGE_DRIVER", "overlay2"),
            "--default-address-pool",
            ADDRESS_POOL,
            "--shutdown-timeout",
            "3",
            "--oom-score-adjust",
            "0",
        ]
        environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
        with open(self.run / "dockerd.log", "w") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                cwd="/",
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not answers(self.url):
            if child.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join((self.run / "dockerd.log").read_text().splitlines()[-15:])
                self._stop()
                raise NoEngine(f"dockerd did not start (its last lines):\n{tail}")
            time.sleep(0.1)
        self._empty()

    def _empty(self) -> None:
        """Remove the containers and networks that an engine killed earlier left in the data root, which is ours
        alone.
        """
        from docker import APIClient  # noqa: PLC0415 - the package is optional, and slow to import

        api: Any = APIClient(base_url=self.url, version="auto", timeout=30)
        try:
            for container in api.containers(all=True):
                api.remove_container(container["Id"], force=True, v=True)
            api.prune_networks()
        finally:
            api.close()

    def _stop(self) -> None:
        pid = _read_pid(self.run / "dockerd.pid")
        if pid is not None and _is(pid, "dockerd", str(self.root)):
            os.kill(pid, signal.SIGTERM)
            _wait_gone([pid], STOP_TIMEOUT)
        # What is left carries our exec root in its arguments: a killed dockerd's containerd, shims, proxies.
        left = _processes(str(self.run / "exec"))
        for each in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        _wait_gone(left, 5)
        for mount in sorted(_mounts(str(self.root)), key=len, reverse=True):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
        state = self.run / "before.json"
        if state.exists():
            _restore_network(json.loads(state.read_text()))
            state.unlink()
        for name in ("dockerd.pid", "docker.sock"):
            (self.run / name).unlink(missing_ok=True)
        shutil.rmtree(self.run / "exec", ignore_errors=True)


def _version() -> str:
    try:
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        output = subprocess.run(
            [shutil.which("dockerd", path=path) or "dockerd", "--version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        lacking = ", ".join(missing()) or "docker.io"
        raise NoEngine(f"No Docker engine runs, and none can be started: install {lacking}.") from None
    found = re.search(r"version ([\w.+-]+)", output)
    return found[1] if found else "unknown"


# --- processes and mounts ------------------------------------------------------------------------------------------


def _read_pid(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _arguments(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _is(pid: int, program: str, argument: str) -> bool:
    """Whether ``pid`` runs ``program`` with an argument under ``argument``: pids are used again by others."""
    arguments = _arguments(pid)
    return Path(arguments[0]).name == program and any(argument in each for each in arguments) if arguments else False


def _processes(argument: str) -> list[int]:
    own = os.getpid()
    programs = (
        "dockerd",
        "containerd",
        "containerd-shim",
        "containerd-shim-runc-v1",
        "containerd-shim-runc-v2",
        "docker-proxy",
    )
    pids = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and int(each.name) != own]
    return [pid for pid in pids if any(_is(pid, program, argument) for program in programs)]


def _wait_gone(pids: list[int], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while pids and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(ChildProcessError):  # reap those that this process started
                os.waitpid(pid, os.WNOHANG)
        pids = [pid for pid in pids if _arguments(pid)]
        if pids:
            time.sleep(0.05)


def _mounts(folder: str) -> list[str]:
    points = (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())
    return [point for point in points if point.startswith(folder + "/")]


# --- network -------------------------------------------------------------------------------------------------------

FORWARD = Path("/proc/sys/net/ipv4/ip_forward")


def _network_state() -> dict[str, object]:
    return {
        "forward": FORWARD.read_text().strip(),
        "rules": _rules(),
        "links": sorted(each.name for each in Path("/sys/class/net").iterdir()),
    }


def _rules() -> list[list[str]]:
    """``[table, line]`` of each chain and rule; policies without their counters."""
    rules, table = [], ""
    output = subprocess.run(
        ["iptables-save"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": "/usr/sbin:/sbin:/usr/bin:/bin"},
    ).stdout
    for line in output.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith((":", "-A")):
            rules.append([table, re.sub(r" \[\d+:\d+\]$", "", line)])
    return rules


def _restore_network(before: dict[str, object]) -> None:
    """Take away the rules and bridges that the engine made; rules that others made in the meantime stay."""
    rules = before["rules"]
    links = before["links"]
    assert isinstance(rules, list)
    assert isinstance(links, list)
    made = [rule for rule in _rules() if rule not in rules]
    bridges = [
        each.name
        for each in Path("/sys/class/net").iterdir()
        if each.name not in links and re.fullmatch(r"docker0|br-[0-9a-f]{12}", each.name)
    ]
    ours = re.compile("DOCKER|docker0|10\\.213\\.|172\\.17\\." + "".join(f"|{re.escape(name)}" for name in bridges))

    def iptables(*arguments: str) -> None:
        subprocess.run(
            ["iptables", "-w", *arguments],
            check=False,
            capture_output=True,
            env={**os.environ, "PATH": "/usr/sbin:/sbin:/usr/bin:/bin"},
        )

    for table, line in made:
        if line.startswith("-A") and ours.search(line):
            iptables("-t", table, "-D", *line.split()[1:])
    for table, line in made:
        if line.startswith(":DOCKER"):
            iptables("-t", table, "-X", line[1:].split()[0])
    if ["filter", ":FORWARD DROP"] in made:
        iptables("-P", "FORWARD", "ACCEPT")
    for name in bridges:
        subprocess.run(["ip", "link", "delete", name], check=False, capture_output=True)
    with contextlib.suppress(OSError):
        FORWARD.write_text(str(before["forward"]))


# --- for tests and people ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def engine() -> Iterator[str]:
    """The URL of an engine that answers for the length of the block.

    :raises NoEngine: none runs and none can be started
    """
    url = running()
    if url is not None:
        yield url
        return
    own = Dockerd()
    own.enter()
    try:
        yield own.url
    finally:
        own.leave()


@pytest.fixture(scope="session")
def dockerd() -> Iterator[str]:
    """The URL of a Docker engine. Where there is none and none can be started, the test fails and says what to
    install.
    """
    with engine() as url:
        yield url


def _run(command: list[str], url: str) -> int:
    child = subprocess.Popen(command, env={**os.environ, "DOCKER_HOST": url})
    # The terminal sends SIGINT to the child as well; SIGTERM comes to us alone.
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: child.terminate()),
    }
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit code is the command's."""
    parser = argparse.ArgumentParser(
        prog="python -m zoe_hub.testing.dockerd", description="Run a command with a Docker engine."
    )
    commands = parser.add_subparsers(dest="action", required=True)
    run = commands.add_parser(
        "run", help="run COMMAND with DOCKER_HOST set; start an engine if none runs, and stop it afterwards"
    )
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    commands.add_parser("missing", help="print the packages that starting an engine lacks; exit 1 if there are any")
    given = parser.parse_args(arguments)
    if given.action == "missing":
        print(" ".join(missing()))
        return 1 if missing() else 0
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command:
        parser.error("no COMMAND")
    try:
        with engine() as url:
            return _run(command, url)
    except NoEngine as problem:
        print(problem, file=sys.stderr)
        return 69


if __name__ == "__main__":
    sys.exit(main())
