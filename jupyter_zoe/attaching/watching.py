"""Watches the execution of a session: whoever waits for a query hears at once that its cluster has ended.

One thread for each session, which sleeps in the hub's event stream. A hub that is away tells nothing, and is waited
for; this starts none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.client.operations import ExecutionView
from jupyter_zoe.client.synchronous import EventStream

_PAUSES = (1.0, 2.0, 5.0, 10.0)  # seconds until a hub that does not answer is looked for again


class Watch:
    """Calls ``seen`` with an execution each time that it has changed, and with ``None`` if there is none any more.

    :param client: of its own, which it closes
    """

    def __init__(self, client: Client, execution: str, seen: Callable[[ExecutionView | None], None]) -> None:
        self._client, self._execution, self._seen = client, execution, seen
        self._stream: EventStream | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="zoe-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more. May be called from ``seen``."""
        self._stopped.set()
        stream = self._stream
        if stream is not None:
            stream.close()

    def _run(self) -> None:
        attempts = 0
        with self._client:
            while not self._stopped.is_set():
                try:
                    self._stream = EventStream.of(self._client, execution=self._execution)
                    for _ in self._stream.wakes():
                        attempts = 0
                        self._seen(self._client.get_execution(self._execution))
                        if self._stopped.is_set():
                            return
                except ZoeProblem as problem:
                    if problem.code == "unknown-execution":
                        self._seen(None)
                        return
                    if problem.code != "hub-unreachable":
                        return  # it may not be watched; queries tell for themselves
                self._stopped.wait(_PAUSES[min(attempts, len(_PAUSES) - 1)])
                attempts += 1
