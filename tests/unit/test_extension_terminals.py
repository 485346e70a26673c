"""What terminals of a Jupyter server are reported to do, with real ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from ptyprocess import PtyProcessUnicode

from jupyter_zoe.extension.terminals import reports
from zoe_hub.testing.kernels import eventually

SHELL = ["bash", "--norc", "--noprofile", "-i"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path.resolve()


@pytest.fixture
def manager(folder: Path) -> Iterator[SimpleNamespace]:
    """Two terminals in one folder, as ``jupyter_server_terminals`` keeps them."""
    shells = [PtyProcessUnicode.spawn(SHELL, cwd=str(folder), env=dict(os.environ)) for _ in range(2)]
    yield SimpleNamespace(terminals={str(n): SimpleNamespace(ptyproc=each) for n, each in enumerate(shells)})
    for each in shells:
        each.close(force=True)


def busy(manager: SimpleNamespace) -> dict[str, bool]:
    return {each["key"]: each["busy"] for each in reports(manager)}


def test_a_program_in_the_foreground_makes_its_folder_busy_and_a_prompt_does_not(manager, folder):
    (folder / "deep").mkdir()
    here = f"folder:{folder}"
    eventually(lambda: busy(manager) == {here: False})
    shell = manager.terminals["0"].ptyproc
    shell.write("(cd deep && exec sleep 600)\n")
    eventually(lambda: busy(manager) == {here: True, f"{here}/deep": True})
    assert {(each["kernel"], each["kind"]) for each in reports(manager)} == {
        (here, "terminal"),
        (f"{here}/deep", "terminal"),
    }
    shell.sendintr()
    eventually(lambda: busy(manager) == {here: False})
    shell.write("sleep 600 &\n")
    shell.write("echo ready > ready\n")
    eventually((folder / "ready").exists)
    eventually(lambda: busy(manager) == {here: False})


def test_a_terminal_that_has_ended_is_not_reported(manager, folder):
    manager.terminals["0"].ptyproc.close(force=True)
    eventually(lambda: busy(manager) == {f"folder:{folder}": False})
    manager.terminals["1"].ptyproc.close(force=True)
    assert reports(manager) == []


def test_a_server_without_terminals_reports_none():
    assert reports(None) == []
