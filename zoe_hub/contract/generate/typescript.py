"""Generates ``labextension/src/api/types.ts`` from the OpenAPI document: interfaces and a typed table of operations.

Called by ``contract.generate``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from zoe_hub.contract.generate.openapi import Json
from zoe_hub.contract.operations import OPERATIONS
from zoe_hub.contract.table import PREFIX

_PRIMITIVES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}

_HEAD = """/* eslint-disable */
// Generated from the hub's table of operations by 'python -m zoe_hub.contract.generate'. Do not edit.
"""

_TAIL = """
/** What the table says of one operation while the program runs. */
export interface IOperation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the server's prefix, with {parameters}. */
  readonly path: string;
  readonly scope: 'read' | 'write' | 'admin';
  readonly media: string;
  /** Takes an Idempotency-Key. */
  readonly creates: boolean;
  /** Takes If-Match, answers an ETag. */
  readonly versioned: boolean;
}

export type OperationId = keyof IOperations;
"""


def typescript_module(document: Json) -> str:
    """The whole module."""
    return "\n".join([_HEAD, *_interfaces(document), *_operations(document), _TAIL, *_table()]) + "\n"


def typescript_type(schema: Json) -> str:
    """A schema as a TypeScript type."""
    if "$ref" in schema:
        return _name(schema["$ref"].rsplit("/", 1)[1])
    if "enum" in schema:
        return " | ".join(f"'{value}'" for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(typescript_type(part) for part in schema["anyOf"])
    kind = schema.get("type")
    if kind == "array":
        inner = typescript_type(schema.get("items", {}))
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if kind == "object":
        return f"{{ [key: string]: {typescript_type(schema.get('additionalProperties', {}))} }}"
    return _PRIMITIVES.get(str(kind), "any")


def _name(schema: str) -> str:
    return schema if schema in ("Phase", "Outcome", "ProcessState") else f"I{schema}"


def _comment(text: str, indent: str = "") -> Iterator[str]:
    if text:
        yield f"{indent}/** {' '.join(text.split())} */"


def _members(schema: Json) -> Iterator[str]:
    for name, part in schema["properties"].items():
        described = next((each["description"] for each in (part, *part.get("anyOf", ())) if "description" in each), "")
        yield from _comment(described, "  ")
        yield f"  {name}{'' if name in schema['required'] else '?'}: {typescript_type(part)};"


def _interfaces(document: Json) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        yield from _comment(schema.get("description", ""))
        if schema.get("type") == "object":
            yield f"export interface {_name(name)} {{"
            yield from _members(schema)
            yield "}\n"
        else:
            yield f"export type {_name(name)} = {typescript_type(schema)};\n"


def _object(members: list[str]) -> str:
    return f"{{ {' '.join(members)} }}" if members else "Record<string, never>"


def _operations(document: Json) -> Iterator[str]:
    yield "/** The types of each operation. */"
    yield "export interface IOperations {"
    for operation in OPERATIONS:
        described: Any = document["paths"][PREFIX + operation.path][operation.method.lower()]
        query = [each for each in described["parameters"] if each["in"] == "query"]
        body = (
            typescript_type({"$ref": operation.input.__name__ and f"/{operation.input.__name__}"})
            if operation.input
            else "undefined"
        )
        answer = described["responses"][str(operation.status)]["content"][operation.media]["schema"]
        yield from _comment(operation.summary + ".", "  ")
        yield f"  {operation.id}: {{"
        yield f"    path: {_object([f'{name}: string;' for name in operation.parameters])};"
        members = [
            f"{each['name']}{'' if each['required'] else '?'}: {typescript_type(each['schema'])};" for each in query
        ]
        yield f"    query: {_object(members)};"
        yield f"    input: {body};"
        yield f"    output: {typescript_type(answer)};"
        yield "  };"
    yield "}"


def _table() -> Iterator[str]:
    yield "export const OPERATIONS: { readonly [id in OperationId]: IOperation } = {"
    rows = []
    for operation in OPERATIONS:
        row = {name: getattr(operation, name) for name in ("method", "path", "scope", "media", "creates", "versioned")}
        members = ", ".join(f"{name}: {json.dumps(value).replace(chr(34), chr(39))}" for name, value in row.items())
        rows.append(f"  {operation.id}: {{ {members} }}")
    yield ",\n".join(rows)
    yield "};"
