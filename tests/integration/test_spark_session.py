"""The life of a Spark session in a notebook: what ends it, what it says then, and what a cell leaves on the cluster.

A real hub, real kernels, a real Spark cluster that the tests share; each brings it back to where the next can use it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from jupyter_zoe.client import Client
from jupyter_zoe.hub.info import HubInfo
from zoe_hub.testing.kernels import CellOutcome, NotebookKernel, clean_environment, eventually, own_hub

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

NAP = """
from pyspark.sql.functions import udf
@udf("long")
def nap(x):
    import time
    time.sleep(1)
    return x
"""
LONG = "spark.range(0, 400, 1, 4).select(nap('id')).collect()"  # 100 s of sleep on each of four cores


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("home")
    with own_hub(clean_environment(home)):
        yield home


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[NotebookKernel]:
    kernel = NotebookKernel(clean_environment(home), "/notebooks/report.ipynb")
    kernel.start()
    try:
        yield kernel
    finally:
        kernel.stop()


@pytest.fixture
def hub(home: Path, running: NotebookKernel) -> Iterator[Client]:
    running.ok("%zoe ps")  # starts it
    found = json.loads((home / "zoe" / "hub.json").read_text())
    with Client(
        HubInfo(url=found["url"], token=found["token"], embedded=True, pid=found["pid"], started=found["started"])
    ) as client:
        yield client


@pytest.fixture
def kernel(running: NotebookKernel, hub: Client) -> NotebookKernel:
    """A kernel that is attached to a Spark cluster with one worker of two cores."""
    running.ok("%zoe attach spark --workers 1 --worker-cores 2")
    running.ok(NAP)
    return running


class Pages:
    """What Spark's own interface says of the running cluster, through the hub's proxy."""

    def __init__(self, hub: Client, execution: str) -> None:
        url = f"{hub.info.url}/zoe/pages/{execution}/connect-0/ui/api/v1/"
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {hub.info.token}"}, timeout=30)
        self._application = self._get("applications")[0]["id"]

    def _get(self, path: str) -> Any:
        return self._http.get(path).raise_for_status().json()

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs, the newest first."""
        jobs: list[dict[str, Any]] = self._get(f"applications/{self._application}/jobs")
        return jobs

    def running(self) -> list[int]:
        """Jobs under way."""
        return [job["jobId"] for job in self.jobs() if job["status"] == "RUNNING"]


@pytest.fixture
def pages(hub: Client, kernel: NotebookKernel) -> Pages:
    (view,) = hub.list_executions(active=True)["items"]
    return Pages(hub, view["id"])


class Background:
    """A cell that runs meanwhile."""

    def __init__(self, kernel: NotebookKernel, code: str) -> None:
        self._outcome: list[tuple[CellOutcome, float]] = []
        self._thread = threading.Thread(
            target=lambda: self._outcome.append((kernel.run(code), time.monotonic())), daemon=True
        )
        self._thread.start()

    def end(self, timeout: float) -> tuple[CellOutcome, float]:
        """What it did, and when it had ended."""
        self._thread.join(timeout)
        assert self._outcome, f"the cell has not ended within {timeout:g} s"
        return self._outcome[0]


def connect_server(hub: Client, execution: str) -> psutil.Process:
    """The JVM of the Connect server."""
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
            if any("SparkConnectServer" in part for part in line) and any(execution in part for part in line):
                return process
        except psutil.Error:
            continue
    raise AssertionError("there is none")


def test_jobs_carry_the_name_of_their_cell(kernel: NotebookKernel, pages: Pages) -> None:
    kernel.ok("spark.range(1000).repartition(2).count()")
    count = kernel.value("get_ipython().execution_count") - 1
    newest = pages.jobs()[0]
    assert newest["description"] == f"report.ipynb, cell {count}"
    assert any(each.endswith(f"Tag_report.ipynb  cell {count}") for each in newest["jobTags"])
    # a thread of the cell is the cell as well; another description of the user's own stays
    kernel.ok("import threading\nt = threading.Thread(target=spark.range(5).collect); t.start(); t.join()")
    assert pages.jobs()[0]["description"] == f"report.ipynb, cell {count + 2}"
    kernel.ok("spark.conf.set('spark.job.description', 'mine')\nspark.range(5).collect()")
    kernel.ok("spark.range(6).collect()")
    assert pages.jobs()[0]["description"] == "mine"


def test_the_history_says_which_cell_had_queries(kernel: NotebookKernel, hub: Client, pages: Pages) -> None:
    (view,) = hub.list_executions(active=True)["items"]

    def told() -> list[str]:
        events = hub.get_history(view["id"], limit=10000)["items"]
        return [
            cell for each in events if each["kind"] == "attachment.worked" for cell in each["reason"]["facts"]["cells"]
        ]

    kernel.ok("for _ in range(3): spark.range(1000).count()")
    cell = f"report.ipynb, cell {kernel.value('get_ipython().execution_count') - 1}"
    eventually(lambda: cell in told(), 30)
    kernel.ok("1 + 1")
    silent = f"report.ipynb, cell {kernel.value('get_ipython().execution_count') - 1}"
    kernel.ok("spark.range(1000).count()")
    last = f"report.ipynb, cell {kernel.value('get_ipython().execution_count') - 1}"
    eventually(lambda: last in told(), 30)
    assert told().count(cell) == 1, "once, however many queries it had"
    assert silent not in told(), "it asked the cluster for nothing"
    story = [line for line in kernel.ok("%zoe status --story").text.splitlines() if "queries of report.ipynb" in line]
    assert any(cell in line for line in story), "perhaps beside others of the same seconds"


THREADS = f"""
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as pool:  # which waits for what has begun, whatever happens
    list(pool.map(lambda _: {LONG}, range(3)))
"""


@pytest.mark.parametrize(("code", "queries"), [(LONG, 1), (THREADS, 2)], ids=["query", "threads"])
def test_the_stop_button_ends_queries_on_the_cluster(
    kernel: NotebookKernel, pages: Pages, code: str, queries: int
) -> None:
    cell = Background(kernel, code)
    eventually(lambda: len(pages.running()) == queries, 60)
    pressed = time.monotonic()
    kernel.interrupt()
    eventually(lambda: not pages.running(), 10)
    assert time.monotonic() - pressed < 2.5, "two seconds, and half of one for asking"
    outcome, ended = cell.end(20)
    assert outcome.status == "error"
    assert ended - pressed < 10
    assert pages.running() == []
    assert kernel.value("spark.range(3).count()") == 3, "the session lives on"


def test_the_queries_of_a_killed_kernel_end_when_its_successor_attaches(
    kernel: NotebookKernel, home: Path, hub: Client, pages: Pages
) -> None:
    first = NotebookKernel(clean_environment(home), "/notebooks/killed.ipynb")
    first.start()
    (view,) = hub.list_executions(active=True)["items"]
    try:
        first.ok(f"%zoe attach --execution {view['name']}")
        first.ok(NAP)
        first.send(LONG)
        eventually(pages.running, 60)
        first.kill()
    finally:
        first.stop()
    second = NotebookKernel(clean_environment(home), "/notebooks/killed.ipynb")
    second.start()
    try:
        begun = time.monotonic()
        second.ok("%zoe attach")
        assert second.value("spark.range(7).count()") == 7
        assert time.monotonic() - begun < 30
        assert pages.running() == []
        second.ok("%zoe detach")
    finally:
        second.stop()
    assert kernel.value("spark.range(3).count()") == 3, "the session of another notebook is untouched"


def test_two_kernels_that_live_leave_each_other_alone(kernel: NotebookKernel, home: Path, hub: Client) -> None:
    """As when one notebook is open in two servers: the second one is no successor."""
    kernel.ok("spark.range(3).createOrReplaceTempView('mine')")
    other = NotebookKernel(clean_environment(home), "/notebooks/report.ipynb")
    other.start()
    try:
        other.ok("%zoe attach")
        assert kernel.value("spark.table('mine').count()") == 3
    finally:
        other.stop()


def test_a_server_that_was_lost_is_told_once_and_there_is_a_new_session(kernel: NotebookKernel, hub: Client) -> None:
    (view,) = hub.list_executions(active=True)["items"]
    kernel.ok("old = spark.range(4); spark.range(3).createOrReplaceTempView('mine'); session = spark.session_id")
    connect_server(hub, view["id"]).kill()
    failed = kernel.run("spark.range(4).count()", timeout=180)
    assert failed.status == "error"
    waited = [line for line in failed.updates if "waiting until there can be another one" in line]
    assert waited, "it takes a while until there is a new server, and that is said"
    assert failed.text == "", "afterwards the error says it"
    assert failed.error.startswith(f"Zoe: The session of {view['name']} is gone: ")
    assert "Gone with it: temporary views, functions and cached tables." in failed.error
    assert "'spark' is a new session." in failed.error
    assert "Traceback" not in failed.error
    assert kernel.value("(spark.range(4).count(), spark.session_id == session)") == [4, False]
    assert "is the same session as before" in kernel.ok("%zoe attach").text, "it was told"
    left = kernel.run("old.count()")
    assert left.error.startswith(f"Zoe: This belongs to a session of {view['name']} that is gone. [session-lost]")
    assert kernel.value("spark.range(4).count()") == 4


def test_attaching_tells_of_a_session_that_nobody_has_missed_yet(kernel: NotebookKernel, hub: Client) -> None:
    (view,) = hub.list_executions(active=True)["items"]
    kernel.ok("spark.client.release_session()")  # as Spark does it by itself after an hour, unless it is told otherwise
    again = kernel.ok("%zoe attach").text
    assert again.startswith(f"The session of {view['name']} is gone: ")
    assert "temporary views" in again
    assert "`spark` is a new session." in again
    assert kernel.value("spark.range(4).count()") == 4
    once = kernel.ok("%zoe attach").text
    assert "is the same session as before" in once
    assert "gone" not in once


def test_a_session_that_spark_has_closed_is_one_message(kernel: NotebookKernel, hub: Client) -> None:
    kernel.ok("spark.client.release_session(); spark.client._closed = False")
    failed = kernel.run("spark.range(4).count()")
    assert "is gone: Spark has closed it." in failed.error
    assert "'spark' is a new session." in failed.error
    assert kernel.value("spark.range(4).count()") == 4


def test_the_waiting_cell_hears_that_its_cluster_was_ended(kernel: NotebookKernel, hub: Client, pages: Pages) -> None:
    (view,) = hub.list_executions(active=True)["items"]
    cell = Background(kernel, LONG)
    eventually(pages.running, 60)
    ended = time.monotonic()
    hub.terminate_execution(view["id"])
    outcome, told = cell.end(60)
    assert told - ended < 10
    assert outcome.error.startswith(f"Zoe: {view['name']} has ended: terminated by ")
    assert "Traceback" not in outcome.error
    assert "[cluster-ended]" in outcome.error
    hub.wait(view["id"], "ended", timeout=60)
    begun = time.monotonic()
    again = kernel.run("spark.range(4).count()")
    assert "[cluster-ended]" in again.error
    assert time.monotonic() - begun < 5
    assert "Attached to" in kernel.ok("%zoe attach spark --workers 1 --worker-cores 2").text
    assert kernel.value("spark.range(4).count()") == 4


def test_what_the_kernel_had_is_there_again_after_a_detach(kernel: NotebookKernel) -> None:
    assert kernel.value("__import__('os').environ['SPARK_REMOTE'].startswith('sc://')") is True
    kernel.ok("%zoe detach")
    assert kernel.value("[name for name in __import__('os').environ if name.startswith('SPARK')]") == []
    kernel.ok("spark = mine = 'my own'")
    assert "Your own `spark` comes back when you detach." in kernel.ok("%zoe attach spark --workers 1").text
    assert kernel.value("spark.range(3).count()") == 3
    kernel.ok("%zoe detach")
    assert kernel.value("spark is mine") is True
    kernel.ok("del spark, mine")


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ("spark.files=/no/such/file.txt", "/no/such/file.txt"),
        ("spark.jars=/no/such/library.jar", "/no/such/library.jar"),
        ("spark.jars.packages=org.example.nobody:no-such-thing:9.9", "org.example.nobody:no-such-thing:9.9"),
        ("spark.serializer=no.such.Serializer", "spark.serializer=no.such.Serializer"),
        ("spark.sql.shuffle.partitions=many", "spark.sql.shuffle.partitions=many"),
        ("spark.driver.maxResultSize=plenty", "spark.driver.maxResultSize=plenty"),
    ],
)
def test_what_cannot_work_is_said_by_attach_at_once(
    running: NotebookKernel, hub: Client, properties: str, named: str
) -> None:
    begun = time.monotonic()
    failed = running.run(f"%zoe attach spark --workers 1 --conf {properties}", timeout=300)
    seconds = time.monotonic() - begun
    assert failed.status == "error"
    assert named in failed.error
    assert "Traceback" not in failed.error
    assert seconds < 150
    view = hub.wait(hub.list_executions(limit=1)["items"][0]["id"], timeout=60)
    assert (view["phase"], view["outcome"]) == ("ended", "failed")
    assert [each["starts"] for each in view["processes"] if each["id"] == "connect-0"] == [1], "started once"
    running.run("%zoe detach")


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ("spark.executor.cores=99", "spark.executor.cores=99 does not work: a worker has 1."),
        ("spark.executor.memory=4g", "spark.executor.memory is set by Zoe"),
        (
            "spark.executor.resource.gpu.amount=1",
            "spark.executor.resource.gpu.amount=1 does not work: workers have no",
        ),
    ],
    ids=["cores", "memory", "resource"],
)
def test_an_executor_that_no_worker_can_give_is_said_before_anything_runs(
    running: NotebookKernel, properties: str, named: str
) -> None:
    running.run("%zoe detach")  # from what another test has left: it would be found instead
    begun = time.monotonic()
    failed = running.run(f"%zoe attach spark --workers 1 --conf {properties}")
    assert named in failed.error
    assert "Traceback" not in failed.error
    assert time.monotonic() - begun < 20, "without a Java started, and far from the check's time limit"
    running.run("%zoe detach")
