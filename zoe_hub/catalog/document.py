"""A definition's file as plain values, with the place of each of them. Made by ``source``, handed from hand to hand in
``catalog``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from zoe_hub.core.errors import FieldError


class Place(NamedTuple):
    """Where a value stands, counted from 1. ``block``: its text begins on the next line (``|`` or ``>``)."""

    line: int
    column: int
    block: bool = False


class Document(NamedTuple):
    """A file that was read. ``places`` maps JSON pointers to where the value, or its key, stands."""

    file: str
    data: Any
    places: Mapping[str, Place]
    keys: Mapping[str, Place]

    def error(self, path: str, message: str, *, key: bool = False, line: int = 0) -> FieldError:
        """A wrong place of this file. The nearest place that exists is taken for a path that does not.

        :param path: JSON pointer
        :param key: the key is wrong, not its value
        :param line: line within the text at ``path``, from 1, if known
        """
        place = self.keys.get(path) if key else None
        where = path
        while place is None:
            place = self.places.get(where)
            if place is None and not where:
                place = Place(1, 1)
            where = where.rpartition("/")[0]
        if line and place.block:
            place = Place(place.line + line, 1)
        return FieldError(message=message, path=path, file=self.file, line=place.line, column=place.column)


class Unreadable(Exception):
    """The file is no definition at all. ``errors`` says where and why."""

    def __init__(self, *errors: FieldError) -> None:
        self.errors = errors
        super().__init__("; ".join(map(str, errors)))


def pointer(path: str, key: object) -> str:
    """``path`` extended by one step of a JSON pointer."""
    return f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"
