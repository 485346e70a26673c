"""The runtime file ``<data>/hub.json`` of an embedded hub, and whether the process that it names still lives.

What it says is trusted if it is the user's own, private, and of a living process; whoever answers at its address is
looked at all the same (``recognise``). Used by ``finding``, ``starting``, the server extension and ``zoe hub``.
"""

from __future__ import annotations

import json
import os
import stat
import urllib.parse
from pathlib import Path

from jupyter_zoe.hub.info import HubInfo


def alive(info: HubInfo) -> bool:
    """Whether the process of an embedded hub still lives, at the cost of reading one small file; a remote hub counts as
    alive.
    """
    return not info.embedded or _lives(info.pid, info.started)


def read(folder: Path) -> HubInfo | None:
    """What the runtime file says, if it is the user's own, private, and of a process that still lives."""
    path = folder / "hub.json"
    try:
        with open(path, encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            if hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077):
                return None
            found = json.load(file)
        url, token, pid = str(found["url"]).rstrip("/"), str(found["token"]), int(found["pid"])
        if not urllib.parse.urlsplit(url).hostname:
            return None
        started = None if found.get("started") is None else int(found["started"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not token or not _lives(pid, started):
        return None
    return HubInfo(url=url, token=token, embedded=True, pid=pid, started=started)


def _lives(pid: int, started: int | None) -> bool:
    """Whether process ``pid`` runs and is the one that began at ``started`` (field 22 of its stat), not a later one of
    that number.
    """
    if pid <= 0:
        return False
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        if os.path.exists("/proc/self/stat"):
            return False
        try:  # no /proc: the answer to the authenticated request decides
            os.kill(pid, 0)
        except OSError:
            return False
        return True
    state, begun = fields[0], int(fields[19])
    return state not in "ZX" and (started is None or begun == started)
