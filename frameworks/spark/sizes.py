"""Whether an executor that the user's properties ask for can ever be given by a worker.

Called by `connect.py` before anything starts: Spark's master says nothing about an executor that fits nowhere, and
queries wait for it for ever. A standalone master compares four things before it gives an executor
(`Master.canLaunchExecutor`): cores, memory, further resources such as GPUs, and what is left of `spark.cores.max`.
Memory is not the user's to set here; the other three are looked at. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from jvm import SparkProblem

EXECUTOR_CORES, TASK_CPUS, CORES_MAX = "spark.executor.cores", "spark.task.cpus", "spark.cores.max"
RESOURCE = re.compile(r"spark\.(?:executor|task)\.resource\.(?P<name>.+)\.amount")
ZERO = re.compile(r"0*(?:\.0*)?")


def check_sizes(users: Mapping[str, str], worker_cores: int) -> None:
    """Executors fit on workers and tasks into executors. What is no number is left to Spark, which says so itself.

    :param users: the properties that the user gave
    :param worker_cores: of each worker; 0: unknown
    :raises SparkProblem: names the property, its value and what there is
    """
    for key, value in users.items():
        if (resource := RESOURCE.fullmatch(key)) is not None and not ZERO.fullmatch(value):
            raise _impossible(key, value, f"workers have no {resource['name']} to give. Leave it out.")
    most, executor = _number(users, CORES_MAX), _number(users, EXECUTOR_CORES)
    if executor and worker_cores and executor > worker_cores:
        raise _impossible(EXECUTOR_CORES, executor, f"a worker has {worker_cores}. Ask for workers with more cores.")
    if executor and most and executor > most:
        raise _impossible(CORES_MAX, most, f"a single executor takes {executor} cores ({EXECUTOR_CORES}).")
    cores = executor or min(filter(None, (worker_cores, most)), default=0)
    task = _number(users, TASK_CPUS)
    if cores and task > cores:
        raise _impossible(TASK_CPUS, task, f"an executor has {cores}. Ask for workers with more cores.")


def _number(users: Mapping[str, str], key: str) -> int:
    """A property that is a number of cores; 0: it is not given, or none."""
    value = users.get(key, "")
    return int(value) if value.isascii() and value.isdigit() else 0


def _impossible(key: str, value: object, why: str) -> SparkProblem:
    return SparkProblem("configuration-wrong", f"{key}={value} does not work: {why}")
