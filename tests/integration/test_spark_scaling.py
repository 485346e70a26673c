"""Clusters that change their size faster than Spark's parts hear of each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_zoe.client import Client
from jupyter_zoe.hub.info import HubInfo
from zoe_hub.testing.kernels import NotebookKernel, clean_environment, eventually, own_hub

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[NotebookKernel]:
    """A kernel that is attached to a Spark cluster with one worker."""
    with own_hub(clean_environment(tmp_path)):
        kernel = NotebookKernel(clean_environment(tmp_path), "/notebooks/scaling.ipynb")
        kernel.start()
        try:
            kernel.ok("%zoe attach spark --workers 1 --worker-memory 600MiB --driver-memory 600MiB")
            yield kernel
        finally:
            kernel.stop()


@pytest.fixture
def hub(tmp_path: Path, kernel: NotebookKernel) -> Iterator[Client]:
    found = json.loads((tmp_path / "zoe" / "hub.json").read_text())
    info = HubInfo(found["url"], found["token"], embedded=True, pid=found["pid"], started=found["started"])
    with Client(info) as client:
        yield client


def test_workers_that_go_as_soon_as_they_have_come_hand_over(kernel: NotebookKernel, hub: Client) -> None:
    kernel.ok("numbers = spark.range(0, 100_000, 1, 8).cache(); numbers.count()")
    (view,) = hub.list_executions(active=True)["items"]

    def workers() -> int:
        return sum(
            each["group"] == "worker" and each["state"] != "ended"
            for each in hub.get_execution(view["id"])["processes"]
        )

    for _ in range(3):
        kernel.ok("%zoe scale 3")  # they are registered at the master, and perhaps not yet at the driver
        kernel.ok("%zoe scale 1")
        eventually(lambda: workers() == 1, 90)
        assert kernel.value("numbers.count()") == 100_000
    ends = [each["reason"]["code"] for each in hub.get_history(view["id"])["items"] if each["kind"] == "process.state"]
    assert ends.count("handed-over") == 6, ends
    assert "not-handed-over" not in ends
