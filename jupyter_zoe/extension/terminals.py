"""What the terminals of this Jupyter server do: in which folders programs run in the foreground.

`zoe attach` in a terminal attaches a cluster to its folder. Whoever works there uses the cluster, also while nothing is
asked of it, as a silent cell of a notebook does. Called by ``holders``; other terminals belong to no server, so for
them only the queries count that reach the cluster.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil

from jupyter_zoe.attaching.holder import folder
from jupyter_zoe.client.operations import HolderReport


def reports(manager: Any) -> list[HolderReport]:
    """How the folders of all terminals are reported.

    :param manager: the server's terminals (``jupyter_server_terminals``); none: it has them switched off
    """
    busy: dict[str, bool] = {}
    for terminal in list(manager.terminals.values()) if manager is not None else []:
        for place, works in _places(terminal.ptyproc):
            busy[place] = busy.get(place, False) or works
    keys = {folder(place).key: works for place, works in busy.items()}
    return [{"kernel": key, "kind": "terminal", "key": key, "busy": works} for key, works in keys.items()]


def _places(process: Any) -> Iterator[tuple[str, bool]]:
    """The folder of a terminal's shell, and the one of what runs in its foreground, with whether something does."""
    with suppress(OSError, ValueError, psutil.Error):  # it has ended meanwhile
        foreground = os.tcgetpgrp(process.fd)
        works = foreground != os.getpgid(process.pid)
        yield psutil.Process(process.pid).cwd(), works
        if works:
            yield psutil.Process(foreground).cwd(), True
