"""What is generated from the table of operations is committed as it would be generated now, and it is right."""

from __future__ import annotations

import ast
import importlib.util
import json
import typing
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from zoe_hub.contract import generate
from zoe_hub.contract.attachments import AttachRequest
from zoe_hub.contract.executions import StartRequest
from zoe_hub.contract.generate.openapi import document, errors_of
from zoe_hub.contract.operations import OPERATIONS, TYPES
from zoe_hub.contract.table import PREFIX
from zoe_hub.core.attachments.commands import AttachHolder
from zoe_hub.core.errors import ERRORS
from zoe_hub.core.executions.commands import StartZApp
from zoe_hub.core.executions.model import Outcome, Phase, ProcessState
from zoe_hub.web.call import whole
from zoe_hub.web.pages.reference import page as html_page

ROOT = Path(generate.__file__).parents[3]


@pytest.mark.parametrize("name", generate.files())
def test_the_committed_file_is_what_would_be_generated(name):
    assert (ROOT / name).read_text() == generate.files()[name], "run 'python -m zoe_hub.contract.generate'"


def test_check_finds_a_difference_and_writes_nothing(tmp_path, capsys):
    assert generate.main(["--check", "--root", str(tmp_path)]) == 1
    assert not list(tmp_path.iterdir())
    assert generate.main(["--root", str(tmp_path)]) == 0
    assert generate.main(["--check", "--root", str(tmp_path)]) == 0
    (tmp_path / "docs/rest.md").write_text("old")
    assert generate.main(["--check", "--root", str(tmp_path)]) == 1
    assert "differs: docs/rest.md" in capsys.readouterr().out


def test_what_is_said_about_a_value_is_on_both_pages():
    """Beside a value, one of its alternatives, or what a list holds."""
    schemas = document()["components"]["schemas"]
    parts = [part for schema in schemas.values() for part in schema.get("properties", {}).values()]
    places = [place for part in parts for place in (part, *part.get("anyOf", ()), part.get("items", {}))]
    said = {place["description"] for place in places if "description" in place}
    assert said
    markdown, html = (ROOT / "docs/rest.md").read_text(), html_page(msgspec.json.encode(document()))[0].decode()
    assert {each for each in said if each not in markdown or escape(each) not in html} == set()


def test_nothing_depends_on_how_docstrings_are_laid_out(monkeypatch):
    """Python 3.13 strips their indentation, earlier ones keep it; formatters break their lines."""
    before = generate.files()
    for kind in (*TYPES.values(), Phase, Outcome, ProcessState):
        words = (kind.__doc__ or "").split()
        monkeypatch.setattr(kind, "__doc__", "\n            ".join(words) + "\n        ")
    assert generate.files() == before


def test_each_wire_type_belongs_to_one_capability_and_has_a_name_of_its_own():
    no_capabilities = {"__init__", "bounds", "operations", "table", "types_in_words"}
    ours = {path.stem for path in (ROOT / "zoe_hub/contract").glob("*.py")} - no_capabilities
    assert {kind.__module__.rpartition(".")[2] for kind in TYPES.values()} == ours
    classes = [
        node.name
        for path in (ROOT / "zoe_hub").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    assert [name for name in TYPES if classes.count(name) != 1] == []


def references(value):
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_the_document_is_whole():
    made = document()
    assert made["openapi"] == "3.1.0"
    for reference in references(made):
        target = made
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
    for schema in made["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert set(made["components"]["responses"]) == set(ERRORS)
    identifiers = [each["operationId"] for methods in made["paths"].values() for each in methods.values()]
    assert sorted(identifiers) == sorted(operation.id for operation in OPERATIONS)


def test_every_operation_tells_every_problem_it_may_answer():
    made = document()
    told: set[str] = set()
    for operation in OPERATIONS:
        described = made["paths"][PREFIX + operation.path][operation.method.lower()]
        for code in errors_of(operation):
            answer = described["responses"][str(ERRORS[code].status)]
            while "$ref" in answer:
                answer = made["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
            assert code in answer["content"]["application/problem+json"]["examples"]
            told.add(code)
        assert {each["name"] for each in described["parameters"] if each["in"] == "path"} == set(operation.parameters)
    unknown = {code for operation in OPERATIONS for code in operation.errors} - set(ERRORS)
    assert not unknown
    assert {"internal", "foreign-origin", "not-authenticated"} < told


def test_examples_of_problems_are_problems():
    made = document()
    schema = {"$ref": "#/components/schemas/Problem", "components": made["components"]}
    for example in made["components"]["examples"].values():
        Draft202012Validator(schema).validate(example["value"])


def test_the_client_has_a_typed_method_for_each_operation():
    spec = importlib.util.spec_from_file_location("operations", ROOT / "jupyter_zoe/client/operations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for kind in (module.SyncOperations, module.AsyncOperations):
        for operation in OPERATIONS:
            method = getattr(kind, operation.id)
            assert method.__doc__ == f"{operation.summary}."
            hints = typing.get_type_hints(method)
            assert set(operation.parameters) <= set(hints)
            assert "return" in hints
    assert set(module.OPERATIONS) == {operation.id for operation in OPERATIONS}
    asked = typing.get_type_hints(module.StartRequest, vars(module), include_extras=True)
    assert [name for name, hint in asked.items() if typing.get_origin(hint) is not typing.NotRequired] == ["zapp"]
    answered = typing.get_type_hints(module.ExecutionView, vars(module), include_extras=True)
    assert not [name for name, hint in answered.items() if typing.get_origin(hint) is typing.NotRequired]


def test_the_committed_document_is_json_that_others_can_read():
    assert json.loads((ROOT / "zoe_hub/contract/openapi.json").read_text()) == json.loads(json.dumps(document()))


def members(kind):
    """Name -> what it is when it is left out."""
    return {
        field.name: field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        for field in msgspec.structs.fields(kind)
    }


@pytest.mark.parametrize(("wire", "core"), [(StartRequest, StartZApp), (AttachRequest, AttachHolder)])
def test_a_request_loses_no_member_on_its_way_to_the_core(wire, core):
    assert members(wire) == members(core)
    given = {"zapp": "z", "parameters": {"a": [1]}, "web_prefix": "/user/ada/zoe"}
    if wire is AttachRequest:
        given |= {"key": "/n/a.ipynb", "kernel": "k", "kind": "console", "policy": "shrink", "versions": {"x": "1"}}
    assert msgspec.structs.asdict(whole(wire(**given), core)) == members(core) | given


def _unbounded(kind: Any, place: str) -> Iterator[str]:
    """The places of a type of requests that take as much as anybody sends."""
    match kind:
        case msgspec.inspect.Metadata():
            yield from _unbounded(kind.type, place)
        case msgspec.inspect.StructType():
            for field in kind.fields:
                yield from _unbounded(field.type, f"{place}.{field.encode_name}")
        case msgspec.inspect.UnionType():
            for each in kind.types:
                yield from _unbounded(each, place)
        case msgspec.inspect.StrType():
            if kind.max_length is None and "{0," not in (kind.pattern or ""):
                yield f"{place}: a text"
        case msgspec.inspect.IntType():
            if kind.le is None or kind.ge is None:
                yield f"{place}: an integer"
        case msgspec.inspect.DictType() | msgspec.inspect.VarTupleType() | msgspec.inspect.ListType():
            if kind.max_length is None:
                yield f"{place}: {type(kind).__name__}"
            inner = (kind.key_type, kind.value_type) if hasattr(kind, "key_type") else (kind.item_type,)
            for each in inner:
                yield from _unbounded(each, f"{place}[]")
        case msgspec.inspect.AnyType():
            assert place.endswith(".parameters[]"), place  # which the schemas of definitions bound


def test_everything_that_a_request_may_hold_has_a_bound():
    asked = [each for operation in OPERATIONS for each in (operation.input, operation.query) if each is not None]
    assert not [place for kind in asked for place in _unbounded(msgspec.inspect.type_info(kind), kind.__name__)]
    assert not [
        f"{operation.id}: {header.name}"
        for operation in OPERATIONS
        for header in operation.headers
        if header.type == "string" and header.longest is None
    ]
