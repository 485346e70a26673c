"""The record of what admins do with what is another's. Called by ``web.call`` and ``web.pages.proxy``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime

from zoe_hub.core.events import Event
from zoe_hub.core.reasons import because
from zoe_hub.store.base import Batch, Store

_AGAIN = 60.0  # seconds until the same admin's same look at the same execution is recorded again
_REMEMBERED = 10_000  # looks; more are forgotten, and recorded again too early


class Audit:
    """Writes the record."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._looks: dict[tuple[str, str, str], float] = {}  # admin, operation, execution -> when

    async def record(self, admin: str, operation: str, *, owner: str, execution: str, only_reads: bool) -> None:
        """An admin uses an operation on what is another's.

        :param only_reads: it changes nothing, so that a repetition is recorded only once in a while
        """
        if only_reads:
            key, moment = (admin, operation, execution), time.monotonic()
            if moment - self._looks.get(key, -math.inf) < _AGAIN:
                return
            if len(self._looks) >= _REMEMBERED:
                self._looks.clear()
            self._looks[key] = moment
        data = {"admin": admin, "operation": operation}
        event = Event(
            time=self._now(),
            kind="audit.access",
            owner=owner,
            execution=execution,
            reason=because("admin-looked", admin=admin, operation=operation),
            data=data,
        )
        await self._store.commit(Batch(events=(event,)))
