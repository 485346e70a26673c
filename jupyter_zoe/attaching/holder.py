"""Who attaches: a notebook through its kernel, a folder for terminals, a program for itself.

What is no notebook and no folder has an identity that ends with it, and so do its attachments. A Jupyter server with
Zoe's extension knows better than a kernel what it is the kernel of (files are renamed); the hub then believes the
server.
"""

from __future__ import annotations

import os
import platform
import socket
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

HolderKind = Literal["notebook", "console", "terminal", "script", "batch", "editor"]
Policy = Literal["keep", "shrink", "terminate"]

_STARTED = time.time_ns()

LONGEST_KEY = 1024  # characters, as in the hub's contract
PACKAGES = ("pyspark", "pandas", "pyarrow", "grpcio", "grpcio-status", "googleapis-common-protos", "numpy")
"""What applications ask of kernels, whose versions the hub compares before anything starts."""


class Holder(NamedTuple):
    """Somebody to whom attachments belong, and how it is called in messages."""

    key: str  # finds the same attachments again
    kernel: str  # the kernel's id; of a program its key; of a folder empty
    title: str  # 'This notebook'
    kind: HolderKind

    @property
    def name(self) -> str:
        """What it is called where there is little room."""
        return self.key.rpartition("/")[2][:60] or self.title


def notebook() -> Holder:
    """The notebook of this kernel, known by its path; a kernel without one; else this IPython."""
    kernel = kernel_id()
    if not kernel:
        return program()
    path = _session_path()
    if path:
        return Holder(path[:LONGEST_KEY], kernel, "This notebook", "notebook")
    kind: HolderKind = "editor" if any(name.startswith("VSCODE_") for name in os.environ) else "batch"
    return Holder(kernel, kernel, "This kernel", kind)


def _session_path() -> str:
    """The path that the Jupyter server gave to this kernel, if it gave it to this one: a kernel that a program in a
    notebook has started inherits the path of that notebook, and is not its kernel.
    """
    path = os.environ.get("JPY_SESSION_NAME", "")
    try:
        inherited = Path(f"/proc/{os.environ['JPY_PARENT_PID']}/environ").read_bytes().split(b"\0")
    except (KeyError, OSError):
        return path
    return "" if f"JPY_SESSION_NAME={path}".encode() in inherited else path


def folder(path: str = os.curdir) -> Holder:
    """A folder: for terminals, that they are in.

    :param path: the folder; left out: the current one
    """
    place = os.path.realpath(path)
    return Holder(f"folder:{place}"[:LONGEST_KEY], "", f"The folder {place}", "terminal")


def program() -> Holder:
    """This process. Its number comes again after its end; the time of its start does not."""
    key = f"program:{socket.gethostname()}:{os.getpid()}:{_STARTED}"
    return Holder(key[:LONGEST_KEY], key[:LONGEST_KEY], "This program", "script")


def here() -> Holder:
    """The notebook if this is a kernel, else this program."""
    return notebook() if kernel_id() else program()


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
