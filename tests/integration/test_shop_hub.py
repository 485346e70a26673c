"""The shop's ZApps through a real hub on processes of this machine: Spark jobs, a notebook with Spark, archives, what
is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zoe_hub.testing.hub import RunningHub, running_hub
from zoe_hub.testing.kernels import run_in_new_kernel

SMALL = {"workers": 1, "worker_memory": "600MiB", "driver_memory": "600MiB"}
PROGRAM = """
import json, os, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
(path,) = json.loads(os.environ["ZOE_JOB_DATA"])
print("lines", spark.read.text(path).where("value like '%spark%'").count(), "arguments", sys.argv[1:], flush=True)
sys.exit(7)
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub") / "data") as hub:
        yield hub


def log_of(hub: RunningHub, execution: str, process: str) -> str:
    return hub.call("GET", f"/executions/{execution}/processes/{process}/logs").text


def ended(hub: RunningHub, zapp: str, parameters: dict[str, Any], timeout: float = 200) -> dict[str, Any]:
    made = hub.post("/executions", {"zapp": zapp, "parameters": parameters})
    seen: dict[str, Any] = hub.wait(made["id"], lambda each: each["phase"] == "ended", timeout)
    return seen


@pytest.mark.spark
def test_a_python_program_reads_data_on_a_cluster_of_its_own_and_its_exit_code_is_the_jobs(
    hub: RunningHub, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("with spark\nwithout\nspark again\n")
    seen = ended(
        hub,
        "spark-job",
        {**SMALL, "code": PROGRAM, "data": [str(tmp_path / "words.txt")], "arguments": ["--fast", "a b"]},
    )
    log = log_of(hub, seen["id"], "job-0")
    assert (seen["outcome"], seen["exit_code"]) == ("failed", 7), f"{seen['reason']}\n{log}"
    assert "lines 2 arguments ['--fast', 'a b']" in log
    assert all(process["state"] == "ended" for process in seen["processes"])


@pytest.mark.spark
def test_a_jar_runs_on_a_cluster_of_its_own(hub: RunningHub) -> None:
    import pyspark

    (jar,) = (Path(pyspark.__file__).parent / "jars").glob("spark-hive-thriftserver_*.jar")
    main = "org.apache.spark.sql.hive.thriftserver.SparkSQLCLIDriver"
    seen = ended(
        hub,
        "spark-job",
        {
            **SMALL,
            "file": str(jar),
            "main_class": main,
            "arguments": ["-e", "SELECT concat('sum ', sum(id)) FROM range(100)"],
            "conf": {"spark.sql.catalogImplementation": "in-memory"},
        },
    )
    log = log_of(hub, seen["id"], "job-0")
    assert seen["outcome"] == "completed", f"{seen['reason']}\n{log}"
    assert "sum 4950" in log


@pytest.mark.spark
def test_a_notebook_with_spark_has_its_session_from_the_start(hub: RunningHub) -> None:
    made = hub.post("/executions", {"zapp": "spark-notebook", "parameters": SMALL})
    seen = hub.wait(made["id"], lambda each: each["phase"] in ("running", "ended"), 120)
    assert seen["phase"] == "running", seen["reason"]
    (web,) = [each for each in seen["endpoints"] if each["process"] == "notebook-0"]
    url = f"{hub.url}{web['path'].removesuffix('lab')}"
    printed = asyncio.run(
        run_in_new_kernel(
            url, {"Authorization": f"Bearer {hub.token}"}, "print(spark.range(1000).count())\n%zoe ps", 180
        )
    )
    assert "1000" in printed
    assert "Traceback" not in printed
    hub.post(f"/executions/{made['id']}/terminate", {})
    assert hub.wait(made["id"], lambda each: each["phase"] == "ended", 60)["outcome"] == "cancelled"


@pytest.mark.spark
def test_archives_are_made_once(hub: RunningHub) -> None:
    """The set of this environment is there since it was set up: nothing is made a second time."""
    seen = ended(hub, "spark-archives", {}, 900)
    log = log_of(hub, seen["id"], "maker-0")
    assert seen["outcome"] == "completed", log
    assert "pyspark-" in log


def test_without_java_nothing_is_started_and_the_remedy_is_told(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    with running_hub(tmp_path / "data", environment={"PATH": str(programs), "JAVA_HOME": ""}) as hub:
        refused = hub.call("POST", "/executions", {"zapp": "spark-cluster"})
        assert refused.status_code == 424, refused.text
        assert refused.json()["code"] == "java-missing"
        assert "17" in refused.json()["detail"]
        assert "JAVA_HOME" in refused.json()["detail"]
        assert hub.get("/executions")["items"] == []
        (programs / "java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
        (programs / "java").chmod(0o755)
        refused = hub.call("POST", "/executions", {"zapp": "spark-cluster"})
        assert refused.json()["code"] == "java-missing"
        assert "11" in refused.json()["detail"]
        assert hub.get("/executions")["items"] == []
