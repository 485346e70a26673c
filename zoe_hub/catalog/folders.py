"""Finds the definitions in folders and reads those that fit the published schemas. Called by ``catalog``.

A folder holds one folder for each definition; a definition is a file named ``framework.yaml`` or ``zapp.yaml``.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from zoe_hub.catalog.schema import check as check_schema
from zoe_hub.catalog.source import Document, Unreadable, read
from zoe_hub.core.errors import FieldError

Kind = Literal["framework", "zapp"]
KINDS: tuple[Kind, ...] = ("framework", "zapp")
FILE_NAMES: dict[str, Kind] = {f"{kind}.yaml": kind for kind in KINDS}
MOST_ERRORS = 200  # of one file


@functools.cache
def published_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of ``framework.yaml`` or ``zapp.yaml``, as it is published."""
    text = (Path(__file__).parent / "schemas" / f"{kind}.schema.json").read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


def default_folders() -> tuple[Path, ...]:
    """Where the definitions are that come with Zoe: in the wheel, or in the repository when run from a checkout."""
    package = Path(__file__).resolve().parent.parent
    return tuple(folder for folder in (package / "frameworks", package.parent / "frameworks") if folder.is_dir())[:1]


class Found(NamedTuple):
    """The definitions of some folders that fit their schemas, by kind and name, and the names of those that do not."""

    documents: dict[Kind, dict[str, Document]]
    broken: frozenset[str]


def read_all(folders: Sequence[Path], errors: list[FieldError]) -> Found:
    """All definitions. Of two with the same name the first works.

    :param errors: takes what is wrong
    """
    files: dict[Path, tuple[Kind, Path]] = {}  # each once, even if folders overlap
    for folder in folders:
        for kind, file in definitions(folder, errors):
            files.setdefault(file.resolve(), (kind, file))
    documents: dict[Kind, dict[str, Document]] = {kind: {} for kind in KINDS}
    broken: set[str] = set()
    for kind, file in files.values():
        document = _read(kind, file, errors)
        if document is None:
            broken.add(file.parent.name)
            continue
        name = document.data[kind]
        first = documents[kind].setdefault(name, document)
        if first is not document:
            errors.append(
                document.error(
                    f"/{kind}", f"there is another {kind} '{name}' in {first.file}, which is used; rename or remove one"
                )
            )
    return Found(documents, frozenset(broken))


def definitions(folder: Path, errors: list[FieldError]) -> Iterator[tuple[Kind, Path]]:
    """The definitions in a folder: its own files, then those of the folders in it, by name."""
    try:
        below = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith((".", "_")))
    except OSError as error:
        errors.append(
            FieldError(
                message=f"cannot be listed: {error.strerror or error}; correct the option for catalog folders",
                file=str(folder),
            )
        )
        return
    for place in (folder, *below):
        for name, kind in FILE_NAMES.items():
            if (place / name).is_file():
                yield kind, place / name


def stamp(folders: Sequence[Path]) -> frozenset[tuple[str, int, int]]:
    """What the files of all definitions look like from outside: path, time of the last change and size of each. Two
    stamps differ if a definition has changed, has come or has gone.
    """
    found = set()
    for folder in {file.parent for place in folders for _, file in definitions(place, [])}:
        for place, below, files in os.walk(folder):
            below[:] = [name for name in below if not name.startswith((".", "_"))]
            for name in files:
                with suppress(OSError):  # gone since
                    seen = os.stat(os.path.join(place, name))
                    found.add((os.path.join(place, name), seen.st_mtime_ns, seen.st_size))
    return frozenset(found)


def _read(kind: Kind, file: Path, errors: list[FieldError]) -> Document | None:
    """A document that fits the published schema, or None."""
    try:
        document = read(file)
    except Unreadable as unreadable:
        errors += unreadable.errors[:MOST_ERRORS]
        return None
    faults = list(check_schema(published_schema(kind), document.data))
    errors += [document.error(fault.path, fault.message, key=fault.key) for fault in faults[:MOST_ERRORS]]
    return None if faults else document
