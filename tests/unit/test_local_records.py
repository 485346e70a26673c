"""The records of the local backend on disk: what is damaged is taken for missing, what is read-only can be deleted."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from zoe_hub.backends.local import layout, records
from zoe_hub.backends.local.records import Exit

NOBODY = 65534


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 200,
        b"{",
        b'{"incarnation":0,"code":null,"ended":1.0,"reason":"\xff\xfe"}',
        b'{"incarnation":"x","code":null,"ended":1.0}',
    ],
)
def test_a_damaged_record_is_no_record(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "exit.json"
    path.write_bytes(data)
    assert records.read(path, Exit) is None


def test_a_whole_record_is_read(tmp_path: Path) -> None:
    records.write(tmp_path / "exit.json", Exit(incarnation=1, code=3, ended=1.0))
    assert records.read(tmp_path / "exit.json", Exit) == Exit(incarnation=1, code=3, ended=1.0)


@pytest.mark.parametrize("seconds", [1e300, float("inf"), float("nan"), -1e18])
def test_a_time_that_cannot_be_is_not_known(seconds: float) -> None:
    assert records.moment(seconds) is None


def test_a_folder_that_a_program_made_read_only_is_deleted_with_all_that_is_in_it() -> None:
    top = Path(tempfile.mkdtemp())
    try:
        outside = top / "outside"
        outside.mkdir(mode=0o555)
        deep = top / "folder" / "mod" / "cache" / "x"
        deep.mkdir(parents=True)
        (deep / "file").write_text("x")
        (deep / "link").symlink_to(outside)
        for path in (deep, deep.parent, top / "folder" / "mod", top / "folder"):
            path.chmod(0o555)
        (top / "folder" / "mod").chmod(0)
        if os.geteuid() == 0:  # whom no mode stops
            for path in (top, *top.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
            os.seteuid(NOBODY)
            try:
                layout.remove_tree(top / "folder")
            finally:
                os.seteuid(0)
        else:
            layout.remove_tree(top / "folder")
        assert [path.name for path in top.iterdir()] == ["outside"]
        assert outside.stat().st_mode & 0o777 == 0o555
    finally:
        shutil.rmtree(top)
