"""What is generated from the table of operations is committed as it would be generated now, and it is right."""

from __future__ import annotations

import importlib.util
import json
import typing
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from zoe_hub.contract import generate
from zoe_hub.contract.openapi import document, errors_of, path_parameters
from zoe_hub.contract.operations import OPERATIONS, PREFIX
from zoe_hub.core.errors import ERRORS

ROOT = Path(generate.__file__).parents[2]


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
        assert {each["name"] for each in described["parameters"] if each["in"] == "path"} == set(
            path_parameters(operation)
        )
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
            assert set(path_parameters(operation)) <= set(hints)
            assert "return" in hints
    assert set(module.OPERATIONS) == {operation.id for operation in OPERATIONS}
    asked = typing.get_type_hints(module.StartRequest, vars(module), include_extras=True)
    assert [name for name, hint in asked.items() if typing.get_origin(hint) is not typing.NotRequired] == ["zapp"]
    answered = typing.get_type_hints(module.ExecutionView, vars(module), include_extras=True)
    assert not [name for name, hint in answered.items() if typing.get_origin(hint) is typing.NotRequired]


def test_the_committed_document_is_json_that_others_can_read():
    assert json.loads((ROOT / "zoe_hub/contract/openapi.json").read_text()) == json.loads(json.dumps(document()))
