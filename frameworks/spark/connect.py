"""The Connect server's own part of a start: its properties, with those that the user gave, and what is checked of them.

It is the driver of the one application, so what is said of executors and sessions is said here. Pure. Used by
`roles.py`; `launch.py` looks for the files that properties name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from given import MIB, SMALLEST_EXECUTOR, Given
from jvm import Pyspark
from quoting import java_option
from sizes import check_sizes

# Holds the module that executors start Python with.
PYTHON_FOLDER = str(Path(__file__).resolve().parent / "python")
PATIENCE_WITH_REPOSITORIES = (
    "-Dsun.net.client.defaultConnectTimeout=10000",  # milliseconds
    "-Dsun.net.client.defaultReadTimeout=30000",
)
FILES = ("spark.jars", "spark.files", "spark.archives", "spark.submit.pyFiles")


def connect_properties(
    given: Given,
    users: Mapping[str, str],
    *,
    folder: str,
    host: str,
    bind: str,
    pyspark: Pyspark,
    executor_options: Iterable[str],
) -> dict[str, str]:
    """The properties of the Connect server beside those that all roles have; raises SparkProblem.

    `users`: the properties that the user gave, which win. `executor_options`: flags for the JVMs of executors.
    """
    check_sizes(users, given.number("ZOE_SPARK_WORKER_CORES", 0, least=0))
    memory = given.number("ZOE_SPARK_EXECUTOR_MEMORY", given.worker_memory(), least=SMALLEST_EXECUTOR)
    properties = {
        "spark.app.name": given.text("ZOE_SPARK_APP_NAME", "Zoe"),
        "spark.master": f"spark://{given.address('ZOE_ADDRESS_MASTER_RPC')}",
        "spark.submit.deployMode": "client",
        "spark.driver.host": host,
        "spark.driver.bindAddress": bind,
        "spark.ui.port": str(given.port("UI")),
        "spark.metrics.namespace": "zoe",  # the names under which the definition looks for its activity
        "spark.connect.progress.reportInterval": "300ms",  # so that bars move
        # How long a session lives is for Zoe to decide, which knows whether its notebook is still there.
        "spark.connect.session.manager.defaultSessionTimeout": "-1",
        # A query whose kernel is gone is ended by the kernel's successor; one whose kernel sleeps has as long as this.
        "spark.connect.execute.manager.detachedTimeout": "1h",
        # Notebooks that share a cluster take turns; each session has a pool of its own.
        "spark.scheduler.mode": "FAIR",
        "spark.connect.grpc.binding.address": bind,
        "spark.connect.grpc.binding.port": str(given.port("GRPC")),
        "spark.executor.memory": f"{memory // MIB}m",
        # The same jars in the same order on every machine: an archive is only valid for the class path it was made
        # with, and "jars/*" expands in the order of the folder, which differs between file systems.
        "spark.executor.extraClassPath": ":".join(pyspark.jars),
        "spark.executor.logs.rolling.strategy": "size",
        "spark.executor.logs.rolling.maxSize": str(16 * MIB),
        "spark.executor.logs.rolling.maxRetainedFiles": "3",
        "spark.sql.warehouse.dir": f"file:{folder}/warehouse",
        "spark.stage.ignoreDecommissionFetchFailure": "true",
        # A worker may be asked to hand over before the driver has heard of its executor: the driver remembers so many
        # of these until they register. By default it remembers none, and the worker waits for its whole time in vain.
        "spark.scheduler.maxRetainedUnknownDecommissionExecutors": "64",
        "spark.python.daemon.module": "zoe_spark_python",
        "spark.executorEnv.PYTHONPATH": PYTHON_FOLDER,
        **users,
    }
    for name, key in (("DRIVER", "spark.driver.port"), ("BLOCKS", "spark.driver.blockManager.port")):
        if given.text(f"ZOE_PORT_{name}", ""):
            properties[key] = str(given.port(name))
    if given.text("ZOE_SECRET_RPC", ""):
        properties["spark.authenticate.secret"] = given.text("ZOE_SECRET_RPC")
    options = " ".join(map(java_option, ("-XX:-UsePerfData", *executor_options)))
    further = properties.get("spark.executor.defaultJavaOptions", "")
    properties["spark.executor.defaultJavaOptions"] = f"{options} {further}".strip()
    return properties


def missing_files(users: Mapping[str, str], exists: Callable[[str], bool]) -> tuple[str, str] | None:
    """The first local file that a property names and that is not there: property and file. Spark itself leaves out jars
    that are missing, with a line in its log.
    """
    for key in FILES:
        for each in filter(None, (part.strip() for part in users.get(key, "").split(","))):
            scheme, colon, path = each.partition(":")
            if colon and scheme != "file":
                continue
            path = (path.removeprefix("//") if colon else each).partition("#")[0]
            if not exists(path):
                return key, path
    return None
