"""Builds a document from the events of libyaml, one after the other. Called by ``source``.

It refuses duplicate keys and bounds what a hostile or broken file could blow up: depth, number of values (counted as if
every alias were written out), length of numbers. Scalars follow YAML 1.2: ``yes``, ``on`` and dates are texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from zoe_hub.catalog.document import Document, Place, Unreadable, pointer
from zoe_hub.core.errors import FieldError
from zoe_hub.core.text import has_bracket

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


class _Open:
    """A collection whose end has not been seen."""

    def __init__(self, value: Any, path: str, anchor: str | None, size: int) -> None:
        self.value, self.path, self.anchor, self.begin = value, path, anchor, size
        self.key: str | None = None


class DocumentReader:
    """Builds one document."""

    def __init__(self, file: str) -> None:
        """:param file: as errors name it"""
        self._file = file
        self._errors: list[FieldError] = []
        self._places: dict[str, Place] = {}
        self._keys: dict[str, Place] = {}
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._size = 0
        self._stack: list[_Open] = []
        self._root: Any = None
        self._documents = 0

    def document(self, events: Iterator[Any]) -> Document:
        """The document of these events. :raises Unreadable: with all that is wrong, up to what is fatal"""
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    self._fatal("holds a second document; put each definition into a file of its own", event)
            elif kind in ("MappingStartEvent", "SequenceStartEvent"):
                self._begin(event, {} if kind[0] == "M" else [])
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                self._end()
            elif kind == "ScalarEvent":
                self._scalar(event)
            elif kind == "AliasEvent":
                self._alias(event)
        if self._errors:
            raise Unreadable(*self._errors)
        if not self._documents or self._root is None:
            raise Unreadable(
                FieldError(
                    message="is empty; see docs/framework-author.md for what belongs here",
                    file=self._file,
                    line=1,
                    column=1,
                )
            )
        return Document(self._file, self._root, self._places, self._keys)

    # one step each

    def _begin(self, event: Any, value: Any) -> None:
        self._tag(event, ())
        top = self._stack[-1] if self._stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self._fatal("a key must be a plain text", event)
        if len(self._stack) >= DEEPEST:
            self._fatal(f"is nested deeper than {DEEPEST} levels", event)
        path = self._add(value, event, 1)
        self._stack.append(_Open(value, path, event.anchor, self._size))

    def _end(self) -> None:
        done = self._stack.pop()
        if done.anchor:
            self._anchors[done.anchor] = (done.value, self._size - done.begin + 1)
        if self._stack:
            self._stack[-1].key = None

    def _scalar(self, event: Any) -> None:
        top = self._stack[-1] if self._stack else None
        self._tag(event, ("str",))
        if has_bracket(event.value):
            self._error(
                "the characters ⟦ and ⟧ are reserved; write an expression such as {{ port.web }} instead", event
            )
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self._name(top, event)
            return
        plain = event.implicit[0] and not event.style
        value = self._resolve(event) if plain else event.value
        self._add(value, event, 1)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        if top is not None:
            top.key = None

    def _alias(self, event: Any) -> None:
        top = self._stack[-1] if self._stack else None
        if event.anchor not in self._anchors:
            self._fatal(f"the anchor &{event.anchor} is not defined before this place, or contains itself", event)
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self._fatal("a key must be a plain text, not an alias", event)
        value, size = self._anchors[event.anchor]
        self._add(value, event, size)
        if top is not None:
            top.key = None

    def _name(self, top: _Open, event: Any) -> None:
        path = pointer(top.path, event.value)
        if len(event.value) > 200:
            self._fatal("a key is longer than 200 characters", event)
        if event.value in top.value:
            first = self._keys[path]
            self._error(
                f"'{event.value}' is written twice, first in line {first.line}; remove one of them", event, path
            )
        self._keys[path] = _place(event)
        top.key = event.value

    def _add(self, value: Any, event: Any, size: int) -> str:
        self._size += size
        if self._size > MOST_VALUES:
            self._fatal(
                f"holds more than {MOST_VALUES} values (aliases are counted as if they were written out)", event
            )
        if not self._stack:
            self._root, path = value, ""
        else:
            top = self._stack[-1]
            if isinstance(top.value, dict):
                path = pointer(top.path, top.key)
                top.value[top.key] = value
            else:
                path = pointer(top.path, len(top.value))
                top.value.append(value)
        self._places[path] = _place(event)
        return path

    def _resolve(self, event: Any) -> Any:
        text = event.value
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text):
            return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
        if _LONG_INTEGER.fullmatch(text):
            self._error("the number is too large", event)
            return 0
        if len(text) < 100 and _FLOAT.fullmatch(text):
            number = float(text)
            if number in (float("inf"), float("-inf")):
                self._error("the number is too large", event)
                return 0
            return number
        return text

    # problems

    def _tag(self, event: Any, known: tuple[str, ...]) -> None:
        if event.tag and event.tag != "!" and event.tag.removeprefix(_TAG) not in known:
            self._error(f"the tag {event.tag} is not allowed; write a plain value", event)

    def _error(self, message: str, event: Any, path: str | None = None) -> None:
        place = _place(event)
        if path is None:
            path = self._stack[-1].path if self._stack else ""
        self._errors.append(
            FieldError(message=message, path=path, file=self._file, line=place.line, column=place.column)
        )

    def _fatal(self, message: str, event: Any) -> None:
        self._error(message, event)
        raise Unreadable(*self._errors)


def _place(event: Any) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1, getattr(event, "style", None) in ("|", ">"))
