"""Finds out all that a decision about one execution needs: what the backend has of it, what its processes have
answered, what those that failed have logged. Called by ``controllers.executions.reconciler``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress

from zoe_hub.backends.base import Backend
from zoe_hub.controllers.executions.acting import Findings
from zoe_hub.controllers.executions.observer import Observer
from zoe_hub.controllers.executions.probes import Probes
from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.tokens import redacted
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.facts import Facts
from zoe_hub.core.executions.model import Address, Execution, Observed, Process, ProcessState
from zoe_hub.core.executions.processes import leaving
from zoe_hub.core.reasons import Reason
from zoe_hub.store.base import Store

TAIL, LINES = 2000, 12  # bytes and lines of a log that a reason quotes at the most
_ESCAPES = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]"
)  # colours, cursor movements (ECMA-48): they have no place in a reason


class FactFinder:
    """Gathers facts."""

    def __init__(
        self, *, store: Store, backend: Backend, observer: Observer, probes: Probes, clock: Clock, deployment: str
    ) -> None:
        self._store, self._backend, self._observer, self._probes = store, backend, observer, probes
        self._clock, self._deployment = clock, deployment

    async def find(self, execution: Execution, findings: Findings, later: Reason | None) -> Facts:
        """The facts about one execution.

        :param findings: what came of the last actions
        :param later: why the backend asked to come back the last time, if it did
        """
        live = [process for process in execution.processes if process.live]
        observed = self._observer.of(execution.id)
        return Facts(
            deployment=self._deployment,
            observed=observed,
            addresses={**await self._endpoints(live, observed), **findings.addresses},
            refused=findings.refused,
            cleaned=findings.cleaned,
            later=later,
            ready=frozenset(process.name for process in live if self._probes.answered(process, "ready")),
            taken=frozenset(process.name for process in live if self._probes.taken(process)),
            unready={process.name: answer for process in live if (answer := self._probes.last_answer(process))},
            drained=frozenset(process.name for process in live if self._probes.answered(process, "drained")),
            tails={
                process.name: await self._tail(process, self._store.secrets(execution.id))
                for process in live
                if self._has_failed(process, observed.get(process.name))
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

    def _has_failed(self, process: Process, seen: Observed | None) -> bool:
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
