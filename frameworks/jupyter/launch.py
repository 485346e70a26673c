"""Starts JupyterLab behind the hub's proxy: the command of the group ``notebook``. Inputs come from the environment.

It ends in ``exec`` of JupyterLab, so that the process the backend watches is the server. The token is read by the
server from ``JUPYTER_TOKEN``; runtime files, which hold it as well, go into the private folder.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path


def arguments(environment: Mapping[str, str], root: str) -> list[str]:
    """The server's options. ``root``: the folder that it opens."""
    kernels = json.loads(environment.get("ZOE_JUPYTER_KERNELS") or "[]")
    return [
        f"--ServerApp.ip={environment['ZOE_JUPYTER_BIND']}",
        f"--ServerApp.port={environment['ZOE_JUPYTER_PORT']}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.base_url={environment['ZOE_JUPYTER_BASE_URL']}",
        f"--ServerApp.root_dir={root}",
        # The proxy has authenticated the user and checked the origin; it passes on requests of any host name. Without
        # the token, which only the proxy has, nothing is answered.
        "--ServerApp.allow_remote_access=True",
        "--ServerApp.allow_origin=*",
        "--ServerApp.quit_button=False",
        "--ServerApp.open_browser=False",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *(["--ServerApp.allow_root=True"] if os.geteuid() == 0 else []),
        *(f"--KernelSpecManager.allowed_kernelspecs={name}" for name in kernels),
    ]


def root_folder(environment: Mapping[str, str]) -> str:
    """The wanted folder, else the home folder, else the private one (which is gone when the process is replaced or has
    ended).
    """
    wanted = environment.get("ZOE_JUPYTER_ROOT")
    if wanted:
        folder = Path(wanted).expanduser()
        if not folder.is_dir():
            sys.exit(f"The folder {folder} does not exist here. Make it, or give another 'root'.")
        return str(folder)
    home = Path(environment.get("HOME") or "/nonexistent")
    return str(home if home.is_dir() and os.access(home, os.W_OK) and str(home) != "/" else environment["ZOE_FOLDER"])


def warning(environment: Mapping[str, str], root: str) -> str:
    """What has to be said about a folder whose files go when the process does; empty for another one."""
    if not Path(root).resolve().is_relative_to(Path(environment["ZOE_FOLDER"]).resolve()):
        return ""
    return (
        f"Notebooks in {root} are gone when this JupyterLab ends or is replaced: it is the private folder of this"
        " process. Download what is to stay."
    )


def main() -> None:
    """Become JupyterLab."""
    environment = dict(os.environ)
    folder = Path(environment["ZOE_FOLDER"])
    environment["JUPYTER_RUNTIME_DIR"] = str(folder / "runtime")
    (folder / "runtime").mkdir(mode=0o700, exist_ok=True)
    startup = folder / "startup.py"
    if startup.exists():  # what a ZApp wires in: each kernel of Python runs it first
        environment["PYTHONSTARTUP"] = str(startup)
    root = root_folder(environment)
    if said := warning(environment, root):
        print(said, flush=True)
    # -P: what lies in the working directory is the user's, and no part of JupyterLab.
    command = [sys.executable, "-P", "-m", "jupyterlab", *arguments(environment, root)]
    os.execve(sys.executable, command, environment)  # noqa: S606


if __name__ == "__main__":
    main()
