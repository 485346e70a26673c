"""Attaching from plain Python: ``spark = jupyter_zoe.attach("spark", workers=2)`` in a script or notebook.

In a notebook it finds what ``%zoe attach`` finds. A program shares the cluster of its folder, if ``zoe attach`` has
made one; one that it starts itself ends with it.
"""

from __future__ import annotations

from typing import Any

from jupyter_zoe.attaching import Attaching
from jupyter_zoe.attaching.asking import Wish
from jupyter_zoe.attaching.holder import Policy, folder, here, kernel_id
from jupyter_zoe.attaching.session import SESSIONS
from jupyter_zoe.attaching.steps import Unseen
from jupyter_zoe.client import Client
from jupyter_zoe.hub.info import HubInfo


def attach(
    zapp: str | None = None,
    *,
    execution: str | None = None,
    timeout: float | None = 600.0,
    when_gone: Policy | None = None,
    hub: HubInfo | None = None,
    **parameters: Any,
) -> Any:
    """A session of the cluster that this notebook or folder has, or of a new one.

    :param zapp: what to attach to, such as ``spark``; ``None``: what it was attached to
    :param execution: name or id of one that runs
    :param timeout: seconds to wait until it runs
    :param when_gone: what becomes of it when the last one that is attached is gone; ``None``: as the hub's admin has
        set it
    :param parameters: those of the ZApp, such as ``workers=2``
    :raises ZoeProblem: what the hub says; ``start-failed``, ``timeout``, ``client-mismatch``, ``connect-failed``
    """
    with Client(hub) as client:
        attaching = Attaching(lambda: client, here, SESSIONS)
        wish = Wish(zapp, execution or _of_folder(client, zapp), parameters, when_gone)
        attached = attaching.attach(wish, timeout=timeout, steps=Unseen(), shows=False)
        assert attached.session is not None
        return attached.session.value


def _of_folder(client: Client, zapp: str | None) -> str | None:
    """What the folder of a program is attached to, if it is what is wanted."""
    if kernel_id():
        return None
    found = client.list_attachments(key=folder().key)["items"]
    wanted = [each["execution"]["id"] for each in found if zapp in (None, each["execution"]["zapp"])]
    return wanted[-1] if wanted else None


def detach(execution: str | None = None, *, keep: bool = False, hub: HubInfo | None = None) -> None:
    """Undo what ``attach`` did; the cluster ends unless it is kept or used by another notebook.

    :param execution: name or id; ``None``: the one that was attached last
    :raises ZoeProblem: ``not-attached``
    """
    with Client(hub) as client:
        Attaching(lambda: client, here, SESSIONS).detach(execution, keep=keep, waits=False, steps=Unseen())
