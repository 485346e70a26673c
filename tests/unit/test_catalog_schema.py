"""The validator says what the standard says; the package ``jsonschema`` is the judge."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoe_hub.catalog import parameters, published_schema
from zoe_hub.catalog.schema import KEYWORDS, check
from zoe_hub.language import units

JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 5),
        st.sampled_from([0.5, 2.0, -1.5]),
        st.sampled_from(["", "a", "ab", "b1", "abc\n"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=6,
)


def schemas():
    simple = st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(
                *(st.just(name) for name in ("string", "integer", "number", "boolean", "array", "object", "null")),
                st.just(["string", "integer"]),
            ),
            "enum": st.lists(JSON, min_size=1, max_size=3),
            "const": JSON,
            "minimum": st.integers(-3, 3),
            "maximum": st.integers(-3, 3),
            "exclusiveMinimum": st.integers(-3, 3),
            "exclusiveMaximum": st.integers(-3, 3),
            "multipleOf": st.sampled_from([1, 2, 0.5]),
            "minLength": st.integers(0, 3),
            "maxLength": st.integers(0, 3),
            "pattern": st.sampled_from(["^a", "b", "[0-9]", "^(a|b).?[a-z]*$"]),
            "minItems": st.integers(0, 2),
            "maxItems": st.integers(0, 3),
            "uniqueItems": st.booleans(),
            "required": st.lists(st.sampled_from("abc"), unique=True, max_size=2),
            "minProperties": st.integers(0, 2),
            "maxProperties": st.integers(0, 2),
        },
    )

    def wider(inner):
        keyed = st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
        return st.builds(
            lambda base, more: {**base, **more},
            simple,
            st.fixed_dictionaries(
                {},
                optional={
                    "items": inner,
                    "properties": keyed,
                    "additionalProperties": st.one_of(st.booleans(), inner),
                    "propertyNames": inner,
                    "patternProperties": st.dictionaries(st.sampled_from(["^a", "[bc]"]), inner, max_size=1),
                    "anyOf": st.lists(inner, min_size=1, max_size=2),
                    "oneOf": st.lists(inner, min_size=1, max_size=2),
                    "allOf": st.lists(inner, min_size=1, max_size=2),
                    "not": inner,
                    "if": inner,
                    "then": inner,
                    "else": inner,
                },
            ),
        )

    return st.recursive(st.one_of(st.booleans(), simple), wider, max_leaves=4)


@settings(max_examples=150, deadline=None)
@given(schemas(), JSON)
def test_it_agrees_with_the_reference(schema, value):
    # Python's $ also stands before a last line break; the standard's does not, and the reference has Python's
    if "\\n" in json.dumps(value) and "$" in json.dumps(schema):
        return
    assert (not list(check(schema, value))) == jsonschema.Draft202012Validator(schema).is_valid(value)


def keywords(schema):
    """All keywords in a schema, where keywords stand."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key
            if key in ("properties", "$defs", "patternProperties"):
                for below in value.values():
                    yield from keywords(below)
            elif key in ("items", "additionalProperties", "propertyNames", "not", "if", "then", "else"):
                yield from keywords(value)
            elif key in ("allOf", "anyOf", "oneOf"):
                for below in value:
                    yield from keywords(below)


@pytest.mark.parametrize("kind", ["framework", "zapp"])
def test_the_published_schemas_are_valid_and_within_what_it_knows(kind):
    schema = published_schema(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(keywords(schema)) <= KEYWORDS
    assert set(schema["$defs"]["parameter"]["properties"]) <= KEYWORDS
    undescribed = [
        name
        for name, below in schema["properties"].items()
        if "description" not in {**schema["$defs"].get(str(below.get("$ref", "")).rpartition("/")[2], {}), **below}
    ]
    assert not undescribed


@pytest.mark.parametrize(
    ("schema", "value", "path", "message"),
    [
        ({"type": "integer"}, "two", "", "must be a whole number, not the text 'two'"),
        ({"type": "integer"}, True, "", "must be a whole number, not true"),
        ({"type": "integer", "minimum": 1}, 0, "", "must be at least 1, not 0"),
        (
            {"enum": ["spark", "dask"]},
            "sprak",
            "",
            "must be 'spark' or 'dask', not the text 'sprak'; did you mean 'spark'?",
        ),
        (
            {"properties": {"workers": {}}, "additionalProperties": False},
            {"wrokers": 1},
            "/wrokers",
            "'wrokers' is not known here; did you mean 'workers'?",
        ),
        ({"format": "memory"}, "2GB/s", "", "must be an amount of memory such as 512MiB or 2GiB, not the text '2GB/s'"),
        ({"required": ["a"]}, {}, "", "needs 'a'"),
        ({"properties": {"a/b": {"items": {"type": "string"}}}}, {"a/b": ["x", 1]}, "/a~1b/1", "must be a text, not 1"),
        ({"oneOf": [{"type": "integer"}, {"type": "object", "required": ["port"]}]}, {}, "", "needs 'port'"),
        (
            {"oneOf": [{"type": "integer"}, {"type": "object"}]},
            "x",
            "",
            "must be a whole number or a mapping of names to values, not the text 'x'",
        ),
        ({"minLength": 1}, "", "", "must not be empty"),
    ],
)
def test_messages_say_what_to_do(schema, value, path, message):
    (fault,) = check(schema, value)
    assert (fault.path, fault.message) == (path, message)


def test_all_faults_come_at_once():
    schema = {
        "properties": {"a": {"type": "integer"}, "b": {"maximum": 1}},
        "required": ["c"],
        "additionalProperties": False,
    }
    assert len(list(check(schema, {"a": "x", "b": 2, "d": 1}))) == 4


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1GiB", 2**30), ("512MiB", 2**29), ("1.5 GiB", 3 * 2**29), ("2GB", 2 * 10**9), ("100B", 100), ("1kB", 1000)],
)
def test_memory(text, amount):
    assert units.memory(text) == amount


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("1.5m", 90), ("250ms", 0.25), ("1h", 3600), ("2 d", 172800)]
)
def test_durations(text, seconds):
    assert units.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "GiB", "1gib", "-1GiB", "1GiB\n", "1e9B", "１GiB", "1GiB "])
def test_other_amounts_are_refused(text):
    with pytest.raises(ValueError, match="amount of memory"):
        units.memory(text)


def test_a_list_without_a_bound_has_one_and_everybody_is_shown_it():
    schemas = {
        "free": {"type": "array", "items": {"type": "string"}},
        "own": {"type": "array", "maxItems": 3},
        "wild": {"type": "array", "maxItems": 10**9},
        "inner": {"type": "object", "properties": {"rows": {"type": "array", "items": {"type": "array"}}}},
    }
    shown = parameters.published(schemas, "Some")["properties"]
    assert [shown[name]["maxItems"] for name in ("free", "own", "wild")] == [10_000, 3, 10_000]
    assert shown["inner"]["properties"]["rows"]["maxItems"] == 10_000
    assert shown["inner"]["properties"]["rows"]["items"]["maxItems"] == 10_000
    for value in (["x"] * 10_001, dict.fromkeys(map(str, range(10_001)), 1)):
        for name in ("free", "wild", "inner"):
            errors = parameters.fill({name: schemas[name]}, {name: value}, "some")[1]
            assert [error.path for error in errors] == [f"/{name}"]
            assert "10000 items" in errors[0].message
    assert not parameters.fill({"free": schemas["free"]}, {"free": ["x"] * 10_000}, "some")[1]
