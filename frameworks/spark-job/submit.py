"""Runs the user's Spark program as the driver of a standalone cluster: the command of the group ``job``.

The program is ``program.py`` in the private folder (text given with the request), or the .py or .jar that ZOE_JOB_FILE
names; its arguments are this program's. Java, class path and properties are those of the framework ``spark``
(ZOE_SPARK_FOLDER), so that drivers and executors fit together; the RPC secret reaches Spark in a properties file of
mode 0600. It ends in ``exec`` of java: the exit code is Spark's, which is that of a Python program, and 1 for a .jar
that failed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_SCHEME = "spark://"


def program(environment: Mapping[str, str]) -> Path:
    """The file to run; ends with a message if it cannot be read."""
    path = (
        Path(environment.get("ZOE_JOB_FILE") or Path(environment["ZOE_FOLDER"]) / "program.py").expanduser().absolute()
    )
    if not path.is_file() or not os.access(path, os.R_OK):
        sys.exit(f"The program {path} cannot be read here. Give a path as this process sees it, or the text itself.")
    return path


def arguments(environment: Mapping[str, str], path: Path, given: list[str], properties: str) -> list[str]:
    """What SparkSubmit is called with. What follows the program belongs to the program, whatever it looks like."""
    main_class = environment.get("ZOE_JOB_CLASS")
    return ["--properties-file", properties, *(["--class", main_class] if main_class else []), str(path), *given]


def main(given: list[str]) -> None:
    """Become the driver."""
    os.umask(0o077)
    environment = dict(os.environ)
    path = program(environment)
    sys.path.insert(0, environment["ZOE_SPARK_FOLDER"])
    import appcds  # noqa: PLC0415 - modules of the framework spark
    import jvm  # noqa: PLC0415
    import launch  # noqa: PLC0415
    import roles  # noqa: PLC0415

    # The roles know the Connect server, which is a driver as well; only its own service is left out here.
    environment["ZOE_ADDRESS_MASTER_RPC"] = environment["ZOE_SPARK_MASTER"].removeprefix(_SCHEME)
    environment["ZOE_PORT_GRPC"] = environment["ZOE_PORT_UI"]
    environment["ZOE_SPARK_WORKER_MEMORY"] = environment["ZOE_SPARK_EXECUTOR_MEMORY"]
    environment.setdefault("ZOE_SPARK_APP_NAME", path.stem)
    try:
        java, pyspark = jvm.find_java(environment), jvm.find_pyspark()
        start = roles.build(
            "connect",
            environment,
            java=java,
            pyspark=pyspark,
            python=sys.executable,
            archives=appcds.archives_for(environment, java, pyspark),
            cpus=os.cpu_count() or 1,
        )
        launch.prepare(Path(environment["ZOE_FOLDER"]), start)
        launch.wait_for_port(start.wait_for, launch.MASTER_TIMEOUT)
    except jvm.SparkProblem as problem:
        print(problem, file=sys.stderr)
        sys.exit(jvm.EXIT_PROBLEM)
    submit = roles.MAIN_CLASSES["connect"]
    # A driver may do the user's work: it gets the optimizing compiler.
    options = [option for option in start.argv[: start.argv.index(submit)] if option != "-XX:TieredStopAtLevel=1"]
    properties = f"{environment['ZOE_FOLDER']}/conf/spark.properties"
    os.execve(options[0], [*options, submit, *arguments(environment, path, given, properties)], start.environment)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
