"""Benchmark ``attach``: ``%zoe attach`` until the first query's result, over stock Spark started by hand, both cold.

By hand is what Spark's documentation says: master, worker and Connect server by ``spark-class`` and ``spark-submit``,
all at once so that the baseline loses no time by waiting, then a client that tries until the server answers. Both sides
begin with a new Python process that has imported nothing, and both have one worker of one core.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FRAMEWORK = Path(__file__).resolve().parents[2] / "frameworks" / "spark"
sys.path.insert(0, str(FRAMEWORK))

import appcds  # noqa: E402
from jvm import SCALA_VERSION, find_java, find_pyspark  # noqa: E402

from zoe_hub.testing.hub import RunningHub  # noqa: E402

ROUNDS = 3
TARGET = 0.45
OURS = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "jupyter_zoe.magics")
shell.run_line_magic("zoe", "attach spark --workers 1")
assert shell.user_ns["spark"].range(1000).selectExpr("sum(id)").collect()[0][0] == 499500
"""
CLIENT = """
import socket, sys, time
while True:
    try:
        socket.create_connection(("localhost", int(sys.argv[1]))).close()
        break
    except OSError:
        time.sleep(0.05)
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote(f"sc://localhost:{sys.argv[1]}").getOrCreate()
assert spark.range(1000).selectExpr("sum(id)").collect()[0][0] == 499500
"""


def run() -> dict[str, object]:
    """The ratio of the medians. Makes the archives first where they are missing."""
    appcds.make(os.environ)
    ours, stock = [], []
    for _ in range(ROUNDS):
        stock.append(_stock())
        ours.append(_ours())
    figure = statistics.median(ours) / statistics.median(stock)
    detail = {
        "attach_s": round(statistics.median(ours), 1),
        "by_hand_s": round(statistics.median(stock), 1),
        "rounds": ROUNDS,
    }
    return {"name": "attach", "figure": round(figure, 3), "unit": "x", "target": TARGET, "detail": detail}


def _ours() -> float:
    with tempfile.TemporaryDirectory(prefix="zoe-bench-") as name:
        hub = RunningHub(Path(name) / "data", options=["--ZoeHub.idle_timeout=0"])
        hub.start()
        try:
            environment = {
                **os.environ,
                "ZOE_HUB_URL": hub.url,
                "ZOE_HUB_TOKEN": hub.token,
                "JPY_SESSION_NAME": secrets.token_hex(8),
                "IPYTHONDIR": f"{name}/ipython",
            }
            begun = time.monotonic()
            subprocess.run(
                [sys.executable, "-W", "ignore", "-c", OURS],
                env=environment,
                check=True,
                timeout=300,
                stdout=subprocess.DEVNULL,
            )
            took = time.monotonic() - begun
            hub.end_all()
        finally:
            hub.stop()
    return took


def _stock() -> float:
    master, ui, connect, blocks, driver, page, worker, worker_ui = _free_ports(8)
    home = find_pyspark().home
    java = {
        "JAVA_HOME": find_java(os.environ).home,
        "SPARK_HOME": home,
        "SPARK_SCALA_VERSION": SCALA_VERSION,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
    }
    url = f"spark://127.0.0.1:{master}"
    started: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="zoe-bench-") as name:
        commands = [
            [
                f"{home}/bin/spark-class",
                "org.apache.spark.deploy.master.Master",
                "--host",
                "127.0.0.1",
                "--port",
                master,
                "--webui-port",
                ui,
            ],
            [
                f"{home}/bin/spark-class",
                "org.apache.spark.deploy.worker.Worker",
                "--cores",
                "1",
                "--memory",
                "1g",
                "--port",
                worker,
                "--webui-port",
                worker_ui,
                "--work-dir",
                f"{name}/work",
                url,
            ],
            [
                f"{home}/bin/spark-submit",
                "--class",
                "org.apache.spark.sql.connect.service.SparkConnectServer",
                "--master",
                url,
                *("--conf", f"spark.connect.grpc.binding.port={connect}", "--conf", f"spark.ui.port={page}"),
                *("--conf", f"spark.driver.port={driver}", "--conf", f"spark.blockManager.port={blocks}"),
                "spark-internal",
            ],
        ]
        begun = time.monotonic()
        try:
            for command in commands:
                started.append(
                    subprocess.Popen(
                        command,
                        cwd=name,
                        env={**os.environ, **java},
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        start_new_session=True,
                    )
                )
            subprocess.run(
                [sys.executable, "-W", "ignore", "-c", CLIENT, connect],
                cwd=name,
                check=True,
                timeout=300,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            return time.monotonic() - begun
        finally:
            for process in reversed(started):
                os.killpg(process.pid, signal.SIGTERM)
            for process in started:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def _free_ports(count: int) -> list[str]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [str(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    print(run())
