"""What people can have done with executions: each method turns a asked into a command, plans it, commits the plan and
sets it going. Called by ``web`` after it has checked who asks, and by the service of attachments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from zoe_hub.backends.base import Backend
from zoe_hub.controllers.executions.admission import Admission
from zoe_hub.controllers.kit.commit import Committer
from zoe_hub.controllers.kit.ids import new_id
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.commands import ScaleExecution, StartExecution, StartZApp, TerminateExecution
from zoe_hub.core.executions.model import Execution, Parent
from zoe_hub.core.executions.rendered import RenderedZApp
from zoe_hub.core.executions.spec import Resources
from zoe_hub.core.executions.standing import QueuePlace
from zoe_hub.core.plan import Plan
from zoe_hub.store.base import Reply, Store

Given = Mapping[str, str]
"""Values of secret parameters by name."""


class Renderer(Protocol):
    """The part of the catalog that starts need."""

    def render(self, zapp: str, parameters: Mapping[str, Any]) -> RenderedZApp:
        """A ZApp with its parameters filled in."""


class ExecutionService:
    """Starting, scaling and ending executions."""

    def __init__(
        self, store: Store, backend: Backend, catalog: Renderer, admission: Admission, committer: Committer
    ) -> None:
        self._store, self._backend, self._catalog = store, backend, catalog
        self._admission, self._committer = admission, committer

    async def start(self, owner: str, asked: StartZApp, reply: Callable[[Execution], Reply] | None = None) -> Execution:
        """Start a ZApp for ``owner``.

        :param reply: makes what an Idempotency-Key is answered with, committed together with the execution
        :raises ZoeError: as ``start_execution`` in the table of operations
        """
        command, given = await self.rendered(owner, asked)
        plan = await self._committer.plan(command)
        execution = plan.put_of(Execution)[0]
        await self._committer.commit(plan, given=given, replies=(reply(execution),) if reply else ())
        return execution

    async def plan_start(self, owner: str, asked: StartZApp) -> Plan:
        """What ``start`` would change."""
        command, _ = await self.rendered(owner, asked)
        return await self._committer.plan(command)

    async def rendered(
        self, owner: str, asked: StartZApp, parent: Parent | None = None, identifier: str = ""
    ) -> tuple[StartExecution, Given]:
        """The command that a asked becomes, after the backend was asked whether such processes can start at all.

        :param identifier: of the new execution; empty: a random one
        """
        rendered = self._catalog.render(asked.zapp, asked.parameters)
        for group in rendered.spec.groups:
            await self._backend.check(group.image, group.requires)
        command = StartExecution(
            id=identifier or new_id(),
            owner=owner,
            asked=asked,
            spec=rendered.spec,
            nodes=await self._admission.nodes(),
            counts=rendered.counts,
            parent=parent,
        )
        return command, rendered.given

    async def scale(self, command: ScaleExecution) -> Execution:
        """Change how many processes a group has."""
        await self._committer.do(command, once=command.version is not None)
        return await self.execution(command.execution)

    async def terminate(self, command: TerminateExecution) -> Execution:
        """End an execution, in whatever phase it is."""
        await self._committer.do(command, once=command.version is not None)
        return await self.execution(command.execution)

    async def plan(self, command: ScaleExecution | TerminateExecution) -> Plan:
        """What ``scale`` or ``terminate`` would change."""
        return await self._committer.plan(command)

    async def execution(self, identifier: str) -> Execution:
        """An execution, active or not. ``ZoeError`` ``unknown-execution``."""
        found = await self._store.execution(identifier)
        if found is None:
            raise ZoeError("unknown-execution", f"There is no execution {identifier!r}.")
        return found

    def place(self, execution: Execution) -> QueuePlace | None:
        """Where an execution is in the queue, if it is in there."""
        return self._admission.place(execution)

    def reserved(self) -> Resources:
        """What all executions hold together."""
        return self._admission.reserved()
