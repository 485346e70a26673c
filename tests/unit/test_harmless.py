"""Text of others cannot act on a terminal, nor look like another text."""

from __future__ import annotations

import io
import json
import logging
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_zoe import harmless as ours
from jupyter_zoe.cli.terminal import Line, Terminal, tell
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.harmless import LogCleaner, harmless
from jupyter_zoe.magics.live import Live
from jupyter_zoe.showing.parts import LogsPart, ResultPart, Said, Table
from jupyter_zoe.verbs.verb import Result
from zoe_hub.core import text
from zoe_hub.run.logs import Redacting

EVIL = "a\x1b]0;title\x07b\x1b[2Jc\x9b31md\re\x7f\u202efdp.exe\u2066\x00\u2028f\x1b[31mred\x1b[0m"
SHOWN = "a\\u001b]0;title\\u0007b\\u001b[2Jc\\u009b31md\\u000de\\u007f\\u202efdp.exe\\u2066\\u0000\\u2028f{}red{}"
ACTING = set(map(chr, text.ESCAPES))


class Screen(io.TextIOWrapper):
    """A standard output that is a terminal, or is not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def shown(self) -> bytes:
        self.flush()
        return self.buffer.getvalue()  # type: ignore[attr-defined]


def test_the_hub_and_its_clients_have_one_rule():
    assert text.ESCAPES == ours.ESCAPES
    assert {"\x1b", "\x9b", "\r", "\x7f", "\u202e", "\u2069", "\u200f", "\u061c"} < ACTING
    assert not {"\n", "\t", "é", "\u200d", "\u2030"} & ACTING


def test_what_could_act_is_shown_and_colours_go_or_stay():
    assert harmless(EVIL) == SHOWN.format("", "")
    assert harmless(EVIL, colours=True) == SHOWN.format("\x1b[31m", "\x1b[0m")
    assert harmless("naïve\t名前\n👩\u200d🔬") == "naïve\t名前\n👩\u200d🔬"


@given(st.text(alphabet=st.sampled_from("\x1b[0;31m]\r\n\x9bé\u202e")), st.integers(1, 5))
def test_a_log_in_pieces_is_shown_as_the_whole_one(log, size):
    data, cleaner = log.encode(), LogCleaner()
    pieces = b"".join(cleaner.feed(data[at : at + size]) for at in range(0, len(data), size)) + cleaner.end()
    whole = "\r".join(harmless(part, colours=True) for part in log.split("\r"))
    assert pieces.decode() in (whole, whole + "\x1b[0m")
    assert harmless(pieces.decode(), colours=False).replace("\\u000d", "\r").isprintable() or "\n" in log or "\r" in log


def test_bytes_that_are_no_text_are_no_controls():
    assert LogCleaner().feed(b"\x9b31m \xff\n") == "\ufffd31m \ufffd\n".encode()


@pytest.fixture
def screens(monkeypatch):
    def make(*, terminal: bool) -> tuple[Screen, Screen]:
        out, err = Screen(terminal=terminal), Screen(terminal=terminal)
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        return out, err

    return make


def show(part: ResultPart) -> None:
    Terminal()._show(Result((part,), {"name": EVIL}))


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("part", [Said(EVIL), Table(["name"], [[EVIL]])], ids=["said", "table"])
def test_names_and_reasons_do_nothing_in_a_terminal_nor_behind_a_pipe(screens, part, terminal):
    out, _ = screens(terminal=terminal)
    show(part)
    assert not ACTING & set(out.shown().decode())
    assert "title" in out.shown().decode()


def test_logs_keep_their_colours_on_a_terminal_and_everything_in_a_pipe(screens):
    out, _ = screens(terminal=True)
    show(LogsPart([("main-0", [EVIL])]))
    assert out.shown().decode() == SHOWN.format("\x1b[31m", "\x1b[0m") + "\x1b[0m\n"
    out, _ = screens(terminal=False)
    show(LogsPart([("main-0", [EVIL])]))
    assert out.shown().decode() == EVIL + "\n"


def test_followed_logs_likewise(screens):
    data = EVIL.encode() + b"\xff\x9b\x1b[3"
    out, _ = screens(terminal=True)
    line = Line()
    line.write(data, to_stderr=False)
    line.close()
    kept = SHOWN.replace("\\u000d", "\r").format("\x1b[31m", "\x1b[0m")
    assert out.shown().decode() == kept + "\ufffd\ufffd\\u001b[3\x1b[0m"
    out, _ = screens(terminal=False)
    line = Line()
    line.write(data, to_stderr=False)
    line.close()
    assert out.shown() == data


def test_json_says_the_same_and_does_nothing(screens):
    out, _ = screens(terminal=True)
    terminal = Terminal()
    terminal.for_program = True
    terminal._show(Result((), {"name": EVIL}))
    assert not ACTING & set(out.shown().decode())
    assert json.loads(out.shown()) == {"name": EVIL}


@pytest.mark.parametrize("as_json", [True, False])
def test_problems_do_nothing(screens, as_json):
    _, err = screens(terminal=True)
    problem = ZoeProblem("bad", EVIL, EVIL + "!", [{"path": f"/{EVIL}", "message": "m" + EVIL}])
    tell(problem, as_json=as_json)
    assert not ACTING & set(err.shown().decode())
    assert not ACTING & set("".join(problem._render_traceback_()) + str(problem))


def test_progress_does_nothing(screens):
    _, err = screens(terminal=True)
    line = Line()
    line.say(EVIL)
    assert err.shown().decode().startswith("\r\x1b[K" + SHOWN[:20])


class Shell:
    kernel = object()


def test_outputs_of_cells_do_nothing(monkeypatch):
    told: list[dict[str, str]] = []
    monkeypatch.setattr("jupyter_zoe.magics.live.publish", lambda data, *_, **__: told.append(data))
    live = Live(Shell(), "ps")
    live.say(EVIL)
    live.done([Said(EVIL), Table(["name"], [[EVIL]])])
    for data in told:
        assert not ACTING & set(data["text/plain"] + data["text/html"])
    live.done([LogsPart([("main-0", ["\x1b[31mred\x1b[0m\x1b[2J"])])])
    assert told[-1]["text/plain"] == "\x1b[31mred\x1b[0m\\u001b[2J"
    assert ">red\\u001b[2J<" in told[-1]["text/html"]


def test_the_hubs_log_has_one_entry_for_each_event_and_nothing_that_acts():
    form = Redacting("%(asctime)s %(levelname)s %(message)s")
    forged = f"\n{datetime.now(UTC):%Y-%m-%d %H:%M:%S} ERROR everything is lost"
    record = logging.LogRecord("zoe_hub", logging.INFO, "x.py", 1, "%s%s", (EVIL, forged), None)
    lines = form.format(record).split("\n")
    assert not ACTING & set("".join(lines))
    assert len(lines) == 2
    assert lines[1].startswith("  ")
