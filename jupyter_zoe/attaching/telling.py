"""Tells the hub which cells have queries, so that the history of a cluster says later which one it was.

Each session has a ``Teller``, made by ``keeping``, which the session calls when the first query of a cell begins. It
never waits, and never fails: the first cell is told at once, those of the following seconds together, by a thread that
is there only as long as there is something to tell.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from jupyter_zoe.attaching.session import Session
from jupyter_zoe.client import Client, ZoeProblem

PERIOD = 10.0  # seconds between two reports at the least: what bounds the history, whatever runs
MOST = 20  # cells in one report, the newest


class Teller:
    """Collects names of cells, and has them told.

    :param tell: tells some of them; called in a thread, one call at a time
    :param period: seconds between two calls at the least
    """

    def __init__(self, tell: Callable[[Sequence[str]], None], period: float = PERIOD) -> None:
        self._tell, self._period = tell, period
        self._waiting: list[str] = []
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def begun(self, cell: str) -> None:
        """A cell has its first query."""
        with self._lock:
            if cell in self._waiting or self._ended.is_set():
                return
            self._waiting = [*self._waiting, cell][-MOST:]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="zoe-telling", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Tell the rest at once; nothing more follows."""
        self._ended.set()

    def _run(self) -> None:
        while cells := self._taken():
            self._tell(cells)
            self._ended.wait(self._period)

    def _taken(self) -> list[str]:
        """What waits to be told; with nothing, this was the thread's last look."""
        with self._lock:
            cells, self._waiting = self._waiting, []
            if not cells:
                self._thread = None
            return cells


def teller(client: Client, session: Session) -> Teller:
    """One that tells the hub. A hub that is away, or knows the attachment no more, is told nothing.

    :param client: of the hub; each report gets a connection of its own
    """

    def tell(cells: Sequence[str]) -> None:
        try:
            with client.companion() as own:
                own.report_work(session.attachment, cells=list(cells))
        except (ZoeProblem, OSError):
            return

    return Teller(tell)
