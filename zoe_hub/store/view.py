"""What every store that keeps its state in memory has in common: reading it, and waiting for news.

Base class of ``store.sql`` and ``store.memory``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.executions.model import Execution
from zoe_hub.store.base import Reply, Store, Token
from zoe_hub.store.state import State

REPLIES_KEPT = timedelta(days=1)

_NOTHING: Mapping[str, str] = MappingProxyType({})


def utc_now() -> datetime:
    """The time by the machine's clock."""
    return datetime.now(UTC)


class StateStore(Store):
    """A store whose readers see ``_state``. Methods are called on the event loop's thread only."""

    def __init__(self) -> None:
        self._state = State()
        self._subscribers: set[asyncio.Future[None]] = set()
        self._opened = False

    @property
    def executions(self) -> Mapping[str, Execution]:
        """See ``Store``. A live view: copy it before an ``await`` in the middle of iterating."""
        return MappingProxyType(self._state.executions)

    def active(self) -> Iterable[Execution]:
        """See ``Store``. A copy, safe to iterate over while the state changes."""
        return tuple(self._state.active.values())

    @property
    def attachments(self) -> Mapping[str, Attachment]:
        """See ``Store``. A live view."""
        return MappingProxyType(self._state.attachments)

    def reply(self, owner: str, key: str) -> Reply | None:
        """See ``Store``."""
        return self._state.replies.get((owner, key))

    def token(self, digest: str) -> Token | None:
        """See ``Store``."""
        return self._state.tokens.get(digest)

    def secrets(self, execution: str) -> Mapping[str, str]:
        """See ``Store``."""
        values = self._state.secrets.get(execution)
        return _NOTHING if values is None else MappingProxyType(values)

    @property
    def last_seq(self) -> int:
        """See ``Store``."""
        return self._state.last_seq

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
