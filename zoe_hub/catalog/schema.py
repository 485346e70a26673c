"""Checks a value against a JSON Schema and says everything that is wrong, each with what to do about it.

It knows the keywords of JSON Schema 2020-12 that definitions and parameters may use (``KEYWORDS``; the published schema
refuses others), and behaves as the standard says; a test compares it with the package ``jsonschema``. That package
itself is not used at run time: importing it costs the idle hub 21 MiB and its start more than a second, and it words
errors for programmers. Used by ``catalog`` (files) and ``parameters`` (what people ask for).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from zoe_hub.catalog.document import pointer
from zoe_hub.language import units
from zoe_hub.language.patterns import compiled, found
from zoe_hub.language.words import shown, suggestion

Schema = Mapping[str, Any] | bool

_STRUCTURE = ("$schema", "$id", "$ref", "$defs")
_ANNOTATIONS = ("$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly")
_OF_ALL = ("type", "enum", "const", "secret")
_OF_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_OF_TEXTS = ("minLength", "maxLength", "pattern", "format")
_OF_LISTS = ("items", "minItems", "maxItems", "uniqueItems")
_OF_MAPPINGS = ("properties", "required", "additionalProperties", "patternProperties", "propertyNames")
_OF_SIZES = ("minProperties", "maxProperties")
_COMBINATIONS = ("oneOf", "anyOf", "allOf", "not", "if", "then", "else")
KEYWORDS = frozenset(
    (*_STRUCTURE, *_ANNOTATIONS, *_OF_ALL, *_OF_NUMBERS, *_OF_TEXTS, *_OF_LISTS, *_OF_MAPPINGS, *_OF_SIZES)
).union(_COMBINATIONS)

_TYPES: Mapping[str, str] = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of names to values",
    "null": "null",
}


class Fault(NamedTuple):
    """One thing that is wrong. ``key``: it is the name at ``path`` that is wrong, not its value."""

    path: str
    demand: str  # what must be
    key: bool = False
    found: str = ""  # what is there instead, as ``shown`` tells it; nowhere else does a fault quote a value
    hint: str = ""

    @property
    def message(self) -> str:
        """All of it."""
        return f"{self.demand}, not {self.found}{self.hint}" if self.found else f"{self.demand}{self.hint}"


def is_type(value: Any, name: str) -> bool:
    """Whether a JSON value is of a type of JSON Schema; 2.0 is an integer, true is none."""
    if name == "integer":
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer()
        )
    if name == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    python: type | None = {"string": str, "boolean": bool, "array": list, "object": dict, "null": type(None)}.get(name)
    return python is not None and isinstance(value, python)


def same(one: Any, other: Any) -> bool:
    """Equality of JSON: 1 is 1.0, true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _identity(value: Any) -> Hashable:
    """Equal for those values that are the ``same``."""
    if isinstance(value, dict):
        return frozenset((key, _identity(member)) for key, member in value.items())
    if isinstance(value, list):
        return tuple(map(_identity, value))
    return (isinstance(value, bool), value)


def _memory(value: str) -> None:
    units.memory(value)


def _duration(value: str) -> None:
    units.duration(value)


def _regex(value: str) -> None:
    try:
        compiled(value)
    except ValueError as error:
        raise ValueError(f"must be a regular expression: {error}") from error


FORMATS: Mapping[str, Callable[[str], None]] = {"memory": _memory, "duration": _duration, "regex": _regex}


def check(schema: Schema, value: Any, path: str = "", root: Schema | None = None) -> Iterator[Fault]:
    """Everything that is wrong with ``value``.

    :param schema: made of ``KEYWORDS`` only
    :param path: JSON pointer of ``value``
    :param root: where ``$ref`` looks, the schema itself by default
    """
    root = schema if root is None else root
    if isinstance(schema, bool):
        if not schema:
            yield Fault(path, "is not allowed here; remove it")
        return
    if "$ref" in schema:
        yield from check(_resolve(schema["$ref"], root), value, path, root)
    types = schema.get("type")
    if types is not None:
        names = [types] if isinstance(types, str) else types
        if not any(is_type(value, name) for name in names):
            yield Fault(path, f"must be {_either(_TYPES[name] for name in names)}", found=shown(value))
            return
    if "enum" in schema and not any(same(value, item) for item in schema["enum"]):
        known = [item for item in schema["enum"] if isinstance(item, str)]
        hint = suggestion(value, known) if isinstance(value, str) and difflib.get_close_matches(value, known, 1) else ""
        wanted = _either(repr(item) if isinstance(item, str) else shown(item) for item in schema["enum"])
        yield Fault(path, f"must be {wanted}", found=shown(value), hint=hint)
    if "const" in schema and not same(value, schema["const"]):
        yield Fault(path, f"must be {shown(schema['const'])}", found=shown(value))
    if isinstance(value, str):
        yield from _text(schema, value, path)
    elif isinstance(value, dict):
        yield from _object(schema, value, path, root)
    elif isinstance(value, list):
        yield from _array(schema, value, path, root)
    elif is_type(value, "number"):
        yield from _number(schema, value, path)
    yield from _combined(schema, value, path, root)


def _resolve(reference: str, root: Schema) -> Schema:
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        found = found[step]
    return found  # type: ignore[no-any-return]


def _either(words: Iterable[str]) -> str:
    items = list(words)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} or {items[-1]}"


def _number(schema: Mapping[str, Any], value: float, path: str) -> Iterator[Fault]:
    if "minimum" in schema and value < schema["minimum"]:
        yield Fault(path, f"must be at least {schema['minimum']}", found=shown(value))
    if "maximum" in schema and value > schema["maximum"]:
        yield Fault(path, f"must be at most {schema['maximum']}", found=shown(value))
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield Fault(path, f"must be more than {schema['exclusiveMinimum']}", found=shown(value))
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        yield Fault(path, f"must be less than {schema['exclusiveMaximum']}", found=shown(value))
    if "multipleOf" in schema:
        step = schema["multipleOf"]
        whole = (
            value % step == 0
            if isinstance(value, int) and isinstance(step, int)
            else math.isfinite(value / step) and (value / step).is_integer()
        )
        if not whole:
            yield Fault(path, f"must be a multiple of {step}", found=shown(value))


def _text(schema: Mapping[str, Any], value: str, path: str) -> Iterator[Fault]:
    if len(value) < schema.get("minLength", 0):
        wanted = schema["minLength"]
        if wanted == 1:
            yield Fault(path, "must not be empty")
        else:
            yield Fault(path, f"must have at least {wanted} characters", found=str(len(value)))
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield Fault(path, f"must have at most {schema['maxLength']} characters", found=str(len(value)))
        return  # a pattern is not tried on a text of any length
    if "pattern" in schema and not found(schema["pattern"], value):
        # $comment beside a pattern says in words what it asks for
        wanted = schema.get("$comment") or f"match {schema['pattern']}"
        yield Fault(path, f"must {wanted}", found=shown(value))
    elif schema.get("format") in FORMATS:
        try:
            FORMATS[schema["format"]](value)
        except ValueError as error:
            yield Fault(path, f"{error}", found=shown(value))


def _array(schema: Mapping[str, Any], value: list[Any], path: str, root: Schema) -> Iterator[Fault]:
    if len(value) < schema.get("minItems", 0):
        yield Fault(path, f"must have at least {schema['minItems']} items", found=str(len(value)))
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        yield Fault(path, f"must have at most {schema['maxItems']} items", found=str(len(value)))
        return
    if schema.get("uniqueItems"):
        known: set[Hashable] = set()
        for index, item in enumerate(value):
            before = len(known)
            known.add(_identity(item))
            if len(known) == before:
                yield Fault(pointer(path, index), f"{shown(item)} is in the list twice; remove one")
                break
    if "items" in schema:
        for index, item in enumerate(value):
            yield from check(schema["items"], item, pointer(path, index), root)


def _object(schema: Mapping[str, Any], value: dict[str, Any], path: str, root: Schema) -> Iterator[Fault]:
    properties = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield Fault(path, f"needs '{name}'")
    if len(value) < schema.get("minProperties", 0):
        yield Fault(
            path,
            (
                "must not be empty"
                if schema["minProperties"] == 1
                else f"must have at least {schema['minProperties']} members"
            ),
        )
    if "maxProperties" in schema and len(value) > schema["maxProperties"]:
        yield Fault(path, f"must have at most {schema['maxProperties']} members", found=str(len(value)))
        return
    for name, member in value.items():
        below = pointer(path, name)
        if "propertyNames" in schema:
            for fault in check(schema["propertyNames"], name, below, root):
                yield Fault(below, f"the name {fault.demand}{fault.hint}", True)
        matched = [patterns[pattern] for pattern in patterns if found(pattern, name)]
        if name in properties:
            matched.append(properties[name])
        for one in matched:
            yield from check(one, member, below, root)
        if not matched and "additionalProperties" in schema:
            extra = schema["additionalProperties"]
            if extra is False:
                missing = [known for known in properties if known not in value]
                yield Fault(below, f"'{name}' is not known here{suggestion(name, missing or properties)}", True)
            else:
                yield from check(extra, member, below, root)


def _combined(schema: Mapping[str, Any], value: Any, path: str, root: Schema) -> Iterator[Fault]:
    for one in schema.get("allOf", ()):
        yield from check(one, value, path, root)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            results = [list(check(one, value, path, root)) for one in schema[keyword]]
            fitting = sum(not faults for faults in results)
            if not fitting:
                yield from _best(schema[keyword], results, value, path, root)
            elif fitting > 1 and keyword == "oneOf":
                yield Fault(path, f"fits {fitting} of the forms that exclude each other; keep to one")
    if "not" in schema and not any(check(schema["not"], value, path, root)):
        yield Fault(
            path,
            str(
                (schema["not"].get("$comment") if isinstance(schema["not"], Mapping) else "")
                or "is not allowed like this"
            ),
        )
    if "if" in schema:
        branch = "else" if any(check(schema["if"], value, path, root)) else "then"
        if branch in schema:
            yield from check(schema[branch], value, path, root)


def _best(forms: list[Schema], results: list[list[Fault]], value: Any, path: str, root: Schema) -> Iterator[Fault]:
    """What is wrong with the form that was probably meant: the one whose type fits, else all types there are."""
    expanded = [
        _resolve(form["$ref"], root) if isinstance(form, Mapping) and "$ref" in form else form for form in forms
    ]
    fitting, types = [], []
    for form, faults in zip(expanded, results, strict=True):
        names = form.get("type", ()) if isinstance(form, Mapping) else ()
        names = [names] if isinstance(names, str) else list(names)
        types += [name for name in names if name not in types]
        if not names or any(is_type(value, name) for name in names):
            fitting.append(faults)
    if fitting:
        # the form that the value comes furthest in: its faults are deepest, then fewest
        yield from min(fitting, key=lambda faults: (-max(fault.path.count("/") for fault in faults), len(faults)))
    else:
        wanted = _either(_TYPES[name] for name in types) if types else "something else"
        yield Fault(path, f"must be {wanted}", found=shown(value))
