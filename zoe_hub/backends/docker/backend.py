"""Processes as containers of one Docker engine: a network for each execution, limits, no privileges, adoption by
labels.

The backend as the contract wants it; the engine is asked in threads (``containers``, ``images``, ``networks``). Beside
the engine, under the data folder, are logs, which outlive the containers. Found by the entry point ``zoe.backends:
docker``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from zoe_hub.backends.base import Capabilities, Chunk, Permanent, ProcessSpec, Resync, Temporary
from zoe_hub.backends.docker import networks, objects
from zoe_hub.backends.docker.containers import Containers
from zoe_hub.backends.docker.engine import Engine
from zoe_hub.backends.docker.events import EngineEvents
from zoe_hub.backends.docker.images import Images
from zoe_hub.backends.docker.logs import ContainerLogs
from zoe_hub.backends.docker.options import DockerOptions
from zoe_hub.core.executions.model import Address, Observed
from zoe_hub.core.executions.spec import Port
from zoe_hub.core.nodes import Node


class DockerBackend(DockerOptions):
    """Containers on one Docker engine."""

    def __init__(self, *, deployment: str, data: str, **kwargs: object) -> None:
        super().__init__(deployment=deployment, data=data, **kwargs)
        self._containers_or_none: Containers | None = None  # while it is open
        self._logs = ContainerLogs(Path(data) / "logs" / deployment, part_size=self.log_size, parts=self.log_parts)
        self._images = Images()
        self._capabilities = Capabilities(backend="docker", isolation=True, limits=True, images=True)
        self._options = objects.ContainerOptions()
        self._starting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by name of the process

    # --- life ---

    @property
    def _containers(self) -> Containers:
        if self._containers_or_none is None:
            raise Temporary("backend-unavailable", "The connection to the Docker engine is not open.")
        return self._containers_or_none

    @property
    def _engine(self) -> Engine:
        return self._containers.engine

    async def open(self) -> None:
        """Connect, and read what the machine has."""
        if self._containers_or_none is not None:
            return
        loop = asyncio.get_running_loop()
        engine = await loop.run_in_executor(None, lambda: Engine(self.url, threads=self.threads, timeout=self.timeout))
        try:
            info = await engine.run(engine.api.info)
            gateway = self.hub_host or await engine.run(networks.gateway, engine.api)
            user = await engine.run(engine.user)
        except BaseException:
            engine.close()
            raise
        self._containers_or_none = Containers(engine, self.deployment, self._logs)
        self._machine = Node(
            name=info["Name"],
            cores=info["NCPU"] * self.overcommit_cores,
            memory=int(info["MemTotal"] * self.memory_share),
        )
        self._capabilities = Capabilities(
            backend="docker",
            isolation=True,
            limits=True,
            images=True,
            tells_signals=False,
            hub_host=gateway,
            listeners=(user,),
        )
        self._options = self.container_options(info["NCPU"])

    async def close(self) -> None:
        """Let go of the engine. Containers keep running."""
        await self._logs.close()
        if self._containers_or_none is not None:
            self._containers_or_none.engine.close()
            self._containers_or_none = None

    def capabilities(self) -> Capabilities:
        """What it can do."""
        return self._capabilities

    async def nodes(self) -> tuple[Node, ...]:
        """The engine's machine."""
        _ = self._engine
        return (self._machine,)

    # --- what an execution shares ---

    async def prepare(self, execution: str, owner: str) -> None:
        """Make the network of an execution."""
        await self._engine.run(networks.make, self._engine.api, self.deployment, execution, owner)

    async def allocate(self, execution: str, name: str, ports: tuple[Port, ...]) -> Mapping[str, Address]:
        """Container ports are free by nature; endpoints are known once the process has started."""
        self._logs.where[name] = execution
        return objects.addresses(ports, self.host(name), {})

    async def clean(self, execution: str) -> None:
        """Remove the containers and the network of an execution."""
        await self._engine.run(self._containers.clean, execution)

    async def executions(self) -> tuple[str, ...]:
        """Executions that have a network or a container."""
        return await self._engine.run(self._containers.executions)

    # --- processes ---

    async def start(self, spec: ProcessSpec) -> Observed:
        """Create a container and start it, unless this incarnation has been started before."""
        self._logs.where[spec.name] = spec.execution
        engine, containers = self._engine, self._containers
        facts = await self._images.facts(engine, spec.image)
        now = datetime.now(UTC)
        config = objects.container(spec, self._options, now)

        def start() -> Observed | None:
            return containers.start(spec, config, self._images.archives(spec, facts, self._options))

        async with self._starting.setdefault(spec.name, asyncio.Lock()):  # a second one would find the first half-made
            try:
                there = await engine.run(start)
            except Permanent as error:
                if error.code == "image-missing":
                    self._images.forget(spec.image)
                raise
        return there or spec.running(now)

    async def addresses(self, name: str) -> Mapping[str, Address]:
        """Addresses with the published ports of a running container."""
        inspection = await self._engine.run(self._containers.own, name)
        if inspection is None:
            raise Permanent("unknown-process", f"There is no container {name}.")
        ports = objects.ports_from_label(inspection["Config"]["Labels"].get(f"{objects.LABEL}ports", ""))
        return objects.addresses(ports, self.host(name), inspection["NetworkSettings"]["Ports"] or {})

    async def signal(self, name: str, signal: str) -> None:
        """Send a signal to the main process of a container."""
        await self._engine.run(self._containers.signal, name, signal)

    async def stop(self, name: str, grace: float) -> None:
        """``SIGTERM``, or ``SIGKILL`` without grace. With the main process all others of the container end."""
        await self._engine.run(self._containers.signal, name, "TERM" if grace > 0 else "KILL")

    async def remove(self, name: str) -> None:
        """Remove an exited container; its log was copied."""
        await self._engine.run(self._containers.remove, name)

    # --- what is seen ---

    async def processes(self) -> tuple[Observed, ...]:
        """All containers of this deployment that were started."""
        return await self._engine.run(self._containers.observe)

    async def watch(self) -> AsyncIterator[Observed | Resync]:
        """Changes from the engine's event stream."""
        events = EngineEvents(
            self._engine,
            self.deployment,
            silence=self.silence,
            died=self._containers.observe_end,
            expected=self._containers.was_removed_here,
        )
        async for item in events.read():
            yield item

    # --- logs ---

    def logs(self, name: str, *, offset: int = 0, follow: bool = False) -> AsyncIterator[Chunk]:
        """The log, from the hub's copy, which is brought up to date first."""
        containers = self._containers_or_none
        if containers is None:
            return self._logs.read(None, _nothing, name, offset=offset, follow=follow)
        return self._logs.read(containers.engine, containers.own, name, offset=offset, follow=follow)

    async def log_start(self, name: str, incarnation: int) -> int:
        """Where the copy of a container's log begins."""
        containers = self._containers_or_none
        if containers is None:
            return await self._logs.start(None, _nothing, name, incarnation)
        return await self._logs.start(containers.engine, containers.own, name, incarnation)

    async def forget_logs(self, execution: str) -> None:
        """Delete what was kept of an execution."""
        await self._logs.forget(execution)

    async def measure_logs(self, execution: str = "") -> int:
        """Bytes of what was copied."""
        return await self._logs.size(execution)

    # --- images, names ---

    async def image_present(self, image: str) -> bool:
        """Whether the engine has the image."""
        return await self._images.is_present(self._engine, image)

    async def check(self, image: str, requires: tuple[str, ...]) -> None:
        """Whether the image is there; one with another state of the project than the hub's is told in the hub's log,
        once.
        """
        await super().check(image, requires)
        await self._images.warn_of_another_project(self._engine, image, self.log)

    def folder(self, framework: str, source: str) -> str:
        """In the container. What an image lacks, or has in another state, is copied into the container before it
        starts.
        """
        self._images.sources[framework] = Path(source)
        return f"{objects.FRAMEWORKS}/{framework}"

    def host(self, name: str) -> str:
        """``worker-0``: a name in the execution's own network."""
        execution = self._logs.where.get(name)
        prefix = f"zoe-{self.deployment}-"
        rest = name.removeprefix(prefix)
        return rest.removeprefix(f"{execution}-") if execution else rest.partition("-")[2]

    def bind(self) -> str:
        """All addresses of the container, which only its own network and the published ports reach."""
        return "0.0.0.0"  # noqa: S104


def _nothing(_name: str) -> dict[str, Any] | None:
    return None
