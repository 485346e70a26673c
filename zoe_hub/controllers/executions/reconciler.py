"""Carries decisions out: gathers the facts of one execution, asks ``core.executions.decide``, commits, acts, looks
again.

The record is committed before an action is carried out, so that a hub killed between any two steps finds, when it is
back, a record that says what was meant and a backend that says what is: the next pass goes on from there.
Called by the work queue of ``controllers.hub``, for one execution at a time.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from logging import Logger

from msgspec.structs import replace

from zoe_hub.backends.base import Backend, Permanent, Temporary
from zoe_hub.controllers.executions.binding import Binder
from zoe_hub.controllers.executions.observer import Observer
from zoe_hub.controllers.executions.probes import Probes
from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.commit import made_secrets
from zoe_hub.controllers.kit.tokens import digest, redacted
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.decide import decide
from zoe_hub.core.executions.facts import (
    Action,
    AllocatePorts,
    CleanUp,
    Decision,
    Facts,
    RemoveProcess,
    SignalProcess,
    StartProcess,
    StopProcess,
)
from zoe_hub.core.executions.history import event as event_of
from zoe_hub.core.executions.model import Address, Execution, Observed, Phase, Process, ProcessState
from zoe_hub.core.executions.processes import leaving
from zoe_hub.core.executions.standing import standing
from zoe_hub.core.reasons import Reason, because, reason_of
from zoe_hub.core.words import words
from zoe_hub.store.base import Batch, Ref, Store, Token

STEPS = 100  # passes without rest for one execution; more means that decisions do not settle
_ESCAPES = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]"
)  # colours and cursor movements (ECMA-48), which have no place in a reason
TAIL, LINES = 2000, 12  # bytes and lines of a log that a reason quotes at the most


class _Findings:
    """What the actions of one pass found out."""

    def __init__(self) -> None:
        self.addresses: dict[str, Mapping[str, Address]] = {}
        self.refused: dict[str, Reason] = {}
        self.cleaned = False
        self.later: Temporary | None = None  # the engine asked to come back
        self.acted = False  # something was done that the next look will show


class Reconciler:
    """Brings executions towards what is wanted of them."""

    def __init__(
        self,
        *,
        store: Store,
        backend: Backend,
        binder: Binder,
        probes: Probes,
        observer: Observer,
        clock: Clock,
        deployment: str,
        log: Logger,
    ) -> None:
        self._store, self._backend, self._binder, self._probes = store, backend, binder, probes
        self._observer, self._clock, self._deployment, self._log = observer, clock, deployment, log
        self._asked: dict[
            str, set[tuple[str, int, str]]
        ] = {}  # execution -> requests that are not repeated in this life
        self._later: dict[str, Reason] = {}  # execution -> why the backend asked to come back
        self._prepared: set[str] = set()
        self._resumed = clock.now()
        self.problem: Reason | None = None  # why the last decision could not be stored
        self._starts = asyncio.Semaphore(16)
        self.wake: Callable[[str, float], None] = lambda execution, delay: None
        self.told: Callable[[str], None] = lambda execution: None
        self.changed: Callable[[Execution], None] = lambda execution: None

    async def reconcile(self, identifier: str) -> None:
        """Decide and act until nothing is left to do now.

        :raises Temporary: the engine will do it later; what could be done was done
        """
        findings = _Findings()
        for _ in range(STEPS):
            # One that has ended is looked at as well: something of it may still run, or have come back.
            execution = await self._store.execution(identifier)
            if execution is None:
                return
            facts = await self._facts(execution, findings)
            decision = decide(execution, facts, self._clock.now())
            if decision.execution != execution and not await self._commit(execution, decision):
                continue  # somebody changed the record meanwhile: look at the new one
            after = decision.execution
            findings = await self._act(after, decision.actions)
            self._follow(after)
            waited = findings.later is None and self._later.pop(identifier, None) is not None
            if after != execution or findings.acted or waited:
                continue  # look at what came of it; without a wait also the reason is another
            if decision.wake is not None:
                self.wake(identifier, self._clock.until(decision.wake) + 0.001)
            if findings.later is not None:
                await self._say(after, findings.later)
                raise findings.later
            return
        raise ZoeError("internal", f"The decisions about {identifier} did not settle within {STEPS} steps.")

    async def _facts(self, execution: Execution, findings: _Findings) -> Facts:
        live = [process for process in execution.processes if process.live]
        observed = self._observer.of(execution.id)
        return Facts(
            deployment=self._deployment,
            resumed=self._resumed,
            observed=observed,
            addresses={**await self._endpoints(live, observed), **findings.addresses},
            refused=findings.refused,
            cleaned=findings.cleaned,
            later=self._later.get(execution.id),
            ready=frozenset(process.name for process in live if self._probes.answered(process, "ready")),
            taken=frozenset(process.name for process in live if self._probes.taken(process)),
            drained=frozenset(process.name for process in live if self._probes.answered(process, "drained")),
            tails={
                process.name: await self._tail(process, self._store.secrets(execution.id))
                for process in live
                if self._failed(process, observed.get(process.name))
            },
        )

    async def _endpoints(
        self, live: list[Process], observed: Mapping[str, Observed]
    ) -> dict[str, Mapping[str, Address]]:
        """Endpoints that are known only since the start, of processes that a hub started and could not say so any
        more.
        """
        found: dict[str, Mapping[str, Address]] = {}
        for process in live:
            seen = observed.get(process.name)
            unknown = any(address.endpoint_port == 0 for address in (process.addresses or {}).values())
            if unknown and seen is not None and seen.state == "running" and seen.incarnation == process.incarnation:
                with suppress(ZoeError):
                    found[process.name] = await self._backend.addresses(process.name)
        return found

    def _failed(self, process: Process, seen: Observed | None) -> bool:
        late = (
            process.state is ProcessState.STARTING
            and process.deadline is not None
            and process.deadline <= self._clock.now()
        )
        if late or seen is None or seen.incarnation != process.incarnation:
            return late
        return seen.state == "exited" and seen.exit_code != 0 and not leaving(process)

    async def _tail(self, process: Process, secrets: Mapping[str, str]) -> tuple[str, ...]:
        """The last lines that a process has logged since it was started this time."""
        try:
            begin = await self._backend.log_start(process.name, process.incarnation)
            chunks = [chunk async for chunk in self._backend.logs(process.name, offset=-TAIL)]
        except ZoeError:
            return ()
        data = b"".join(chunk.data for chunk in chunks)
        skip = begin - chunks[0].offset if chunks else 0
        # Where the start is not in sight, the first line may begin in the middle of a secret.
        data = data[skip:] if skip >= 0 else data.partition(b"\n")[2]
        text = redacted(_ESCAPES.sub("", data.decode(errors="replace")), secrets)
        return tuple(text.strip().splitlines()[-LINES:])

    async def _commit(self, before: Execution, decision: Decision) -> bool:
        after = decision.execution
        ended = after.phase is Phase.ENDED and before.phase is not Phase.ENDED
        renewed = tuple(made_secrets(after, self._clock.now(), {}, decision.renewed)) if decision.renewed else ()
        known = self._store.secrets(after.id)
        revoked = [
            Ref(Token, digest(known[secret.name]))
            for secret in after.spec.secrets
            if secret.source == "token" and secret.name in decision.renewed and secret.name in known
        ]
        try:
            await self._store.commit(Batch(put=(after, *renewed), drop=tuple(revoked), events=decision.events))
        except ZoeError as error:
            if error.code != "conflict":
                self.problem = reason_of(error)
                raise Temporary(error.code, error.detail, delay=2.0) from error
            return False
        self.problem = None
        for event in decision.events:
            self._log.info("%s %s %s: %s", after.name, event.kind, event.process, words(event.reason))
        if ended:
            self._asked.pop(after.id, None)
            self._prepared.discard(after.id)
            self._later.pop(after.id, None)
        self.changed(after)
        return True

    async def _act(self, execution: Execution, actions: tuple[Action, ...]) -> _Findings:
        findings = _Findings()
        new = [action for action in actions if isinstance(action, AllocatePorts | StartProcess)]
        if new and not await self._prepare(execution, new, findings):
            actions = tuple(action for action in actions if action not in new)  # the others go on
        await asyncio.gather(*(self._one(execution, action, findings) for action in actions))
        return findings

    async def _prepare(
        self, execution: Execution, new: list[AllocatePorts | StartProcess], findings: _Findings
    ) -> bool:
        """Make what the processes share before the first of them; whether it is there. A refusal is one of the new
        ones.
        """
        if execution.id in self._prepared:
            return True
        secrets = self._store.secrets(execution.id)
        try:
            await self._backend.prepare(execution.id, execution.owner)
        except Permanent as error:
            refused = because(error.code, detail=redacted(error.detail, secrets))
            findings.refused |= dict.fromkeys((action.process for action in new), refused)
            findings.acted = True
            return False
        except Temporary as error:
            findings.later = Temporary(error.code, redacted(error.detail, secrets), delay=error.delay)
            return False
        self._prepared.add(execution.id)
        return True

    async def _one(self, execution: Execution, action: Action, findings: _Findings) -> None:
        try:
            match action:
                case AllocatePorts(process=name):
                    process = self._process(execution, name)
                    ports = execution.spec.group(process.group).ports
                    findings.addresses[name] = await self._backend.allocate(execution.id, name, ports)
                    findings.acted = True
                case StartProcess(process=name):
                    await self._start(execution, self._process(execution, name), findings)
                case SignalProcess(process=name, signal=signal):
                    if self._first(execution, name, signal):
                        await self._backend.signal(name, signal)
                case StopProcess(process=name, grace=grace):
                    if grace == 0 or self._first(execution, name, "stop"):
                        await self._backend.stop(name, grace)
                case RemoveProcess(process=name):
                    await self._backend.remove(name)
                    self._observer.drop(name)
                case CleanUp():
                    await self._backend.clean(execution.id)
                    for name in self._observer.of(execution.id):
                        self._observer.drop(name)
                    findings.cleaned = findings.acted = True
        except Temporary as error:
            self._again(execution, action)
            detail = redacted(error.detail, self._store.secrets(execution.id))
            findings.later = Temporary(error.code, detail, delay=error.delay)
        except ZoeError as error:
            self._refused(execution, action, error, findings)

    def _refused(self, execution: Execution, action: Action, error: ZoeError, findings: _Findings) -> None:
        """An action that will not be done as it was asked: ``Permanent``, or a text that cannot be bound."""
        detail = redacted(error.detail, self._store.secrets(execution.id))
        if isinstance(action, AllocatePorts | StartProcess) and (
            isinstance(error, Permanent) or error.code == "bad-definition"
        ):
            findings.refused[action.process] = because(error.code, detail=detail)
            findings.acted = True
            return
        self._log.warning("%s of %s was refused: %s: %s", type(action).__name__, execution.name, error.code, detail)
        if not isinstance(error, Permanent):
            findings.later = Temporary(
                error.code, detail, delay=5.0
            )  # such as the files of a framework that the shop lacks now
        elif isinstance(action, CleanUp | RemoveProcess):  # nothing else will do it: told, and tried again
            findings.later = Temporary(error.code, detail, delay=30.0)

    async def _start(self, execution: Execution, process: Process, findings: _Findings) -> None:
        spec = self._binder.spec(execution, process, self._store.secrets(execution.id))
        async with self._starts:
            seen = await self._backend.start(spec)
            if seen.state == "running" and spec.ports:
                addresses = await self._backend.addresses(process.name)
                if addresses != process.addresses:
                    findings.addresses[process.name] = addresses
        self._observer.note(seen)
        findings.acted = True

    @staticmethod
    def _process(execution: Execution, name: str) -> Process:
        process = execution.process(name)
        if process is None:
            raise Permanent("unknown-process", f"{execution.name} has no process {name!r}.")
        return process

    def _key(self, execution: Execution, name: str, what: str) -> tuple[str, int, str]:
        process = execution.process(name)
        return name, process.incarnation if process else -1, what

    def _first(self, execution: Execution, name: str, what: str) -> bool:
        """Whether this was not asked yet: a process is not sent the same signal with every look at it."""
        asked = self._asked.setdefault(execution.id, set())
        key = self._key(execution, name, what)
        if key in asked:
            return False
        asked.add(key)
        return True

    def _again(self, execution: Execution, action: Action) -> None:
        """A request that did not come through is made again."""
        if isinstance(action, SignalProcess | StopProcess):
            what = action.signal if isinstance(action, SignalProcess) else "stop"
            self._asked.get(execution.id, set()).discard(self._key(execution, action.process, what))

    def _follow(self, execution: Execution) -> None:
        """Ask the processes what the record waits for."""
        self._probes.forget(execution)
        questions = {ProcessState.STARTING: "ready", ProcessState.DRAINING: "drained"}
        for process in execution.processes:
            question = questions.get(process.state)
            if question is not None:
                self._probes.ask(
                    execution, process, question, self._store.secrets(execution.id), lambda: self.told(execution.id)
                )

    async def _say(self, execution: Execution, error: Temporary) -> None:
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
