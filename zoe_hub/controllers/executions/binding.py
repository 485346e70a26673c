"""Binds the late-bound texts of a process: addresses, secrets, folders become values, just before it starts.

Called by ``controllers.executions.reconciler`` (starts), ``controllers.executions.probes`` (pages) and
``controllers.attachments.service`` (connections).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from zoe_hub.backends.base import Backend, ProcessSpec
from zoe_hub.controllers.kit.tokens import jws
from zoe_hub.core import text
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution, Process
from zoe_hub.core.executions.processes import peers
from zoe_hub.core.executions.spec import Group


class Folders(Protocol):
    """The part of the catalog that binding needs."""

    def folder(self, framework: str) -> Path:
        """Where the files of a framework are on the hub's machine."""


def proxy_path(execution: Execution, process: Process, port: str, prefix: str | None = None) -> str:
    """The path under which the proxy shows a port, with a slash at its end.

    :param prefix: path in front of the execution; None: as the owner's browser saw it when the execution was started
    """
    return f"{prefix or f'{execution.web_prefix}/pages'}/{execution.id}/{process.id}/{port}/"


class Binder:
    """Binds texts on one backend."""

    def __init__(self, backend: Backend, catalog: Folders, deployment: str, hub_url: str) -> None:
        """:param hub_url: address of the hub as processes reach it"""
        self._backend, self._catalog, self._deployment, self._hub_url = backend, catalog, deployment, hub_url

    def value(
        self, execution: Execution, process: Process | None, secrets: Mapping[str, str], reference: text.Reference
    ) -> str:
        """What a reference stands for.

        :raises ZoeError: ``not-ready`` if it is not known yet
        """
        kind, name = reference
        if kind in ("address", "endpoint"):
            group, _, port = name.partition(".")
            first_peer = next((peer for peer in execution.processes if peer.group == group and peer.index == 0), None)
            address = (first_peer.addresses or {}).get(port) if first_peer else None
            if address is None:
                raise ZoeError("not-ready", f"The address of {group}.{port} is not known yet.")
            return (
                f"{address.host}:{address.port}"
                if kind == "address"
                else f"{address.endpoint_host}:{address.endpoint_port}"
            )
        if kind in ("secret", "jws"):
            if name not in secrets:
                raise ZoeError("internal", f"The execution has no secret {name!r}.")
            return secrets[name] if kind == "secret" else jws(secrets[name])
        if kind == "folder":
            return self._backend.folder(name, str(self._catalog.folder(name)))
        if process is None:
            raise ZoeError("bad-definition", f"{reference} means a process and stands where there is none.")
        match kind:
            case "port":
                address = (process.addresses or {}).get(name)
                if address is None:
                    raise ZoeError("not-ready", f"The port {name} is not known yet.")
                return str(address.number)
            case "bind":
                return self._backend.bind()
            case "host":
                return self._backend.host(process.name)
            case "index":
                return str(process.index)
            case "path":
                return proxy_path(execution, process, name)
        return process.name

    def bind(self, execution: Execution, process: Process | None, secrets: Mapping[str, str], content: str) -> str:
        """``content`` with all references replaced."""
        return text.bind(content, lambda reference: self.value(execution, process, secrets, reference))

    def spec(self, execution: Execution, process: Process, secrets: Mapping[str, str]) -> ProcessSpec:
        """The process, ready to be started."""
        group = execution.spec.group(process.group)

        def bound(content: str) -> str:
            return self.bind(execution, process, secrets, content)

        environment = self._conventional(execution, process, group)
        environment.update({name: bound(content) for name, content in group.environment.items()})
        return ProcessSpec(
            name=process.name,
            deployment=self._deployment,
            execution=execution.id,
            owner=execution.owner,
            group=group.name,
            index=process.index,
            incarnation=process.incarnation,
            framework=group.framework,
            image=group.image,
            command=tuple(bound(part) for part in group.command),
            environment=environment,
            files={name: bound(content) for name, content in group.files.items()},
            ports=group.ports,
            addresses=process.addresses or {},
            resources=group.resources,
            grace=group.grace,
        )

    def _conventional(self, execution: Execution, process: Process, group: Group) -> dict[str, str]:
        """The variables that every process gets (framework author guide)."""
        values = {
            "ZOE_EXECUTION": execution.id,
            "ZOE_PROCESS": process.id,
            "ZOE_HOST": self._backend.host(process.name),
            "ZOE_BIND": self._backend.bind(),
        }
        for port in group.ports:
            address = (process.addresses or {}).get(port.name)
            if address is not None:
                values[f"ZOE_PORT_{_upper(port.name)}"] = str(address.number)
            if port.protocol == "http":
                values[f"ZOE_PATH_{_upper(port.name)}"] = proxy_path(execution, process, port.name)
        for name in peers(group):
            first_peer = next((peer for peer in execution.processes if peer.group == name and peer.index == 0), None)
            for port_name, address in ((first_peer.addresses if first_peer else None) or {}).items():
                values[f"ZOE_ADDRESS_{_upper(name)}_{_upper(port_name)}"] = f"{address.host}:{address.port}"
        tokens = {secret.name for secret in execution.spec.secrets if secret.source == "token"}
        used = {
            reference.name
            for reference in text.references((*group.environment.values(), *group.files.values()))
            if reference.kind == "secret"
        }
        if tokens & used:
            values["ZOE_HUB_URL"] = self._hub_url
        return values


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")
