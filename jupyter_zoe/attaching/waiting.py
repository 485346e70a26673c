"""Waits until an execution has what was asked for, or as much of it as there is room for."""

from __future__ import annotations

import time
from collections.abc import Callable

from jupyter_zoe import words
from jupyter_zoe.client import Client, Progress, ZoeProblem
from jupyter_zoe.client.operations import ExecutionView

Condition = Callable[[ExecutionView], bool]

TICK = 0.5  # seconds between two reports of progress when nothing changes
NO_ROOM = 5.0  # seconds that processes may lack room before that is said
_LINES = 8  # of a failed process's log


def wait_running(client: Client, view: ExecutionView, *, timeout: float | None, progress: Progress) -> ExecutionView:
    """Wait until all processes that were asked for are ready, or those that there is room for.

    :param timeout: seconds; ``None``: for ever
    :raises ZoeProblem: ``start-failed`` with the end of the log of what failed; ``timeout``
    """
    room = Room(None)
    return _wait(client, view, lambda now: now["phase"] == "running" and room.settled(now), timeout, progress)


def scale(
    client: Client,
    view: ExecutionView,
    group: str | None,
    count: int,
    *,
    timeout: float | None,
    progress: Progress,
) -> ExecutionView:
    """Ask for another number of processes and wait until they are there, or until there is no room for more.

    :raises ZoeProblem: what the hub says; as ``wait_running``
    """
    scaled = client.scale_execution(view["id"], count=count, group=group)
    name = group or next((each["name"] for each in scaled["groups"] if each["scalable"]), None)
    return _wait(client, view, Room(name).settled, timeout, progress)


def _wait(
    client: Client, view: ExecutionView, until: Condition, timeout: float | None, progress: Progress
) -> ExecutionView:
    view = client.wait(
        view["id"],
        lambda now: now["phase"] in ("ended", "stopping") or until(now),
        timeout=timeout,
        progress=progress,
        tick=TICK,
    )
    if view["phase"] in ("ended", "stopping"):
        raise failed(client, view)
    return view


def failed(client: Client, view: ExecutionView) -> ZoeProblem:
    """Why an execution has ended before it was ready, with the end of the log of what failed."""
    detail = f"{view['name']} has {view['outcome'] or 'ended'}: {words.reason_lines(view)}"
    process = words.failed_process(view)
    if process is not None and not view["reason"]["tail"]:  # otherwise it quotes the log itself
        try:
            lines = tail(client, view["id"], process["id"], _LINES)
        except ZoeProblem:
            lines = []
        if lines:
            detail += "\n" + "\n".join([f"The end of the log of {process['id']}:", *(f"  {line}" for line in lines)])
    return ZoeProblem("start-failed", detail, "Correct what the log says and start it again.")


def tail(client: Client, execution: str, process: str, lines: int) -> list[str]:
    """The last lines of a process's log; of one without a log, none."""
    try:
        data, _ = client.tail(execution, process, lines)
    except ZoeProblem as problem:
        if problem.code == "no-log":
            return []
        raise
    return data.decode("utf-8", "replace").splitlines()


class Room:
    """Tells when a group, or every group, has the processes it should have, or has waited long enough for room."""

    def __init__(self, group: str | None) -> None:
        self._group = group
        self._short_since: float | None = None

    def settled(self, view: ExecutionView) -> bool:
        """Whether there is nothing more to wait for."""
        groups = [group for group in view["groups"] if self._group in (None, group["name"])]
        if all(group["ready"] == group["live"] == group["count"] for group in groups):
            return True
        as_granted = all(
            group["ready"]
            == group["live"]
            == (group["count"] if group["granted"] is None else min(group["granted"], group["count"]))
            for group in groups
        )
        if not as_granted:
            self._short_since = None
        elif self._short_since is None:
            self._short_since = time.monotonic()
        return as_granted and self._short_since is not None and time.monotonic() - self._short_since >= NO_ROOM
