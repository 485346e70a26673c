"""The state in memory and the drafts that change it: which batch fits, what a group of batches amounts to.

``State`` is what readers see. A ``Draft`` collects batches that shall be written together: it checks each against the
state and the batches before it, and holds the net effect. Once that is durable, ``State.apply`` shows it. What has
ended is in neither: whoever writes the draft looks up what it does not know (``Draft.unknown``) and says what is there
(``Draft.settle``).
Pure bookkeeping, no I/O, the same for every kind of record. Used by ``store.sql`` and ``store.memory`` on the event
loop's thread.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from operator import attrgetter
from typing import Any

import msgspec

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event, concerns
from zoe_hub.core.record import Key, Record
from zoe_hub.store.base import Batch
from zoe_hub.store.kinds import CHILDREN, EVENTS, KIND_OF, KINDS, Kind

Changes = dict[Kind[Any], dict[Key, Record | None]]
"""Records by kind and key; None stands for *gone*."""

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

    def apply(self, draft: Draft) -> None:
        """Show what ``draft`` amounts to."""
        for kind, changes in draft.changes.items():
            # Drops come first: what is unique may have moved from a dropped record to a new one.
            for key, record in changes.items():
                if record is None or kind.has_ended(record):
                    if record is not None:
                        self._ends(kind, draft.ordinal_of(kind, key))
                    self.drop(kind, key)
            if kind.listed:
                self.ended[kind] -= sum(kind is each for each, _ in draft.on_disk)
            for key, record in changes.items():
                if record is not None and kind.in_memory and not kind.has_ended(record):
                    self.put(kind, record, draft.ordinals.get((kind, key)))
        self._append(draft.events)
        self._forget(draft.changes.get(EVENTS, {}).keys(), draft.first_seq)

    def _ends(self, kind: Kind[Any], ordinal: int) -> None:
        self.ended[kind] += 1
        self.newest_ended[kind] = max(self.newest_ended[kind], ordinal)
        self.newest[kind] = max(self.newest[kind], ordinal)

    def begin_after(self, last_seq: int, first_seq: int) -> None:
        """Say which events there are when the events themselves are not loaded."""
        self.last_seq = self._before_tail = last_seq
        self.first_seq = first_seq

    def _append(self, events: list[Event]) -> None:
        if not events:
            return
        self.last_seq = events[-1].seq
        self._tail += events
        if self._tail_limit is not None and len(self._tail) > 2 * self._tail_limit:
            del self._tail[: -self._tail_limit]
            self._before_tail = self._tail[0].seq - 1

    def _forget(self, numbers: Collection[Key], first_seq: int) -> None:
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


class Draft:
    """The net effect of batches that are written together.

    :param state: what the batches change; it must not change until the draft is applied or thrown away
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.changes: Changes = {}
        self.ordinals: dict[Place, int] = {}  # of the new records that are listed
        self.on_disk: set[Place] = set()  # what is dropped and was there; see ``settle``
        self._new: set[Place] = set()  # what was put and is not in memory
        self._newest = dict(state.newest)
        self.events: list[Event] = []
        self.first_seq = state.first_seq  # of the oldest event that is kept from now on

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.changes or self.events or self.forgets)

    @property
    def forgets(self) -> bool:
        """Whether the history is cut at its old end."""
        return self.first_seq > self.state.first_seq

    def unknown(self) -> Iterator[Place]:
        """What the draft changes and only the disk knows of."""
        for kind, changes in self.changes.items():
            if not kind.wholly_in_memory:
                yield from ((kind, key) for key in changes if key not in self.state.records[kind])

    def settle(self, on_disk: set[Place]) -> None:
        """Take in which of ``unknown`` are there. ``ZoeError`` ``conflict`` if one of them should be new."""
        for kind, key in on_disk & self._new:
            raise _taken(kind, key)
        self.on_disk = on_disk

    def ordinal_of(self, kind: Kind[Any], key: Key) -> int:
        """The place of a record in the order of creation."""
        return self.ordinals.get((kind, key)) or self.state.ordinals[kind][key]

    def add(self, batch: Batch) -> tuple[Event, ...]:
        """Take a batch in, or raise ``conflict`` and stay as before.

        :return: its events, numbered
        """
        if batch.first_seq > max(self.state.last_seq, 1):
            raise ZoeError("conflict", f"The newest event stays, so none before {batch.first_seq} can be forgotten.")
        found: Changes = {}
        new: list[Place] = []
        for record in batch.put:
            kind = KIND_OF[type(record)]
            key = kind.key_of(record)
            known = self._current(kind, key, found)
            _check_write(kind, key, known, record)
            if known is None:
                new.append((kind, key))
            found.setdefault(kind, {})[key] = record
        for type_, key in batch.drop:
            kind = KIND_OF[type_]
            known = self._current(kind, key, found)
            if known is not None and kind.listed and not kind.has_ended(known):
                raise ZoeError("conflict", f"The {kind.noun} {_shown(key)} has not ended and cannot be dropped.")
            if known is not None or not kind.wholly_in_memory:
                found.setdefault(kind, {})[key] = None
        self._take_children(found)
        for kind, changes in found.items():
            self._check_parents(kind, changes, found)
            self._check_unique(kind, changes)
        # Nothing below can fail.
        for kind, changes in found.items():
            self.changes.setdefault(kind, {}).update(changes)
        self._new.update(new)
        for kind, key in new:
            if kind.listed:
                self._newest[kind] += 1
                self.ordinals[kind, key] = self._newest[kind]
        self.first_seq = max(self.first_seq, batch.first_seq)
        first = self.state.last_seq + len(self.events) + 1
        events = tuple(msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(batch.events, first))
        self.events += events
        return events

    def _current(self, kind: Kind[Any], key: Key, found: Changes) -> Any:
        """The record as things stand with ``found``; None: there is none in memory."""
        for layer in (found, self.changes):
            if key in layer.get(kind, ()):
                return layer[kind][key]
        return self.state.records[kind].get(key)

    def _take_children(self, found: Changes) -> None:
        """What belongs to a record that ends or goes in ``found`` goes as well, and what belongs to that."""
        over = [
            (kind, key)
            for kind, changes in found.items()
            for key, record in changes.items()
            if record is None or kind.has_ended(record)
        ]
        while over:
            parent = kind, key = over.pop()
            gone = list(self.state.children.get(parent, ()))
            for child in CHILDREN[kind.type]:
                for layer in (self.changes, found):
                    records = layer.get(child, {}).items()
                    gone += ((child, each) for each, record in records if record and child.parent_of(record) == key)
            for child, each in gone:
                found.setdefault(child, {})[each] = None
            over += gone

    def _check_parents(self, kind: Kind[Any], changes: Mapping[Key, Record | None], found: Changes) -> None:
        if kind.parent is None:
            return
        above = KIND_OF[kind.parent.type]
        for record in changes.values():
            name = kind.parent_of(record) if record is not None else ""
            if not name:
                continue
            parent = self._current(above, name, found)
            if parent is None or above.has_ended(parent):
                raise ZoeError("conflict", f"There is no {above.noun} {name} any more to which a {kind.noun} belongs.")

    def _check_unique(self, kind: Kind[Any], changes: Mapping[Key, Record | None]) -> None:
        if not kind.unique:
            return
        layers = {**self.changes.get(kind, {}), **changes}
        holders: dict[tuple[Any, ...], Key] = {}
        for key, record in layers.items():
            if record is None:
                continue
            unique = kind.unique_of(record)
            holder = holders.setdefault(unique, key)
            if holder == key:
                stored = self.state.holders[kind].get(unique, key)
                holder = key if stored in layers else stored
            if holder != key:
                raise ZoeError(
                    "conflict", f"There is a {kind.noun} {_shown(holder)} with the same {kind.unique} already."
                )


def _shown(key: Key) -> str:
    return " of ".join(reversed(key)) if isinstance(key, tuple) else str(key)


def _check_write(kind: Kind[Any], key: Key, known: Any, given: Any) -> None:
    """Whether ``given`` may follow ``known``. ``ZoeError`` ``conflict``."""
    if kind.write == "once" and known is not None:
        raise _taken(kind, key)
    if kind.write != "versioned":
        return
    if known is not None and kind.has_ended(known):
        raise ZoeError("conflict", f"The {kind.noun} {_shown(key)} has ended and does not change any more.")
    version = known.version if known is not None else 0
    if given.version != version + 1:
        seen = f"has version {version}" if known is not None else "does not exist or has ended"
        raise ZoeError("conflict", f"The {kind.noun} {_shown(key)} {seen}; version {given.version} does not follow.")


def _taken(kind: Kind[Any], key: Key) -> ZoeError:
    """What whoever puts a new record is told if there was one."""
    return ZoeError("conflict", f"There is a {kind.noun} {_shown(key)} already.")
