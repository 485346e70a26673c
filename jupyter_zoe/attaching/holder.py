"""Who attaches: a notebook through its kernel, or a folder for terminals and scripts."""

from __future__ import annotations

import os
import platform
import socket
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

LONGEST_KEY = 1024  # characters, as in the hub's contract
PACKAGES = ("pyspark", "pandas", "pyarrow", "grpcio", "grpcio-status", "googleapis-common-protos", "numpy")
"""What applications ask of kernels, whose versions the hub compares before anything starts."""


class Holder(NamedTuple):
    """Somebody to whom attachments belong, and how it is called in messages."""

    key: str  # finds the same attachments again
    kernel: str  # the kernel's id, empty elsewhere
    title: str  # 'This notebook'

    @property
    def name(self) -> str:
        """What it is called where there is little room."""
        return self.key.rpartition("/")[2][:60] or self.title


def notebook() -> Holder:
    """The notebook of this kernel, known by its path, else by the kernel's id; else this IPython."""
    kernel = kernel_id()
    key = os.environ.get("JPY_SESSION_NAME", "") or kernel or f"terminal-{socket.gethostname()}-{os.getpid()}"
    return Holder(key[:LONGEST_KEY], kernel, "This notebook")


def folder() -> Holder:
    """The current folder: for terminals and scripts, which are no notebook."""
    place = os.path.realpath(os.curdir)
    return Holder(f"folder:{place}"[:LONGEST_KEY], "", f"The folder {place}")


def here() -> Holder:
    """The notebook if this is a kernel, else the current folder."""
    return notebook() if kernel_id() else folder()


def kernel_id() -> str:
    """The id of the kernel that this process is; empty if it is none."""
    try:
        from ipykernel.connect import get_connection_file  # noqa: PLC0415 - takes a while, and need not be installed

        return Path(get_connection_file()).stem.removeprefix("kernel-")
    except Exception:  # no kernel, or another kind of one
        return ""


def versions() -> dict[str, str]:
    """What is installed here; an empty version: it is not."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def own_execution() -> str:
    """The id of the execution that this process is a part of, as a JupyterLab beside its cluster is; else empty."""
    return os.environ.get("ZOE_EXECUTION", "")


def web_prefix() -> str:
    """The path in front of the proxy as this user's browser sees it, if JupyterLab has said so; else empty."""
    return os.environ.get("ZOE_WEB_PREFIX", "")
