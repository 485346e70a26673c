"""What every store that keeps its active records in memory has in common: reading them, paging over memory and disk,
and waiting for news.

Base class of ``store.sql`` and ``store.memory``, which say how what has ended is read.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.record import Record
from zoe_hub.store.base import Filter, Page, Store
from zoe_hub.store.kinds import KIND_OF, SECRETS, Key, Kind, label_terms
from zoe_hub.store.state import State

R = TypeVar("R", bound=Record)

Listed = tuple[int, Any]
"""A record and, before it, its place in the order of creation."""


def matches(kind: Kind[Any], wanted: Filter) -> Callable[[Any], bool]:
    """Whether a record is wanted, apart from whether it has ended."""
    of = {column.name: column.of for column in kind.columns}
    tests = [(of[name], value) for name, value in wanted.equal.items()]
    label, labels = wanted.label, kind.labels

    def match(record: Any) -> bool:
        return all(value_of(record) == value for value_of, value in tests) and (
            label is None or (labels is not None and label in label_terms(labels(record)))
        )

    return match


class StateStore(Store):
    """A store whose readers see ``_state``. Methods are called on the event loop's thread only."""

    def __init__(self) -> None:
        self._state = State()
        self._subscribers: set[asyncio.Future[None]] = set()
        self._opened = False

    # -- what is active -----------------------------------------------------------------------------------------

    def records(self, type_: type[R]) -> Mapping[Any, R]:
        """See ``Store``."""
        return MappingProxyType(self._state.records[KIND_OF[type_]])

    def secrets(self, execution: str) -> Mapping[str, str]:
        """See ``Store``."""
        found = self._state.children_of((KIND_OF[Execution], execution), SECRETS)
        return MappingProxyType({each.name: each.value for each in found})

    # -- what may have ended ------------------------------------------------------------------------------------

    @abstractmethod
    async def _stored(self, kind: Kind[Any], key: Key) -> Any:
        """A record that is not in memory, or None."""

    @abstractmethod
    async def _ended(self, kind: Kind[Any], wanted: Filter, before: int, limit: int) -> list[Listed]:
        """At most ``limit`` ended records whose place is before ``before``, newest first."""

    @abstractmethod
    async def _count_ended(self, kind: Kind[Any], wanted: Filter) -> int:
        """How many records there are that are not in memory."""

    async def find(self, type_: type[R], key: Key) -> R | None:
        """See ``Store``."""
        self._ensure_open()
        kind = KIND_OF[type_]
        found: R | None = self._state.records[kind].get(key)
        if found is not None or kind.wholly_in_memory:
            return found
        stored: R | None = await self._stored(kind, key)
        return stored

    async def page(self, type_: type[R], wanted: Filter, *, before: int | None = None, limit: int = 100) -> Page[R]:
        """See ``Store``.

        Memory is read first and the disk afterwards: what ends in between is found twice, never not at all, and what is
        on disk is the newer one.
        """
        self._ensure_open()
        kind = KIND_OF[type_]
        start = self._state.newest[kind] + 1 if before is None else before
        found: list[Listed] = []
        if wanted.active is not False:
            for listed in self._newest_first(kind, wanted, start):
                found.append(listed)
                if len(found) > limit:
                    break
        full = len(found) > limit and found[-1][0] > self._state.newest_ended[kind]
        if wanted.active is not True and not full:
            ended = await self._ended(kind, wanted, start, limit + 1)
            found = sorted(({**dict(found), **dict(ended)}).items(), key=lambda listed: -listed[0])
        items = tuple(record for _, record in found[:limit])
        return Page(items=items, next=found[limit - 1][0] if len(found) > limit else None)

    def _newest_first(self, kind: Kind[Any], wanted: Filter, before: int) -> Iterator[Listed]:
        records, ordinals = self._state.records[kind], self._state.ordinals[kind]
        match = matches(kind, wanted)
        for key in reversed(records):  # which are in order of creation
            ordinal = ordinals[key]
            if ordinal < before and match(records[key]):
                yield ordinal, records[key]

    async def count(self, type_: type[Record], wanted: Filter = Filter()) -> int:  # noqa: B008 - immutable
        """See ``Store``."""
        self._ensure_open()
        kind = KIND_OF[type_]
        match = matches(kind, wanted)
        active = 0 if wanted.active is False else sum(map(match, self._state.records[kind].values()))
        if wanted.active or kind.wholly_in_memory:
            return active
        known = kind.listed and not wanted.equal and wanted.label is None
        return active + (self._state.ended[kind] if known else await self._count_ended(kind, wanted))

    # -- events -------------------------------------------------------------------------------------------------

    @property
    def last_seq(self) -> int:
        """See ``Store``."""
        return self._state.last_seq

    @property
    def first_seq(self) -> int:
        """See ``Store``."""
        return self._state.first_seq

    def _begin(self, since: int) -> int:
        """What to read events after. ``ZoeError`` ``history-pruned``."""
        kept = self._state.first_seq - 1
        if 0 < since < kept:
            raise ZoeError("history-pruned", f"Events are kept from number {kept + 1} on; {since + 1} is not.")
        return max(since, kept)

    async def changed(self, since: int) -> int:
        """See ``Store``. ``RuntimeError`` once the store is closed."""
        while self._state.last_seq <= since:
            self._ensure_open()
            news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._subscribers.add(news)
            try:
                await news
            finally:
                self._subscribers.discard(news)
        return self._state.last_seq

    def _publish(self) -> None:
        """Wake whoever waits in ``changed``."""
        for news in self._subscribers:
            if not news.done():
                news.set_result(None)

    def _ensure_open(self) -> None:
        if not self._opened:
            raise RuntimeError("the store is not open")
