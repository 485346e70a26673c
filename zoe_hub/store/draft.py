"""Drafts that change the state: which batch fits, what a group of batches amounts to.

A ``Draft`` collects batches that shall be written together: it checks each against the state and the batches before it,
and holds the net effect. Once that is durable, ``apply`` shows it. What has ended is neither in the state nor here:
whoever writes the draft looks up what it does not know (``unknown``) and says what is there (``settle``). Pure
bookkeeping, no I/O, the same for every kind of record. Used by ``store.writer``, ``store.sql`` and ``store.memory``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event
from zoe_hub.core.record import Key, Record
from zoe_hub.store.base import Batch
from zoe_hub.store.kinds import CHILDREN, EVENTS, KIND_OF, Kind
from zoe_hub.store.state import Place, State

Changes = dict[Kind[Any], dict[Key, Record | None]]
"""Records by kind and key; None stands for *gone*."""


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

    def apply(self) -> None:
        """Show in the state what the batches amount to; it is durable."""
        state = self.state
        for kind, changes in self.changes.items():
            # Drops come first: what is unique may have moved from a dropped record to a new one.
            for key, record in changes.items():
                if record is None or kind.has_ended(record):
                    if record is not None:
                        state.end(kind, self.ordinal_of(kind, key))
                    state.drop(kind, key)
            if kind.listed:
                state.ended[kind] -= sum(kind is each for each, _ in self.on_disk)
            for key, record in changes.items():
                if record is not None and kind.in_memory and not kind.has_ended(record):
                    state.put(kind, record, self.ordinals.get((kind, key)))
        state.append(self.events)
        state.forget(self.changes.get(EVENTS, {}).keys(), self.first_seq)

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
