"""What can be wrong with an expression, and names that exist and must not be used. Used throughout this package."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from zoe_hub.core.errors import ZoeError
from zoe_hub.language.words import suggestion


class TemplateError(ZoeError):
    """An expression that is not allowed, or has no value. ``line`` counts within the template, from 1."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__("bad-definition", message)
        self.line = line


class Absent(TemplateError):
    """The expression names something that is switched off (``when``)."""


class TooCostly(TemplateError):
    """The expression takes too long or makes something too large: no ``default`` helps it."""


class Hidden(NamedTuple):
    """A name that exists and must not be used like this. ``absent``: it is switched off in this rendering."""

    message: str
    absent: bool = False


def unknown(name: str, scope: Iterable[str]) -> str:
    """The message about a name that is not there."""
    return f"'{name}' is not there{suggestion(name, scope)}"
