"""Image recipes: which there are, what they build on, which tag they make, and whether an image is up to date.

A recipe is a folder with a ``Dockerfile``: ``recipes/`` beside this module (``os``, ``base``) and each framework's
folder. Its parent is what ``ARG BASE=`` names; ``COPY wheels/`` and ``COPY dist/`` ask for the Python packages and the
project's wheel. Pure reading, no engine. Called by ``images``.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from zoe_hub.core.record import Record

OWN = Path(__file__).parent / "recipes"
INPUTS_LABEL = "zoe.inputs"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_DEFINITIONS = ("framework.yaml", "zapp.yaml")  # read by the hub, not in images: their changes make no image anew
_IGNORED = ("__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", "tests")


class BuildError(RuntimeError):
    """An image cannot be built. The message says what to do."""


def cache() -> Path:
    """What is dear to make and outlives the engine: wheels and the base's archive."""
    folder = Path(os.environ.get("ZOE_ENGINES") or Path.home() / ".cache" / "zoe-engines") / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Recipe(Record, kw_only=True):
    """One image: how it is called, made from which folder, on top of what."""

    name: str
    tag: str
    folder: str
    parent: str  # a recipe's name, another image, or "" for the operating system's image
    wheels: bool = False
    dist: bool = False


def read(folders: Iterable[Path], version: str) -> dict[str, Recipe]:
    """All recipes under ``folders`` by name. ``version`` tags those that no framework's definition names.

    :raises ValueError: a Dockerfile without ``ARG BASE``
    """
    recipes = {}
    for folder in folders:
        for file in sorted(folder.glob("*/Dockerfile")):
            name = file.parent.name
            text = file.read_text()
            found = re.search(r"^ARG BASE(?:=(\S+))?\s*$", text, re.MULTILINE)
            if found is None:
                raise ValueError(f"{file}: a recipe begins with a line 'ARG BASE=PARENT'")
            recipes[name] = Recipe(
                name=name,
                tag=_tag(file.parent, name, version),
                folder=str(file.parent),
                parent=_parent(found[1] or ""),
                wheels=bool(re.search(r"^COPY wheels/", text, re.MULTILINE)),
                dist=bool(re.search(r"^COPY dist/", text, re.MULTILINE)),
            )
    return recipes


def _parent(image: str) -> str:
    return image.removeprefix("zoe/").partition(":")[0] if image.startswith("zoe/") else image


def _tag(folder: Path, name: str, version: str) -> str:
    """The first ``image`` of the framework's processes that is called after it, with its version filled in."""
    definition = folder / "framework.yaml"
    if definition.exists():
        try:
            content = yaml.safe_load(definition.read_text())
        except yaml.YAMLError:
            content = None
        if isinstance(content, dict):
            processes = content.get("processes")
            images = (
                [each.get("image") for each in processes.values() if isinstance(each, dict)]
                if isinstance(processes, dict)
                else []
            )
            for image in (str(content.get("image", "")), *map(str, images)):
                rendered = re.sub(r"\{\{\s*version\s*\}\}", str(content.get("version", version)), image)
                if re.fullmatch(rf"zoe/{re.escape(name)}:[\w][\w.+-]*", rendered):
                    return rendered
    return f"zoe/{name}:{version}"


def ordered(recipes: Mapping[str, Recipe], names: Iterable[str]) -> list[Recipe]:
    """``names`` and all they build on, parents first.

    :raises ValueError: an unknown name, or a circle
    """
    result: dict[str, Recipe] = {}

    def visit(name: str, below: tuple[str, ...]) -> None:
        if name in result:
            return
        if name in below:
            raise ValueError(f"recipes build on each other in a circle: {' -> '.join((*below, name))}")
        if name not in recipes:
            raise ValueError(f"there is no recipe {name!r}; there are: {', '.join(sorted(recipes))}")
        if recipes[name].parent in recipes:
            visit(recipes[name].parent, (*below, name))
        result[name] = recipes[name]

    for name in names:
        visit(name, ())
    return list(result.values())


def files(folder: Path, *, definitions: bool = False) -> list[Path]:
    """The files of a recipe that go into its image, sorted. With ``definitions``, also what only the hub and people
    read.
    """
    inside = (file for file in sorted(folder.rglob("*")) if file.is_file() and not file.is_symlink())
    wanted = (file for file in inside if definitions or (file.name not in _DEFINITIONS and file.suffix != ".md"))
    return [file for file in wanted if not any(part in _IGNORED for part in file.relative_to(folder).parts)]


def digest(parts: Iterable[str | bytes | Path]) -> str:
    """A short hash of texts and of files' contents, in order."""
    result = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part
        result.update(len(data).to_bytes(8, "big") + data)
    return result.hexdigest()[:24]


def inputs(recipe: Recipe, parent_id: str, extra: Iterable[str] = ()) -> str:
    """What an image depends on, as a hash: another one means that it has to be built again."""
    folder = Path(recipe.folder)
    parts: list[str | bytes | Path] = [parent_id, *extra]
    for file in files(folder):
        parts += [str(file.relative_to(folder)), file]
    return digest(parts)
