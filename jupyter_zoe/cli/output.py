"""How ``zoe`` writes: results to the standard output, progress and problems to the standard error. Called by
``commands``.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Sequence
from typing import Any

from jupyter_zoe import words
from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.client.operations import ExecutionView


def say(text: str) -> None:
    """A line of a result."""
    print(text, flush=True)


def dump(value: Any) -> None:
    """A result for programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False), flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A result as a table, cut at the terminal's width; for a pipe it is not cut."""
    say(words.table(head, rows, shutil.get_terminal_size().columns if sys.stdout.isatty() else 0))


class Progress:
    """What happens meanwhile, on the standard error: one line written over on a terminal, else a line for each
    change.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet, self._terminal = quiet, sys.stderr.isatty()
        self._last = ""
        self._open = False
        self._lock = threading.Lock()

    def __call__(self, view: ExecutionView, seconds: float) -> None:
        """For ``Client.wait``."""
        line = words.progress_line(view, seconds)
        what = line.rpartition(" (")[0]
        with self._lock:
            if self._quiet or (what == self._last and not self._terminal):
                return
            self._last = what
            if self._terminal:
                width = shutil.get_terminal_size().columns
                print("\r\x1b[K" + line[: width - 1], end="", file=sys.stderr, flush=True)
                self._open = True
            else:
                print(line, file=sys.stderr, flush=True)

    def write(self, data: bytes, to_stderr: bool = False) -> None:
        """Output of a process, from any thread."""
        with self._lock:
            self._clear()
            stream = sys.stderr if to_stderr else sys.stdout
            stream.flush()
            stream.buffer.write(data)
            stream.buffer.flush()

    def done(self) -> None:
        """The line goes."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        if self._open:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._open = False


class Followers:
    """Copies the logs of some processes as they are written, a thread for each."""

    def __init__(self, client: Client, execution: str, progress: Progress, to_stderr: bool) -> None:
        self._client, self._execution, self._progress, self._to_stderr = client, execution, progress, to_stderr
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
        for _ in range(5):
            try:
                for data, behind in self._client.read_log(self._execution, process, offset=seen, follow=True):
                    seen = behind
                    self._progress.write(data, self._to_stderr)
            except ZoeProblem as problem:
                if problem.code == "hub-unreachable":
                    continue  # the hub has gone or come back: go on where it was
            except OSError:
                return
            return
