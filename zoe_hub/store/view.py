"""What every store that keeps its active records in memory has in common: reading them, paging over memory and disk,
and waiting for news.

Base class of ``store.sql`` and ``store.memory``, which say how what has ended is read.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import dropwhile, islice
from operator import itemgetter
from types import MappingProxyType
from typing import Any, TypeVar

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.record import Key, Record
from zoe_hub.store.base import Filter, Page, Store
from zoe_hub.store.kinds import KIND_OF, SECRETS, Kind, label_terms
from zoe_hub.store.state import State

R = TypeVar("R", bound=Record)

Listed = tuple[int, Any]
"""A record and, before it, its place in the order of creation."""


def wanted_of(kind: Kind[Any], wanted: Filter, records: Iterable[Any]) -> Iterator[Any]:
    """Those of the records that are wanted, apart from whether they have ended.

    One condition after the other over all of them: without any, as in most lists, nothing is done for each record.
    """
    of = {column.name: column.of for column in kind.columns}
    for name, value in wanted.equal.items():
        records = filter(partial(_has, of[name], value), records)
    if wanted.label is not None:
        assert kind.labels is not None, f"{kind.name} have no labels"
        records = filter(partial(_has_label, kind.labels, wanted.label), records)
    return iter(records)


def _has(value_of: Callable[[Any], Any], value: str, record: Any) -> bool:
    return bool(value_of(record) == value)


def _has_label(labels: Callable[[Any], Mapping[str, str]], term: str, record: Any) -> bool:
    return term in label_terms(labels(record))


def _page(listed: list[Listed], limit: int) -> Page[Any]:
    items = tuple(record for _, record in listed[:limit])
    return Page(items=items, next=listed[limit - 1][0] if len(listed) > limit else None)


def check_kept(since: int | None, first_seq: int) -> None:
    """That no event after ``since`` has been forgotten. ``ZoeError`` ``history-pruned``."""
    if since is not None and since < first_seq - 1:
        words = f"Events are kept from number {first_seq} on; {since + 1} is not."
        raise ZoeError("history-pruned", words, first_seq=first_seq)


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
        state, ordinals = self._state, self._state.ordinals[kind]
        start = state.newest[kind] + 1 if before is None else before

        def place(record: Record) -> int:
            return ordinals[kind.key_of(record)]

        records: list[Any] = []
        if wanted.active is not False:
            newest_first: Iterable[Any] = reversed(state.records[kind].values())
            if before is not None:
                newest_first = dropwhile(lambda record: place(record) >= before, newest_first)
            records = list(islice(wanted_of(kind, wanted, newest_first), limit + 1))
        # What has ended is of no interest if there is none, or if all of it comes after this page.
        ended = wanted.active is not True and state.ended[kind] > 0
        if ended and not (len(records) > limit and place(records[-1]) > state.newest_ended[kind]):
            listed = {place(record): record for record in records}
            listed |= await self._ended(kind, wanted, start, limit + 1)
            return _page(sorted(listed.items(), key=itemgetter(0), reverse=True), limit)
        following = place(records[limit - 1]) if len(records) > limit else None
        return Page(items=tuple(records[:limit]), next=following)

    async def count(self, type_: type[Record], wanted: Filter = Filter()) -> int:  # noqa: B008 - immutable
        """See ``Store``."""
        self._ensure_open()
        kind = KIND_OF[type_]
        records = () if wanted.active is False else self._state.records[kind].values()
        active = sum(1 for _ in wanted_of(kind, wanted, records))
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

    def _begin(self, since: int | None) -> int:
        """What to read events after. ``ZoeError`` ``history-pruned``."""
        check_kept(since, self._state.first_seq)
        return max(since or 0, self._state.first_seq - 1)

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
