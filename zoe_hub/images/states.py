"""In which state a framework's files, and the project's own package, are: here, in a wheel, and in an image by its
labels.

``building`` labels what it builds; the Docker backend compares, so that a hub that was upgraded runs no old code of old
images.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

from zoe_hub import __version__
from zoe_hub.images import recipes
from zoe_hub.images.recipes import Recipe

FRAMEWORK_LABEL = "zoe.framework."  # and the framework's name: the digest of its files
PROJECT_LABEL = "zoe.project"  # version and digest of the project's package
PACKAGE = "jupyter_zoe"  # what a notebook's image is for: the server extension, magics, the page's program


def labels(recipe: Recipe, wheel: Path | None) -> dict[str, str]:
    """What an image tells the hubs that use it: which framework's files it has, which project, and in which state.

    :param wheel: the project's, if the image has it
    """
    folder = Path(recipe.folder)
    found = {} if folder.parent == recipes.OWN else {f"{FRAMEWORK_LABEL}{recipe.name}": framework(folder)}
    return {**found, PROJECT_LABEL: project_of(wheel)} if wheel else found


def framework(folder: Path) -> str:
    """The digest of a framework's files as they come into its image."""
    parts: list[str | bytes | Path] = []
    for file in recipes.files(folder):
        if file.name != "Dockerfile":
            parts += [str(file.relative_to(folder)), file]
    return recipes.digest(parts)


def project_here() -> str:
    """Version and digest of the project's package beside this hub; empty if there is none."""
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        return ""
    folder = Path(found.origin).parent
    files = {str(file.relative_to(folder.parent)): file for file in folder.rglob("*") if file.is_file()}
    return f"{__version__} {_digest((name, files[name].read_bytes()) for name in sorted(filter(_is_compared, files)))}"


def project_of(wheel: Path) -> str:
    """Version and digest of the project's package in a wheel."""
    with ZipFile(wheel) as archive:
        digest = _digest((name, archive.read(name)) for name in sorted(filter(_is_compared, archive.namelist())))
    return f"{wheel.name.split('-')[1]} {digest}"


def _is_compared(name: str) -> bool:
    """Python, and the file that names the page's program by its hash."""
    return re.fullmatch(rf"{PACKAGE}/(.*/)?[^/]+\.py|{PACKAGE}/labextension/package\.json", name) is not None


def _digest(files: Iterable[tuple[str, bytes]]) -> str:
    return recipes.digest(part for file in files for part in file)
