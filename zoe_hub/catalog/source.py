"""Reads one YAML file into plain values and remembers where each of them stands. Called by ``catalog``.

It reads the events of libyaml itself instead of letting PyYAML build objects, so that it can say line and column of
every value, refuse duplicate keys, and bound everything that a hostile or broken file could blow up: size, depth,
number of values (counted as if every alias were written out), length of numbers. Scalars follow YAML 1.2: ``yes``,
``on`` and dates are texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from zoe_hub.core.errors import FieldError
from zoe_hub.core.text import has_bracket

LARGEST_FILE = 512 * 1024  # bytes
MOST_VALUES = 20_000
DEEPEST = 40

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}|0x[0-9a-fA-F]{1,15}|0o[0-7]{1,20}")
_LONG_INTEGER = re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS: Mapping[str, Any] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_TAG = "tag:yaml.org,2002:"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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


def read(path: Path) -> Document:
    """The file as a document. :raises Unreadable: with everything that is wrong with the YAML itself"""
    file = str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise Unreadable(
            FieldError(
                message=f"cannot be read: {error.strerror or error}; check that it exists and may be read", file=file
            )
        ) from error
    if len(content) > LARGEST_FILE:
        raise Unreadable(
            FieldError(
                message=f"is larger than {LARGEST_FILE // 1024} KiB; put programs and data into files of their own",
                file=file,
                line=1,
                column=1,
            )
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(
            FieldError(message="is not UTF-8 text; save it in UTF-8", file=file, line=line, column=1)
        ) from error
    return parse(text, file)


def parse(text: str, file: str) -> Document:
    """A text as a document. :raises Unreadable:"""
    reader = _Reader(file)
    try:
        return reader.document(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Unreadable(
            FieldError(
                message=f"is not YAML: {what}; check quotes, colons and indentation here",
                file=file,
                line=place[0],
                column=place[1],
            )
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable(
            FieldError(message=f"is not YAML: {error.reason}; remove the character", file=file, line=line, column=1)
        ) from error
    except (yaml.YAMLError, ValueError, UnicodeError) as error:
        raise Unreadable(FieldError(message=f"is not YAML: {error}", file=file, line=1, column=1)) from error


class _Open:
    """A collection whose end has not been seen."""

    def __init__(self, value: Any, path: str, anchor: str | None, size: int) -> None:
        self.value, self.path, self.anchor, self.begin = value, path, anchor, size
        self.key: str | None = None


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[FieldError] = []
        self.places: dict[str, Place] = {}
        self.keys: dict[str, Place] = {}
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.size = 0
        self.stack: list[_Open] = []
        self.root: Any = None
        self.documents = 0

    def document(self, events: Iterator[Any]) -> Document:
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                self.documents += 1
                if self.documents > 1:
                    self.fatal("holds a second document; put each definition into a file of its own", event)
            elif kind in ("MappingStartEvent", "SequenceStartEvent"):
                self.begin(event, {} if kind[0] == "M" else [])
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                self.end()
            elif kind == "ScalarEvent":
                self.scalar(event)
            elif kind == "AliasEvent":
                self.alias(event)
        if self.errors:
            raise Unreadable(*self.errors)
        if not self.documents or self.root is None:
            raise Unreadable(
                FieldError(
                    message="is empty; see docs/framework-author.md for what belongs here",
                    file=self.file,
                    line=1,
                    column=1,
                )
            )
        return Document(self.file, self.root, self.places, self.keys)

    # one step each

    def begin(self, event: Any, value: Any) -> None:
        self.tag(event, ())
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self.fatal("a key must be a plain text", event)
        if len(self.stack) >= DEEPEST:
            self.fatal(f"is nested deeper than {DEEPEST} levels", event)
        path = self.add(value, event, 1)
        self.stack.append(_Open(value, path, event.anchor, self.size))

    def end(self) -> None:
        done = self.stack.pop()
        if done.anchor:
            self.anchors[done.anchor] = (done.value, self.size - done.begin + 1)
        if self.stack:
            self.stack[-1].key = None

    def scalar(self, event: Any) -> None:
        top = self.stack[-1] if self.stack else None
        self.tag(event, ("str",))
        if has_bracket(event.value):
            self.error("the characters ⟦ and ⟧ are reserved; write an expression such as {{ port.web }} instead", event)
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self.name(top, event)
            return
        plain = event.implicit[0] and not event.style
        value = self.resolve(event) if plain else event.value
        self.add(value, event, 1)
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)
        if top is not None:
            top.key = None

    def alias(self, event: Any) -> None:
        top = self.stack[-1] if self.stack else None
        if event.anchor not in self.anchors:
            self.fatal(f"the anchor &{event.anchor} is not defined before this place, or contains itself", event)
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self.fatal("a key must be a plain text, not an alias", event)
        value, size = self.anchors[event.anchor]
        self.add(value, event, size)
        if top is not None:
            top.key = None

    def name(self, top: _Open, event: Any) -> None:
        path = pointer(top.path, event.value)
        if len(event.value) > 200:
            self.fatal("a key is longer than 200 characters", event)
        if event.value in top.value:
            first = self.keys[path]
            self.error(f"'{event.value}' is written twice, first in line {first.line}; remove one of them", event, path)
        self.keys[path] = _place(event)
        top.key = event.value

    def add(self, value: Any, event: Any, size: int) -> str:
        self.size += size
        if self.size > MOST_VALUES:
            self.fatal(f"holds more than {MOST_VALUES} values (aliases are counted as if they were written out)", event)
        if not self.stack:
            self.root, path = value, ""
        else:
            top = self.stack[-1]
            if isinstance(top.value, dict):
                path = pointer(top.path, top.key)
                top.value[top.key] = value
            else:
                path = pointer(top.path, len(top.value))
                top.value.append(value)
        self.places[path] = _place(event)
        return path

    def resolve(self, event: Any) -> Any:
        text = event.value
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text):
            return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
        if _LONG_INTEGER.fullmatch(text):
            self.error("the number is too large", event)
            return 0
        if len(text) < 100 and _FLOAT.fullmatch(text):
            number = float(text)
            if number in (float("inf"), float("-inf")):
                self.error("the number is too large", event)
                return 0
            return number
        return text

    # problems

    def tag(self, event: Any, known: tuple[str, ...]) -> None:
        if event.tag and event.tag != "!" and event.tag.removeprefix(_TAG) not in known:
            self.error(f"the tag {event.tag} is not allowed; write a plain value", event)

    def error(self, message: str, event: Any, path: str | None = None) -> None:
        place = _place(event)
        if path is None:
            path = self.stack[-1].path if self.stack else ""
        self.errors.append(FieldError(message=message, path=path, file=self.file, line=place.line, column=place.column))

    def fatal(self, message: str, event: Any) -> None:
        self.error(message, event)
        raise Unreadable(*self.errors)


def _place(event: Any) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1, getattr(event, "style", None) in ("|", ">"))
