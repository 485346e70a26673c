"""The Spark framework's own programs as real processes: a session grows, shrinks without a lost result, leaks no
secret.

No hub here: what a backend does (ports, environment, folder, signals) is done by `frameworks/spark/cluster.py`.
"""

from __future__ import annotations

import base64
import os
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

FRAMEWORK = Path(__file__).resolve().parents[2] / "frameworks" / "spark"
sys.path.insert(0, str(FRAMEWORK))

from cluster import LocalCluster, Member  # noqa: E402

from zoe_hub.controllers.kit.tokens import jws  # noqa: E402

LIMIT = 600
MEMORY = str(512 * 2**20)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Master, one worker of one core and Connect, started at once; the whole module has LIMIT seconds."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"the Spark tests took more than {LIMIT} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    folder = tmp_path_factory.mktemp("spark")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "ZOE_"))}
    with LocalCluster(folder, environment) as cluster:
        cluster.start("master")
        _worker(cluster)
        cluster.start("connect", ZOE_SPARK_WORKER_MEMORY=MEMORY)
        cluster.wait("Spark Connect to listen", cluster.connect_open)
        yield cluster
        signal.alarm(60)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def spark(cluster: LocalCluster) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    assert cluster.remote.startswith("sc://localhost:")
    session = SparkSession.builder.remote(cluster.remote).create()
    yield session
    session.stop()


def _worker(cluster: LocalCluster) -> Member:
    return cluster.start("worker", ZOE_SPARK_WORKER_CORES="1", ZOE_SPARK_WORKER_MEMORY=MEMORY)


def places(session: Any, tasks: int, seconds: float) -> dict[str, int]:
    """Runs tasks that take a while and tells on which worker how many of them ran."""
    from pyspark.sql import functions as f

    @f.udf("string")
    def place(number: int) -> str:
        import os
        import re
        import time

        time.sleep(seconds)
        found = re.search(r"worker-\d+", os.environ["SPARK_EXECUTOR_DIRS"])
        return found.group() if found else "nowhere"

    rows = session.range(0, tasks, 1, tasks).select(place("id").alias("place")).groupBy("place").count().collect()
    return {row["place"]: row["count"] for row in rows}


def members(cluster: LocalCluster, role: str) -> list[Member]:
    return [member for member in cluster.members if member.role == role]


def test_a_query_and_python_functions_run_with_the_interpreter_of_the_client(spark: Any) -> None:
    import pandas as pd
    from pyspark.sql import functions as f

    @f.udf("string")
    def version(number: int) -> str:
        import sys

        return sys.version

    @f.udf("string")
    def place(number: int) -> str:
        import pyspark

        return pyspark.__file__

    def double(values: pd.Series) -> pd.Series:
        return values * 2

    double.__annotations__ = {"values": pd.Series, "return": pd.Series}
    doubled = f.pandas_udf(double, "long")
    assert spark.range(1000).count() == 1000
    rows = spark.range(3).select(version("id").alias("version"), doubled("id").alias("double")).collect()
    assert {row["version"] for row in rows} == {sys.version}
    assert [row["double"] for row in rows] == [0, 2, 4]
    (row,) = spark.range(1).select(place("id").alias("place")).collect()
    assert ".zip" not in row["place"], "modules from an archive are compiled at each start"


def test_a_wrong_token_is_refused(cluster: LocalCluster) -> None:
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    address = cluster.remote.partition(";token=")[0]
    with pytest.raises(PySparkException) as refused:
        SparkSession.builder.remote(f"{address};token=wrong").create().range(1).count()
    assert "UNAUTHENTICATED" in str(refused.value) or "Invalid" in str(refused.value)


def test_new_workers_join_the_running_session(cluster: LocalCluster, spark: Any) -> None:
    assert len(places(spark, tasks=2, seconds=0)) == 1
    _worker(cluster)
    _worker(cluster)
    cluster.wait("three workers", lambda: len(cluster.workers()) == 3)
    cluster.wait("three executors", lambda: sum(w["coresused"] for w in cluster.workers()) == 3)
    # An executor takes tasks once its JVM is up: ask until all three do.
    used: set[str] = set()

    def all_work() -> bool:
        used.update(places(spark, tasks=6, seconds=0.4))
        return len(used) == 3

    cluster.wait("tasks on three workers", all_work)


def test_a_decommissioned_worker_finishes_its_tasks_and_is_drained(cluster: LocalCluster, spark: Any) -> None:
    leaving = members(cluster, "worker")[-1]
    cached = spark.range(100000).repartition(6).cache()
    assert cached.count() == 100000
    results: list[dict[str, int]] = []
    query = threading.Thread(target=lambda: results.append(places(spark, tasks=24, seconds=0.5)), daemon=True)
    query.start()
    cluster.wait("the query to reach the worker", lambda: _python_workers(leaving) > 0)
    leaving.process.send_signal(signal.SIGPWR)
    cluster.wait("the worker to be drained", lambda: cluster.drained(leaving), timeout=60)
    assert [w["port"] for w in cluster.workers("DECOMMISSIONED")] == [leaving.ports["RPC"]]
    query.join(60)
    assert sum(results[0].values()) == 24
    leaving.process.terminate()
    assert leaving.process.wait(20) == 143
    assert cached.count() == 100000
    assert leaving.folder.name not in places(spark, tasks=4, seconds=0.1)


def test_the_user_interfaces_live_under_the_prefix_of_a_proxy(cluster: LocalCluster) -> None:
    prefix = "/zoe/pages/e1/ui"
    proxied = {**cluster.login, "X-Forwarded-Context": prefix}
    for url in (cluster.master_url, cluster.connect_url):
        status, headers, body = _get(f"{url}/", proxied)
        if status == 302:
            assert headers["Location"].startswith(f"{prefix}/")
            path = headers["Location"].removeprefix(prefix)
            status, headers, body = _get(f"{url}{path}", proxied)
        assert status == 200
        assert f'href="{prefix}/static/' in body
        assert 'href="/static/' not in body
        assert 'src="/static/' not in body
        assert headers.get("X-Frame-Options", "SAMEORIGIN") == "SAMEORIGIN"


def test_the_user_interfaces_open_to_the_hub_alone(cluster: LocalCluster) -> None:
    worker = next(member for member in members(cluster, "worker") if member.process.poll() is None)
    other = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    forged = {"Authorization": f"Bearer {jws(other)}"}
    for url in (cluster.master_url, cluster.connect_url, f"http://127.0.0.1:{worker.ports['UI']}"):
        for page in ("/", "/static/webui.css", "/api/v1/applications", "/json/"):
            for login in ({}, forged, {"Authorization": "Bearer x"}):
                assert _get(url + page, login)[0] == 403, (url, page)
        assert _get(f"{url}/static/webui.css", {"Authorization": f"Bearer {jws(cluster.pages_secret)}"})[0] == 200, (
            "what the hub signs passes"
        )


def test_no_secret_is_in_an_argument_list_a_log_or_a_file_of_others(cluster: LocalCluster, spark: Any) -> None:
    secrets = {
        cluster.rpc_secret.encode(),
        cluster.token.encode(),
        cluster.pages_secret.encode(),
        cluster.login["Authorization"].encode(),
    }
    me = os.getpid()
    seen = 0
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != me:
            try:
                arguments = (process / "cmdline").read_bytes()
            except OSError:
                continue
            seen += b"CoarseGrainedExecutorBackend" in arguments
            assert not any(secret in arguments for secret in secrets), arguments[:200]
    assert seen >= 1, "the command line of an executor is the one that matters"
    for path in cluster.folder.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        try:
            holds = any(secret in path.read_bytes() for secret in secrets)
        except FileNotFoundError:
            continue
        if path.name == "spark.properties":
            assert path.stat().st_mode & 0o077 == 0
        else:
            assert not holds, f"{path} holds a secret"
    for member in cluster.members:
        if member.process.poll() is None:
            assert member.folder.stat().st_mode & 0o077 == 0
    # Pages of the interfaces show configuration: without the secrets.
    pages = [(cluster.connect_ports["UI"], page) for page in ("environment/", "executors/")]
    pages += [(member.ports["UI"], "json/") for member in cluster.members if member.role != "connect"]
    for port, page in pages:
        if any(member.ports["UI"] == port and member.process.poll() is not None for member in cluster.members):
            continue
        status, _, body = _get(f"http://127.0.0.1:{port}/{page}", cluster.login)
        assert status == 200
        assert not any(secret in body.encode() for secret in secrets)


def test_a_process_without_the_secret_does_not_get_in(cluster: LocalCluster) -> None:
    stranger = cluster.start("worker", ZOE_SECRET_RPC="0" * 64, ZOE_SPARK_WORKER_CORES="1")
    alive = len(cluster.workers())
    try:
        cluster.wait("the stranger to be refused", lambda: "Failed to connect to master" in stranger.text(), timeout=60)
        assert "Successfully registered" not in stranger.text()
        assert len(cluster.workers()) == alive
    finally:
        stranger.process.kill()
        stranger.process.wait()
        cluster.members.remove(stranger)


def _python_workers(member: Member) -> int:
    """How many Python daemons run in the session of a worker, so: whether it has begun with a query."""
    count = 0
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if os.getsid(int(process.name)) == member.process.pid:
                    count += b"zoe_spark_python" in (process / "cmdline").read_bytes()
            except OSError:
                continue
    return count


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _get(url: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), ""
