"""The state in memory: what is active, the newest events, how many have ended.

What readers see. It is changed by a ``store.draft.Draft`` alone, once that is durable. Pure bookkeeping, no I/O, the
same for every kind of record. Used by ``store.sql`` and ``store.memory`` on the event loop's thread.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from itertools import islice
from operator import attrgetter
from typing import Any

from zoe_hub.core.events import Event, concerns
from zoe_hub.core.record import Key, Record
from zoe_hub.store.kinds import KIND_OF, KINDS, Kind

Place = tuple[Kind[Any], Key]

_SEQ = attrgetter("seq")


class State:
    """Everything that is in memory.

    :param tail: how many of the newest events are kept at least; None: all
    """

    def __init__(self, *, tail: int | None = 1000) -> None:
        self.records: dict[Kind[Any], dict[Key, Any]] = {kind: {} for kind in KINDS}
        self.ordinals: dict[Kind[Any], dict[Key, int]] = {kind: {} for kind in KINDS if kind.listed}
        self.newest: dict[Kind[Any], int] = dict.fromkeys(self.ordinals, 0)  # highest ordinal that was given
        self.newest_ended: dict[Kind[Any], int] = dict.fromkeys(self.ordinals, 0)  # highest of an ended record
        self.ended: dict[Kind[Any], int] = dict.fromkeys(self.ordinals, 0)  # how many there are, all on disk
        self.holders: dict[Kind[Any], dict[tuple[Any, ...], Key]] = {kind: {} for kind in KINDS if kind.unique}
        self.children: dict[Place, set[Place]] = {}
        self.last_seq = 0
        self.first_seq = 1  # of the oldest event that is kept
        self._tail: list[Event] = []
        self._tail_limit = tail
        self._before_tail = 0  # sequence number of the newest event that is not in the tail

    # -- changing -----------------------------------------------------------------------------------------------

    def put(self, kind: Kind[Any], record: Record, ordinal: int | None = None) -> None:
        """Add or replace a record. :param ordinal: its place in the order of creation, if it is new"""
        key = kind.key_of(record)
        if ordinal is not None:
            self.ordinals[kind][key] = ordinal
            self.newest[kind] = max(self.newest[kind], ordinal)
        known = self.records[kind].get(key)
        self.records[kind][key] = record
        if kind.unique:
            if known is not None:
                self._release(kind, key, known)
            self.holders[kind][kind.unique_of(record)] = key
        if kind.parent is not None:
            if known is not None:
                self._orphan(kind, key, known)
            if parent := kind.parent_of(record):
                self.children.setdefault((KIND_OF[kind.parent.type], parent), set()).add((kind, key))

    def drop(self, kind: Kind[Any], key: Key) -> None:
        """Forget a record, if there is one."""
        if kind.listed:
            self.ordinals[kind].pop(key, None)
        known = self.records[kind].pop(key, None)
        if known is None:
            return
        if kind.unique:
            self._release(kind, key, known)
        if kind.parent is not None:
            self._orphan(kind, key, known)

    def _release(self, kind: Kind[Any], key: Key, known: Record) -> None:
        unique = kind.unique_of(known)
        if self.holders[kind].get(unique) == key:
            del self.holders[kind][unique]

    def _orphan(self, kind: Kind[Any], key: Key, known: Record) -> None:
        assert kind.parent is not None
        place = KIND_OF[kind.parent.type], kind.parent_of(known)
        siblings = self.children.get(place, set())
        siblings.discard((kind, key))
        if not siblings:
            self.children.pop(place, None)

    def end(self, kind: Kind[Any], ordinal: int) -> None:
        """Count a record that has ended, which only the disk has from now on.

        :param ordinal: its place in the order of creation
        """
        self.ended[kind] += 1
        self.newest_ended[kind] = max(self.newest_ended[kind], ordinal)
        self.newest[kind] = max(self.newest[kind], ordinal)

    def begin_after(self, last_seq: int, first_seq: int) -> None:
        """Say which events there are when the events themselves are not loaded."""
        self.last_seq = self._before_tail = last_seq
        self.first_seq = first_seq

    def append(self, events: list[Event]) -> None:
        """Take in the newest events."""
        if not events:
            return
        self.last_seq = events[-1].seq
        self._tail += events
        if self._tail_limit is not None and len(self._tail) > 2 * self._tail_limit:
            del self._tail[: -self._tail_limit]
            self._before_tail = self._tail[0].seq - 1

    def forget(self, numbers: Collection[Key], first_seq: int) -> None:
        """Let go of single events, and of all before ``first_seq``."""
        if numbers:
            self._tail = [event for event in self._tail if event.seq not in numbers]
        if first_seq > self.first_seq:
            self.first_seq = first_seq
            del self._tail[: bisect_left(self._tail, first_seq, key=_SEQ)]
            self._before_tail = max(self._before_tail, first_seq - 1)

    # -- reading ------------------------------------------------------------------------------------------------

    def children_of(self, place: Place, kind: Kind[Any]) -> Iterator[Any]:
        """The records of ``kind`` that belong to the record at ``place``."""
        return (self.records[kind][key] for each, key in self.children.get(place, ()) if each is kind)

    def recent(self, since: int, limit: int, owner: str | None, execution: str | None) -> tuple[Event, ...] | None:
        """What ``Store.events`` answers, or None if that begins before the tail."""
        if since < self._before_tail:
            return None
        found = (
            event
            for event in islice(self._tail, bisect_right(self._tail, since, key=_SEQ), None)
            if concerns(event.owner, owner) and (execution is None or event.execution == execution)
        )
        return tuple(islice(found, max(limit, 0)))
