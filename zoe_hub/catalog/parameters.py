"""Parameters: what a framework or ZApp may be asked. Checks their schemas, shows them to people, fills in what they
gave.

Used by ``framework`` and ``zapp`` (when definitions are read and rendered) and by ``catalog`` (for the shop).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zoe_hub.catalog.document import pointer
from zoe_hub.catalog.schema import Fault, check
from zoe_hub.core.errors import FieldError
from zoe_hub.core.text import has_bracket
from zoe_hub.language import units
from zoe_hub.language.words import suggestion

DIALECT = "https://json-schema.org/draft/2020-12/schema"
LONGEST_TEXT = 2**20  # characters of one text in what a user gives
LONGEST_LIST = 10_000  # items of one list in what a user gives; a schema may say fewer, and no more
LONGEST_SHOWN = 4096  # longer texts are cut in what an execution shows of its parameters

_FORMAT_TYPES = {"memory": ("string",), "duration": ("string",), "cores": ("number", "integer")}

Schemas = Mapping[str, Mapping[str, Any]]


def is_secret(schema: Mapping[str, Any]) -> bool:
    """Whether the parameter is a secret."""
    return schema.get("secret") is True


def required(schema: Mapping[str, Any]) -> bool:
    """Whether it must be given."""
    return "default" not in schema and not (is_secret(schema) and not schema.get("minLength"))


def secrets_among(schemas: Schemas) -> tuple[str, ...]:
    """Names of the parameters that are secrets."""
    return tuple(name for name, schema in schemas.items() if is_secret(schema))


def has_defaults_for_all(schemas: Schemas) -> bool:
    """Whether nobody has to say anything but secrets."""
    return not any(required(schema) and not is_secret(schema) for schema in schemas.values())


def check_schemas(schemas: Schemas, path: str) -> Iterator[Fault]:
    """What the published schema cannot say about the schemas of parameters."""
    for name, schema in schemas.items():
        here = pointer(path, name)
        if is_secret(schema):
            if schema["type"] != "string":
                yield Fault(pointer(here, "type"), "a secret must be a text: write type: string")
            for key in ("default", "enum", "const", "examples"):
                if key in schema:
                    yield Fault(pointer(here, key), f"a secret does not stand in a definition; remove '{key}'", True)
        yield from _nested(schema, here, 0)
        if "default" in schema and not is_secret(schema):
            yield from check(schema, schema["default"], pointer(here, "default"))


def _nested(schema: Mapping[str, Any], path: str, depth: int) -> Iterator[Fault]:
    if depth and "secret" in schema:
        yield Fault(pointer(path, "secret"), "only a parameter as a whole can be a secret", True)
    types = _FORMAT_TYPES.get(schema.get("format", ""))
    if types and schema["type"] not in types:
        yield Fault(pointer(path, "format"), f"the format {schema['format']} needs type: {types[0]}")
    for low, high in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        if schema.get(low, 0) > schema.get(high, float("inf")):
            yield Fault(pointer(path, low), f"is larger than {high}")
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(key), Mapping):
            yield from _nested(schema[key], pointer(path, key), depth + 1)
    for name, below in schema.get("properties", {}).items():
        yield from _nested(below, pointer(pointer(path, "properties"), name), depth + 1)


def published(schemas: Schemas, title: str, description: str = "") -> dict[str, Any]:
    """The parameters as one JSON Schema of type object, for forms, command lines and editors."""
    shown: dict[str, Any] = {"$schema": DIALECT, "title": title, "type": "object"}
    if description:
        shown["description"] = description
    shown["properties"] = {name: _plain(schema) for name, schema in schemas.items()}
    shown["required"] = [name for name, schema in schemas.items() if required(schema)]
    shown["additionalProperties"] = False
    return shown


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in schema.items() if key not in ("secret", "$comment")}
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(plain.get(key), Mapping):
            plain[key] = _plain(plain[key])
    if "properties" in plain:
        plain["properties"] = {name: _plain(below) for name, below in plain["properties"].items()}
    if plain.get("type") == "array":
        plain["maxItems"] = min(plain.get("maxItems", LONGEST_LIST), LONGEST_LIST)
    if is_secret(schema):
        plain |= {"writeOnly": True, "format": "password"}
    pattern = {"memory": units.MEMORY_PATTERN, "duration": units.DURATION_PATTERN}.get(schema.get("format", ""))
    if pattern:
        plain.setdefault("pattern", pattern)
    return plain


def fill(schemas: Schemas, given: Mapping[str, Any], what: str) -> tuple[dict[str, Any], list[FieldError]]:
    """What was given, with defaults, and everything that is wrong with it.

    :param what: name of the ZApp or framework, for messages
    """
    errors: list[FieldError] = []
    values: dict[str, Any] = {}
    for name in given:
        if name not in schemas:
            errors.append(
                FieldError(
                    path=pointer("", name),
                    message=f"{what} has no parameter '{name}'{suggestion(name, schemas) or '; it has none'}",
                )
            )
    for name, schema in schemas.items():
        path = pointer("", name)
        if name in given:
            value = given[name]
            wrong = list(_unsuitable(value, path)) or list(check(schema, value, path))
            secret = is_secret(schema)  # whose value must not be told
            errors += [
                FieldError(path=fault.path, message=fault.demand if secret else fault.message) for fault in wrong
            ]
            values[name] = _whole_numbers(schema, value)
        elif "default" in schema:
            values[name] = schema["default"]
        elif required(schema):
            errors.append(FieldError(path=path, message=f"{what} needs the parameter '{name}'{_about(schema)}"))
    return values, errors


def _about(schema: Mapping[str, Any]) -> str:
    text = schema.get("description") or schema.get("title") or ""
    return f": {text}" if text else ""


def _unsuitable(value: Any, path: str) -> Iterator[Fault]:
    """Texts that nothing may hold: reserved brackets, NUL, half characters, endless ones; and endless lists."""
    if isinstance(value, str):
        if has_bracket(value):
            yield Fault(path, "holds the character ⟦ or ⟧, which is reserved; remove it")
        elif "\0" in value:
            yield Fault(path, "holds a NUL character; remove it")
        elif len(value) > LONGEST_TEXT:
            yield Fault(
                path,
                f"has more than {LONGEST_TEXT} characters; put it where the application can read it and pass its place",
            )
        else:
            try:
                value.encode()
            except UnicodeEncodeError:
                yield Fault(path, "holds half of a character (a lone surrogate); remove it")
    elif isinstance(value, Mapping | list) and len(value) > LONGEST_LIST:
        yield Fault(path, f"has more than {LONGEST_LIST} items; pass the place of a file that holds them")
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _unsuitable(name, path)
            yield from _unsuitable(member, pointer(path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unsuitable(item, pointer(path, index))


def _whole_numbers(schema: Mapping[str, Any], value: Any) -> Any:
    """2.0 becomes 2 where a whole number is asked for."""
    return int(value) if schema["type"] == "integer" and isinstance(value, float) and value.is_integer() else value


def in_expressions(schemas: Schemas, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as expressions see them: memory in bytes, durations in seconds. Secrets are left out."""
    seen: dict[str, Any] = {}
    for name, value in values.items():
        schema = schemas[name]
        if is_secret(schema):
            continue
        match schema.get("format"):
            case "memory":
                seen[name] = units.memory(value)
            case "duration":
                seen[name] = units.duration(value)
            case _:
                seen[name] = value
    return seen


def shortened(value: Any) -> Any:
    """A value as an execution shows it: long texts (a program, for example) are cut."""
    if isinstance(value, str) and len(value) > LONGEST_SHOWN:
        return f"{value[:LONGEST_SHOWN]}… ({len(value)} characters)"
    return value


def texts_in(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """All texts within a value, with their places."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from texts_in(item, pointer(path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts_in(item, pointer(path, index))


def samples(schemas: Schemas) -> dict[str, Any]:
    """Defaults, and some values where there are none, to try a definition with. Secrets are left out."""
    return {
        name: schema["default"] if "default" in schema else _sample(schema)
        for name, schema in schemas.items()
        if not is_secret(schema)
    }


def _sample(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("examples"):
        return schema["examples"][0]
    match schema["type"]:
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case "array":
            return []
        case "object":
            return {}
    return {"memory": "1GiB", "duration": "1s"}.get(schema.get("format", ""), "x")
