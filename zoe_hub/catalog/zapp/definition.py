"""What the definition of a ZApp says. Used by the other modules of this package and by ``catalog``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoe_hub.catalog import parameters
from zoe_hub.catalog.document import Document, pointer
from zoe_hub.catalog.framework import Framework
from zoe_hub.catalog.scopes import names_in
from zoe_hub.core.executions.rendered import RenderedZApp


class ZAppPart:
    """One framework within a ZApp."""

    def __init__(self, alias: str, source: Mapping[str, Any] | None, framework: Framework) -> None:
        """:param alias: the name under which the ZApp speaks of it"""
        source = source or {}
        self.alias, self.framework = alias, framework
        self.values: Mapping[str, Any] = source.get("parameters", {})
        ask = source.get("ask", ())
        self.ask: dict[str, Mapping[str, Any]] = {
            name: (ask[name] or {}) if isinstance(ask, Mapping) else {} for name in ask
        }
        self.asks_by_list = not isinstance(ask, Mapping)

    @property
    def path(self) -> str:
        """Where it stands in the definition."""
        return pointer("/frameworks", self.alias)

    def sizing_parameters(self, group: str) -> frozenset[str]:
        """The ZApp's parameters that the number of a group's processes depends on, asked for or wired."""
        names = self.framework.sizing_parameters(group)
        wired = (
            names_in(text)
            for name in names
            if name in self.values
            for _, text in parameters.texts_in(self.values[name])
        )
        return names.intersection(self.ask).union(*wired)


class ZApp:
    """A ZApp of the shop, as its file has it, with its frameworks. ``reading`` makes it."""

    def __init__(self, document: Document, parts: Sequence[ZAppPart]) -> None:
        """:param document: it fits the published schema"""
        self.document = document
        self.parts = tuple(parts)
        data: Mapping[str, Any] = document.data
        self.name: str = data["zapp"]
        self.version: str = data["version"]
        self.title: str = data["title"]
        self.description: str = data.get("description", "")
        self.icon: str = data.get("icon", "")
        self.kind: str = data.get("kind") or (self.parts[0].framework.kind if self.parts else "")
        self.protected: bool = data.get("protected", False)
        self.ends: bool = data.get("ends", False)
        self.rules: Sequence[Mapping[str, Any]] = data.get("rules", ())
        self.environment: Mapping[str, Mapping[str, Any]] = data.get("environment", {})
        self.files: Mapping[str, Mapping[str, Any]] = data.get("files", {})
        self.needs: Mapping[str, Sequence[str]] = data.get("needs", {})
        self.attach: Mapping[str, str] = data.get("attach", {})
        self.parameters: dict[str, dict[str, Any]] = dict(data.get("parameters", {}))  # and those that parts ask for
        self.sample: RenderedZApp | None = None  # with its defaults, once it was checked

    @property
    def secret_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that are secrets."""
        return parameters.secrets_among(self.parameters)

    def groups(self) -> dict[str, ZAppPart]:
        """All groups, with the part each comes from."""
        return {name: part for part in self.parts for name in part.framework.processes}

    def own_secrets(self) -> dict[str, str]:
        """The secrets that its wiring may name, each called as it is in the execution."""
        names = [*self.secret_parameters, *(name for part in self.parts for name in part.framework.secrets)]
        return {name: name for name in names}

    def connecting_parts(self) -> dict[str, list[ZAppPart]]:
        """Language -> the parts that say how its kernels connect; one each, if the definition is right."""
        found: dict[str, list[ZAppPart]] = {}
        for part in self.parts:
            for language in part.framework.attach:
                if self.attach.get(language, part.alias) == part.alias:
                    found.setdefault(language, []).append(part)
        return found
