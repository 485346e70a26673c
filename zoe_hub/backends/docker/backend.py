"""Processes as containers of one Docker engine: a network for each execution, limits, no privileges, adoption by
labels.

The engine is the memory: names and labels say everything that a hub that starts anew has to know. Beside it, under the
data folder, are logs and exit codes, which outlive the containers. Called by ``controllers`` through the contract.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from signal import Signals
from typing import Any
from weakref import WeakValueDictionary

from traitlets import Bool, Float, Int, Unicode

from zoe_hub.backends.base import Backend, Capabilities, Chunk, Permanent, ProcessSpec, Resync, Temporary
from zoe_hub.backends.docker import networks, objects
from zoe_hub.backends.docker.engine import Engine
from zoe_hub.backends.docker.events import Events
from zoe_hub.backends.docker.logs import NAME, Logs
from zoe_hub.core.executions.model import Address, Observed
from zoe_hub.core.executions.spec import Port
from zoe_hub.core.scheduling.nodes import Node
from zoe_hub.images import states

LABEL = objects.LABEL


class DockerBackend(Backend):
    """Containers on one Docker engine."""

    url = Unicode(
        "", help="The engine, such as unix:///var/run/docker.sock. Empty: DOCKER_HOST, else the default socket."
    ).tag(config=True)
    threads = Int(
        16, help="Requests to the engine at the same time. More start many processes sooner and load the engine more."
    ).tag(config=True)
    timeout = Float(
        60.0, help="Seconds after which a request counts as failed and is tried again. A slow disk needs more."
    ).tag(config=True)
    silence = Float(
        60.0,
        help=(
            "Seconds without an event after which the event stream is renewed and everything listed. Shorter finds a"
            " dead stream sooner and asks the engine more."
        ),
    ).tag(config=True)
    user = Unicode(
        "1000:1000",
        help=(
            "User and group of all processes, as numbers. The images' private folder belongs to 1000:1000; another user"
            " makes each start some 50 ms slower."
        ),
    ).tag(config=True)
    overcommit_cores = Float(
        4.0,
        help=(
            "Cores that processes may reserve for each core of the machine, and cores that a process may use for each"
            " that it reserved. More runs more at a time, each slower when all are busy."
        ),
    ).tag(config=True)
    least_cores = Float(
        1.0,
        help=(
            "Cores that a process may use at the least, however few it reserved. Less keeps small processes small and"
            " makes their start slow."
        ),
    ).tag(config=True)
    memory_share = Float(
        1.0,
        help=(
            "Part of the machine's memory that processes may reserve, 0 to 1. Less leaves more to the rest of the"
            " machine."
        ),
    ).tag(config=True)
    processes_limit = Int(
        4096, help="Processes and threads in one container. Less stops a fork bomb sooner; a JVM needs some hundred."
    ).tag(config=True)
    read_only = Bool(
        False,
        help=(
            "Make containers' own files read-only but for /tmp and the private folder. Safer; images that write"
            " elsewhere fail, and images must hold the files of their frameworks as the hub has them."
        ),
    ).tag(config=True)
    temporary_size = Int(
        256 * 2**20,
        help="Bytes of /tmp, which is in memory and counts as the process's. More for programs that unpack much.",
    ).tag(config=True)
    log_size = Int(
        10 * 2**20, help="Bytes of one part of a process's log. Two parts are kept by the engine, log_parts by the hub."
    ).tag(config=True)
    log_parts = Int(
        4, help="Parts of a process's log that the hub keeps. More keeps more of a long log and takes more disk."
    ).tag(config=True)
    hub_host = Unicode(
        "", help="Address under which containers reach the hub. Empty: the gateway of the engine's default network."
    ).tag(config=True)
    init = Bool(
        True,
        help=(
            "Run a small init in each container, which hands on signals and reaps children. Off only for engines"
            " without one."
        ),
    ).tag(config=True)

    def __init__(self, *, deployment: str, data: str, **kwargs: object) -> None:
        super().__init__(deployment=deployment, data=data, **kwargs)
        self._engine_or_none: Engine | None = None
        self._logs = Logs(Path(data) / "logs" / deployment, part_size=self.log_size, parts=self.log_parts)
        self._capabilities = Capabilities(backend="docker", isolation=True, limits=True, images=True)
        self._options = objects.Options()
        self._facts: dict[str, objects.ImageFacts] = {}
        self._sources: dict[str, Path] = {}  # framework -> its files here
        self._told: set[tuple[str, str]] = set()  # images, with the project's state in them, that were looked at
        self._ended: dict[str, Observed] = {}  # container -> how
        self._removed: set[str] = set()  # containers that this hub removes
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # name -> held while it starts

    # --- life ---

    @property
    def _engine(self) -> Engine:
        if self._engine_or_none is None:
            raise Temporary("backend-unavailable", "The connection to the Docker engine is not open.")
        return self._engine_or_none

    async def open(self) -> None:
        """Connect, and read what the machine has."""
        if self._engine_or_none is not None:
            return
        loop = asyncio.get_running_loop()
        engine = await loop.run_in_executor(None, lambda: Engine(self.url, threads=self.threads, timeout=self.timeout))
        try:
            info = await engine.run(engine.api.info)
            gateway = self.hub_host or await engine.run(networks.gateway, engine.api)
        except BaseException:
            engine.close()
            raise
        self._engine_or_none = engine
        self._machine = Node(
            name=info["Name"],
            cores=info["NCPU"] * self.overcommit_cores,
            memory=int(info["MemTotal"] * self.memory_share),
        )
        self._capabilities = Capabilities(backend="docker", isolation=True, limits=True, images=True, hub_host=gateway)
        self._options = objects.Options(
            user=self.user,
            cores_factor=max(1.0, self.overcommit_cores),
            cores_floor=self.least_cores,
            cores_most=float(info["NCPU"]),
            pids=self.processes_limit,
            read_only=self.read_only,
            temporary=self.temporary_size,
            init=self.init,
            log_size=self.log_size,
        )

    async def close(self) -> None:
        """Let go of the engine. Containers keep running."""
        await self._logs.close()
        if self._engine_or_none is not None:
            self._engine_or_none.close()
            self._engine_or_none = None

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
        await self._engine.run(self._clean, execution)

    def _clean(self, execution: str) -> None:
        running = []
        for summary in self._list(f"execution={execution}"):
            if summary["State"] in ("running", "paused", "restarting"):
                running.append(summary["Names"][0].lstrip("/"))
            else:
                self._retire(summary["Id"])
        if running:
            raise Temporary(
                "backend-refused",
                f"{', '.join(running)} still runs; what the execution shares is given back afterwards.",
            )
        for network in networks.listed(self._engine.api, self.deployment, execution):
            networks.remove(self._engine.api, network["Id"])

    async def executions(self) -> tuple[str, ...]:
        """Executions that have a network or a container."""
        return await self._engine.run(self._executions)

    def _executions(self) -> tuple[str, ...]:
        found = [*networks.listed(self._engine.api, self.deployment), *self._list()]
        return tuple(
            dict.fromkeys(
                each["Labels"][f"{LABEL}execution"] for each in found if f"{LABEL}execution" in (each["Labels"] or {})
            )
        )

    # --- processes ---

    async def start(self, spec: ProcessSpec) -> Observed:
        """Create a container and start it, unless this incarnation has been started before."""
        self._logs.where[spec.name] = spec.execution
        facts = await self._image(spec.image)
        now = datetime.now(UTC)
        config = objects.container(spec, self._options, now)
        async with self._locks.setdefault(spec.name, asyncio.Lock()):  # a second one would find the first half-made
            there = await self._engine.run(self._start, spec, config, facts)
        return there or Observed(
            name=spec.name,
            execution=spec.execution,
            group=spec.group,
            index=spec.index,
            incarnation=spec.incarnation,
            state="running",
            started=now,
        )

    def _start(self, spec: ProcessSpec, config: dict[str, Any], facts: objects.ImageFacts) -> Observed | None:
        """:return: what was there already; None: it was started now"""
        from docker.errors import APIError  # noqa: PLC0415

        api = self._engine.api
        archives = self._archives(spec, facts)
        for attempt in range(3):
            try:
                container = api.create_container_from_config(config, spec.name)["Id"]
                break
            except APIError as error:
                if error.status_code == 404:
                    self._facts.pop(spec.image, None)
                if error.status_code != 409 or attempt == 2:
                    raise
            seen = self._there(spec)
            if seen is not None:
                return seen
        try:
            for folder, archive in archives:
                api.put_archive(container, folder, archive)
            try:
                api.start(container)
            except APIError as error:
                said = str(error.explanation).lower()
                if "network" not in said or (error.status_code != 404 and "ambiguous" not in said):
                    raise
                networks.make(api, self.deployment, spec.execution, spec.owner)  # somebody removed it
                api.start(container)
        except APIError:
            # It was refused, so nothing runs. After a timeout it may run: then it stays, and the next try finds it.
            with contextlib.suppress(APIError):
                self._removed.add(container)
                api.remove_container(container, force=True, v=True)
            raise
        return None

    def _archives(self, spec: ProcessSpec, facts: objects.ImageFacts) -> list[tuple[str, bytes]]:
        """What is unpacked in the container before it starts: private files, and frameworks that its image lacks or has
        in another state.
        """
        archives: list[tuple[str, bytes]] = []
        if spec.files or not facts.folder or self.user != "1000:1000":
            archives.append((objects.FOLDER, objects.archive_of_files(spec.files, self._options)))
        for framework, source in list(self._sources.items()):
            if (
                objects.mentions(spec, framework)
                and source.is_dir()
                and facts.frameworks.get(framework) != states.framework(source)
            ):
                if self.read_only:
                    detail = (
                        f"The image {spec.image} lacks files of the framework {framework!r}, or has others than this"
                        " hub, and read-only containers cannot be given any."
                    )
                    raise Permanent("image-missing", detail)
                archives.append(("/", objects.archive_of_framework(source, framework)))
        return archives

    def _there(self, spec: ProcessSpec) -> Observed | None:
        """What has the name already: this incarnation, or nothing once an older one or an unstarted one has made
        room.
        """
        inspection = self._inspect(spec.name)
        if inspection is None:
            return None
        found = inspection["Config"]["Labels"] or {}
        if found.get(f"{LABEL}deployment") != self.deployment:
            raise Permanent(
                "backend-refused", f"The name {spec.name} is taken by a container that is not of this hub; remove it."
            )
        seen = self._note(inspection)
        if seen is None:  # created and never started, by a hub that died in between: its files may be incomplete
            self._removed.add(inspection["Id"])
            self._engine.api.remove_container(inspection["Id"], force=True, v=True)
            return None
        if seen.incarnation >= spec.incarnation:
            return seen
        if seen.state == "running":
            raise Temporary("backend-refused", f"An earlier start of {spec.name} still runs.")
        self._retire(inspection["Id"])
        return None

    async def addresses(self, name: str) -> Mapping[str, Address]:
        """Addresses with the published ports of a running container."""
        inspection = await self._engine.run(self._own, name)
        if inspection is None:
            raise Permanent("unknown-process", f"There is no container {name}.")
        ports = objects.ports_from_label(inspection["Config"]["Labels"].get(f"{LABEL}ports", ""))
        return objects.addresses(ports, self.host(name), inspection["NetworkSettings"]["Ports"] or {})

    async def signal(self, name: str, signal: str) -> None:
        """Send a signal to the main process of a container."""
        await self._engine.run(self._kill, name, signal)

    async def stop(self, name: str, grace: float) -> None:
        """``SIGTERM``, or ``SIGKILL`` without grace. With the main process all others of the container end."""
        await self._engine.run(self._kill, name, "TERM" if grace > 0 else "KILL")

    def _kill(self, name: str, signal: str) -> None:
        from docker.errors import APIError  # noqa: PLC0415

        full = f"SIG{signal.removeprefix('SIG')}"
        if full not in Signals.__members__:
            raise Permanent("bad-parameter", f"There is no signal {signal!r}.")
        inspection = self._own(name)
        if inspection is None:
            return
        try:
            self._engine.api.kill(inspection["Id"], full)
        except APIError as error:
            if error.status_code not in (404, 409):  # there is none, or it does not run
                raise

    async def remove(self, name: str) -> None:
        """Remove an exited container; its log was copied."""
        await self._engine.run(self._remove, name)

    def _remove(self, name: str) -> None:
        inspection = self._own(name)
        if inspection is not None:
            if inspection["State"]["Running"]:
                raise Temporary("backend-refused", f"{name} still runs; it cannot be removed.")
            self._retire(inspection["Id"], inspection)

    def _retire(self, container: str, inspection: dict[str, Any] | None = None) -> None:
        """Copy what is worth keeping of a container that does not run, then remove it."""
        from docker.errors import APIError  # noqa: PLC0415

        inspection = inspection or self._inspect(container)
        if inspection is None:
            return
        seen = self._note(inspection)
        if seen is not None:
            self._logs.copy(self._engine, seen.name, container)
        self._removed.add(container)
        try:
            self._engine.api.remove_container(container, v=True)
        except APIError as error:
            if error.status_code != 404 and "already in progress" not in str(error.explanation):
                raise
        self._ended.pop(container, None)

    # --- what is seen ---

    async def processes(self) -> tuple[Observed, ...]:
        """All containers of this deployment that were started."""
        return await self._engine.run(self._processes)

    def _processes(self) -> tuple[Observed, ...]:
        result = []
        for summary in self._list():
            container, state, seen = summary["Id"], summary["State"], None
            if state in ("exited", "dead"):
                seen = self._ended.get(container)
                if seen is None:
                    inspection = self._inspect(container)
                    seen = self._note(inspection) if inspection else None
            elif state in ("running", "paused", "restarting"):
                seen = objects.observed(summary["Labels"], state="running")
            if seen is not None:
                self._logs.where[seen.name] = seen.execution
                result.append(seen)
        return tuple(result)

    async def watch(self) -> AsyncIterator[Observed | Resync]:
        """Changes from the engine's event stream."""
        events = Events(self._engine, self.deployment, silence=self.silence, died=self._died, expected=self._expected)
        async for item in events.read():
            yield item

    def _expected(self, container: str) -> bool:
        """Whether the hub itself removed it; said once."""
        expected = container in self._removed
        self._removed.discard(container)
        return expected

    def _died(self, container: str) -> Observed | None:
        inspection = self._inspect(container)
        seen = self._note(inspection) if inspection else None
        if seen is not None and seen.state == "exited":
            # Now, since somebody may remove the container before the hub does.
            self._logs.copy(self._engine, seen.name, container)
        return seen

    def _note(self, inspection: Mapping[str, Any]) -> Observed | None:
        """The observation, remembered if it is an end."""
        seen = objects.from_inspection(inspection)
        if seen is not None:
            self._logs.where[seen.name] = seen.execution
            if seen.state == "exited":
                self._ended[inspection["Id"]] = seen
        return seen

    def _list(self, *labels: str) -> list[dict[str, Any]]:
        filters = {"label": [f"{LABEL}{each}" for each in (f"deployment={self.deployment}", *labels)]}
        result: list[dict[str, Any]] = self._engine.api.containers(all=True, filters=filters)
        return result

    def _inspect(self, container: str) -> dict[str, Any] | None:
        from docker.errors import NotFound  # noqa: PLC0415

        try:
            result: dict[str, Any] = self._engine.api.inspect_container(container)
        except NotFound:
            return None
        return result

    def _own(self, name: str) -> dict[str, Any] | None:
        """The container called ``name``, if it is this deployment's."""
        inspection = self._inspect(name) if NAME.fullmatch(name) else None
        ours = (
            inspection is not None
            and (inspection["Config"]["Labels"] or {}).get(f"{LABEL}deployment") == self.deployment
        )
        return inspection if ours else None

    # --- logs ---

    def logs(self, name: str, *, offset: int = 0, follow: bool = False) -> AsyncIterator[Chunk]:
        """The log, from the hub's copy, which is brought up to date first."""
        return self._logs.read(self._engine_or_none, self._own, name, offset=offset, follow=follow)

    async def forget_logs(self, execution: str) -> None:
        """Delete what was kept of an execution."""
        await self._logs.forget(execution)

    # --- images, names ---

    async def _image(self, image: str) -> objects.ImageFacts:
        facts = self._facts.get(image)
        if facts is None:
            facts = self._facts[image] = objects.image_facts(
                await self._engine.run(self._engine.api.inspect_image, image)
            )
        return facts

    async def image_present(self, image: str) -> bool:
        """Whether the engine has the image."""
        self._facts.pop(image, None)
        try:
            await self._image(image)
        except Permanent as error:
            if error.code == "image-missing":
                return False
            raise
        return True

    async def check(self, image: str, requires: tuple[str, ...]) -> None:
        """Whether the image is there; one with another state of the project than the hub's is told in the hub's log,
        once.
        """
        await super().check(image, requires)
        found = (await self._image(image)).project
        if found and (image, found) not in self._told:
            self._told.add((image, found))
            here = await self._engine.run(states.project_here)
            if here and found != here:
                what = (
                    f"jupyter-zoe {found.split()[0]}"
                    if found.split()[0] != here.split()[0]
                    else f"another state of jupyter-zoe {found.split()[0]}"
                )
                self.log.warning(
                    "The image %s has %s, not this hub's; '%%zoe' and the panel in there may not fit. Build it again"
                    " with 'make images'.",
                    image,
                    what,
                )

    def folder(self, framework: str, source: str) -> str:
        """In the container. What an image lacks, or has in another state, is copied into the container before it
        starts.
        """
        self._sources[framework] = Path(source)
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
