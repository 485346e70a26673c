"""Where the local backend keeps what it keeps; see ``records`` for the tree of folders."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from zoe_hub.backends.base import Permanent
from zoe_hub.backends.listing import below, of_process
from zoe_hub.backends.local.records import Launch, Prepared, read

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


def checked(name: str) -> str:
    """``name``, if it can be the name of a folder; ``Permanent`` ``bad-request`` otherwise."""
    if not NAME.fullmatch(name):
        raise Permanent("bad-request", f"{name!r} cannot be the name of an execution or a process.")
    return name


class Layout:
    """The paths below the data folder."""

    def __init__(self, data: str) -> None:
        self.executions = Path(data, "executions")
        self.logs = Path(data, "logs")

    def execution(self, execution: str) -> Path:
        """The folder of an execution."""
        return self.executions / checked(execution)

    def process(self, execution: str, name: str) -> Path:
        """The folder of a process."""
        return self.execution(execution) / checked(name)

    def log(self, execution: str, name: str) -> Path:
        """The folder of a process's logs and exit record."""
        return self.logs / checked(execution) / checked(name)

    def launches(self, deployment: str, execution: str = "*") -> Iterator[tuple[Path, Launch]]:
        """Every process of a deployment that is on record, with its folder."""
        for path in below(self.executions, execution, "*", "launch.json"):
            launch = read(path, Launch)
            if launch is not None and launch.deployment == deployment:
                yield path.parent, launch

    def find(self, deployment: str, name: str) -> Launch | None:
        """The process of that name, if it is on record and the deployment's."""
        for path in of_process(self.executions, name, checked(name), "launch.json"):
            launch = read(path, Launch)
            if launch is not None and launch.deployment == deployment:
                return launch
        return None

    def log_folders(self, deployment: str, execution: str = "*", name: str = "*") -> list[Path]:
        """The log folders of a deployment's processes, also of those that were removed long ago."""
        return [*_of_deployment(below(self.logs, execution, name, "of.json"), deployment)]

    def find_log(self, deployment: str, name: str) -> Path | None:
        """The log folder of the process of that name."""
        return next(_of_deployment(of_process(self.logs, checked(name), name, "of.json"), deployment), None)


def _of_deployment(notes: Iterator[Path], deployment: str) -> Iterator[Path]:
    """The folders of those notes that name a deployment."""
    for path in notes:
        of = read(path, Prepared)
        if of is not None and of.deployment == deployment:
            yield path.parent


def remove_tree(folder: Path) -> None:
    """Delete a folder with all that is in it, also where a program took its own right to write (Go's module cache)."""
    try:
        shutil.rmtree(folder)
    except PermissionError:
        os.chmod(folder, 0o700)
        for place, folders, _ in os.walk(folder):
            for name in folders:
                if not os.path.islink(os.path.join(place, name)):
                    os.chmod(os.path.join(place, name), 0o700)
        shutil.rmtree(folder)


def remove_folder(folder: Path) -> None:
    """Delete the folder of a process or execution whole. A crash in between leaves no process that looks complete, and
    no execution that is forgotten.
    """
    with contextlib.suppress(FileNotFoundError):
        (folder / "launch.json").unlink(missing_ok=True)
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
        remove_tree(folder)
