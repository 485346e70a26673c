"""Finds the hub that this user works with, and has the embedded one started when there is none.

The environment (``ZOE_HUB_URL``, ``ZOE_HUB_TOKEN``) wins; otherwise the embedded hub is the one that the runtime file
names, and it is trusted only after its process and its answer have been checked. Used by both clients, the server
extension (in a thread), the magics and the command line.
"""

from __future__ import annotations

import time
from pathlib import Path

from jupyter_zoe.hub import runtime, settings, starting
from jupyter_zoe.hub.health import healthy
from jupyter_zoe.hub.info import HubInfo


def find(data: Path | None = None, *, timeout: float = 5.0) -> HubInfo | None:
    """The hub of the environment, or the embedded hub if it lives and answers; starts nothing.

    :param data: the embedded hub's folder; ``None``: ``data_folder()``, and the environment's hub wins
    :param timeout: seconds that its answer may take
    """
    if data is None and (remote := settings.configured()) is not None:
        return remote
    info = runtime.read(data or settings.data_folder())
    return info if info is not None and healthy(info, timeout=timeout) else None


def ensure(timeout: float = 30.0, data: Path | None = None) -> HubInfo:
    """The hub of the environment, or the embedded hub, which is started if it does not live. Safe to call at the same
    time.

    :param timeout: seconds until it must answer
    :param data: the embedded hub's folder; ``None``: ``data_folder()``, and the environment's hub wins
    :raises HubError: it could not be started, or does not answer in time; the message says why
    """
    deadline = time.monotonic() + timeout
    if (info := find(data)) is not None:
        return info
    return starting.start(data or settings.data_folder(), deadline)
