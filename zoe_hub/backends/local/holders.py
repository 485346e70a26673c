"""Whether a listener belongs to a process: its socket is open in the process's tree. Used by ``backend``.

The user id alone would take any program of the hub's user for the process. Looking through the open files of a tree
takes a millisecond for a JVM, so a listener that was found there is remembered by its inode, which the kernel gives to
no other socket meanwhile.
"""

from __future__ import annotations

import threading

import zoe_loopback
from zoe_loopback import FarEnd


class Holders:
    """What was found. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, set[int]] = {}  # process -> inodes of its listeners

    def knows(self, name: str, end: FarEnd) -> bool:
        """Whether it was found before that this end is the process's."""
        return self._to_find(end) in self._known.get(name, ())

    def find(self, name: str, pids: list[int], end: FarEnd) -> bool:
        """Look for the end in a process's tree. Where a process of it hides its files, the user has to do.

        :param pids: the tree; empty: the process does not run
        """
        inode = self._to_find(end)
        held = zoe_loopback.holds(pids, frozenset({inode}))
        if held:
            with self._lock:
                self._known.setdefault(name, set()).add(inode)
        return end.uid == zoe_loopback.own() if held is None else held

    def forget(self, name: str) -> None:
        """The process has ended."""
        with self._lock:
            self._known.pop(name, None)

    @staticmethod
    def _to_find(end: FarEnd) -> int:
        """The listener, which stays the same; the connection itself where somebody else than the listener took it."""
        listener = end.listener
        return listener.inode if listener is not None and end.uid in (listener.uid, None) else end.inode
