"""The rule for what goes of the past: oldest first, by age, number and size, and nothing that is still referred to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoe_hub.core.retention import DAY, Limits, Past, going
from zoe_hub.core.words import words

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def past(count: int, size: int = 10) -> list[Past[str]]:
    """The first ended ``count`` days ago, each of the others a day after the one before."""
    return [Past(f"e{n}", NOW - (count - n) * DAY, size) for n in range(count)]


def keys(limits: Limits, known: list[Past[str]], number: int = 0, size: int = 0, **more: object) -> list[str]:
    number, size = number or len(known), size or sum(each.size for each in known)
    return [each.key for each in going(limits, known, number=number, size=size, now=NOW, **more)]


@pytest.mark.parametrize(
    ("limits", "gone", "told"),
    [
        (Limits(), 0, ""),
        (Limits(age=7 * DAY), 3, "is kept for 7 days after it was over, no longer"),
        (Limits(age=1 * DAY), 9, "is kept for 1 day after it was over, no longer"),
        (Limits(age=10 * DAY), 0, ""),
        (Limits(number=4), 6, "is the oldest, and no more than 4 are kept"),
        (Limits(number=10), 0, ""),
        (Limits(size=99), 1, "is the oldest, and no more than 0 MiB of such are kept"),
        (Limits(size=100), 0, ""),
        (Limits(size=9), 10, "is the oldest, and no more than 0 MiB of such are kept"),
        (Limits(age=8 * DAY, number=7, size=45), 6, "is kept for 8 days after it was over, no longer"),
    ],
)
def test_each_limit_takes_the_oldest(limits, gone, told):
    known = past(10)
    found = going(limits, known, number=10, size=100, now=NOW)
    assert [each.key for each in found] == [each.key for each in known[:gone]]
    assert (words(found[0].reason) if found else "") == told


def test_each_one_is_told_the_limit_that_it_meets():
    found = going(Limits(age=8 * DAY, number=7, size=45), past(10), number=10, size=100, now=NOW)
    codes = [each.reason.code for each in found]
    assert codes == ["past-too-old"] * 2 + ["past-too-many"] + ["past-too-large"] * 3


def test_what_is_seen_is_a_part_of_what_there_is():
    known = past(10)
    assert keys(Limits(number=1000), known, number=1004) == ["e0", "e1", "e2", "e3"]
    assert len(keys(Limits(number=5), known, number=1000)) == 10
    assert keys(Limits(size=980), known, size=1000) == ["e0", "e1"]


def test_what_something_that_is_not_over_refers_to_stays():
    assert keys(Limits(number=7), past(10), held={"e0", "e2"}) == ["e1", "e3", "e4"]
    assert keys(Limits(age=DAY), past(3), held={"e0", "e1", "e2"}) == []


def test_a_child_goes_before_its_parent_and_keeps_it_as_long_as_it_stays():
    parent, child, grandchild, other = past(4)
    child, grandchild = child._replace(refers_to=frozenset({"e0"})), grandchild._replace(refers_to=frozenset({"e1"}))
    known = [parent, child, grandchild, other]
    assert keys(Limits(number=1), known) == ["e2", "e1", "e0"]
    assert keys(Limits(number=2), known) == [], "the grandchild stays, so its child and that one's parent do"
    assert keys(Limits(number=2), [parent, child, other, grandchild]) == []


def test_a_circle_ends():
    one, two = past(2)
    assert sorted(
        keys(
            Limits(age=timedelta(0)),
            [one._replace(refers_to=frozenset({"e1"})), two._replace(refers_to=frozenset({"e0"}))],
        )
    ) == ["e0", "e1"]


@st.composite
def pasts(draw):
    count = draw(st.integers(0, 12))
    ages = sorted(draw(st.lists(st.integers(0, 30), min_size=count, max_size=count)), reverse=True)
    refers = st.frozensets(st.integers(0, 12), max_size=2)
    return [
        Past(number, NOW - age * DAY, draw(st.integers(0, 100)), draw(refers) - {number})
        for number, age in enumerate(ages)
    ]


@given(
    known=pasts(),
    age=st.none() | st.integers(0, 30),
    number=st.none() | st.integers(1, 12),
    size=st.none() | st.integers(1, 600),
    more=st.integers(0, 5),
    held=st.frozensets(st.integers(0, 12), max_size=3),
)
def test_whatever_there_is(known, age, number, size, more, held):
    limits = Limits(age=None if age is None else age * DAY, number=number, size=size)
    total, taken = len(known) + more, sum(each.size for each in known) + 7 * more
    found = going(limits, known, number=total, size=taken, now=NOW, held=held)
    gone = [each.key for each in found]
    assert len(set(gone)) == len(gone)
    assert not held.intersection(gone)
    staying = [each for each in known if each.key not in gone]
    for each in staying:
        assert not each.refers_to.intersection(gone), "what stays finds what it refers to"
    if not any(each.refers_to for each in known):
        assert gone == sorted(gone), "the oldest first"
        free = [each for each in known if each.key not in held]
        assert gone == [each.key for each in free[: len(gone)]], "none before an older one"
        if len(gone) < len(free):  # no more than must
            left = total - len(gone), taken - sum(each.size for each in known if each.key in gone)
            assert number is None or left[0] <= number
            assert size is None or left[1] <= size
            assert age is None or NOW - free[len(gone)].since <= age * DAY
    for each in found:
        past_of = known[each.key]
        for other in gone[gone.index(each.key) + 1 :]:
            assert each.key not in known[other].refers_to or other in past_of.refers_to or _circle(known, other)
    again = going(
        limits, staying, number=total - len(gone), size=taken - sum(known[key].size for key in gone), now=NOW, held=held
    )
    if not any(each.refers_to for each in known):
        assert again == (), "one look is enough"


def _circle(known, key) -> bool:
    """Whether a record refers to itself over others."""
    seen, todo = set(), set(known[key].refers_to)
    while todo:
        each = todo.pop()
        if each == key:
            return True
        if each not in seen and each < len(known):
            seen.add(each)
            todo |= known[each].refers_to
    return False
