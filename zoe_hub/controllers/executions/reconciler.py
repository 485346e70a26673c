"""Brings executions towards what is wanted of them: gathers the facts of one, asks ``core.executions.decide``, commits,
acts, looks again.

The record is committed before an action is carried out, so that a hub killed between any two steps finds, when it is
back, a record that says what was meant and a backend that says what is: the next pass goes on from there.
Part of ``controllers.hub``; whoever changes a record, or learns something, has it work on the execution (``add``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from logging import Logger

from msgspec.structs import replace

from zoe_hub.backends.base import Temporary
from zoe_hub.controllers.executions.acting import Actor, Findings
from zoe_hub.controllers.executions.facts import FactFinder
from zoe_hub.controllers.executions.probes import Probes
from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.commit import renewed_secrets
from zoe_hub.controllers.kit.queue import WorkQueue
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.decide import decide
from zoe_hub.core.executions.facts import Decision
from zoe_hub.core.executions.history import event as event_of
from zoe_hub.core.executions.model import Execution, Phase, ProcessState
from zoe_hub.core.executions.standing import standing
from zoe_hub.core.reasons import Reason, reason_of
from zoe_hub.core.words import words
from zoe_hub.store.base import Batch, Store

STEPS = 100  # passes without rest for one execution; more means that decisions do not settle
STORE_AGAIN = 2.0  # seconds until a decision that could not be stored is made anew


class Reconciler:
    """Works on executions, each by one task at a time."""

    def __init__(
        self,
        *,
        store: Store,
        facts: FactFinder,
        actor: Actor,
        probes: Probes,
        clock: Clock,
        committed: Callable[[str], None],
        log: Logger,
        concurrency: int = 64,
    ) -> None:
        """:param committed: called with the id of an execution about which a decision was committed
        :param concurrency: executions worked on at the same time
        """
        self._store, self._facts, self._actor, self._probes = store, facts, actor, probes
        self._clock, self._committed, self._log = clock, committed, log
        self._queue = WorkQueue(self._reconcile, log, concurrency=concurrency)
        self._later: dict[str, Reason] = {}  # execution -> why the backend asked to come back
        self.problem: Reason | None = None  # why the last decision could not be stored

    def add(self, execution: str) -> None:
        """Have an execution worked on soon."""
        self._queue.add(execution)

    async def start(self) -> None:
        """Begin with everything that has not ended."""
        for execution in self._store.active():
            self.add(execution.id)

    async def stop(self) -> None:
        """Take on no more, and leave what is being done where it is."""
        await self._queue.close()
        await self._probes.close()

    async def settled(self) -> None:
        """Wait until nothing is left to do at this moment (tests and start-up)."""
        await self._queue.idle()

    @property
    def stats(self) -> Mapping[str, float]:
        """Counts for the metrics."""
        return {
            "queue_depth": float(self._queue.depth),
            "reconcile_passes": float(self._queue.passes),
            "reconcile_seconds": self._queue.seconds,
        }

    async def _reconcile(self, identifier: str) -> None:
        """Decide and act until nothing is left to do now.

        :raises Temporary: the engine will do it later; what could be done was done
        """
        findings = Findings()
        for _ in range(STEPS):
            # One that has ended is looked at as well: something of it may still run, or have come back.
            execution = await self._store.execution(identifier)
            if execution is None:
                return
            facts = await self._facts.find(execution, findings, self._later.get(identifier))
            now = self._clock.now()  # first: it may notice that time has jumped
            decision = decide(execution, replace(facts, resumed=self._clock.resumed), now)
            if decision.execution != execution and not await self._commit(execution, decision):
                continue  # somebody changed the record meanwhile: look at the new one
            after = decision.execution
            if after.phase is Phase.ENDED and not facts.observed:
                self._probes.forget(after)
                return  # nothing is left of it; whatever may still turn up has it looked at again
            findings = await self._actor.act(after, decision.actions)
            self._follow(after)
            waited = findings.later is None and self._later.pop(identifier, None) is not None
            if after != execution or findings.acted or waited:
                continue  # look at what came of it; without a wait also the reason is another
            if decision.wake is not None:
                self._queue.add_after(identifier, self._clock.until(decision.wake) + 0.001)
            if findings.later is not None:
                await self._tell_wait(after, findings.later)
                raise findings.later
            return
        raise ZoeError("internal", f"The decisions about {identifier} did not settle within {STEPS} steps.")

    async def _commit(self, before: Execution, decision: Decision) -> bool:
        """Commit a decision; False if it was made on a record that is not the present one any more."""
        after = decision.execution
        ended = after.phase is Phase.ENDED and before.phase is not Phase.ENDED
        new, void = renewed_secrets(self._store, after, decision.renewed, self._clock.now())
        try:
            await self._store.commit(Batch(put=(after, *new), drop=void, events=decision.events))
        except ZoeError as error:
            if error.code != "conflict":
                self.problem = reason_of(error)
                raise Temporary(error.code, error.detail, delay=STORE_AGAIN) from error
            return False
        self.problem = None
        for event in decision.events:
            self._log.info("%s %s %s: %s", after.name, event.kind, event.process, words(event.reason))
        if ended:
            self._actor.forget(after.id)
            self._later.pop(after.id, None)
        self._committed(after.id)
        return True

    def _follow(self, execution: Execution) -> None:
        """Ask the processes what the record waits for."""
        self._probes.forget(execution)
        questions = {ProcessState.STARTING: "ready", ProcessState.DRAINING: "drained"}
        for process in execution.processes:
            question = questions.get(process.state)
            if question is not None:
                secrets = self._store.secrets(execution.id)
                self._probes.ask(execution, process, question, secrets, lambda: self.add(execution.id))

    async def _tell_wait(self, execution: Execution, error: Temporary) -> None:
        """Let the owner know what is being waited for, once."""
        if execution.phase is Phase.ENDED or error.code == "storage-full":
            return
        later = reason_of(error)
        self._later[execution.id] = later
        if execution.waits_for == later:
            return
        changed = replace(execution, waits_for=later, version=execution.version + 1)
        event = event_of(changed, self._clock.now(), "execution.reason", standing(changed), phase=changed.phase.value)
        try:
            await self._store.commit(Batch(put=(changed,), events=(event,)))
        except ZoeError as failed:
            self._log.debug("%s: could not say why it waits: %s", execution.name, failed)
