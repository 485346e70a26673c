"""Attaching from plain Python: ``spark = jupyter_zoe.attach("spark", workers=2)`` in a script or notebook.

In a notebook it finds what ``%zoe attach`` finds; elsewhere a cluster belongs to the current folder, as for ``zoe
attach``.
"""

from __future__ import annotations

from typing import Any

from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.client.operations import AttachRequest
from jupyter_zoe.hub import HubInfo
from jupyter_zoe.magics import kernel
from jupyter_zoe.verbs import folder_key, wait_running, web_prefix


def _key() -> tuple[str, str]:
    key, kernel_id = kernel.identity()
    return (key, kernel_id) if kernel_id else (folder_key(), "")


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
    key, kernel_id = _key()
    body: AttachRequest = {"key": key, "kernel": kernel_id, "versions": kernel.versions(), "parameters": parameters}
    if prefix := web_prefix():
        body["web_prefix"] = prefix
    with Client(hub) as client:
        if zapp is not None:
            body["zapp"] = zapp
        if execution is not None:
            body["execution"] = client.find(execution)["id"]
        attachment = client.attach(**body)
        view = wait_running(client, attachment["execution"], timeout=timeout, progress=lambda now, seconds: None)
        return kernel.connect(client.get_connection(attachment["id"]), view["name"])


def detach(*, keep: bool = False, hub: HubInfo | None = None) -> None:
    """Undo what ``attach`` did; the cluster ends unless it is kept or used by another notebook.

    :raises ZoeProblem: ``not-attached``
    """
    with Client(hub) as client:
        found = client.list_attachments(key=_key()[0])["items"]
        if not found:
            raise ZoeProblem("not-attached", "Nothing is attached here.", "See what runs with 'zoe ps'.")
        for each in found:
            client.detach(each["id"], keep=keep)
