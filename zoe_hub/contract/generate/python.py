"""Generates ``jupyter_zoe/client/operations.py`` from the OpenAPI document: types, the table, and typed methods for the
clients.

The client needs no import of the hub that way. Called by ``contract.generate``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zoe_hub.contract.generate.openapi import Json
from zoe_hub.contract.operations import OPERATIONS
from zoe_hub.contract.table import PREFIX, Operation

_PRIMITIVES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}

_HEAD = '''"""The hub's operations: types, one table, and a typed method for each, synchronous and asynchronous.

Generated from the hub's table of operations by ``python -m zoe_hub.contract.generate``; do not edit.
``jupyter_zoe.client`` adds the connection: it derives from ``SyncOperations`` and ``AsyncOperations`` and
implements what they call.
"""

# ruff: noqa
from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict, Unpack, cast

PREFIX = "{prefix}"


class Operation(NamedTuple):
    """What the table says of one operation."""

    id: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str  # below PREFIX, with {{parameters}}
    scope: Literal["read", "write", "admin"]
    status: int
    media: str  # of the answer
    creates: bool  # takes an Idempotency-Key
    versioned: bool  # takes If-Match, answers an ETag


'''


def python_module(document: Json) -> str:
    """The whole module."""
    lines = [_HEAD.format(prefix=PREFIX), *_options(), *_types(document), *_queries(document), *_table()]
    lines += [
        "",
        "",
        *_mixin("SyncOperations", asynchronous=False),
        "",
        "",
        *_mixin("AsyncOperations", asynchronous=True),
    ]
    return "\n".join(lines) + "\n"


def python_type(schema: Json) -> str:
    """A schema as a Python annotation."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    if "enum" in schema:
        return f"Literal[{', '.join(repr(value).replace(chr(39), chr(34)) for value in schema['enum'])}]"
    if "anyOf" in schema:
        return " | ".join(python_type(part) for part in schema["anyOf"])
    kind = schema.get("type")
    if kind == "array":
        return f"list[{python_type(schema.get('items', {}))}]"
    if kind == "object":
        return f"dict[str, {python_type(schema.get('additionalProperties', {}))}]"
    return _PRIMITIVES.get(str(kind), "Any")


def _docstring(text: str) -> str:
    return f'"""{" ".join(text.split())}"""'


def _note(part: Json) -> str:
    described = next((each["description"] for each in (part, *part.get("anyOf", ())) if "description" in each), "")
    return f"  # {' '.join(described.split())}" if described else ""


def _typed_dict(name: str, description: str, members: dict[str, tuple[Json, bool]]) -> Iterator[str]:
    yield f"class {name}(TypedDict):"
    yield f"    {_docstring(description)}\n"
    for member, (part, required) in members.items():
        annotation = python_type(part)
        yield f"    {member}: {annotation if required else f'NotRequired[{annotation}]'}{_note(part)}"
    yield "\n"


def _options() -> Iterator[str]:
    yield "class Options(TypedDict, total=False):"
    yield '    """Headers of one call."""\n'
    known = {header.option: header for operation in OPERATIONS for header in operation.headers}
    for name, header in sorted(known.items()):
        yield f"    {name}: {_PRIMITIVES[header.type]}  # {header.description}"
    yield "\n"


def _types(document: Json) -> Iterator[str]:
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        if schema.get("type") != "object":
            yield f"{name} = {python_type(schema)}  # {' '.join(schema.get('description', '').split())}"
    yield "\n"
    for name, schema in schemas.items():
        if schema.get("type") == "object":
            members = {key: (part, key in schema["required"]) for key, part in schema["properties"].items()}
            yield from _typed_dict(name, schema.get("description", name), members)


def _queries(document: Json) -> Iterator[str]:
    for operation in OPERATIONS:
        if operation.query is None:
            continue
        parameters = document["paths"][PREFIX + operation.path][operation.method.lower()]["parameters"]
        members: dict[str, tuple[Json, bool]] = {}
        for each in parameters:
            if each["in"] == "query":
                part = {**each["schema"], **({"description": each["description"]} if "description" in each else {})}
                members[each["name"]] = (part, each["required"])
        yield from _typed_dict(operation.query.__name__, operation.query.__doc__ or "", members)


def _table() -> Iterator[str]:
    yield "OPERATIONS: dict[str, Operation] = {"
    for operation in OPERATIONS:
        row = [
            getattr(operation, name)
            for name in ("id", "method", "path", "scope", "status", "media", "creates", "versioned")
        ]
        yield f'    "{operation.id}": Operation({", ".join(_literal(value) for value in row)}),'
    yield "}"


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _mixin(name: str, *, asynchronous: bool) -> Iterator[str]:
    iterator = "AsyncIterator" if asynchronous else "Iterator"
    start = "async def" if asynchronous else "def"
    given = (
        "operation: Operation, path: Mapping[str, str], query: Mapping[str, Any], body: Mapping[str, Any] | None,"
        " options: Options"
    )
    yield f"class {name}:"
    yield (
        f'    """One {"asynchronous" if asynchronous else "synchronous"} method for each operation. Answers are decoded'
        ' JSON, or text where the table says so."""\n'
    )
    yield "    @abstractmethod"
    yield f"    {start} _call(self, {given}) -> Any:"
    yield '        """The whole answer: decoded JSON, or a string. Raises what the client declares for a problem."""\n'
    yield "    @abstractmethod"
    yield f"    def _stream(self, {given}) -> {iterator}[bytes]:"
    yield '        """The body as it comes."""\n'
    yield "    @abstractmethod"
    yield f"    def _events(self, {given}) -> {iterator}[EventView]:"
    yield '        """The events as they come, resuming when the connection breaks."""'
    for operation in OPERATIONS:
        yield ""
        yield from _method(operation, asynchronous=asynchronous)


def _method(operation: Operation, *, asynchronous: bool) -> Iterator[str]:
    streams = {"events": ("_events", "EventView"), "bytes": ("_stream", "bytes")}
    path = operation.parameters
    parameters = ["self", *(f"{name}: str" for name in path)]
    options = {header.option: f"{_PRIMITIVES[header.type]} | None" for header in operation.headers}
    if options:
        parameters += ["*", *(f"{name}: {kind} = None" for name, kind in options.items())]
    members = operation.input or operation.query
    if members is not None:
        parameters.append(f"**members: Unpack[{members.__name__}]")
    query = "cast(Mapping[str, Any], members)" if operation.query else "{}"
    body = "cast(Mapping[str, Any], members)" if operation.input else "None"
    names = ", ".join(f'"{name}": {name}' for name in path)
    output = (
        "str"
        if operation.output is None
        else "dict[str, Any]"
        if operation.output is dict
        else operation.output.__name__
    )
    call, item = streams[operation.streams] if operation.streams else ("_call", "")
    result = f"{'AsyncIterator' if asynchronous else 'Iterator'}[{item}]" if operation.streams else output
    start = "async def" if asynchronous and not operation.streams else "def"
    awaited = "await " if asynchronous and not operation.streams else ""
    yield f"    {start} {operation.id}({', '.join(parameters)}) -> {result}:"
    yield f'        """{operation.summary}."""'
    chosen = "{}"
    if options:
        yield "        options: Options = {}"
        for name in options:
            yield f"        if {name} is not None:"
            yield f'            options["{name}"] = {name}'
        chosen = "options"
    called = f'{awaited}self.{call}(OPERATIONS["{operation.id}"], {{{names}}}, {query}, {body}, {chosen})'
    yield f"        return {called}" if operation.streams else f"        return cast({output}, {called})"
