"""Attaching from plain Python: ``spark = jupyter_zoe.attach("spark", workers=2)`` in a script or notebook.

In a notebook it finds what ``%zoe attach`` finds; elsewhere a cluster belongs to the current folder, as for ``zoe
attach``.
"""

from __future__ import annotations

from typing import Any

from jupyter_zoe.attaching import Attaching, Unseen
from jupyter_zoe.attaching.asking import Wish
from jupyter_zoe.attaching.holder import here
from jupyter_zoe.attaching.session import SESSIONS
from jupyter_zoe.client import Client
from jupyter_zoe.hub import HubInfo


def attach(
    zapp: str | None = None,
    *,
    execution: str | None = None,
    timeout: float | None = 600.0,
    hub: HubInfo | None = None,
    **parameters: Any,
) -> Any:
    """A session of the cluster that this notebook or folder has, or of a new one.

    :param zapp: what to attach to, such as ``spark``; ``None``: what it was attached to
    :param execution: name or id of one that runs
    :param timeout: seconds to wait until it runs
    :param parameters: those of the ZApp, such as ``workers=2``
    :raises ZoeProblem: what the hub says; ``start-failed``, ``timeout``, ``client-mismatch``, ``connect-failed``
    """
    with Client(hub) as client:
        attaching = Attaching(lambda: client, here, SESSIONS)
        attached = attaching.attach(Wish(zapp, execution, parameters), timeout=timeout, steps=Unseen(), shows=False)
        assert attached.session is not None
        return attached.session.value


def detach(execution: str | None = None, *, keep: bool = False, hub: HubInfo | None = None) -> None:
    """Undo what ``attach`` did; the cluster ends unless it is kept or used by another notebook.

    :param execution: name or id; ``None``: the one that was attached last
    :raises ZoeProblem: ``not-attached``
    """
    with Client(hub) as client:
        Attaching(lambda: client, here, SESSIONS).detach(execution, keep=keep, waits=False, steps=Unseen())
