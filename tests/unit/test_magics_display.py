"""What the magics show: text and HTML of executions, escaped; progress of queries; errors as one message."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from jupyter_zoe import words
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.magics.progress import QueryProgress
from jupyter_zoe.magics.zoe import ZoeMagicError
from jupyter_zoe.showing.html import block
from jupyter_zoe.showing.parts import ExecutionPart, LogsPart, Progress, ResultPart, Said, Table
from jupyter_zoe.showing.story import StoryLines

EVIL = "<img src=x onerror=alert(1)>&'\""
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def group(name: str, count: int, ready: int, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "framework": "spark",
        "count": count,
        "granted": count,
        "live": ready,
        "ready": ready,
        "essential": 1,
        "maximum": count,
        "scalable": False,
        **more,
    }


def because(words: str, *tail: str) -> dict[str, Any]:
    return {"code": "told", "facts": {"words": words}, "words": words, "tail": list(tail)}


def process(identifier: str, state: str = "ready", **more: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "group": identifier.rpartition("-")[0],
        "state": state,
        "reason": because("is ready"),
        "since": "2026-01-01T00:00:00Z",
        "started": "2026-01-01T00:00:00Z",
        "starts": 1,
        "exit_code": None,
        **more,
    }


def view(**more: Any) -> Any:
    base = {
        "id": "e1",
        "name": "spark-cluster-abc12",
        "title": "Spark cluster",
        "zapp": "spark-cluster",
        "phase": "starting",
        "reason": because("starts"),
        "outcome": None,
        "exit_code": None,
        "groups": [group("master", 1, 1), group("worker", 3, 1, scalable=True), group("connect", 1, 0)],
        "processes": [],
        "endpoints": [],
    }
    return {**base, **more}


class Tags(HTMLParser):
    """The names of all elements, the texts, and the attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_progress_names_what_is_ready_and_what_is_not() -> None:
    shown = Progress(view(), 4.25)
    text, html = shown.text(), shown.html()
    assert text == "spark-cluster-abc12 starting: master ✓ · worker 1/3 · connect … (4.2 s)"
    assert "width:40%" in html
    assert 'role="status"' in html
    queued = Progress(view(phase="queued", reason=because("2 GiB are missing; 2nd in the queue")), 1.0)
    assert "2 GiB are missing; 2nd in the queue" in queued.text()


def test_a_reason_comes_with_the_log_lines_that_show_it() -> None:
    failed = view(phase="ended", outcome="failed", exit_code=1, reason=because("job-0 has ended", "one", "two <b>"))
    shown = ExecutionPart(failed, NOW)
    assert "is failed (1): job-0 has ended. Its log ends:\none\ntwo <b>" in shown.text()
    assert "job-0 has ended. Its log ends:<br>one<br>two &lt;b&gt;</div>" in shown.html()


def test_a_story_is_told_line_by_line_with_what_was_logged() -> None:
    def moment(time: str, reason: dict[str, Any], **more: Any) -> Any:
        known = {"kind": "process.state", "seq": 1, "process": "", "state": "", "before": "", "lasted": None}
        return {**known, "time": time, "reason": reason, **more}

    shown = StoryLines(
        "spark-cluster-abc12",
        [
            moment("2026-01-01T12:00:00Z", because("ada asked to start spark"), state="queued"),
            moment("2026-01-01T12:00:03.2Z", because("fits"), state="starting", before="queued", lasted=3.2),
            moment("2026-01-03T12:00:00Z", because("ended with exit code 1", "one", "two <b>"), process="worker-0"),
            moment("2026-01-03T12:02:30Z", because("waits"), kind="now", before="starting", lasted=150.0),
        ],
    )
    lines = [line[12:] if line.startswith("  ") else line for line in shown.text().splitlines()]
    first, second = (f"{datetime.fromisoformat(f'2026-01-0{day}T12:00:00Z').astimezone():%Y-%m-%d}:" for day in (1, 3))
    assert lines == [
        first,
        "spark-cluster-abc12  queued: ada asked to start spark",
        "spark-cluster-abc12  queued -> starting after 3.2 s: fits",
        second,
        "worker-0             ended with exit code 1",
        "                     | one",
        "                     | two <b>",
        "spark-cluster-abc12  now, starting for 2 min: waits",
    ]
    assert "two &lt;b&gt;" in shown.html()


def test_everything_from_elsewhere_is_escaped() -> None:
    evil = view(
        name=EVIL,
        title=EVIL,
        reason=because(EVIL),
        groups=[group(EVIL, 2, 1)],
        processes=[process(f"{EVIL}-0", reason=because(EVIL))],
        endpoints=[
            {"process": EVIL, "port": "ui", "title": EVIL, "path": "/zoe/pages/" + EVIL, "show": True, "ready": True}
        ],
    )
    shown: list[ResultPart] = [
        Progress(evil, 1.0),
        Progress({**evil, "phase": "queued"}, 1.0),
        ExecutionPart(evil, NOW),
        Table(words.EXECUTION_HEAD, words.execution_rows([{**evil, "created": None}], NOW)),
        Table((EVIL,), [], EVIL),
        LogsPart([(EVIL, [EVIL]), ("b", [])]),
        Said(EVIL),
    ]
    for html in (part.html() for part in shown):
        tags = Tags(html)
        assert not {"img", "script"} & set(tags.names)
        assert not [name for name, _ in tags.attributes if name.startswith("on")]
        assert any(EVIL in text for text in tags.texts) or EVIL in "".join(tags.texts)


@pytest.mark.parametrize("path", ["javascript:alert(1)", "//evil.example/", "https://evil.example/", ""])
def test_links_lead_nowhere_else(path: str) -> None:
    html = ExecutionPart(
        view(endpoints=[{"process": "m-0", "port": "ui", "title": "UI", "path": path, "show": True, "ready": True}]),
        NOW,
    ).html()
    assert [value for name, value in Tags(html).attributes if name == "href"] == ["#"]


def test_colors_are_those_of_the_theme() -> None:
    html = block(Progress(view(), 1.0).html() + ExecutionPart(view(processes=[process("master-0")]), NOW).html())
    assert "color:black" not in html
    assert "color:#" not in html
    assert "var(--jp-ui-font-color1" in html


@pytest.mark.parametrize(
    ("count", "noun", "said"), [(1, "worker", "1 worker"), (2, "worker", "2 workers"), (0, "process", "0 processes")]
)
def test_numbers_with_nouns(count: int, noun: str, said: str) -> None:
    assert words.plural(count, noun) == said


@given(st.integers(0, 2**60))
def test_sizes_are_short(count: int) -> None:
    assert len(words.size(count)) <= 9
    number, unit = words.size(count).split()
    exact = float(number) * 1024 ** ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].index(unit)
    assert abs(exact - count) <= count * 0.01


def test_a_table_fits_a_terminal_and_leaves_empty_columns_out() -> None:
    text = words.table(("A", "B", "C"), [("1", "", "x" * 50), ("22", "", "two\nlines")], 20)
    assert text.splitlines() == ["A   C", "1   " + "x" * 15 + "…", "22  two lines"]


# --- queries ---


class Watch:
    """A progress handler with a clock, and what it shows."""

    def __init__(self) -> None:
        self.now = 0.0
        self.shown: list[tuple[str, str, bool]] = []
        self.handler = QueryProgress(
            lambda text, html, output, there: self.shown.append((text, output, there)), clock=lambda: self.now
        )

    def tell(
        self, now: float, tasks: int = 10, completed: int = 0, operation: str | None = "q", done: bool = False
    ) -> None:
        self.now = now
        self.handler(
            stages=[SimpleNamespace(num_tasks=tasks, num_completed_tasks=completed, num_bytes_read=2048, done=done)],
            inflight_tasks=1,
            operation_id=operation,
            done=done,
        )


def test_a_short_query_shows_nothing() -> None:
    watch = Watch()
    watch.tell(0.0)
    watch.tell(0.29, completed=10)
    watch.tell(0.29, done=True)
    watch.tell(0.3, done=True)  # Spark says it twice
    assert watch.shown == []


def test_a_longer_one_has_one_output_that_ends_as_a_line() -> None:
    watch = Watch()
    for step in range(101):
        watch.tell(step / 50, completed=step // 10)
    watch.tell(2.5, completed=10, done=True)
    watch.tell(2.5, completed=10, done=True)
    assert len({output for _, output, _ in watch.shown}) == 1
    assert [there for _, _, there in watch.shown] == [False, *[True] * (len(watch.shown) - 1)]
    assert len(watch.shown) <= 11, "at most five in a second"
    assert watch.shown[-1][0] == "10 tasks in 1 stage, 2.5 s, 2 KiB read"


def test_queries_at_once_have_an_output_each() -> None:
    watch = Watch()
    for now in (0.0, 0.5, 1.0):
        watch.tell(now, operation="a")
        watch.tell(now, operation="b")
    watch.tell(1.5, operation="a", done=True)
    watch.tell(2.0, operation="b")
    assert len({output for _, output, _ in watch.shown}) == 2
    assert watch.shown[-1][0].startswith("0/10 tasks")


def test_a_bar_never_breaks_a_query() -> None:
    def broken(*_: Any) -> None:
        raise OSError("the display is gone")

    handler = QueryProgress(broken, clock=iter(range(100)).__next__)  # type: ignore[arg-type]
    for _ in range(3):
        handler(
            stages=[SimpleNamespace(num_tasks=1, num_completed_tasks=0, num_bytes_read=0, done=False)], operation_id="q"
        )
    handler(stages=None, operation_id=None, done=True, something_new=1)


# --- errors ---


def test_an_error_is_its_message_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    error = ZoeMagicError(ZoeProblem("never-fits", "It needs 9 TiB.", "Ask for less."))
    assert error._render_traceback_() == ["Zoe: It needs 9 TiB. [never-fits]", "Ask for less."]
    shell = InteractiveShell()
    shell.user_ns["error"] = error
    for mode in ("Context", "Verbose"):
        shell.InteractiveTB.set_mode(mode)
        result = shell.run_cell("raise error")
        assert result.error_in_exec is error
        assert capsys.readouterr().out.strip() == "Zoe: It needs 9 TiB. [never-fits]\nAsk for less."
