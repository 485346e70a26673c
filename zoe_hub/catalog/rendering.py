"""Turns the fields of a definition into values: one ``Fields`` for each framework that is rendered, or checked.

A field's *reach* says which names its expressions may use. The same scopes serve both uses: ``check`` looks at every
name in an expression without evaluating it (so that the branch not taken is checked too), ``text``, ``number`` and so
on evaluate it. Everything that is wrong is collected in ``errors``, with its place. Called by ``framework`` and
``zapp``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from zoe_hub.catalog.source import Document, pointer
from zoe_hub.core.errors import FieldError
from zoe_hub.core.text import Kind, Reference
from zoe_hub.language import expressions, units
from zoe_hub.language.expressions import Absent, Hidden, Late, TemplateError
from zoe_hub.language.words import shown, suggestion

Scope = Mapping[str, Any]
PROCESS_NAMES = ("port", "path", "bind", "host", "index", "process", "folder")
RESERVED = frozenset(
    (
        *PROCESS_NAMES,
        "secret",
        "version",
        "framework",
        "zapp",
        "true",
        "false",
        "none",
        "True",
        "False",
        "None",
        "not",
        "and",
        "or",
        "in",
        "is",
        "if",
        "else",
        "body",
    )
)

_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")


def late(kind: Kind, name: str = "") -> Late:
    """A reference as a value of an expression."""
    return Late(Reference(kind, name))


def in_expression(name: str) -> str:
    """A group's or port's name as expressions write it: ``-`` would be a minus."""
    return name.replace("-", "_")


def hidden(names: Any, why: str) -> dict[str, Hidden]:
    """Names that exist and are out of reach."""
    return {name: Hidden(f"'{name}' {why}") for name in names}


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
        for name, attributes, line in expressions.named(template):
            message = _out_of_reach(name, attributes, scope)
            if message:
                self.error(path, message, line=line)
        for name, line in expressions.secrets(template):
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
            if not self._noted(path):
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
            if not self._noted(path):
                self.error(path, f"must give an amount of memory such as 512MiB, or bytes, not {shown(value)}")
            return default
        return int(value)

    def flag(self, path: str, source: Any, scope: Scope, default: bool) -> bool:
        """True or false."""
        if source is None:
            return default
        value = self.value(path, source, scope)
        if not isinstance(value, bool):
            if not self._noted(path):
                self.error(
                    path,
                    f"must be true or false, not {shown(value)}; compare with something, such as {{{{ x != '' }}}}",
                )
            return default
        return value

    def _noted(self, path: str) -> bool:
        return any(error.path == path for error in self.errors)


def names_in(source: Any) -> frozenset[str]:
    """The names that the expressions of a field use; the definition was checked before."""
    if not isinstance(source, str):
        return frozenset()
    return frozenset(name for name, _, _ in expressions.named(expressions.parse(source)))


def seconds(source: Any, default: float) -> float:
    """A duration of a definition; the schema has checked it."""
    if source is None:
        return default
    return units.duration(source) if isinstance(source, str) else float(source)


def _out_of_reach(name: str, attributes: tuple[str, ...], scope: Scope) -> str:
    """Why a name with its attributes cannot be used, or nothing."""
    if name not in scope or name == "secret":
        return expressions.unknown(
            name, (known for known, value in scope.items() if known != "secret" and not isinstance(value, Hidden))
        )
    value, so_far = scope[name], name
    for attribute in attributes:
        if isinstance(value, Late):
            return f"'{so_far}' has no member '{attribute}'"
        if not isinstance(value, Mapping) or isinstance(value, Open):
            break
        if attribute not in value:
            return f"'{so_far}' has no '{attribute}'{suggestion(attribute, value)}"
        value, so_far = value[attribute], f"{so_far}.{attribute}"
    if isinstance(value, Hidden) and not value.absent:
        return value.message
    if isinstance(value, Mapping) and not isinstance(value, Open) and value:
        return f"'{so_far}' alone has no value; write {so_far}.{next(iter(value))}"
    return ""


class Open(dict[str, Any]):
    """A mapping that a parameter holds: its members are not known before somebody gives them."""


def opened(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters for ``check``: their own members are not looked at."""
    return {name: Open(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def secret_lookup(known: Mapping[str, str], *, allowed: bool, field: str = "") -> Callable[[str], Late]:
    """The function ``secret('name')`` of expressions.

    :param known: name within the definition -> name within the execution
    :param allowed: whether this field may hold secrets
    """

    def secret(name: str) -> Late:
        if not allowed:
            raise TemplateError(
                f"a secret may not stand in {field or 'this field'}: pass it in environment, files or headers"
            )
        if name not in known:
            raise TemplateError(f"there is no secret '{name}'{suggestion(name, known) or '; declare it under secrets'}")
        return late("secret", known[name])

    return secret


def problems(*sources: Fields) -> Iterator[FieldError]:
    """All errors, each once."""
    seen: set[FieldError] = set()
    for source in sources:
        for error in source.errors:
            if error not in seen:
                seen.add(error)
                yield error
