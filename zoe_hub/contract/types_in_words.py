"""The type that a JSON Schema of the contract describes, in words. Used by both pages about the REST interface: the one
of the docs (Markdown) and the one that the hub serves (HTML).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def type_in_words(schema: Any, *, link: Callable[[str], str], value: Callable[[str], str]) -> str:
    """Such as ``list of ExecutionView or null``.

    :param link: writes the name of another schema
    :param value: writes one of a few values
    """

    def words(part: Any) -> str:
        if "$ref" in part:
            return link(part["$ref"].rsplit("/", 1)[1])
        if "enum" in part:
            return "one of " + ", ".join(value(str(each)) for each in part["enum"])
        if "anyOf" in part:
            return " or ".join(map(words, part["anyOf"]))
        if part.get("type") == "array":
            return f"list of {words(part.get('items', {}))}"
        if part.get("type") == "object":
            values = part.get("additionalProperties")
            return f"map of {words(values)}" if values else "object"
        return str(part.get("format") or part.get("type", "anything"))

    return words(schema)


def note_of(schema: Any) -> str:
    """What the contract says about a value beside its type; empty if nothing."""
    places = (schema, *schema.get("anyOf", ()), schema.get("items", {}))
    return next((each["description"] for each in places if "description" in each), "")
