"""Renews the leases of a process that no Jupyter server reports: a script, a kernel that runs a notebook unattended, an
editor's.

A thread tells the hub that the process is there until it ends, in whatever way it ends; the lease then runs out by
itself. Begun by ``Attaching`` with the first attachment.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from jupyter_zoe.attaching.holder import Holder
from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.client.operations import HolderReport

if TYPE_CHECKING:
    from jupyter_zoe.hub.info import HubInfo

RENEWS_ITSELF = ("script", "batch", "editor")
_FIRST = 20.0  # seconds between two reports until the hub has said how long they count
_begun: dict[str, threading.Thread] = {}
_lock = threading.Lock()


def renew(holder: Holder, info: HubInfo) -> None:
    """Have the leases of this process renewed from now on, if nobody else does it."""
    if holder.kind not in RENEWS_ITSELF:
        return
    with _lock:
        if holder.key not in _begun:
            thread = threading.Thread(target=_keep_on, args=(holder, info, _busy()), name="zoe-lease", daemon=True)
            _begun[holder.key] = thread
            _report(holder, info, is_busy=True)
            thread.start()
            atexit.register(_let_go, holder, info)


def _keep_on(holder: Holder, info: HubInfo, is_busy: Callable[[], bool]) -> None:
    pause, end = threading.Event(), _FIRST
    while not pause.wait(end):
        end = _report(holder, info, is_busy=is_busy()) or end


def _report(holder: Holder, info: HubInfo, *, is_busy: bool) -> float:
    """Tell the hub once; seconds until the next time, 0: it did not hear."""
    report: HolderReport = {"kernel": holder.kernel, "kind": holder.kind, "key": holder.key, "busy": is_busy}
    try:
        with Client(info, start=False) as client:
            return client.report_holders(holders=[report], moved=[], deleted=[])["ttl"] / 3
    except (ZoeProblem, OSError):
        return 0.0


def _let_go(holder: Holder, info: HubInfo) -> None:
    """At the end of the process: nobody has to wait until its leases run out."""
    try:
        with Client(info, start=False, pauses=()) as client:
            for each in client.list_attachments(key=holder.key, kernel=holder.kernel)["items"]:
                if each["policy"] != "shrink":  # which the hub does when the lease runs out
                    client.detach(each["id"], keep=each["policy"] == "keep")
    except (ZoeProblem, OSError):
        return


def _busy() -> Callable[[], bool]:
    """Whether this process works: a kernel while it runs a cell, a program always."""
    try:
        from IPython import get_ipython  # noqa: PLC0415 - scripts need not have it

        shell = get_ipython()
    except ImportError:
        shell = None
    if shell is None:
        return lambda: True
    runs = threading.Event()
    runs.set()  # this is a cell
    shell.events.register("pre_run_cell", lambda *_: runs.set())
    shell.events.register("post_run_cell", lambda *_: runs.clear())
    return runs.is_set
