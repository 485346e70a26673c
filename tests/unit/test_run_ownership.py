"""A data folder or a configuration file that somebody else can change is refused, in words; and nothing is run from a
working directory."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from jupyter_zoe.hub import starting
from jupyter_zoe.hub.info import HubError
from zoe_hub.app.program import ZoeHub
from zoe_hub.run import runtime

ROOT = Path(__file__).parents[2]
STRANGER = 12345


@pytest.fixture
def stranger(monkeypatch):
    """From now on whoever runs this is somebody else than the owner of its files."""
    return lambda: monkeypatch.setattr(os, "geteuid", lambda: STRANGER)


def stop_words(capsys, *arguments: str) -> str:
    """What the hub says when it does not start."""

    def run() -> None:
        hub = ZoeHub()
        hub.initialize(list(arguments))
        hub.start()

    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 1
    return str(capsys.readouterr().err)


def test_a_data_folder_of_somebody_else_is_refused(tmp_path, stranger, capsys):
    stranger()
    assert "belongs to" in stop_words(capsys, f"--data={tmp_path}")
    assert not list(tmp_path.iterdir())


def test_a_starter_does_not_touch_the_folder_of_somebody_else(tmp_path, stranger):
    stranger()
    with pytest.raises(HubError, match="belongs to somebody else") as caught:
        starting.start(tmp_path, 0)
    assert "ZOE_DATA" in caught.value.remedy
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", [True, False], ids=["named", "of the data folder"])
def test_a_configuration_of_somebody_else_is_not_read(tmp_path, stranger, capsys, given):
    file = tmp_path / "zoe_hub_config.py"
    file.write_text("raise RuntimeError('it was read')\n")
    file.chmod(0o600)
    arguments = [f"--data={tmp_path}", *([f"--config={file}"] if given else [])]
    stranger()
    if os.getuid() == 0:
        os.chown(file, 54321, 54321)  # root's own would be fine
    said = stop_words(capsys, *arguments)
    assert f"{file} belongs to" in said
    assert "it was read" not in said
    assert "chown" in said


@pytest.mark.parametrize(("of_file", "of_folder"), [(0o602, 0o700), (0o620, 0o700), (0o600, 0o702), (0o600, 0o720)])
def test_a_configuration_that_others_can_write_is_not_read(tmp_path, monkeypatch, capsys, of_file, of_folder):
    monkeypatch.setattr(os, "getegid", lambda: STRANGER)  # the group of the files is not one's own
    folder = tmp_path / "conf"
    folder.mkdir()
    file = folder / "mine.py"
    file.write_text("raise RuntimeError('it was read')\n")
    file.chmod(of_file)
    folder.chmod(of_folder)
    said = stop_words(capsys, f"--config={file}", f"--data={tmp_path / 'data'}")
    assert "can be written by others" in said
    assert "chmod go-w" in said


@pytest.mark.parametrize(("of_file", "of_folder"), [(0o644, 0o755), (0o664, 0o775), (0o600, 0o1777)])
def test_a_configuration_that_others_can_read_is_fine(tmp_path, of_file, of_folder):
    file = tmp_path / "conf" / "mine.py"
    file.parent.mkdir()
    file.write_text("c.ZoeHub.port = 4711\n")
    file.chmod(of_file)
    file.parent.chmod(of_folder)
    os.chown(file, os.geteuid(), os.getegid())
    os.chown(file.parent, os.geteuid(), os.getegid())
    runtime.refuse_shared(file)


def test_the_embedded_hub_takes_no_module_from_its_folder(tmp_path, monkeypatch):
    (tmp_path / "tornado.py").write_text("raise SystemExit('taken from the working directory')\n")
    started: list[list[str]] = []

    def start(command: list[str], **_: object) -> None:
        started.append(command)
        raise SystemExit

    monkeypatch.setattr(starting.subprocess, "Popen", start)
    with pytest.raises(SystemExit):
        starting._launch(tmp_path, tmp_path / "hub.log")
    assert started[0][:4] == [sys.executable, "-P", "-m", "zoe_hub"]


def test_every_module_is_run_without_the_working_directory():
    run = re.compile(r'sys\.executable,\s*("-P",)?\s*"-m"')
    for path in (path for name in ("zoe_hub", "jupyter_zoe", "frameworks") for path in (ROOT / name).rglob("*.py")):
        if "testing" not in path.parts:
            assert all(found[1] for found in run.finditer(path.read_text(encoding="utf-8"))), path
