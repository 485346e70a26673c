"""The OpenAPI 3.1 document, made from the table of operations and the wire types.

``document()`` is pure and always gives the same text for the same table, whatever the interpreter does with the
indentation of docstrings and wherever their lines break. ``contract.generate`` commits it as ``openapi.json`` and makes
everything else that is generated from it; ``web`` serves the committed file.
"""

from __future__ import annotations

import typing
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

import zoe_hub
from zoe_hub.contract.common import Problem
from zoe_hub.contract.events import EventView
from zoe_hub.contract.operations import OPERATIONS, TYPES
from zoe_hub.contract.table import COMMON_ERRORS, INPUT_ERRORS, PREFIX, Header, Operation
from zoe_hub.core.errors import ERRORS

Json = dict[str, Any]

REF = "#/components/schemas/{name}"
EXTRA_ERRORS = ("not-found", "method-not-allowed")  # of addresses outside the table


def errors_of(operation: Operation) -> tuple[str, ...]:
    """The codes of all problems that an operation may answer, in the order of the table of errors."""
    codes = {*COMMON_ERRORS, *operation.errors}
    if operation.input is not None or operation.query is not None:
        codes |= set(INPUT_ERRORS)
    if operation.method != "GET":
        codes |= {"too-large", "request-timeout"}
    if operation.creates:
        codes |= {"bad-request", "key-reused"}
    if operation.versioned and operation.method != "GET":
        codes |= {"bad-request", "conflict"}
    return tuple(code for code in ERRORS if code in codes)


def document() -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Zoe",
            "version": zoe_hub.__version__,
            "description": "Analytics applications on containers. Errors are problems (RFC 9457) with a stable `code`. "
            "Members that a client does not know may be added to answers.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in OPERATIONS)],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
            "responses": {code: _problem_response((code,)) for code in ERRORS},
            "examples": {code: _example(code) for code in ERRORS},
        },
    }


def _paths() -> Json:
    paths: defaultdict[str, Json] = defaultdict(dict)
    for operation in OPERATIONS:
        paths[PREFIX + operation.path][operation.method.lower()] = _operation(operation)
    return dict(paths)


def _operation(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "x-scope": operation.scope,
        "parameters": list(_parameters(operation)),
        "responses": _responses(operation),
    }
    if operation.input is not None:
        schema = {"$ref": REF.format(name=operation.input.__name__)}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _parameters(operation: Operation) -> Iterator[Json]:
    for name in operation.parameters:
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    if operation.query is not None:
        schema = _schema_of(operation.query)
        for name, known in schema["properties"].items():
            part = dict(known)
            description = part.pop("description", "")
            parameter: Json = {"name": name, "in": "query", "required": name in schema["required"], "schema": part}
            yield {**parameter, "description": description} if description else parameter
    for header in operation.headers:
        constraints = {"maxLength": header.longest} if header.longest else {}
        yield {
            "name": header.name,
            "in": "header",
            "required": False,
            "description": header.description,
            "schema": {"type": "string", **constraints},
        }


def _responses(operation: Operation) -> Json:
    answer: Json = {"description": operation.summary}
    schema: Json | None = {"type": "string"}
    if operation.output is not None:
        schema = (
            {"type": "object"} if operation.output is dict else {"$ref": REF.format(name=operation.output.__name__)}
        )
    elif operation.streams == "events":
        schema = {"type": "string", "description": "each event's data is an EventView"}
    answer["content"] = {operation.media: {"schema": schema}}
    headers = {header.name: _answered(header) for header in _gives(operation)}
    if headers:
        answer["headers"] = headers
    responses: Json = {str(operation.status): answer}
    for status, meaning in operation.also:
        responses[str(status)] = {**answer, "description": meaning} if status < 300 else {"description": meaning}
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code in errors_of(operation):
        by_status[ERRORS[code].status].append(code)
    for status, codes in sorted(by_status.items()):
        one = len(codes) == 1
        responses[str(status)] = (
            {"$ref": f"#/components/responses/{codes[0]}"} if one else _problem_response(tuple(codes))
        )
    return responses


def _gives(operation: Operation) -> Iterator[Header]:
    if operation.versioned:
        yield Header("ETag", "The version, for If-Match.")
    if operation.status in (201, 202):
        yield Header("Location", "Where the resource is.")
    yield from operation.gives


def _answered(header: Header) -> Json:
    return {"description": header.description, "schema": {"type": header.type}}


def _problem_response(codes: tuple[str, ...]) -> Json:
    return {
        "description": "; ".join(f"{code}: {ERRORS[code].title}" for code in codes),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": REF.format(name="Problem")},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
    }


def _example(code: str) -> Json:
    kind = ERRORS[code]
    value = {
        "type": problem_type(code),
        "title": kind.title,
        "status": kind.status,
        "detail": kind.title,
        "code": code,
        "remedy": kind.remedy,
        "errors": [],
        "incident": "",
    }
    return {"summary": kind.title, "value": value}


def problem_type(code: str) -> str:
    """The URI that identifies a kind of problem (RFC 9457, ``type``)."""
    return f"urn:zoe:problem:{code}"


# --- schemas -------------------------------------------------------------------------------------------------------


def _schema_of(kind: type) -> Json:
    return _components([kind])[kind.__name__]


def _schemas() -> Json:
    outputs = [operation.output for operation in OPERATIONS if operation.output not in (None, dict)]
    asked = _components([operation.input for operation in OPERATIONS if operation.input is not None])
    answered = _components([*outputs, Problem, EventView])  # problems and the event stream
    for name, schema in answered.items():
        if name not in asked and schema.get("type") == "object":
            # the hub always writes every member; clients must not trip over a new one
            schema["required"] = list(schema["properties"])
            schema.pop("additionalProperties", None)
            for part in schema["properties"].values():
                part.pop("default", None)
    schemas = answered | asked
    schemas["Problem"]["properties"]["code"] = {"type": "string", "enum": list(ERRORS)}
    plain: Json = msgspec.json.decode(msgspec.json.encode(dict(sorted(schemas.items()))))  # defaults may be tuples
    return plain


def _components(kinds: list[Any]) -> dict[str, Json]:
    """The schemas of types and of what they are made of, by name."""
    _, components = msgspec.json.schema_components(kinds, ref_template=REF)
    for name, schema in components.items():
        _flow(schema)
        if schema.get("type") == "object":
            _with_formats(TYPES[name], schema)
    return components


def _flow(part: Any) -> None:
    """Make the descriptions in a schema one line each, wherever their source breaks lines and indents."""
    if isinstance(part, dict):
        if isinstance(part.get("description"), str):
            part["description"] = " ".join(part["description"].split())
        for each in part.values():
            _flow(each)
    elif isinstance(part, list):
        for each in part:
            _flow(each)


def _with_formats(kind: type, schema: Json) -> None:
    """Add ``format: date-time`` where the annotations of a struct say ``datetime``."""
    for name, hint in typing.get_type_hints(kind).items():
        part = schema["properties"][name]
        for each in part.get("anyOf", (part,)):
            if (hint is datetime or datetime in typing.get_args(hint)) and each.get("type") == "string":
                each["format"] = "date-time"
