"""Asks the hub for an attachment: to what the holder had, to a certain execution, or to a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jupyter_zoe.attaching import holder as holders
from jupyter_zoe.attaching.holder import Holder, Policy
from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.client.operations import AttachmentView, AttachRequest, ExecutionView


class Wish(NamedTuple):
    """What somebody wants to be attached to; nothing: what it was attached to."""

    zapp: str | None = None  # a ZApp or a framework, such as ``spark``
    execution: str | None = None  # name or id of one that runs
    parameters: Mapping[str, Any] = {}
    policy: Policy | None = None  # what becomes of it when the last one that is attached is gone


def ask(client: Client, holder: Holder, wish: Wish, *, connects: bool) -> AttachmentView:
    """The attachment, whose execution may have to start yet.

    A kernel that is a part of an execution with a cluster is attached to that one when it names nothing.

    :param connects: this process is to connect, so that what is installed here has to fit
    :raises ZoeProblem: what the hub says; versions are compared before anything starts (``client-mismatch``)
    """
    body: AttachRequest = {
        "key": holder.key,
        "kernel": holder.kernel,
        "kind": holder.kind,
        "language": "python",
        "parameters": dict(wish.parameters),
    }
    if connects:
        body["versions"] = holders.versions()
    if prefix := holders.web_prefix():
        body["web_prefix"] = prefix
    if wish.policy is not None:
        body["policy"] = wish.policy
    if wish.zapp is not None:
        body["zapp"] = wish.zapp
    if wish.execution is not None:
        body["execution"] = client.find(wish.execution)["id"]
    try:
        return client.attach(**body)
    except ZoeProblem as problem:
        names_nothing = wish.zapp is None and wish.execution is None
        beside = _beside(client) if problem.code == "unknown-attachment" and names_nothing else None
        if beside is None:
            raise
        body["execution"] = beside["id"]
        return client.attach(**body)


def _beside(client: Client) -> ExecutionView | None:
    """The execution that this kernel is a part of, if it holds a cluster as well."""
    own = holders.own_execution()
    if not own:
        return None
    view = client.get_execution(own)
    return view if "python" in view["attach"] else None
