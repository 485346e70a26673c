"""The OpenAPI 3.1 document, made from the table of operations and the wire types.

``document()`` is pure and always gives the same text for the same table. ``contract.generate`` commits it as
``openapi.json`` and makes everything else that is generated from it; ``web`` serves the committed file.
"""

from __future__ import annotations

import typing
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

import zoe_hub
from zoe_hub.contract import types as t
from zoe_hub.contract.operations import COMMON_ERRORS, INPUT_ERRORS, OPERATIONS, PREFIX, Operation
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
    for name in path_parameters(operation):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    if operation.query is not None:
        schema = _schema_of(operation.query)
        for name, known in schema["properties"].items():
            part = dict(known)
            description = part.pop("description", "")
            parameter: Json = {"name": name, "in": "query", "required": name in schema["required"], "schema": part}
            yield {**parameter, "description": description} if description else parameter
    if operation.creates:
        yield _header(
            "Idempotency-Key",
            "The same key with the same request gets the same answer, for at least a day.",
            maxLength=255,
        )
    if operation.versioned and operation.method != "GET":
        yield _header("If-Match", "The ETag that was read; 'conflict' if the resource has changed since.")
    if operation.id == "get_logs":
        yield _header("Range", "One range of bytes, 'bytes=FIRST-LAST'; answered with 206 or 416.")
    if operation.id == "stream_events":
        yield _header("Last-Event-ID", "Sequence number of the last event already seen.")


def path_parameters(operation: Operation) -> tuple[str, ...]:
    """The names in the path of an operation, in order."""
    return tuple(part[1:-1] for part in operation.path.split("/") if part.startswith("{"))


def _header(name: str, description: str, **constraints: Any) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", **constraints},
    }


def _responses(operation: Operation) -> Json:
    answer: Json = {"description": operation.summary}
    schema: Json | None = {"type": "string"}
    if operation.output is not None:
        schema = (
            {"type": "object"} if operation.output is dict else {"$ref": REF.format(name=operation.output.__name__)}
        )
    elif operation.media == "text/event-stream":
        schema = {"type": "string", "description": "each event's data is an EventView"}
    answer["content"] = {operation.media: {"schema": schema}}
    headers: Json = {}
    if operation.versioned:
        headers["ETag"] = {"description": "The version, for If-Match.", "schema": {"type": "string"}}
    if operation.status in (201, 202):
        headers["Location"] = {"description": "Where the resource is.", "schema": {"type": "string"}}
    if operation.id == "get_logs":
        headers["Zoe-Log-Offset"] = {
            "description": "Byte offset of the first byte of the answer.",
            "schema": {"type": "integer"},
        }
    if headers:
        answer["headers"] = headers
    responses: Json = {str(operation.status): answer}
    if operation.id == "get_logs":
        responses["206"] = {**answer, "description": "The range that was asked for"}
        responses["416"] = {"description": "The log has no such range; Content-Range says its size"}
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code in errors_of(operation):
        by_status[ERRORS[code].status].append(code)
    for status, codes in sorted(by_status.items()):
        one = len(codes) == 1
        responses[str(status)] = (
            {"$ref": f"#/components/responses/{codes[0]}"} if one else _problem_response(tuple(codes))
        )
    return responses


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
    _, components = msgspec.json.schema_components([kind], ref_template=REF)
    return _with_formats(kind, components[kind.__name__])


def _schemas() -> Json:
    inputs = [operation.input for operation in OPERATIONS if operation.input is not None]
    outputs = [operation.output for operation in OPERATIONS if operation.output not in (None, dict)]
    outputs += [t.Problem, t.EventView]  # problems and the event stream
    _, asked = msgspec.json.schema_components(inputs, ref_template=REF)
    _, answered = msgspec.json.schema_components(outputs, ref_template=REF)
    schemas = asked | answered
    for name, schema in schemas.items():
        if schema.get("type") != "object":
            continue
        _with_formats(getattr(t, name), schema)
        if name not in asked:  # the hub always writes every member; clients must not trip over a new one
            schema["required"] = list(schema["properties"])
            schema.pop("additionalProperties", None)
            for part in schema["properties"].values():
                part.pop("default", None)
    schemas["Problem"]["properties"]["code"] = {"type": "string", "enum": list(ERRORS)}
    plain: Json = msgspec.json.decode(msgspec.json.encode(dict(sorted(schemas.items()))))  # defaults may be tuples
    return plain


def _with_formats(kind: type, schema: Json) -> Json:
    """``schema`` of a struct with ``format: date-time`` where its annotations say ``datetime``."""
    for name, hint in typing.get_type_hints(kind).items():
        part = schema["properties"][name]
        for each in part.get("anyOf", (part,)):
            if (hint is datetime or datetime in typing.get_args(hint)) and each.get("type") == "string":
                each["format"] = "date-time"
    return schema
