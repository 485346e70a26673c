"""What the definition of a framework says. Used by the other modules of this package, ``zapp`` and ``catalog``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoe_hub.catalog import parameters
from zoe_hub.catalog.document import Document
from zoe_hub.catalog.scopes import names_in

LONGEST_CODE = 65536  # bytes of the code that connects a kernel, as in the schema


class Framework:
    """A framework of the catalog, as its file has it."""

    def __init__(self, document: Document, folder: Path) -> None:
        """:param document: it fits the published schema
        :param folder: where the framework's own files are
        """
        self.document, self.folder = document, folder
        data: Mapping[str, Any] = document.data
        self.name: str = data["framework"]
        self.version: str = data["version"]
        self.kind: str = data["kind"]
        self.title: str = data.get("title", self.name)
        self.description: str = data.get("description", "")
        self.parameters: dict[str, dict[str, Any]] = data.get("parameters", {})
        self.variables: dict[str, Any] = data.get("variables", {})
        self.rules: Sequence[Mapping[str, Any]] = data.get("rules", ())
        self.processes: dict[str, dict[str, Any]] = data["processes"]
        self.secrets: dict[str, str] = data.get("secrets", {})
        self.outputs: dict[str, str] = data.get("outputs", {})
        self.unreadable: dict[str, str] = {}  # language -> why the file with its code cannot be read
        self.attach = {language: self._with_code(language, how) for language, how in data.get("attach", {}).items()}

    def _with_code(self, language: str, how: Mapping[str, Any]) -> Mapping[str, Any]:
        """How a kernel connects, with the code that stands in a file of its own."""
        if "file" not in how:
            return how
        try:
            content = (self.folder / how["file"]).read_bytes()
            if len(content) > LONGEST_CODE:
                raise ValueError(f"it has more than {LONGEST_CODE} bytes")
            return {**how, "code": content.decode("utf-8")}
        except OSError as error:
            self.unreadable[language] = error.strerror or str(error)
        except ValueError as error:
            self.unreadable[language] = str(error)
        return {**how, "code": ""}

    @property
    def secret_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that are secrets."""
        return parameters.secrets_among(self.parameters)

    def ports(self, group: str) -> Mapping[str, Any]:
        """The ports of a group as the definition has them: a number, or a mapping."""
        ports: Mapping[str, Any] = self.processes[group].get("ports", {})
        return ports

    def own_secrets(self) -> dict[str, str]:
        """The secrets that its expressions may name, each called as it is here."""
        return {name: name for name in (*self.secrets, *self.secret_parameters)}

    def sizing_parameters(self, group: str) -> frozenset[str]:
        """The parameters that the number of a group's processes depends on, by itself or through variables."""
        seen: set[str] = set()
        left = set(names_in(self.processes[group].get("count")))
        while left:
            name = left.pop()
            seen.add(name)
            left |= names_in(self.variables.get(name)) - seen
        return frozenset(seen.intersection(self.parameters))
