"""Tells sessions which cell runs, and ends its queries when it is interrupted.

The hooks of IPython that ``load_ipython_extension`` registers. A name such as ``report.ipynb, cell 12`` stands on
Spark's pages where a query has no better one.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from jupyter_zoe.attaching.holder import notebook
from jupyter_zoe.attaching.session import Sessions

Handler = Callable[[int, FrameType | None], Any]


class Cells:
    """The cells of one shell."""

    def __init__(self, shell: Any, sessions: Sessions) -> None:
        self._shell, self._sessions = shell, sessions
        self._before: Handler | None = None

    def register(self) -> None:
        """Be called before and after each cell."""
        self._shell.events.register("pre_run_cell", self.begin)
        self._shell.events.register("post_run_cell", self.end)

    def unregister(self) -> None:
        """Be called no more."""
        for event, hook in (("pre_run_cell", self.begin), ("post_run_cell", self.end)):
            if hook in self._shell.events.callbacks[event]:
                self._shell.events.unregister(event, hook)

    def begin(self, info: Any) -> None:
        """A cell begins. One that leaves no trace in the history, such as the panel's, has no number."""
        has_number = getattr(info, "store_history", True) and not getattr(info, "silent", False)
        self._sessions.begin(f"{notebook().name}, cell {self._shell.execution_count}" if has_number else "")
        self._listen()

    def end(self, result: Any) -> None:
        """It is over."""
        if self._before is not None and signal.getsignal(signal.SIGINT) == self._interrupted:
            signal.signal(signal.SIGINT, self._before)
        self._before = None
        self._sessions.end()

    def _listen(self) -> None:
        """Hear of interrupts before anybody else: a cell that waits for its threads ends only when their queries do."""
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before) and before != self._interrupted:
                self._before = before
                signal.signal(signal.SIGINT, self._interrupted)

    def _interrupted(self, number: int, frame: FrameType | None) -> Any:
        self._sessions.interrupt()
        return self._before(number, frame) if self._before is not None else signal.default_int_handler(number, frame)
