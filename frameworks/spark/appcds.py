"""AppCDS archives: classes of Spark already parsed and verified, which halves the start of every JVM of a cluster.

Called by `launch.py`: `archives_for` at the start of every role (looks, never waits), `make` for `launch.py archive`
(image recipes, `make` targets, the ZApp `spark-archives`).

A set is one folder `<cache>/appcds/<key>/` with master.jsa, worker.jsa, connect.jsa and executor.jsa, about 400 MB. The
key holds everything an archive depends on, so a set is either right or not found. It appears by one rename, complete.
Sets are made by a small cluster of their own and not at the end of a user's session: writing the archive of the Connect
server takes longer than the grace between TERM and KILL.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from cluster import LocalCluster, TooLate
from jvm import Java, Pyspark, SparkProblem, find_java, find_pyspark
from roles import Archives

ARCHIVED = ("master", "worker", "connect", "executor")
# Part of the key: raise it when flags, class path or work of a role change.
SCHEMA = 2
SETS_KEPT = 3
TIME_LIMIT = 600.0
SPACE_NEEDED = 1024 * 1024 * 1024
DUMP = "dump:"
INDEX = "set.json"
# First bytes of a dynamic archive (CDS_DYNAMIC_ARCHIVE_MAGIC), in the byte order of the machine.
MAGIC = 0xF00BABA8


def folder_of_sets(environment: Mapping[str, str]) -> Path:
    """Where all sets of this user (or this image) are."""
    cache = environment.get("ZOE_CACHE")
    return (Path(cache) if cache else Path(environment.get("HOME") or os.sep) / ".cache" / "zoe") / "appcds"


def key(java: Java, pyspark: Pyspark) -> str:
    """Changes when the JVM, the jars, their place or this program change; 280 `stat` calls, 2 ms."""
    parts = [str(SCHEMA), java.executable, java.version, pyspark.version]
    for path in (java.libjvm, *pyspark.jars):
        seen = os.stat(path)
        parts.append(f"{path} {seen.st_size} {int(seen.st_mtime)}")
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return f"pyspark-{pyspark.version}-java-{java.major}-{digest}"


def archives_for(environment: Mapping[str, str], java: Java, pyspark: Pyspark) -> Archives:
    """What a starting role uses. ZOE_SPARK_ARCHIVE: `use` (default) or `off`."""
    wanted = environment.get("ZOE_SPARK_ARCHIVE") or "use"
    if wanted.startswith(DUMP):
        target = wanted.removeprefix(DUMP)
        return Archives(dump={role: f"{target}/{role}.jsa" for role in ARCHIVED})
    if wanted != "use":
        return Archives()
    found = folder_of_sets(environment) / key(java, pyspark)
    usable = _usable(found)
    if usable:
        # The time of last use, which `_prune` goes by; an image's folder may be read-only.
        with contextlib.suppress(OSError):
            os.utime(found)
    return Archives(use=usable)


def _usable(found: Path) -> dict[str, str]:
    """The archives of a set that are as they were made, by this user or by root: an archive is code.

    The JVM checks the head of an archive only and crashes on damage further in. A check of every byte at every start
    costs 0.1 s for a worker and 0.4 s for Connect, so size and time of writing stand for it.
    """
    try:
        made = json.loads((found / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    result: dict[str, str] = {}
    for role in ARCHIVED:
        path = found / f"{role}.jsa"
        with contextlib.suppress(OSError):
            seen = os.stat(path)
            if seen.st_uid in (0, os.geteuid()) and made.get(role) == [seen.st_size, int(seen.st_mtime)]:
                result[role] = str(path)
    return result


def make(environment: Mapping[str, str]) -> int:
    """Makes the set of this Java and pyspark unless it is there; the exit code of `launch.py archive`."""
    java, pyspark = find_java(environment), find_pyspark()
    sets = folder_of_sets(environment)
    name = key(java, pyspark)
    begin = time.monotonic()
    try:
        sets.mkdir(mode=0o755, parents=True, exist_ok=True)
        with _locked(sets / f"{name}.lock"):
            if len(_usable(sets / name)) < len(ARCHIVED):
                if shutil.disk_usage(sets).free < SPACE_NEEDED:
                    raise SparkProblem(
                        "disk-full", f"{sets} needs {SPACE_NEEDED >> 20} MiB of free space; set ZOE_CACHE."
                    )
                _make_set(sets, name, environment)
                _prune(sets, name)
        size = sum(path.stat().st_size for path in (sets / name).glob("*.jsa"))
    except OSError as error:
        raise SparkProblem(
            "archive-failed", f"{sets} cannot be used ({error}); Spark starts without, only slower."
        ) from error
    print(f"{sets / name}: {size / 1e6:.0f} MB, {time.monotonic() - begin:.0f} s")
    return 0


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One maker at a time; a second one waits for the first and then finds its set."""
    with open(path, "w", encoding="utf-8") as lock:
        deadline = time.monotonic() + TIME_LIMIT
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise SparkProblem("archive-failed", f"another maker has held {path} for too long.") from error
                time.sleep(0.5)
        yield


def _make_set(sets: Path, name: str, environment: Mapping[str, str]) -> None:
    """Runs a cluster through typical work, ends each process gracefully, then shows the finished set by a rename."""
    new = Path(tempfile.mkdtemp(prefix=f"{name}.new-", dir=sets))
    scratch = Path(tempfile.mkdtemp(prefix="zoe-spark-archive-"))
    own = {n: value for n, value in environment.items() if not n.startswith(("ZOE_SPARK_", "ZOE_PORT_"))}
    own |= {"ZOE_SPARK_ARCHIVE": f"{DUMP}{new}", "ZOE_SPARK_WORKER_CORES": "2"}
    deadline = time.monotonic() + TIME_LIMIT
    try:
        with LocalCluster(scratch, own) as cluster:
            for role in ("master", "worker", "connect"):
                cluster.start(role)
            cluster.wait("Spark Connect to listen", cluster.connect_open, timeout=300)
            warm_up = [sys.executable, str(Path(__file__).with_name("warmup.py")), str(scratch)]
            told = subprocess.run(
                warm_up,
                env=own | {"SPARK_REMOTE": cluster.remote},
                capture_output=True,
                timeout=max(1.0, deadline - time.monotonic()),
                check=False,
            )
            if told.returncode:
                last = told.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
                raise SparkProblem("archive-failed", f"the queries of the warm-up failed: {last[0]}")
            # What people and probes look at; the worker's is asked below.
            cluster.page(cluster.master_url)
            cluster.page(cluster.connect_url)
            # A decommissioned executor ends by itself, in its own time. One that is told to stop is killed after 10 s.
            worker = next(member for member in cluster.members if member.role == "worker")
            worker.process.send_signal(signal.SIGPWR)
            cluster.wait("the executor to end", lambda: cluster.drained(worker), timeout=300)
            # One after the other: three JVMs that write archives at once would need twice the memory.
            for role in ("connect", "worker", "master"):
                process = next(member.process for member in cluster.members if member.role == role)
                process.terminate()
                process.wait(max(1.0, deadline - time.monotonic()))
        _seal(new)
        shutil.rmtree(sets / name, ignore_errors=True)
        os.rename(new, sets / name)
    except (TooLate, subprocess.TimeoutExpired) as error:
        raise SparkProblem("archive-failed", f"{error}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(scratch, ignore_errors=True)


def _seal(new: Path) -> None:
    """Checks that a set is complete, writes its index and makes sure that both are on the disk."""
    made: dict[str, list[int]] = {}
    for role in ARCHIVED:
        path = new / f"{role}.jsa"
        try:
            # Readable for all: nothing but classes of Spark is in it, and in an image another user starts the roles.
            path.chmod(0o444)
            with open(path, "rb") as stream:
                os.fsync(stream.fileno())
                if int.from_bytes(stream.read(4), sys.byteorder) != MAGIC:
                    raise SparkProblem("archive-failed", f"{role} left an archive that is not complete.")
        except FileNotFoundError as error:
            raise SparkProblem("archive-failed", f"{role} left no archive.") from error
        seen = path.stat()
        made[role] = [seen.st_size, int(seen.st_mtime)]
    with open(new / INDEX, "w", encoding="utf-8") as stream_of_index:
        json.dump(made, stream_of_index)
        stream_of_index.flush()
        os.fsync(stream_of_index.fileno())
    (new / INDEX).chmod(0o444)
    new.chmod(0o755)


def _prune(sets: Path, current: str) -> None:
    """Keeps the sets used last, so that the cache stays near SETS_KEPT times 400 MB; running JVMs keep what they
    map.
    """
    others = [path for path in sets.iterdir() if path.is_dir() and path.name != current]
    leftovers = [path for path in others if ".new-" in path.name and time.time() - path.stat().st_mtime > TIME_LIMIT]
    complete = sorted((path for path in others if ".new-" not in path.name), key=lambda path: -path.stat().st_mtime)
    for path in leftovers + complete[SETS_KEPT - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
