"""Lets executions in: asks the policy whenever something that it looks at may have changed, and commits what it says.

Part of ``controllers.hub``. Decisions are pure (``core.scheduling``); this module knows the
nodes and keeps the queue that they are made on: whoever commits a record says so (``changed``), and from time to time
all records are looked at again. Views ask it for places in the queue.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from logging import Logger

from msgspec.structs import replace

from zoe_hub.backends.base import Backend
from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.loop import Loop
from zoe_hub.controllers.kit.part import LoopPart
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event
from zoe_hub.core.executions.history import event as event_of
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.executions.spec import Resources
from zoe_hub.core.executions.standing import QueuePlace
from zoe_hub.core.nodes import Node
from zoe_hub.core.reasons import because
from zoe_hub.core.scheduling import fifo
from zoe_hub.core.scheduling.policy import Grant, Policy
from zoe_hub.core.scheduling.queue import Queue
from zoe_hub.store.base import Batch, Store

NEWS = 1.0  # seconds between two events that tell an owner that the queue has moved


class Admission(LoopPart):
    """Grants processes to executions."""

    def __init__(
        self,
        store: Store,
        backend: Backend,
        clock: Clock,
        granted: Callable[[str], None],
        log: Logger,
        *,
        policy: Policy = fifo.admit,
        refresh: float = 30.0,
    ) -> None:
        """:param granted: called with the id of an execution whose grant has changed
        :param refresh: seconds after which the nodes are asked for again, and all records are looked at
        """
        self._store, self._backend, self._clock, self._granted = store, backend, clock, granted
        self._policy, self._refresh = policy, refresh
        self._nodes: tuple[Node, ...] = ()
        self._nodes_known_at: float | None = None
        self._queue = Queue()
        self._changed: dict[str, None] = {}  # executions whose records are not in the queue yet, in order
        self._compared = -math.inf  # when all records were looked at
        self._announced_moves = 0
        self._news_due: asyncio.TimerHandle | None = None  # when owners may be told of the queue again
        self._loop = Loop("Admission", self._decide_round, log)

    async def nodes(self) -> tuple[Node, ...]:
        """The machines, as known for at most the refresh time.

        :raises ZoeError: ``backend-unavailable`` if they were never known
        """
        now = asyncio.get_running_loop().time()
        if self._nodes_known_at is None or now - self._nodes_known_at > self._refresh:
            try:
                self._nodes = await self._backend.nodes()
            except ZoeError:
                if self._nodes_known_at is None:
                    raise
            self._nodes_known_at = now
        return self._nodes

    def place(self, execution: Execution) -> QueuePlace | None:
        """Where an execution is in the queue, if it is in there."""
        waits = execution.granted is None and execution.active and execution.desired != "ended"
        return self._present().place(execution.id) if waits else None

    def reserved(self) -> Resources:
        """What all executions hold together."""
        return self._present().used()

    def changed(self, *executions: str) -> None:
        """The records of these executions were committed: look again soon; several calls make one look."""
        self._changed.update(dict.fromkeys(executions))
        self._loop.wake()

    async def stop(self) -> None:
        """Stop looking."""
        if self._news_due is not None:
            self._news_due.cancel()
        await super().stop()

    @property
    def stats(self) -> Mapping[str, float]:
        """Counts for the metrics."""
        return {"queue_length": float(self._queue.length), "admission_rounds": float(self._loop.rounds)}

    async def _decide_round(self) -> float:
        await self.decide()
        return self._refresh

    async def decide(self) -> None:
        """Decide once and commit the grants. A record that changed meanwhile is looked at again."""
        nodes = await self.nodes()
        queue = self._present()
        queue.use(nodes)
        # As it was decided about: what has changed meanwhile is a conflict.
        batches = [self._batch(queue.records[each], grant) for each, grant in self._policy(queue).items()]
        if news := self._news(queue):
            batches.append(Batch(events=news))
        await asyncio.gather(*map(self._commit, batches))  # written together: the store has group commit

    def _present(self) -> Queue:
        """The queue, with all that was said to have changed; from time to time also what was not."""
        now, executions = asyncio.get_running_loop().time(), self._store.executions
        if now - self._compared > self._refresh:
            self._compared = now
            active = {each.id: each for each in self._store.active()}
            other = [each for each, record in active.items() if self._queue.records.get(each) is not record]
            self._changed = dict.fromkeys((*other, *(each for each in self._queue.records if each not in active)))
        for identifier in self._changed:
            execution = executions.get(identifier)
            if execution is None:
                self._queue.drop(identifier)
            else:
                self._queue.put(execution)
        self._changed.clear()
        return self._queue

    def _batch(self, execution: Execution, grant: Grant) -> Batch:
        changed = replace(execution, granted=grant.granted, version=execution.version + 1, reason=grant.reason)
        kind = "execution.queued" if grant.granted is None else "execution.granted"
        granted = dict(grant.granted or {})
        event = event_of(changed, self._clock.now(), kind, grant.reason, phase=changed.phase.value, granted=granted)
        return Batch(put=(changed,), events=(event,))

    def _news(self, queue: Queue) -> tuple[Event, ...]:
        """Lists that are open learn that places have changed: one event for each owner, however many have moved, and
        not more often than a person could read.
        """
        loop = asyncio.get_running_loop()
        if queue.moves == self._announced_moves or self._news_due is not None:
            return ()
        self._announced_moves = queue.moves
        self._news_due = loop.call_later(NEWS, self._may_announce)
        return tuple(
            Event(time=self._clock.now(), kind="queue.moved", owner=owner, reason=because("queue-moved"))
            for owner in queue.owners
        )

    def _may_announce(self) -> None:
        self._news_due = None
        self._loop.wake()

    async def _commit(self, batch: Batch) -> None:
        try:
            await self._store.commit(batch)
        except ZoeError as error:
            if error.code != "conflict":
                raise
            self.changed(*(execution.id for execution in batch.put if isinstance(execution, Execution)))
            return
        executions = [record for record in batch.put if isinstance(record, Execution)]
        self.changed(*(execution.id for execution in executions))
        for execution in executions:
            if execution.granted is not None:
                self._granted(execution.id)
