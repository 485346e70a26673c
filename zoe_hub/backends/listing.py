"""Files in folders of executions, found while others remove some of them. Shared by the backends that keep files.

``Path.glob`` will not do: before Python 3.13 it raises if a folder goes while it is listed, and one removal would fail
the listing of everything else. And it opens every folder to find one file of a known name, which after a year of jobs
are 100,000.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def below(root: Path, *pattern: str) -> Iterator[Path]:
    """The paths below ``root`` whose parts are those of ``pattern``, in order of their names. What goes meanwhile may
    be missing; nothing is raised for it.

    :param pattern: names; ``*``: any but hidden ones
    """
    first, *rest = pattern
    if first != "*":
        names = [first]
    else:
        try:
            names = sorted(name for name in os.listdir(root) if not name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return
    for name in names:
        path = root / name
        if rest:
            yield from below(path, *rest)
        elif os.path.lexists(path):
            yield path


def of_process(root: Path, name: str, *rest: str) -> Iterator[Path]:
    """``root/EXECUTION/REST...`` of the executions to which the process of this name may belong: first those whose id
    is a part of it, as in all names that Zoe makes (``core.executions.model.process_name``), then all the others.
    """
    likely = name.split("-")
    for part in likely:
        yield from below(root, part, *rest) if part not in ("", ".", "..", "*") else ()
    for path in below(root, "*", *rest):
        if path.relative_to(root).parts[0] not in likely:
            yield path
