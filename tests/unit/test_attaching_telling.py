"""Cells that have queries are told once, the first at once and the others together, by a thread that does not stay."""

from __future__ import annotations

from collections.abc import Sequence
from queue import Empty, Queue

import pytest

from jupyter_zoe.attaching.telling import MOST, Teller

NEVER = 3600.0  # seconds, which no test waits


@pytest.fixture
def told() -> Queue[Sequence[str]]:
    return Queue()


def test_the_first_cell_is_told_at_once_and_the_next_together(told: Queue[Sequence[str]]) -> None:
    teller = Teller(told.put, period=NEVER)
    teller.begun("cell 1")
    assert told.get(timeout=30) == ["cell 1"]
    for cell in ("cell 2", "cell 3", "cell 2"):
        teller.begun(cell)
    with pytest.raises(Empty):
        told.get(timeout=0.2)
    teller.stop()
    assert told.get(timeout=30) == ["cell 2", "cell 3"], "the rest, at the end"
    teller.begun("cell 4")
    with pytest.raises(Empty):
        told.get(timeout=0.2)


def test_the_pause_is_over_in_time_and_later_cells_find_another_thread(told: Queue[Sequence[str]]) -> None:
    teller = Teller(told.put, period=0.01)
    for cell in ("cell 1", "cell 2", "cell 3"):
        teller.begun(cell)
        assert told.get(timeout=30) == [cell]


def test_of_very_many_cells_the_newest_are_told(told: Queue[Sequence[str]]) -> None:
    teller = Teller(told.put, period=NEVER)
    teller.begun("first")
    told.get(timeout=30)
    for number in range(2 * MOST):
        teller.begun(f"cell {number}")
    teller.stop()
    assert told.get(timeout=30) == [f"cell {number}" for number in range(MOST, 2 * MOST)]
