"""A progress bar in the cell of a query that takes a while; one muted line when it is done.

The session of a framework calls ``install``: any object with ``registerProgressHandler`` whose handlers are called with
``stages`` (each with ``num_tasks``, ``num_completed_tasks``, ``num_bytes_read``, ``done``), ``inflight_tasks``,
``operation_id`` and ``done``, as Spark Connect does it. Several queries at once have a bar each.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from jupyter_zoe import words
from jupyter_zoe.magics.live import publish
from jupyter_zoe.showing import html as pieces

PATIENCE = 0.3  # seconds that a query takes before it is worth a bar
SHORTEST = 0.2  # seconds between two updates

Publish = Callable[[str, str, str, bool], None]
"""Text, HTML, id of the output, and whether that is there already."""


class Stage(Protocol):
    """As much of a stage as a bar shows."""

    num_tasks: int
    num_completed_tasks: int
    num_bytes_read: int
    done: bool


class _Query:
    """One query under way."""

    def __init__(self, now: float) -> None:
        self.begun = now
        self.shown: float | None = None
        self.output = uuid.uuid4().hex
        self.tasks = self.completed = self.stages = self.read = 0


class QueryProgress:
    """A progress handler. Never lets an error through: a query does not fail for the sake of its bar.

    :param publish: shows an output; :param clock: seconds
    """

    def __init__(self, publish: Publish | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._publish, self._clock = publish or _publish, clock
        self._queries: dict[str, _Query] = {}
        self._lock = threading.Lock()

    def __call__(
        self,
        stages: Iterable[Stage] | None = None,
        inflight_tasks: int = 0,
        operation_id: str | None = None,
        done: bool = False,
        **_: Any,
    ) -> None:
        """Called by the session, in the thread of the query."""
        try:
            self._take(list(stages or ()), inflight_tasks, operation_id or "", done)
        except Exception:
            return

    def _take(self, stages: list[Stage], running: int, operation: str, done: bool) -> None:
        now = self._clock()
        with self._lock:
            query = self._queries.pop(operation, None) if done else self._queries.setdefault(operation, _Query(now))
        if query is None:
            return
        if stages:
            query.tasks, query.completed = (
                sum(each.num_tasks for each in stages),
                sum(each.num_completed_tasks for each in stages),
            )
            query.read, query.stages = sum(each.num_bytes_read for each in stages), len(stages)
        if done:
            if query.shown is not None:
                text = _summary(query, now)
                self._publish(text, pieces.block(pieces.line(text, muted=True)), query.output, True)
        elif now - (query.begun + PATIENCE if query.shown is None else query.shown + SHORTEST) >= 0:
            text = f"{query.completed}/{query.tasks} tasks, {running} running, {now - query.begun:.1f} s"
            html = pieces.block(
                f'<div role="progressbar" aria-valuemin="0" aria-valuemax="{query.tasks}"'
                f' aria-valuenow="{query.completed}">{text}{pieces.bar(query.completed / max(1, query.tasks))}</div>'
            )
            there, query.shown = query.shown is not None, now
            self._publish(text, html, query.output, there)


def _summary(query: _Query, now: float) -> str:
    parts = [
        f"{words.plural(query.tasks, 'task')} in {words.plural(query.stages, 'stage')}",
        f"{now - query.begun:.1f} s",
    ]
    return ", ".join([*parts, f"{words.size(query.read)} read"] if query.read else parts)


def _publish(text: str, html: str, output: str, there: bool) -> None:
    publish({"text/plain": text, "text/html": html}, output, update=there)


def install(session: Any) -> None:
    """Have the queries of a session show their progress, if this is a notebook's kernel."""
    from IPython.core.getipython import get_ipython  # noqa: PLC0415

    shell = get_ipython()
    if getattr(shell, "kernel", None) is not None and hasattr(session, "registerProgressHandler"):
        session.registerProgressHandler(QueryProgress())
