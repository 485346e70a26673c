"""Lets executions in: applies ``core.fifo.admit`` whenever something that it looks at may have changed.

Used by ``controllers.hub`` and ``controllers.service``. Decisions are pure; this module knows the nodes and commits
grants.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from logging import Logger

from msgspec.structs import replace

from zoe_hub.backends.base import Backend
from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event
from zoe_hub.core.executions.history import event as event_of
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.scheduling import fifo
from zoe_hub.core.scheduling.nodes import Node
from zoe_hub.store.base import Batch, Store


class Admission:
    """Grants processes to executions."""

    def __init__(
        self,
        store: Store,
        backend: Backend,
        clock: Clock,
        granted: Callable[[str], None],
        log: Logger,
        *,
        refresh: float = 30.0,
    ) -> None:
        """:param granted: called with the id of an execution whose grant has changed
        :param refresh: seconds after which the nodes are asked for again
        """
        self._store, self._backend, self._clock, self._granted, self._log = store, backend, clock, granted, log
        self._refresh = refresh
        self._nodes: tuple[Node, ...] = ()
        self._asked: float | None = None
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.problem = ""  # why the last look failed

    async def nodes(self) -> tuple[Node, ...]:
        """The machines, as known for at most the refresh time.

        :raises ZoeError: ``backend-unavailable`` if they were never known
        """
        now = asyncio.get_running_loop().time()
        if self._asked is None or now - self._asked > self._refresh:
            try:
                self._nodes = await self._backend.nodes()
            except ZoeError:
                if self._asked is None:
                    raise
            self._asked = now
        return self._nodes

    def kick(self) -> None:
        """Look again soon; several kicks make one look."""
        self._wanted.set()

    def start(self) -> None:
        """Begin to look whenever kicked, and when the nodes may have changed."""
        self._task = asyncio.create_task(self._run(), name="admission")
        self.kick()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._refresh):  # wait_for may swallow a cancellation (before Python 3.12)
                    await self._wanted.wait()
            self._wanted.clear()
            delay = await self._tried()
            if delay:
                await asyncio.sleep(delay)
                self.kick()

    async def _tried(self) -> float:
        """Look once; seconds after which to look again, since it failed."""
        try:
            await self.look()
        except ZoeError as error:
            self.problem = error.detail
            self._log.warning("Admission waits: %s", error)
            return float(getattr(error, "delay", 1.0))
        except Exception as error:
            self.problem = f"Admission failed: {type(error).__name__}: {error}"
            self._log.exception("Admission failed; it looks again")
            return 5.0
        self.problem = ""
        return 0.0

    async def look(self) -> None:
        """Decide once and commit the grants. A record that changed meanwhile is looked at again."""
        nodes = await self.nodes()
        active = {execution.id: execution for execution in self._store.active()}
        batches: list[Batch] = []
        moved: list[Execution] = []
        for identifier, grant in fifo.admit(active.values(), nodes).items():
            execution = active[identifier]  # as it was decided about: what changed meanwhile is a conflict
            changed = replace(execution, granted=grant.granted, version=execution.version + 1, reason=grant.reason)
            if grant.quiet:
                moved.append(changed)
                continue
            kind = "execution.queued" if grant.granted is None else "execution.granted"
            event = event_of(
                changed,
                self._clock.now(),
                kind,
                grant.reason,
                phase=changed.phase.value,
                granted=dict(grant.granted or {}),
            )
            batches.append(Batch(put=(changed,), events=(event,)))
        if moved:  # one event for each owner, however many have moved
            owners = dict.fromkeys(execution.owner for execution in moved)
            news = tuple(
                Event(time=self._clock.now(), kind="queue.moved", owner=owner, reason="the queue has moved up")
                for owner in owners
            )
            batches.append(Batch(put=tuple(moved), events=news))
        await asyncio.gather(
            *(self._commit(batch) for batch in batches)
        )  # written together: the store has group commit

    async def _commit(self, batch: Batch) -> None:
        try:
            await self._store.commit(batch)
        except ZoeError as error:
            if error.code != "conflict":
                raise
            self.kick()
        else:
            for execution in batch.put:
                if isinstance(execution, Execution) and execution.granted is not None:
                    self._granted(execution.id)

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
