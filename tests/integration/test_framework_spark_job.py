"""The code that a kernel runs to attach, and the driver of a Spark job, against a real standalone cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zoe_hub.catalog import Catalog

FRAMEWORKS = Path(__file__).parents[2] / "frameworks"
pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def spec():
    catalog = Catalog([FRAMEWORKS])
    catalog.load()
    return catalog.render("spark-cluster", {}).spec


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    sys.path.insert(0, str(FRAMEWORKS / "spark"))
    try:
        from cluster import LocalCluster
    finally:
        sys.path.remove(str(FRAMEWORKS / "spark"))
    with LocalCluster(tmp_path_factory.mktemp("cluster") / "c") as cluster:
        for role in ("master", "worker", "connect"):
            cluster.start(role)
        cluster.wait("the Connect server", cluster.connect_open, timeout=120)
        yield cluster


KERNEL = """
import os, sys
from jupyter_zoe.attaching.guard import Guard
names = {"outputs": {"spark_remote": sys.argv[1]}, "secrets": {"connect": sys.stdin.readline().strip()}}
names["guard"] = Guard()
exec(sys.argv[2], names)
spark, token = names["spark"], names["secrets"]["connect"]
from pyspark.sql import SparkSession, functions as F
print(spark.range(10).select(F.sum("id")).collect()[0][0])
print(SparkSession.builder.getOrCreate() is spark)
print([name for name, value in os.environ.items() if token in value], token in repr(spark.client._builder))
print(spark.range(3).select(F.udf(lambda x: x * 2, "long")("id").alias("x")).toPandas()["x"].tolist())
"""


def kernel(cluster, spec, token):
    remote = f"sc://127.0.0.1:{cluster.connect_ports['GRPC']}"
    return subprocess.run(
        [sys.executable, "-c", KERNEL, remote, spec.attach["python"].code],
        check=False,
        input=token,
        capture_output=True,
        text=True,
        timeout=150,
    )


def test_a_kernel_attaches_without_its_token_in_sight(cluster, spec):
    """Also to an address that is not ``localhost``, for which pyspark's own channel would insist on TLS."""
    done = kernel(cluster, spec, cluster.token)
    assert done.stdout.splitlines() == ["45", "True", "[] False", "[0, 2, 4]"], done.stderr[-3000:]
    assert cluster.token not in done.stdout + done.stderr


def test_a_wrong_token_is_refused_at_once(cluster, spec):
    done = kernel(cluster, spec, "wrong-token")
    assert done.returncode == 1
    assert "UNAUTHENTICATED" in done.stderr


PROGRAM = """
import json, os, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print("RESULT", spark.sparkContext.parallelize(range(10), 2).map(lambda x: x * x).sum(), sys.argv[1:])
spark.stop()
sys.exit(7)
"""


def test_a_job_runs_on_the_cluster_and_its_exit_code_is_the_programs(cluster, tmp_path):
    for member in [member for member in cluster.members if member.role == "connect"]:  # it holds all cores
        member.process.terminate()
        member.process.wait(30)
        cluster.members.remove(member)
    from cluster import _free_ports

    folder = tmp_path / "job"
    folder.mkdir(mode=0o700)
    (folder / "program.py").write_text(PROGRAM)
    environment = {
        f"ZOE_PORT_{name}": str(number) for name, number in _free_ports("UI", "DRIVER", "BLOCKS").items()
    } | {
        "ZOE_FOLDER": str(folder),
        "ZOE_HOST": "127.0.0.1",
        "ZOE_BIND": "127.0.0.1",
        "ZOE_SPARK_MASTER": f"spark://127.0.0.1:{cluster._ports['master']['RPC']}",
        "ZOE_SPARK_FOLDER": str(FRAMEWORKS / "spark"),
        "ZOE_SECRET_RPC": cluster.rpc_secret,
        "ZOE_JOB_DATA": "[]",
        "ZOE_SPARK_DRIVER_MEMORY": str(768 * 2**20),
        "ZOE_SPARK_EXECUTOR_MEMORY": str(512 * 2**20),
    }
    done = subprocess.run(
        [sys.executable, str(FRAMEWORKS / "spark-job" / "submit.py"), "--not-for-spark", "a b"],
        check=False,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert "RESULT 285 ['--not-for-spark', 'a b']" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.returncode == 7
    assert cluster.rpc_secret not in done.stdout + done.stderr
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder / "conf").iterdir())


def test_a_program_that_is_not_there_is_said(tmp_path):
    environment = {
        **os.environ,
        "ZOE_FOLDER": str(tmp_path),
        "ZOE_JOB_FILE": "/nowhere/x.jar",
        "ZOE_SPARK_FOLDER": str(FRAMEWORKS / "spark"),
    }
    done = subprocess.run(
        [sys.executable, str(FRAMEWORKS / "spark-job" / "submit.py")],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "/nowhere/x.jar cannot be read here" in done.stderr
