"""What people read of a cluster that nobody uses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jupyter_zoe import words
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.verbs import keep

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def view(idle: dict[str, str] | None) -> Any:
    return {"idle": idle}


def test_ages_are_those_at_the_hub():
    told = {"code": "running", "words": "all is well", "tail": []}
    process = {"id": "p-0", "state": "ready", "since": "2026-01-01T11:59:00Z", "exit_code": None, "reason": told}
    seen: Any = {"name": "n", "id": "e", "zapp": "z", "phase": "running", "groups": [], "processes": [process]}
    seen |= {"created": "2026-01-01T02:00:00Z", "reason": told}
    assert words.execution_rows([seen], NOW)[0][words.EXECUTION_HEAD.index("AGE")] == "10 h"
    assert words.process_rows(seen, NOW)[0][words.PROCESS_HEAD.index("SINCE")] == "60 s"


def test_the_countdown_says_since_when_what_and_in_how_long():
    shrinks = {"since": "2026-01-01T11:40:00Z", "action": "shrink", "at": "2026-01-01T12:10:00Z"}
    assert words.idle_words(view(shrinks), NOW) == (
        "Nobody has used it for 20 min: it shrinks to its essential processes in 10 min. Keep it with 'keep'."
    )
    ends = {"since": "2026-01-01T09:00:00Z", "action": "end", "at": "2026-01-01T12:00:30Z"}
    assert "for 3 h: it ends in 30 s." in words.idle_words(view(ends), NOW)
    assert words.idle_words(view(None), NOW) == ""


@pytest.mark.parametrize(
    ("given", "seconds"), [("30min", 1800), ("4h", 14400), ("1.5h", 5400), ("90 s", 90), ("2d", 172800)]
)
def test_durations_are_written_as_people_write_them(given, seconds):
    assert keep.seconds(given) == seconds


@pytest.mark.parametrize("given", ["", "4", "h", "-1h", "4 weeks"])
def test_what_is_no_duration_is_named(given):
    with pytest.raises(ZoeProblem) as raised:
        keep.seconds(given)
    assert raised.value.code == "bad-parameter"
