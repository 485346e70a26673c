"""Has the backend do what a decision says, and remembers what came of it for the next look.

Each action may be carried out again without harm; only requests that a process would not take twice (to hand over its
work, to end) are made once in this hub's life. Called by ``controllers.executions.reconciler``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from logging import Logger

from zoe_hub.backends.base import Backend, Permanent, Temporary
from zoe_hub.controllers.executions.binding import Binder
from zoe_hub.controllers.executions.observer import Observer
from zoe_hub.controllers.kit.tokens import redacted
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.facts import (
    Action,
    AllocatePorts,
    CleanUp,
    RemoveProcess,
    SignalProcess,
    StartProcess,
    StopProcess,
)
from zoe_hub.core.executions.model import Address, Execution, Process
from zoe_hub.core.reasons import Reason, because
from zoe_hub.store.base import Store

STARTS = 16  # processes that are started at the same time
LATER, SELDOM = 5.0, 30.0  # seconds until what was refused is tried again: what may come right, what hardly will


class Findings:
    """What the actions of one pass found out."""

    def __init__(self) -> None:
        self.addresses: dict[str, Mapping[str, Address]] = {}
        self.refused: dict[str, Reason] = {}  # processes that will never be started, and why
        self.cleaned = False
        self.later: Temporary | None = None  # the engine asked to come back
        self.acted = False  # something was done that the next look will show


class Actor:
    """Carries actions out."""

    def __init__(self, store: Store, backend: Backend, binder: Binder, observer: Observer, log: Logger) -> None:
        self._store, self._backend, self._binder = store, backend, binder
        self._observer, self._log = observer, log
        self._requests: dict[str, set[tuple[str, int, str]]] = {}  # execution -> requests made: process, start, what
        self._prepared: set[str] = set()
        self._starts = asyncio.Semaphore(STARTS)

    def forget(self, execution: str) -> None:
        """An execution has ended."""
        self._requests.pop(execution, None)
        self._prepared.discard(execution)

    async def act(self, execution: Execution, actions: tuple[Action, ...]) -> Findings:
        """Carry all of them out, at the same time."""
        findings = Findings()
        new = [action for action in actions if isinstance(action, AllocatePorts | StartProcess)]
        if new and not await self._prepare(execution, new, findings):
            actions = tuple(action for action in actions if action not in new)  # the others go on
        await asyncio.gather(*(self._carry_out(execution, action, findings) for action in actions))
        return findings

    async def _prepare(self, execution: Execution, new: list[AllocatePorts | StartProcess], findings: Findings) -> bool:
        """Make what the processes share before the first of them; whether it is there. A refusal is one of the new
        ones.
        """
        if execution.id in self._prepared:
            return True
        try:
            await self._backend.prepare(execution.id, execution.owner)
        except Permanent as error:
            refused = because(error.code, detail=self._redacted(execution, error))
            findings.refused |= dict.fromkeys((action.process for action in new), refused)
            findings.acted = True
            return False
        except Temporary as error:
            findings.later = Temporary(error.code, self._redacted(execution, error), delay=error.delay)
            return False
        self._prepared.add(execution.id)
        return True

    async def _carry_out(self, execution: Execution, action: Action, findings: Findings) -> None:
        try:
            match action:
                case AllocatePorts(process=name):
                    ports = execution.spec.group(_process(execution, name).group).ports
                    findings.addresses[name] = await self._backend.allocate(execution.id, name, ports)
                    findings.acted = True
                case StartProcess(process=name):
                    await self._start(execution, _process(execution, name), findings)
                case SignalProcess(process=name, signal=signal):
                    if self._is_first_request(execution, name, signal):
                        await self._backend.signal(name, signal)
                case StopProcess(process=name, grace=grace):
                    if grace == 0 or self._is_first_request(execution, name, "stop"):
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
            self._allow_repetition(execution, action)
            findings.later = Temporary(error.code, self._redacted(execution, error), delay=error.delay)
        except ZoeError as error:
            self._refused(execution, action, error, findings)

    async def _start(self, execution: Execution, process: Process, findings: Findings) -> None:
        spec = self._binder.spec(execution, process, self._store.secrets(execution.id))
        async with self._starts:
            seen = await self._backend.start(spec)
            if seen.state == "running" and spec.ports:
                addresses = await self._backend.addresses(process.name)
                if addresses != process.addresses:
                    findings.addresses[process.name] = addresses
        self._observer.note(seen)
        findings.acted = True

    def _refused(self, execution: Execution, action: Action, error: ZoeError, findings: Findings) -> None:
        """An action that will not be done as it was asked: ``Permanent``, or a text that cannot be bound."""
        detail = self._redacted(execution, error)
        if isinstance(action, AllocatePorts | StartProcess) and (
            isinstance(error, Permanent) or error.code == "bad-definition"
        ):
            findings.refused[action.process] = because(error.code, detail=detail)
            findings.acted = True
            return
        self._log.warning("%s of %s was refused: %s: %s", type(action).__name__, execution.name, error.code, detail)
        if not isinstance(error, Permanent):  # such as the files of a framework that the shop lacks now
            findings.later = Temporary(error.code, detail, delay=LATER)
        elif isinstance(action, CleanUp | RemoveProcess):  # nothing else will do it: told, and tried again
            findings.later = Temporary(error.code, detail, delay=SELDOM)

    def _redacted(self, execution: Execution, error: ZoeError) -> str:
        return redacted(error.detail, self._store.secrets(execution.id))

    def _is_first_request(self, execution: Execution, name: str, what: str) -> bool:
        """Whether this was not asked yet: a process is not sent the same signal with every look at it."""
        made = self._requests.setdefault(execution.id, set())
        request = _request(execution, name, what)
        if request in made:
            return False
        made.add(request)
        return True

    def _allow_repetition(self, execution: Execution, action: Action) -> None:
        """A request that did not come through is made again."""
        if isinstance(action, SignalProcess | StopProcess):
            what = action.signal if isinstance(action, SignalProcess) else "stop"
            self._requests.get(execution.id, set()).discard(_request(execution, action.process, what))


def _request(execution: Execution, name: str, what: str) -> tuple[str, int, str]:
    process = execution.process(name)
    return name, process.incarnation if process else -1, what


def _process(execution: Execution, name: str) -> Process:
    process = execution.process(name)
    if process is None:
        raise Permanent("unknown-process", f"{execution.name} has no process {name!r}.")
    return process
