"""Patterns of definitions cost no more than the text is long, and mean what they mean elsewhere."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoe_hub.catalog.schema import check
from zoe_hub.language.lines import LONGEST, Lines
from zoe_hub.language.patterns import compiled, found

LETTERS = st.text("ab\n!é", max_size=8)
PATTERNS = st.sampled_from(["^a", "b+!", "^(a|b)*$", "[^a]{2}", "é", ".b", "(a?){3}b", "^$"])


@pytest.mark.parametrize("pattern", ["^([a-z0-9]+[-_]?)+$", "(a+)+$", "^(a|aa)+$", "(.*a){20}!$"])
def test_an_unlucky_text_takes_no_longer_than_another(pattern: str) -> None:
    """With an engine that tries everything this one would take years."""
    assert not found(pattern, "a" * 20_000 + "?")


@given(PATTERNS, LETTERS)
def test_a_pattern_means_what_it_means_to_python_but_for_a_last_line_break(pattern: str, text: str) -> None:
    judge = re.search(re.sub(r"\$$", r"\\Z", pattern), text, re.ASCII)
    assert found(pattern, text) == (judge is not None)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "missing"),
        ("a(?=b)", "it cannot look ahead or behind"),
        (r"(a)\1", "it cannot refer back to a group"),
        ("((a{100}){100}){100}", "invalid repetition size"),
    ],
)
def test_what_it_cannot_match_is_said(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        compiled(pattern)


def test_half_a_letter_is_a_text_as_well() -> None:
    assert found("^.$", "é")
    assert not found("x", "\ud800")


def test_a_list_of_many_different_things_is_checked_at_once() -> None:
    """Each of them was compared with all before it, which takes 200 times as long as the test may."""
    schema = {"type": "array", "uniqueItems": True}
    items = [{"name": [number, str(number)]} for number in range(100_000)]
    assert list(check(schema, items)) == []
    (fault,) = check(schema, [*items, {"name": [7.0, "7"]}])
    assert "twice" in fault.message
    assert list(check(schema, [1, True, "1", None, [1], [True], {"1": 1}, {"1": True}])) == []


@given(st.lists(st.sampled_from(["Ready", "für alle", "", "x\ry"]), max_size=5), st.data())
def test_lines_are_the_same_in_whatever_pieces_they_arrive(expected: list[str], data: st.DataObject) -> None:
    text = "".join(f"{line}\n" for line in expected).encode() + b"and no end"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    lines = Lines()
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert [line.decode() for piece in pieces for line in lines.feed(piece)] == expected


def test_a_line_without_end_costs_no_more_than_its_last_part() -> None:
    lines = Lines()
    for _ in range(10):
        assert lines.feed(b"a" * LONGEST) == []
    (line,) = lines.feed(b"b\r\n")
    assert (len(line), line[-2:]) == (LONGEST, b"ab")
