"""Which names the expressions of a field may use, and what they are worth.

A *scope* maps names to values. A name that exists and must not be used in a field is ``Hidden`` with the reason; what
is known only when a process starts is ``Late`` text. Used by ``fields``, ``framework`` and ``zapp``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zoe_hub.core.text import Kind, Reference
from zoe_hub.language import expressions
from zoe_hub.language.expressions import Hidden, Late, TemplateError
from zoe_hub.language.words import suggestion

Scope = Mapping[str, Any]
PROCESS_NAMES = ("port", "path", "bind", "host", "index", "process", "folder")
_WORDS = ("true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else")
RESERVED = frozenset((*PROCESS_NAMES, "secret", "version", "framework", "zapp", "body", *_WORDS))


def late(kind: Kind, name: str = "") -> Late:
    """A reference as a value of an expression."""
    return Late(Reference(kind, name))


def in_expression(name: str) -> str:
    """A group's or port's name as expressions write it: ``-`` would be a minus."""
    return name.replace("-", "_")


def hidden(names: Iterable[str], why: str) -> dict[str, Hidden]:
    """Names that exist and are out of reach."""
    return {name: Hidden(f"'{name}' {why}") for name in names}


def hidden_secrets(names: Iterable[str], places: str) -> dict[str, Hidden]:
    """Secret parameters, whose names alone have no value.

    :param places: which fields may hold secrets
    """
    return {name: Hidden(f"'{name}' is a secret: write secret('{name}') in {places}") for name in names}


class Open(dict[str, Any]):
    """A mapping that a parameter holds: its members are not known before somebody gives them."""


def opened(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters for ``Fields.check``: their own members are not looked at."""
    return {name: Open(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def process_scope(ports: Mapping[str, Any]) -> dict[str, Any]:
    """What expressions of a process's fields may name of the process itself.

    :param ports: as its definition has them
    """
    web = [name for name, port in ports.items() if isinstance(port, dict) and port.get("protocol") == "http"]
    return {
        "port": {in_expression(name): late("port", name) for name in ports},
        "path": {in_expression(name): late("path", name) for name in web},
        "bind": late("bind"),
        "host": late("host"),
        "index": late("index"),
        "process": late("name"),
    }


def secret_lookup(known: Mapping[str, str], *, allowed: bool, field: str = "") -> Callable[[str], Late]:
    """The function ``secret('name')`` of expressions.

    :param known: name within the definition -> name within the execution
    :param allowed: whether this field may hold secrets
    :param field: what the field is, for the message that refuses one
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


def out_of_reach(name: str, attributes: tuple[str, ...], scope: Scope) -> str:
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


def names_in(source: Any) -> frozenset[str]:
    """The names that the expressions of a field use; the definition was checked before."""
    if not isinstance(source, str):
        return frozenset()
    return frozenset(name for name, _, _ in expressions.names_used(expressions.parse(source)))
