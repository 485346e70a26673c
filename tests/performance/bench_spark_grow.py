"""Benchmark `spark-grow`: 1 -> 4 workers registered, the framework's start over Spark's own `spark-class` by hand.

Called by the benchmark runner. Both sides grow the same kind of cluster in turn on the same machine; the figure is the
ratio of the medians. The by-hand side is what `start-worker.sh` runs, without archives of class data.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

FRAMEWORK = Path(__file__).resolve().parents[2] / "frameworks" / "spark"
sys.path.insert(0, str(FRAMEWORK))

import appcds  # noqa: E402
from cluster import LAUNCH, LocalCluster  # noqa: E402
from jvm import SCALA_VERSION, find_java, find_pyspark  # noqa: E402

ROUNDS = 3
TARGET = 0.6
BY_HAND = "BENCH_BY_HAND"


def _command(role: str, environment: Mapping[str, str]) -> list[str]:
    if BY_HAND not in environment:
        return [sys.executable, str(LAUNCH), role]
    folder = Path(environment["ZOE_FOLDER"])
    folder.mkdir(mode=0o700)
    properties = folder / "by-hand.properties"
    properties.write_text(
        "spark.authenticate=true\nspark.network.crypto.enabled=true\nspark.decommission.enabled=true\n"
    )
    return [
        f"{environment['SPARK_HOME']}/bin/spark-class",
        "org.apache.spark.deploy.worker.Worker",
        *("--host", "127.0.0.1", "--port", environment["ZOE_PORT_RPC"], "--webui-port", environment["ZOE_PORT_UI"]),
        *("--cores", "1", "--memory", "512m", "--work-dir", str(folder / "work")),
        *("--properties-file", str(properties)),
        f"spark://{environment['ZOE_ADDRESS_MASTER_RPC']}",
    ]


def _grow(cluster: LocalCluster, extra: dict[str, str]) -> float:
    """Seconds from the start of three more workers until the master knows four; leaves only the master."""
    cluster.wait("an empty cluster", lambda: not cluster.workers())
    cluster.start("worker", **extra)
    cluster.wait("the first worker", lambda: len(cluster.workers()) == 1)
    for _ in range(3):
        cluster.start("worker", **extra)
    seconds = cluster.wait("four workers", lambda: len(cluster.workers()) == 4, every=0.02)
    for member in [m for m in cluster.members if m.role == "worker"]:
        member.process.terminate()
        member.process.wait(20)
        cluster.members.remove(member)
    return seconds


def run() -> dict[str, float | str]:
    """The ratio, with the medians of both sides in seconds. Makes the archives first where they are missing."""
    appcds.make(os.environ)
    ours: list[float] = []
    stock: list[float] = []
    settings = {"ZOE_SPARK_WORKER_CORES": "1", "ZOE_SPARK_WORKER_MEMORY": str(512 * 2**20)}
    with (
        tempfile.TemporaryDirectory(prefix="zoe-bench-spark-") as folder,
        LocalCluster(Path(folder), command=_command) as cluster,
    ):
        by_hand = {
            BY_HAND: "1",
            "JAVA_HOME": find_java(os.environ).home,
            "SPARK_HOME": find_pyspark().home,
            "SPARK_SCALA_VERSION": SCALA_VERSION,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "_SPARK_AUTH_SECRET": cluster.rpc_secret,
        }
        cluster.start("master")
        cluster.wait("the master", cluster.state)
        for _ in range(ROUNDS):
            stock.append(_grow(cluster, by_hand))
            ours.append(_grow(cluster, settings))
    figure = statistics.median(ours) / statistics.median(stock)
    return {
        "name": "spark-grow",
        "figure": round(figure, 3),
        "unit": "x",
        "target": TARGET,
        "ours_seconds": round(statistics.median(ours), 2),
        "by_hand_seconds": round(statistics.median(stock), 2),
    }


if __name__ == "__main__":
    print(run())
