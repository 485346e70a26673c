"""Starts one Spark process: `python launch.py master|worker|connect`; also `check` and `archive`.

Called by the hub's backends as the command of the framework's processes (the same on the local backend and in an
image), by image recipes, `make` targets and the ZApp `spark-archives` (`archive`), and by people (`check`). It ends in
`exec` of java, so that the process the backend watches is the JVM: TERM stops it, PWR decommissions a worker. Only a
Connect server with properties of the user's is a child, whose output tells which of them does not work
(`supervise.py`). Inputs come from the environment only, see README.md.
"""

from __future__ import annotations

import ctypes
import glob
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import appcds
from connect import missing_files
from jvm import EXIT_PROBLEM, SparkProblem, check, find_java, find_pyspark
from roles import ROLES, RoleLaunch, build
from supervise import supervise

EXIT_USAGE = 2
MASTER_TIMEOUT = 120.0
# Set by `cluster.py` only: a process that the hub starts must outlive the hub.
WITH_PARENT = "ZOE_SPARK_WITH_PARENT"
PR_SET_PDEATHSIG = 1
USAGE = "usage: python launch.py master|worker|connect|check|archive"


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """The exit code; a role that starts never returns."""
    if len(arguments) != 1 or arguments[0] not in (*ROLES, "check", "archive"):
        print(USAGE, file=sys.stderr)
        return EXIT_USAGE
    command = arguments[0]
    try:
        if command == "check":
            report = check(environment)
            print(json.dumps(report, indent=2))
            return EXIT_PROBLEM if report["problems"] else 0
        if command == "archive":
            # An orderly end, so that the cluster of the maker is not left behind.
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
            return appcds.make(environment)
        return _run(command, environment)
    except SparkProblem as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code


def _run(role: str, environment: Mapping[str, str]) -> int:
    os.umask(0o077)
    java, pyspark = find_java(environment), find_pyspark()
    archives = appcds.archives_for(environment, java, pyspark)
    launch = build(
        role,
        environment,
        java=java,
        pyspark=pyspark,
        python=sys.executable,
        archives=archives,
        cpus=len(os.sched_getaffinity(0)),
    )
    if missing := missing_files(launch.given, lambda path: bool(glob.glob(path))):
        key, path = missing
        raise SparkProblem(
            "configuration-wrong", f"{key} names {path}, which is not there. It has to be on this machine."
        )
    folder = Path(environment["ZOE_FOLDER"])
    prepare(folder, launch)
    if role == "master" and not archives.use and not archives.dump:
        print(
            "No class data archives for this Java and pyspark: Spark starts more slowly. 'zoe run spark-archives' makes"
            " them, once.",
            flush=True,
        )
    if launch.wait_for:
        wait_for_port(launch.wait_for, MASTER_TIMEOUT)
    if environment.get(WITH_PARENT):
        # The kernel keeps this wish across exec: a test cluster does not outlive a test run that was killed.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    os.chdir(folder)
    if launch.given:  # without properties of the user's there is nothing that they could be wrong about
        return supervise(launch, launch.given)
    os.execve(launch.argv[0], list(launch.argv), launch.environment)  # noqa: S606
    raise AssertionError


def prepare(folder: Path, launch: RoleLaunch) -> None:
    """Writes what the role reads, private to this user."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in launch.folders:
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        for name, text in launch.files.items():
            path = folder / name
            # Removed first: a file that was there keeps its mode when it is opened for writing.
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
    except OSError as error:
        raise SparkProblem("folder-unusable", f"ZOE_FOLDER {folder} cannot be written: {error}.") from error


def wait_for_port(address: str, timeout: float) -> None:
    """Waits until the master listens. A worker that comes too early tries again only after 5 to 15 seconds."""
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + timeout
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise SparkProblem(
                    "master-unreachable",
                    f"nothing listens on {address} after {timeout:.0f} s ({error}); look at the log of the master.",
                ) from error
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
