"""Ids of what rules create are the same for the same cause, and different for all others."""

import re

from hypothesis import given
from hypothesis import strategies as st

from zoe_hub.core.ids import derived_id

parts = st.lists(st.text() | st.integers(), max_size=4)


@given(st.text(), parts, st.text(), parts)
def test_an_id_tells_its_causes_apart(kind, causes, other, others):
    first, second = derived_id(kind, *causes), derived_id(other, *others)
    same = (kind, [*map(str, causes)]) == (other, [*map(str, others)])
    assert (first == second) == same
    assert re.fullmatch(r"e[a-z2-7]{16}", first)


def test_ids_stay_as_they_are_over_versions():
    """They are in databases and in the names of containers: a hub that is upgraded must come to the same."""
    assert derived_id("execution", "e2ahx5kdk") == "esrsqcyyft4oyxahd"
    assert derived_id("execution", "run-1", "load", 2) == "ele32xmnypoewb4zi"
