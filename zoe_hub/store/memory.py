"""A store without a disk: the same rules, nothing survives the process. For simulations on virtual time and unit tests,
where a writing thread would let the clock run ahead. Never used by a hub that people rely on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from zoe_hub.core.events import Event
from zoe_hub.store.base import Batch
from zoe_hub.store.state import Draft, State
from zoe_hub.store.view import REPLIES_KEPT, StateStore, utc_now


class MemoryStore(StateStore):
    """Keeps its state over ``close`` and ``open`` of the same object, as a database would.

    :param clock: tells the time, for the age of replies
    """

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        super().__init__()
        self._state = State(tail=None)
        self._clock = clock

    async def open(self) -> None:
        """Begin. See ``Store``."""
        self._opened = True

    async def close(self) -> None:
        """End; who waits in ``changed`` gets a ``RuntimeError``."""
        self._opened = False
        self._publish()

    async def commit(self, batch: Batch) -> tuple[Event, ...]:
        """See ``Store``. Other tasks get a turn first, as with a real database."""
        self._ensure_open()
        await asyncio.sleep(0)
        draft = Draft(self._state, self._clock() - REPLIES_KEPT)
        events = draft.add(batch)
        self._state.apply(draft)
        if events:
            self._publish()
        return events

    async def events(
        self, *, since: int = 0, limit: int = 1000, owner: str | None = None, execution: str | None = None
    ) -> tuple[Event, ...]:
        """See ``Store``."""
        return self._state.recent(since, limit, owner, execution) or ()
