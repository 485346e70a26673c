"""Properties that ask for executors which no worker can ever give, and those that do not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FRAMEWORK = Path(__file__).resolve().parents[2] / "frameworks" / "spark"
sys.path.insert(0, str(FRAMEWORK))

from jvm import SparkProblem  # noqa: E402
from sizes import check_sizes  # noqa: E402

CORES = 2  # of a worker


@pytest.mark.parametrize(
    ("users", "named"),
    [
        ({"spark.executor.cores": "3"}, "spark.executor.cores=3 does not work: a worker has 2"),
        ({"spark.task.cpus": "3"}, "spark.task.cpus=3 does not work: an executor has 2"),
        ({"spark.executor.cores": "1", "spark.task.cpus": "2"}, "spark.task.cpus=2 does not work: an executor has 1"),
        ({"spark.cores.max": "1", "spark.task.cpus": "2"}, "spark.task.cpus=2 does not work: an executor has 1"),
        ({"spark.cores.max": "1", "spark.executor.cores": "2"}, "spark.cores.max=1 does not work: a single executor"),
        ({"spark.executor.resource.gpu.amount": "1"}, "spark.executor.resource.gpu.amount=1 .* have no gpu"),
        ({"spark.task.resource.gpu.amount": "0.5"}, "spark.task.resource.gpu.amount=0.5 .* have no gpu"),
    ],
)
def test_what_fits_nowhere_is_named_with_what_there_is(users: dict[str, str], named: str) -> None:
    with pytest.raises(SparkProblem, match=named) as found:
        check_sizes(users, CORES)
    assert found.value.code == "configuration-wrong"


@pytest.mark.parametrize(
    "users",
    [
        {},
        {"spark.executor.cores": "2", "spark.task.cpus": "2", "spark.cores.max": "2"},
        {"spark.cores.max": "1"},
        {"spark.cores.max": "64"},
        {"spark.executor.cores": "many", "spark.task.cpus": "-1", "spark.cores.max": "0"},  # Spark refuses these
        {"spark.executor.resource.gpu.amount": "0", "spark.task.resource.gpu.amount": "0.0"},
        {"spark.executor.resource.gpu.vendor": "nvidia.com"},
        {"spark.executor.memoryOverhead": "100g"},  # which a standalone master does not count
    ],
)
def test_what_fits_or_is_for_spark_to_judge_passes(users: dict[str, str]) -> None:
    check_sizes(users, CORES)


def test_where_nobody_knows_the_workers_properties_still_have_to_fit_each_other() -> None:
    check_sizes({"spark.executor.cores": "99", "spark.task.cpus": "9"}, 0)
    with pytest.raises(SparkProblem, match=r"spark\.cores\.max=1"):
        check_sizes({"spark.executor.cores": "2", "spark.cores.max": "1"}, 0)
