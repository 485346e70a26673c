"""Reading YAML: places, duplicates, bounds; nothing crashes it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zoe_hub.catalog import source
from zoe_hub.catalog.source import Unreadable, parse, read


def errors(text):
    with pytest.raises(Unreadable) as caught:
        parse(text, "f.yaml")
    return caught.value.errors


def test_places_count_from_one():
    document = parse("a:\n  b: [1, two]\n  c: |\n    x\n    y\n", "f.yaml")
    assert document.data == {"a": {"b": [1, "two"], "c": "x\ny\n"}}
    assert document.places["/a/b/1"] == (2, 10, False)
    assert document.keys["/a/c"][:2] == (3, 3)
    second = document.error("/a/c", "m", line=2)
    assert (second.line, second.column, second.file) == (5, 1, "f.yaml")
    assert document.error("/a/nothing/here", "m").line == 2  # the nearest place that exists


def test_scalars_are_those_of_yaml_1_2():
    data = parse("[yes, on, 2026-01-01, 1:30, 0x10, 0o17, 1.5, 1e3, .inf, true, ~, '5', !!str 7]", "f").data
    assert data == ["yes", "on", "2026-01-01", "1:30", 16, 15, 1.5, 1000.0, ".inf", True, None, "5", "7"]


def test_every_duplicate_is_named_with_its_place():
    found = errors("a: 1\nb:\n  c: 1\n  c: 2\na: 2\n")
    assert [(error.path, error.line, error.column) for error in found] == [("/b/c", 4, 3), ("/a", 5, 1)]
    assert "first in line 1" in found[1].message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("# only\n", "empty"),
        ("a: 1\n---\nb: 2\n", "second document"),
        ("a: [1, 2\n", "is not YAML"),
        ("a: b: c\n", "is not YAML"),
        ("a: \x00b", "is not YAML"),
        ("a: *nothing", "not defined before"),
        ("a: &x [*x]", "not defined before"),
        ("? [a]\n: 1", "plain text"),
        ("a: !!python/object/apply:os.system ['true']", "tag"),
        ("a: !!binary aGk=", "tag"),
        ("a: " + "9" * 5000, "too large"),
        ("a: 1e999", "too large"),
        ("[" * 5000, "nested deeper"),
        ("{a: " * 60 + "1" + "}" * 60, "nested deeper"),
        ("a: ⟦secret:rpc⟧", "reserved"),
        ("⟦a: 1", "reserved"),
        ("[" + "1," * 30_000 + "1]", "more than"),
    ],
)
def test_broken_text_is_a_problem_with_a_place(text, words):
    found = errors(text)
    assert any(words in error.message for error in found), found
    assert all(error.file == "f.yaml" and error.line >= 1 and error.column >= 1 for error in found)


def test_aliases_are_counted_as_if_written_out():
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    assert any("written out" in error.message for error in errors(bomb))
    assert parse("a: &x [1, 2]\nb: *x\n", "f").data["b"] == [1, 2]


def test_files_are_bounded_and_must_be_text(tmp_path):
    large, binary = tmp_path / "large.yaml", tmp_path / "binary.yaml"
    large.write_bytes(b"a: 1\n" * 200_000)
    binary.write_bytes(b"a: 1\nb: \xff\xfe\n")
    for path, words in (
        (large, "larger than"),
        (binary, "UTF-8"),
        (tmp_path, "cannot be read"),
        (tmp_path / "none.yaml", "cannot be read"),
    ):
        with pytest.raises(Unreadable, match=words):
            read(path)
    with pytest.raises(Unreadable) as caught:
        read(binary)
    assert caught.value.errors[0].line == 2


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.text(max_size=300), st.text(alphabet="ab:-{}[]&*!|>'\"#%@`,? \n\t~0x1.", max_size=200)))
def test_no_text_crashes_it(text):
    found = ()
    try:
        document = parse(text, "f.yaml")
    except Unreadable as unreadable:
        document, found = None, unreadable.errors
    assert bool(found) is (document is None)
    assert all(error.message and error.file == "f.yaml" and error.line >= 1 for error in found)
    assert document is None or "" in document.places


def test_without_libyaml_it_says_the_same(monkeypatch):
    import yaml

    text = "a:\n  - {b: 1, c: 'x'}\n  - |\n    t\n"
    fast = parse(text, "f")
    monkeypatch.setattr(source, "_LOADER", yaml.SafeLoader)
    assert parse(text, "f") == fast
