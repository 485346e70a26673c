"""Backends and authenticators come by entry points; Zoe's own are known without looking through all packages."""

from __future__ import annotations

import importlib.metadata
import tomllib
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from zoe_hub.app import parts
from zoe_hub.core.errors import ZoeError

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_what_is_known_is_what_the_package_declares() -> None:
    declared = tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"]
    assert declared == parts.OWN


def test_anothers_backend_is_found_and_cannot_take_the_name_of_one_of_zoes(monkeypatch: pytest.MonkeyPatch) -> None:
    group = "zoe.backends"
    points = EntryPoints([EntryPoint("mesos", "pathlib:Path", group), EntryPoint("local", "pathlib:Path", group)])
    monkeypatch.setattr(importlib.metadata, "entry_points", points.select)
    assert parts.load_part(group, "mesos") is Path
    assert parts.load_part(group, "local").__name__ == "LocalBackend"
    with pytest.raises(ZoeError, match=r"no 'nomad' among zoe\.backends: docker, fake, local, mesos"):
        parts.load_part(group, "nomad")
