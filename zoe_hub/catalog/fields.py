"""Turns the fields of a definition into values: one ``Fields`` for each document that is checked or rendered.

The same scopes serve both uses: ``check`` looks at every name in an expression without evaluating it, so the branch
not taken is checked too; ``text``, ``number`` and so on evaluate it. Everything that is wrong is collected in
``errors``, with its place. Used by ``framework`` and ``zapp``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from zoe_hub.catalog.document import Document, pointer
from zoe_hub.catalog.scopes import Scope, out_of_reach
from zoe_hub.core.errors import FieldError
from zoe_hub.language import expressions, units
from zoe_hub.language.expressions import Absent, Late, TemplateError
from zoe_hub.language.words import shown

_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")


class Fields:
    """Reads the fields of one document and collects what is wrong with them."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.errors: list[FieldError] = []

    def error(self, path: str, message: str, *, key: bool = False, line: int = 0) -> None:
        """Note that something is wrong."""
        self.errors.append(self.document.error(path, message, key=key, line=line))

    # --- without evaluating ---

    def check(self, path: str, source: Any, scope: Scope) -> None:
        """Whether the expressions in a text can be read and use only names within reach."""
        if not isinstance(source, str):
            return
        try:
            template = expressions.parse(source)
        except TemplateError as error:
            self.error(path, str(error), line=error.line)
            return
        for name, attributes, line in expressions.names_used(template):
            message = out_of_reach(name, attributes, scope)
            if message:
                self.error(path, message, line=line)
        for name, line in expressions.secrets_used(template):
            try:
                scope["secret"](name)
            except TemplateError as error:
                self.error(path, str(error), line=line)

    # --- evaluating ---

    def value(self, path: str, source: Any, scope: Scope) -> Any:
        """What the field is worth, with its type; None (and an error) if it has no value."""
        if not isinstance(source, str):
            return source
        try:
            return expressions.parse(source).value(scope)
        except TemplateError as error:
            self.error(path, str(error), line=error.line)
            return None

    def text(self, path: str, source: Any, scope: Scope) -> str | None:
        """The field as a text; None if its value is null or wrong."""
        value = self.value(path, source, scope)
        if value is None:
            return None
        try:
            return str(expressions.as_text(value))
        except TypeError as error:
            self.error(path, str(error))
            return None

    def optional(self, path: str, source: str, scope: Scope) -> str | None:
        """The field as a text; None if it names a group that is switched off."""
        try:
            expressions.parse(source).value(scope)
        except Absent:
            return None
        except TemplateError:
            pass  # said by ``text``
        return self.text(path, source, scope)

    def texts(self, path: str, source: Mapping[str, Any], scope: Scope) -> dict[str, str]:
        """A mapping of names to texts; entries that are null are left out."""
        found = {name: self.text(pointer(path, name), item, scope) for name, item in source.items()}
        return {name: item for name, item in found.items() if item is not None}

    def command(self, path: str, source: list[Any], scope: Scope) -> tuple[str, ...]:
        """A list of arguments; an item whose value is a list gives several, null gives none."""
        arguments: list[str] = []
        for index, item in enumerate(source):
            here = pointer(path, index)
            value = self.value(here, item, scope)
            for one in value if isinstance(value, list) else () if value is None else (value,):
                try:
                    arguments.append(str(expressions.as_text(one)))
                except TypeError as error:
                    self.error(here, str(error))
        return tuple(arguments)

    def number(self, path: str, source: Any, scope: Scope, default: float, *, least: float = 0) -> float:
        """A number."""
        if source is None:
            return default
        value = self.value(path, source, scope)
        if isinstance(value, str) and not isinstance(value, Late) and _NUMBER.fullmatch(value):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            if not self._is_wrong(path):
                self.error(path, f"must give a number, not {shown(value)}")
            return default
        if value < least:
            self.error(path, f"must be at least {least}, not {shown(value)}")
            return default
        return value

    def whole(self, path: str, source: Any, scope: Scope, default: int) -> int:
        """A whole number."""
        value = self.number(path, source, scope, default)
        if value != int(value):
            self.error(path, f"must give a whole number, not {shown(value)}; use '| int' or '//'")
            return default
        return int(value)

    def memory(self, path: str, source: Any, scope: Scope, default: int) -> int:
        """An amount of memory in bytes."""
        if source is None:
            return default
        value = self.value(path, source, scope)
        if isinstance(value, str):
            try:
                return units.memory(value)
            except ValueError as error:
                self.error(path, f"{error}, not {shown(value)}")
                return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            if not self._is_wrong(path):
                self.error(path, f"must give an amount of memory such as 512MiB, or bytes, not {shown(value)}")
            return default
        return int(value)

    def flag(self, path: str, source: Any, scope: Scope, default: bool) -> bool:
        """True or false."""
        if source is None:
            return default
        value = self.value(path, source, scope)
        if not isinstance(value, bool):
            if not self._is_wrong(path):
                self.error(
                    path,
                    f"must be true or false, not {shown(value)}; compare with something, such as {{{{ x != '' }}}}",
                )
            return default
        return value

    def broken_rules(self, path: str, rules: Sequence[Mapping[str, Any]], scope: Scope) -> list[FieldError]:
        """The rules that do not hold, as wrong places of a request: they are about what somebody asked for.

        :param path: where the rules stand in the definition
        """
        broken = []
        for index, rule in enumerate(rules):
            if not self.flag(f"{path}/{index}/that", rule["that"], scope, True):
                place = pointer("", rule["parameter"]) if "parameter" in rule else ""
                broken.append(FieldError(path=place, message=rule["message"]))
        return broken

    def _is_wrong(self, path: str) -> bool:
        return any(error.path == path for error in self.errors)


def seconds(source: Any, default: float) -> float:
    """A duration of a definition; the schema has checked it."""
    if source is None:
        return default
    return units.duration(source) if isinstance(source, str) else float(source)
