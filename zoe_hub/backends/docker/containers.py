"""The containers of one deployment on one engine: the blocking half of the backend, run in the engine's threads.

The engine is the memory: names and labels say everything that a hub that starts anew has to know. What is remembered
here spares questions (how a container ended) or tells apart what the hub did from what others did (which containers it
removed itself). Called by ``backend`` and, when a container has ended, by ``events``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from signal import Signals
from typing import Any

from zoe_hub.backends.base import Permanent, ProcessSpec, Temporary
from zoe_hub.backends.docker import networks, objects
from zoe_hub.backends.docker.engine import Engine
from zoe_hub.backends.docker.logs import NAME, ContainerLogs
from zoe_hub.core.executions.model import Observed

LABEL = objects.LABEL
RUNNING = ("running", "paused", "restarting")  # what the engine calls it
ATTEMPTS = 3  # at creating a container while what has its name makes room


class Containers:
    """What is asked of the engine about containers. Errors of the SDK are translated by ``Engine.run``."""

    def __init__(self, engine: Engine, deployment: str, logs: ContainerLogs) -> None:
        """:param logs: gets what a container wrote before the container is removed"""
        self.engine = engine
        self._api = engine.api
        self._deployment = deployment
        self._logs = logs
        self._ended: dict[str, Observed] = {}  # container -> how it ended
        self._sent: dict[str, set[int]] = {}  # container -> signals that this hub has sent to it
        self._removed: set[str] = set()  # containers that this hub removes

    # --- asking ---

    def inspect(self, container: str) -> dict[str, Any] | None:
        """What the engine says of a container, by id or name; None if there is none."""
        from docker.errors import NotFound  # noqa: PLC0415

        try:
            result: dict[str, Any] = self._api.inspect_container(container)
        except NotFound:
            return None
        return result

    def own(self, name: str) -> dict[str, Any] | None:
        """The container called ``name``, inspected, if it is this deployment's."""
        inspection = self.inspect(name) if NAME.fullmatch(name) else None
        return inspection if inspection is not None and self._is_own(inspection) else None

    def _is_own(self, inspection: Mapping[str, Any]) -> bool:
        return bool((inspection["Config"]["Labels"] or {}).get(f"{LABEL}deployment") == self._deployment)

    def _listed(self, *labels: str) -> list[dict[str, Any]]:
        filters = {"label": [f"{LABEL}{each}" for each in (f"deployment={self._deployment}", *labels)]}
        result: list[dict[str, Any]] = self._api.containers(all=True, filters=filters)
        return result

    def executions(self) -> tuple[str, ...]:
        """Executions that have a network or a container."""
        found = [*networks.listed(self._api, self._deployment), *self._listed()]
        return tuple(
            dict.fromkeys(
                each["Labels"][f"{LABEL}execution"] for each in found if f"{LABEL}execution" in (each["Labels"] or {})
            )
        )

    def observe(self) -> tuple[Observed, ...]:
        """All containers of this deployment that were started."""
        result = []
        for summary in self._listed():
            container, state, seen = summary["Id"], summary["State"], None
            if state in ("exited", "dead"):
                seen = self._ended.get(container)
                if seen is None:
                    inspection = self.inspect(container)
                    seen = self._observed(inspection) if inspection else None
            elif state in RUNNING:
                seen = objects.observed(summary["Labels"], state="running")
            if seen is not None:
                self._logs.where[seen.name] = seen.execution
                result.append(seen)
        return tuple(result)

    def observe_end(self, container: str) -> Observed | None:
        """A container that the engine says has ended. Its log is copied now, since others may remove it before the hub
        does.
        """
        inspection = self.inspect(container)
        seen = self._observed(inspection) if inspection else None
        if seen is not None and seen.state == "exited":
            self._logs.copy(self.engine, seen.name, container)
        return seen

    def was_removed_here(self, container: str) -> bool:
        """Whether the hub itself removed it; answered once, as the engine tells of each removal once."""
        here = container in self._removed
        self._removed.discard(container)
        return here

    def _observed(self, inspection: Mapping[str, Any]) -> Observed | None:
        """The observation, remembered if it is an end."""
        seen = objects.from_inspection(inspection, self._sent.get(inspection["Id"], ()))
        if seen is not None:
            self._logs.where[seen.name] = seen.execution
            if seen.state == "exited":
                self._ended[inspection["Id"]] = seen
        return seen

    # --- changing ---

    def start(
        self, spec: ProcessSpec, config: Mapping[str, Any], archives: Sequence[tuple[str, bytes]]
    ) -> Observed | None:
        """Create a container and start it, unless this incarnation has been started before.

        :param config: the body of the create request
        :param archives: what is unpacked in the container before it starts: folder and tar archive
        :return: what was there already; None: it was started now
        """
        from docker.errors import APIError  # noqa: PLC0415

        for attempt in range(ATTEMPTS):
            try:
                container = self._api.create_container_from_config(config, spec.name)["Id"]
                break
            except APIError as error:
                if error.status_code != 409 or attempt == ATTEMPTS - 1:
                    raise
            seen = self._with_the_name_of(spec)
            if seen is not None:
                return seen
        try:
            for folder, archive in archives:
                self._api.put_archive(container, folder, archive)
            try:
                self._api.start(container)
            except APIError as error:
                said = str(error.explanation).lower()
                if "network" not in said or (error.status_code != 404 and "ambiguous" not in said):
                    raise
                networks.make(self._api, self._deployment, spec.execution, spec.owner)  # somebody removed it
                self._api.start(container)
        except APIError:
            # It was refused, so nothing runs. After a timeout it may run: then it stays, and the next try finds it.
            with contextlib.suppress(APIError):
                self._remove_by_force(container)
            raise
        return None

    def _with_the_name_of(self, spec: ProcessSpec) -> Observed | None:
        """What has the name already: this incarnation, or nothing once an older one or an unstarted one has made
        room.
        """
        inspection = self.inspect(spec.name)
        if inspection is None:
            return None
        if not self._is_own(inspection):
            raise Permanent(
                "backend-refused", f"The name {spec.name} is taken by a container that is not of this hub; remove it."
            )
        seen = self._observed(inspection)
        if seen is None:  # created and never started, by a hub that died in between: its files may be incomplete
            self._remove_by_force(inspection["Id"])
            return None
        if seen.incarnation >= spec.incarnation:
            return seen
        if seen.state == "running":
            raise Temporary("backend-refused", f"An earlier start of {spec.name} still runs.")
        self._retire(inspection["Id"])
        return None

    def _remove_by_force(self, container: str) -> None:
        self._removed.add(container)
        self._api.remove_container(container, force=True, v=True)

    def signal(self, name: str, signal: str) -> None:
        """Send a signal to the main process of a container. Nothing happens if there is none, or it does not run."""
        from docker.errors import APIError  # noqa: PLC0415

        full = f"SIG{signal.removeprefix('SIG')}"
        if full not in Signals.__members__:
            raise Permanent("bad-parameter", f"There is no signal {signal!r}.")
        inspection = self.own(name)
        if inspection is None:
            return
        self._sent.setdefault(inspection["Id"], set()).add(int(Signals[full]))  # before: it may end at once
        try:
            self._api.kill(inspection["Id"], full)
        except APIError as error:
            if error.status_code not in (404, 409):  # there is none, or it does not run
                raise

    def remove(self, name: str) -> None:
        """Remove an exited container; its log is copied before. ``Temporary`` while it runs."""
        inspection = self.own(name)
        if inspection is not None:
            if inspection["State"]["Running"]:
                raise Temporary("backend-refused", f"{name} still runs; it cannot be removed.")
            self._retire(inspection["Id"], inspection)

    def clean(self, execution: str) -> None:
        """Remove the containers and the network of an execution. ``Temporary`` while something of it runs."""
        running = []
        for summary in self._listed(f"execution={execution}"):
            if summary["State"] in RUNNING:
                running.append(summary["Names"][0].lstrip("/"))
            else:
                self._retire(summary["Id"])
        if running:
            raise Temporary(
                "backend-refused",
                f"{', '.join(running)} still runs; what the execution shares is given back afterwards.",
            )
        for network in networks.listed(self._api, self._deployment, execution):
            networks.remove(self._api, network["Id"])

    def _retire(self, container: str, inspection: dict[str, Any] | None = None) -> None:
        """Copy what is worth keeping of a container that does not run, then remove it."""
        from docker.errors import APIError  # noqa: PLC0415

        inspection = inspection or self.inspect(container)
        if inspection is None:
            return
        seen = self._observed(inspection)
        if seen is not None:
            self._logs.copy(self.engine, seen.name, container)
        self._removed.add(container)
        try:
            self._api.remove_container(container, v=True)
        except APIError as error:
            if error.status_code != 404 and "already in progress" not in str(error.explanation):
                raise
        self._ended.pop(container, None)
        self._sent.pop(container, None)
