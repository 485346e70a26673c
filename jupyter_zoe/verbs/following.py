"""Copies the output of processes as it is written. Used by ``run``."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.client.operations import ExecutionView
from jupyter_zoe.verbs.verb import Frontend

_TRIES = 5  # connections, of which each goes on where the one before it has ended


class Followers:
    """A thread for each process that is followed."""

    def __init__(self, front: Frontend, execution: str) -> None:
        self._front, self._execution = front, execution
        self._threads: dict[str, threading.Thread] = {}

    def see(self, view: ExecutionView, groups: Sequence[str]) -> None:
        """Follow what has started and is not followed yet."""
        for process in view["processes"]:
            if process["group"] in groups and process["started"] and process["id"] not in self._threads:
                thread = threading.Thread(
                    target=self._follow, args=(process["id"],), name=f"zoe-log-{process['id']}", daemon=True
                )
                self._threads[process["id"]] = thread
                thread.start()

    def finish(self, seconds: float = 15.0) -> None:
        """Wait until everything has been written."""
        for thread in self._threads.values():
            thread.join(seconds)

    def _follow(self, process: str) -> None:
        seen = 0
        for _ in range(_TRIES):
            try:
                for data, behind in self._front.client.read_log(self._execution, process, offset=seen, follow=True):
                    seen = behind
                    self._front.write(data)
            except ZoeProblem as problem:
                if problem.code == "hub-unreachable":
                    continue  # the hub has gone or come back: go on where it was
            except OSError:
                return
            return
