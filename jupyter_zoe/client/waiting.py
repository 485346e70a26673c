"""What is waited for, and which execution a name means. Pure; used by both clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from jupyter_zoe.client.operations import ExecutionView
from jupyter_zoe.client.problems import ZoeProblem

Until = Literal["running", "ended"] | Callable[[ExecutionView], bool]
"""What ``wait`` waits for: a phase (``running`` is over as well once the execution has ended), or any condition."""

Progress = Callable[[ExecutionView, float], None]
"""Called with the execution and the seconds since the wait began, at each change and ``tick``."""


def reached(view: ExecutionView, until: Until) -> bool:
    """Whether an execution is where ``wait`` was asked to wait for."""
    if callable(until):
        return until(view)
    return view["phase"] == "ended" or (until == "running" and view["phase"] == "running")


def late(view: ExecutionView | None, until: Until, timeout: float) -> ZoeProblem:
    """The problem of a wait that took longer than it was to."""
    what = f"{view['name']} is {view['phase']}: {view['reason']['words']}" if view else "The hub does not answer"
    aim = until if isinstance(until, str) else "what was waited for"
    return ZoeProblem(
        "timeout",
        f"Not {aim} after {timeout:g} s. {what.rstrip('.')}.",
        "It goes on by itself; look again with 'zoe status', or end it with 'zoe stop'.",
    )


def chosen(found: list[ExecutionView], name: str) -> ExecutionView:
    """The execution that a name means: the only active one, else the newest.

    :raises ZoeProblem: ``ambiguous``, ``unknown-execution``
    """
    active = [each for each in found if each["phase"] != "ended"]
    if len(active) > 1:
        raise ZoeProblem(
            "ambiguous",
            f"Several executions are called {name}: {', '.join(each['id'] for each in active)}.",
            "Say which by its id.",
        )
    if not found:
        raise ZoeProblem(
            "unknown-execution",
            f"There is no execution {name!r}.",
            "List your executions with 'zoe ps --all'.",
            status=404,
        )
    return (active or found)[0]


def last_lines(data: bytes, lines: int) -> bytes:
    """The last lines of a log, as they are."""
    return b"".join(data.splitlines(keepends=True)[-lines:]) if lines > 0 else b""
