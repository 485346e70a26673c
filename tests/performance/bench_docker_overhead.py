"""Benchmark `docker-overhead`: what the hub's Docker backend takes longer than the SDK's create + start of the same
container.

Called by the benchmark runner with ``DOCKER_HOST`` set or an engine that this starts. The backend's side is all that
the hub does to start a process: allocate, start, and the addresses that are known afterwards, in a network made before.
Starts vary by more than the target, so what the SDK's two calls take is measured inside the same start and subtracted;
the figure is the median of what remains. That the same container made with the SDK alone, in turn, takes as long as
those two calls is to be seen in ``detail``.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from docker import APIClient

from zoe_hub.backends.base import ProcessSpec
from zoe_hub.backends.docker import DockerBackend, objects
from zoe_hub.core.executions.model import process_name
from zoe_hub.core.executions.spec import Port
from zoe_hub.images.building import Builder, connect
from zoe_hub.testing.dockerd import engine

ROUNDS = 15
TARGET = 20.0  # milliseconds


def run() -> dict[str, object]:
    """The figure, in milliseconds."""
    with engine() as url:
        builder = Builder(connect(url), say=lambda _: None)
        try:
            image = builder.build(["os"], [])["os"]
        finally:
            builder.close()
        ours, inside, theirs = asyncio.run(_measure(url, image))
    figure = round(1000 * statistics.median(total - calls for total, calls in zip(ours, inside, strict=True)), 1)
    return {
        "name": "docker-overhead",
        "figure": figure,
        "unit": "ms",
        "target": TARGET,
        "met": figure <= TARGET,
        "detail": {
            "backend_ms": round(1000 * statistics.median(ours), 1),
            "calls_inside_ms": round(1000 * statistics.median(inside), 1),
            "sdk_alone_ms": round(1000 * statistics.median(theirs), 1),
            "rounds": ROUNDS,
        },
    }


class _Timed:
    """A call that adds up how long it takes."""

    def __init__(self, call: Callable[..., object]) -> None:
        self.call = call
        self.took = 0.0

    def __call__(self, *args: object, **kwargs: object) -> object:
        begun = time.perf_counter()
        try:
            return self.call(*args, **kwargs)
        finally:
            self.took += time.perf_counter() - begun


async def _measure(url: str, image: str) -> tuple[list[float], list[float], list[float]]:
    ours: list[float] = []
    inside: list[float] = []
    theirs: list[float] = []
    api = APIClient(base_url=url, version="auto")
    with tempfile.TemporaryDirectory() as data:
        backend = DockerBackend(deployment=f"bench{uuid4().hex[:6]}", data=data, url=url)
        await backend.open()
        sdk = backend._engine.api
        sdk.create_container_from_config = create = _Timed(sdk.create_container_from_config)
        sdk.start = start = _Timed(sdk.start)
        try:
            await backend.prepare("e1", "bench")
            for number in range(-1, ROUNDS):  # the first round warms up both and does not count
                sides = [(_by_sdk, theirs), (_by_backend, ours)]
                for side, figures in sides if number % 2 else reversed(sides):
                    spec = _spec(backend, image, 2 * (number + 1) + (side is _by_sdk))
                    create.took = start.took = 0.0
                    took = await side(backend, api, spec)
                    if number >= 0:
                        figures.append(took)
                        if side is _by_backend:
                            inside.append(create.took + start.took)
                    api.remove_container(spec.name, force=True)
        finally:
            await backend.clean("e1")
            await backend.close()
            api.close()
    return ours, inside, theirs


def _spec(backend: DockerBackend, image: str, index: int) -> ProcessSpec:
    return ProcessSpec(
        name=process_name(backend.deployment, "e1", "job", index),
        deployment=backend.deployment,
        execution="e1",
        owner="bench",
        group="job",
        index=index,
        incarnation=1,
        framework="bench",
        image=image,
        command=("sleep", "60"),
        environment={"A": "b"},
        ports=(Port(name="web", number=8000, protocol="http"),),
    )


async def _by_backend(backend: DockerBackend, api: APIClient, spec: ProcessSpec) -> float:
    begun = time.perf_counter()
    await backend.allocate("e1", spec.name, spec.ports)
    await backend.start(spec)
    addresses = await backend.addresses(spec.name)
    took = time.perf_counter() - begun
    assert addresses["web"].endpoint_port
    return took


async def _by_sdk(backend: DockerBackend, api: APIClient, spec: ProcessSpec) -> float:
    config = objects.container(spec, objects.ContainerOptions(cores_most=1.0), datetime.now(UTC))
    begun = time.perf_counter()
    api.start(api.create_container_from_config(config, spec.name)["Id"])
    return time.perf_counter() - begun


if __name__ == "__main__":
    print(run())
