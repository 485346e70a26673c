"""Options out of a ZApp's JSON Schema, and how verbs are read."""

from __future__ import annotations

import io
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_zoe.cli.terminal import DESCRIPTION, JSON, Terminal
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.verbs.options import LONGEST_FILE, Help, read_text
from jupyter_zoe.verbs.parser import Verbs
from jupyter_zoe.verbs.verb import Invocation

SCHEMA: dict[str, Any] = {
    "title": "Thing",
    "type": "object",
    "required": ["code"],
    "properties": {
        "workers": {"type": "integer", "minimum": 1, "maximum": 64, "default": 2, "description": "How many"},
        "worker_memory": {"type": "string", "format": "memory", "default": "1GiB"},
        "fraction": {"type": "number"},
        "fast": {"type": "boolean", "default": False},
        "code": {"type": "string", "format": "textarea"},
        "password": {"type": "string", "writeOnly": True, "format": "password"},
        "arguments": {"type": "array", "items": {"type": "string"}},
        "ports": {"type": "array", "items": {"type": "integer"}},
        "conf": {"type": "object", "additionalProperties": {"type": "string"}},
        "name": {"type": "string", "description": "100% its own"},
        "json": {"type": "string"},
    },
}
ZAPP: Any = {"name": "thing", "title": "Thing", "description": "A thing", "parameters": SCHEMA}


def parse(line: str) -> Invocation:
    asked: list[tuple[str, bool]] = []

    def zapp(name: str, attach: bool) -> Any:
        asked.append((name, attach))
        if name != "thing":
            raise ZoeProblem("unknown-zapp", f"No {name}.")
        return ZAPP

    return Verbs(Terminal(), zapp, description=DESCRIPTION, common=(JSON,)).parse(shlex.split(line))


@pytest.mark.parametrize(
    ("line", "parameters"),
    [
        ("run thing", {}),
        ("run thing --workers 3 --worker-memory 2GiB", {"workers": 3, "worker_memory": "2GiB"}),
        ("run thing --workers=two", {"workers": "two"}),  # the hub says what is wrong with it
        ("run thing --fraction 0.5 --fast --no-fast", {"fraction": 0.5, "fast": False}),
        ("run thing --ports 1 --ports 2", {"ports": [1, 2]}),
        ("run thing --conf a.b=1 --conf c=x=y", {"conf": {"a.b": "1", "c": "x=y"}}),
        ("run thing --name mine --param-name theirs", {"name": "theirs"}),  # an option of the verb comes first
        ("run thing --json --param-json theirs", {"json": "theirs"}),
        ("run thing --wait -- --epochs 3 --wait", {"arguments": ["--epochs", "3", "--wait"]}),
        ("run thing --arguments first -- second", {"arguments": ["first", "second"]}),
        ("attach thing --workers 4", {"workers": 4}),
    ],
)
def test_parameters_come_from_the_schema(line: str, parameters: dict[str, Any]) -> None:
    assert parse(line).parameters == parameters


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("frob", "usage", "no verb 'frob'"),
        ("run thing --wrokers 3", "usage", "--wrokers"),
        ("run --workers 3", "usage", "before its options"),
        ("run thing --conf a", "usage", "NAME=VALUE"),
        ("scale x y z", "usage", "whole number"),
        ("scale x -1", "usage", "-1"),
        ("run other", "unknown-zapp", "No other"),
        ("stop", "usage", "EXECUTION"),
    ],
)
def test_what_is_not_understood_is_said(line: str, code: str, words: str) -> None:
    with pytest.raises(ZoeProblem) as caught:
        parse(line)
    assert caught.value.code == code
    assert words in caught.value.detail


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "VERB"),
        ("--help", "attach"),
        ("run --help", "ZAPP"),
        ("run thing --help", "--worker-memory MEMORY"),
        ("scale -h", "GROUP"),
        ("help logs", "--follow"),
    ],
)
def test_help_for_everything(line: str, words: str) -> None:
    with pytest.raises(Help) as caught:
        parse(line)
    assert words in str(caught.value)


def test_help_tells_what_the_schema_knows() -> None:
    with pytest.raises(Help) as caught:
        parse("run thing --help")
    flat = " ".join(str(caught.value).split())
    for words in ("How many; 1 to 64; default 2", "100% its own", "must be given", "a file that holds it"):
        assert words in flat


def test_programs_and_secrets_come_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text("print('ä')\n")
    (tmp_path / "secret").write_text("hush\n")
    assert parse(f"run thing --code {tmp_path}/a.py --password {tmp_path}/secret").parameters == {
        "code": "print('ä')\n",
        "password": "hush",
    }
    monkeypatch.setenv("MY_PASSWORD", "from here")
    assert parse("run thing --password env:MY_PASSWORD").parameters == {"password": "from here"}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped")))
    assert parse("run thing --code -").parameters == {"code": "piped"}


def test_a_secret_given_itself_is_refused_and_not_repeated() -> None:
    with pytest.raises(ZoeProblem) as caught:
        parse("run thing --password hunter2")
    assert "hunter2" not in " ".join(caught.value.lines())
    assert "seen by others" in caught.value.remedy


def test_files_that_cannot_be_sent(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (LONGEST_FILE + 1))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, words in (("big", "more than"), ("binary", "UTF-8"), ("none", "No such file"), (".", "directory")):
        with pytest.raises(ZoeProblem) as caught:
            read_text(str(tmp_path / name), "--code")
        assert words in caught.value.detail
