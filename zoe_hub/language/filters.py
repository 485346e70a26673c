"""The filters and tests of expressions, and what a value is within a text. Used by ``walking`` and ``grammar``.

Every filter measures what it makes before it makes it, and counts its steps, on the ``Budget`` of the evaluation.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from zoe_hub.core.text import Reference, references
from zoe_hub.language.words import shown, suggestion


class Budget(Protocol):
    """What one evaluation may still cost."""

    def spend(self, steps: int) -> None:
        """Count steps. :raises ZoeError: there were too many"""

    def measure(self, length: int) -> None:
        """Say how long a text is going to be. :raises ZoeError: it is too long"""

    def weigh(self, value: Any) -> int:
        """Count the steps of looking at all that is in a value, and say them. :raises ZoeError: there were too many"""


COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda one, other: one in other,
    "notin": lambda one, other: one not in other,
}
TESTS: Mapping[str, Callable[..., Any]] = {
    **{name: COMPARE[name] for name in ("eq", "ne", "lt", "gt", "in")},
    "equalto": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "le": operator.le,
    "ge": operator.ge,
    "none": lambda value: value is None,
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "mapping": lambda value: isinstance(value, Mapping),
    "sequence": lambda value: isinstance(value, list | str),
    "odd": lambda value: value % 2 == 1,
    "even": lambda value: value % 2 == 0,
    "divisibleby": lambda value, other: value % other == 0,
}


class Late(str):
    """A text that is known only when a process starts. It can be joined to other text, nothing else."""

    __slots__ = ()


def as_text(value: Any) -> str:
    """A value within a text: true and false in lower case, null as nothing, lists and mappings refused."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise TypeError(f"{shown(value)} is no text; use '| json' or '| join(\",\")', or name one of its members")


def _items(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value)
    if isinstance(value, list):
        return value
    raise TypeError(f"a list is needed, not {shown(value)}")


def _strings(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"a text is needed, not {shown(value)}")


def _join(walk: Budget, value: Any, separator: str = "") -> str:
    texts = [as_text(item) for item in _items(value)]
    walk.measure(sum(map(len, texts)) + len(texts) * len(separator))
    walk.spend(len(texts))
    joined = separator.join(texts)
    return Late(joined) if any(isinstance(text, Late) for text in texts) else joined


def _replace(walk: Budget, value: Any, old: str, new: str) -> str:
    text = _strings(value)
    walk.measure(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _size(value: Any) -> int:
    """About how many characters a value has as JSON."""
    if isinstance(value, Mapping):
        return sum(len(name) + 4 + _size(item) for name, item in value.items())
    if isinstance(value, list):
        return 2 + sum(2 + _size(item) for item in value)
    return len(value) + 2 if isinstance(value, str) else 8


def _json(walk: Budget, value: Any) -> str:
    walk.measure(_size(value))
    made = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return Late(made) if _late(value) else made


def _late(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_late, value.values()))
    return any(map(_late, value)) if isinstance(value, list) else isinstance(value, Late)


def _attribute(item: Any, path: str) -> Any:
    for step in path.split("."):
        if not isinstance(item, Mapping) or step not in item:
            raise TypeError(f"an item has no member '{path}'")
        item = item[step]
    return item


def _chosen(
    walk: Budget, value: Any, attribute: str, test: str, arguments: tuple[Any, ...], *, wanted: bool
) -> list[Any]:
    items = _items(value)
    walk.spend(len(items) * (1 + sum(map(walk.weigh, arguments))))
    if test and test not in TESTS:
        raise TypeError(f"the test '{test}' is not there{suggestion(test, TESTS)}")
    check = TESTS[test] if test else bool
    return [item for item in items if bool(check(_attribute(item, attribute), *arguments)) is wanted]


def _select(*, wanted: bool) -> Callable[..., list[Any]]:
    return lambda walk, value, attribute, test="", *arguments: _chosen(
        walk, value, attribute, test, arguments, wanted=wanted
    )


def _map(walk: Budget, value: Any, attribute: str) -> list[Any]:
    items = _items(value)
    walk.spend(len(items))
    return [_attribute(item, attribute) for item in items]


def _lines(walk: Budget, value: Any) -> str:
    """A mapping as ``name=value`` lines."""
    if not isinstance(value, Mapping):
        raise TypeError(f"a mapping is needed, not {shown(value)}")
    lines = [f"{name}={as_text(item)}" for name, item in value.items()]
    if any("\n" in line for line in lines):
        raise ValueError("a value holds a line break")
    walk.measure(sum(map(len, lines)) + len(lines))
    return "\n".join(lines)


def _jws(walk: Budget, value: Any) -> str:
    """Instead of a secret, what is signed with it."""
    for reference in references((value,)) if isinstance(value, Late) else ():
        if reference.kind == "secret" and value == str(reference):
            return Late(str(Reference("jws", reference.name)))
    raise TypeError("'jws' signs with a secret; write {{ secret('name') | jws }}")


def _int(walk: Budget, value: Any) -> int:
    if isinstance(value, str) and len(value) > 30:
        raise ValueError("the number is too long")
    return int(value)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "default": lambda walk, value: value,
    "d": lambda walk, value: value,  # see ``Walk._filtered``
    "abs": lambda walk, value: abs(value),
    "bytes": lambda walk, value: len(_strings(value).encode(errors="surrogatepass")),
    "bool": lambda walk, value: bool(value),
    "count": lambda walk, value: len(value),
    "first": lambda walk, value: _items(value)[0],
    "float": lambda walk, value: float(value),
    "int": _int,
    "join": _join,
    "json": _json,
    "jws": _jws,
    "last": lambda walk, value: _items(value)[-1],
    "length": lambda walk, value: len(value),
    "lines": _lines,
    "list": lambda walk, value: list(_items(value)),
    "lower": lambda walk, value: _strings(value).lower(),
    "map": _map,
    "max": lambda walk, value: max(_items(value)),
    "mib": lambda walk, value: int(value) // 2**20,
    "min": lambda walk, value: min(_items(value)),
    "rejectattr": _select(wanted=False),
    "replace": _replace,
    "round": lambda walk, value: round(value),
    "selectattr": _select(wanted=True),
    "sort": lambda walk, value: sorted(_items(value)),
    "string": lambda walk, value: as_text(value),
    "sum": lambda walk, value: sum(_items(value)),
    "tojson": _json,
    "trim": lambda walk, value: _strings(value).strip(),
    "upper": lambda walk, value: _strings(value).upper(),
}
