"""Group commit: batches that wait while others are being written are written together, each of them wholly or not at
all.

There is no task that could be cancelled halfway: a group begins in a callback of the event loop, is written on a
thread, and ends in another callback. Used by ``store.sql``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event
from zoe_hub.store.base import Batch
from zoe_hub.store.draft import Draft

log = logging.getLogger(__name__)

GROUP = 256
"""Batches that are written together at the most. More would make the first of them wait longer for little gain."""

Waiting = tuple[Batch, asyncio.Future[tuple[Event, ...]]]


class Writer:
    """Takes batches one by one, writes them in groups. Methods are called on the event loop's thread.

    :param draft: begins a draft over the present state
    :param write: writes a draft durably, or raises and leaves everything as it was; runs on ``thread``
    :param show: makes a written draft visible
    :param translate: the error that the committer gets for one that ``write`` raised
    """

    def __init__(
        self,
        thread: ThreadPoolExecutor,
        *,
        draft: Callable[[], Draft],
        write: Callable[[Draft], None],
        show: Callable[[Draft], None],
        translate: Callable[[BaseException], BaseException],
    ) -> None:
        self._thread = thread
        self._draft, self._write, self._show, self._translate = draft, write, show, translate
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Waiting] = deque()
        self._busy = False
        self._alone = 0  # that many batches at the front failed as a group and are tried one by one
        self._idle: asyncio.Future[None] | None = None

    def submit(self, batch: Batch) -> asyncio.Future[tuple[Event, ...]]:
        """Have a batch written. It is, even if nobody waits for the result any more."""
        result: asyncio.Future[tuple[Event, ...]] = self._loop.create_future()
        self._waiting.append((batch, result))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._begin)  # not at once: what comes in the same turn goes into the same group
        return result

    async def finish(self) -> None:
        """Wait until everything that was submitted is done."""
        while self._busy:
            if self._idle is None:
                self._idle = self._loop.create_future()
            await asyncio.shield(self._idle)

    def _begin(self) -> None:
        draft = self._draft()
        group: list[tuple[Waiting, tuple[Event, ...]]] = []
        for waiting in tuple(islice(self._waiting, 1 if self._alone else GROUP)):
            self._waiting.popleft()
            self._alone = max(self._alone - 1, 0)
            batch, result = waiting
            try:
                group.append((waiting, draft.add(batch)))
            except Exception as error:  # belongs to the one who committed it
                _fail(result, error)
        if draft.empty:
            self._end(draft, group)
            return
        job = self._thread.submit(self._write, draft)
        job.add_done_callback(lambda done: self._loop.call_soon_threadsafe(self._written, done, draft, group))

    def _written(self, job: Future[None], draft: Draft, group: list[tuple[Waiting, tuple[Event, ...]]]) -> None:
        error = job.exception()
        if error is None:
            self._show(draft)
            self._end(draft, group)
            return
        if len(group) > 1:  # one of them may be too large or malformed: the others shall not suffer
            self._waiting.extendleft(waiting for waiting, _ in reversed(group))
            self._alone += len(group)
            self._begin()
            return
        told = self._translate(error)
        if not (isinstance(told, ZoeError) and told.code == "conflict"):
            log.warning("A commit failed: %s", told if isinstance(told, ZoeError) else repr(error))
        for (_, result), _ in group:
            _fail(result, told)
        self._end(draft, [])

    def _end(self, _draft: Draft, group: list[tuple[Waiting, tuple[Event, ...]]]) -> None:
        for (_, result), events in group:
            if not result.done():
                result.set_result(events)
        if self._waiting:
            self._loop.call_soon(self._begin)
            return
        self._busy = False
        if self._idle is not None:
            self._idle.set_result(None)
            self._idle = None


def _fail(result: asyncio.Future[tuple[Event, ...]], error: BaseException) -> None:
    if not result.done():
        result.set_exception(error)
        result.exception()  # looked at: whoever was cancelled meanwhile does not come back for it
