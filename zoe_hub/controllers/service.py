"""What users can have done: each method turns a request into a command, plans it, commits the plan and sets it going.

Called by ``web`` after it has checked who asks; everything that starts, scales, ends or attaches goes through here.
"""

from __future__ import annotations

import base64
import secrets as random
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec.structs import replace

from zoe_hub.backends.base import Backend
from zoe_hub.controllers.attachments.leases import ATTACHED, Leases
from zoe_hub.controllers.attachments.preflight import check_versions
from zoe_hub.controllers.executions.admission import Admission
from zoe_hub.controllers.executions.binding import Binder, Folders
from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.commit import RETRIES, Committer
from zoe_hub.core import text
from zoe_hub.core.attachments.commands import Attach, AttachHolder, Detach, attached, connects
from zoe_hub.core.attachments.model import Attachment, ConnectionDetails
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.commands import ScaleExecution, StartExecution, StartZApp, TerminateExecution
from zoe_hub.core.executions.model import Execution, Phase
from zoe_hub.core.executions.rendered import RenderedZApp
from zoe_hub.core.executions.spec import Resources
from zoe_hub.core.executions.standing import standing
from zoe_hub.core.plan import Plan
from zoe_hub.core.reasons import because
from zoe_hub.core.scheduling import placement
from zoe_hub.core.words import words
from zoe_hub.store.base import Reply, Store


class Shop(Folders, Protocol):
    """The part of the catalog that commands need."""

    def render(self, zapp: str, parameters: Mapping[str, Any]) -> RenderedZApp:
        """A ZApp with its parameters filled in."""

    def attachable(self, name: str) -> str:
        """The ZApp to start for a kernel that wants to attach to ``name``, a ZApp or a framework."""


def new_id() -> str:
    """A short random identifier; a letter first, so that it is a DNS label and a name everywhere."""
    return "e" + base64.b32encode(random.token_bytes(5)).decode().lower()


class Service:
    """The commands of one deployment."""

    def __init__(
        self,
        *,
        store: Store,
        backend: Backend,
        catalog: Shop,
        deployment: str,
        clock: Clock,
        admission: Admission,
        binder: Binder,
        committer: Committer,
        leases: Leases,
    ) -> None:
        self.store, self.backend, self.catalog, self.deployment = store, backend, catalog, deployment
        self.clock, self.admission = clock, admission
        self.leases = leases
        self._binder, self._committer = binder, committer

    # --- executions ---

    async def start(
        self, owner: str, asked: StartZApp, *, reply: Callable[[Execution], Reply] | None = None
    ) -> Execution:
        """Start a ZApp for ``owner``.

        :param reply: makes what an Idempotency-Key is answered with, committed together with the execution
        :raises ZoeError: as ``start_execution`` in the table of operations
        """
        command, given = await self._command(owner, asked)
        plan = await self._committer.plan(command)
        execution = plan.executions[0]
        await self._committer.commit(plan, given=given, replies=(reply(execution),) if reply else ())
        return execution

    async def plan_start(self, owner: str, asked: StartZApp) -> Plan:
        """What ``start`` would change."""
        command, _ = await self._command(owner, asked)
        return await self._committer.plan(command)

    async def _command(self, owner: str, asked: StartZApp) -> tuple[StartExecution, Mapping[str, str]]:
        """The command, and the values of secret parameters."""
        rendered = self.catalog.render(asked.zapp, asked.parameters)
        for group in rendered.spec.groups:
            await self.backend.check(group.image, group.requires)
        nodes = await self.admission.nodes()
        command = StartExecution(
            id=new_id(), owner=owner, asked=asked, spec=rendered.spec, nodes=nodes, counts=rendered.counts
        )
        return command, rendered.given

    async def scale(self, execution_id: str, *, group: str | None, count: int, version: int | None = None) -> Execution:
        """Change how many processes a group has."""
        await self._committer.do(
            ScaleExecution(execution=execution_id, group=group, count=count, version=version), once=version is not None
        )
        return await self.execution(execution_id)

    async def terminate(
        self, execution_id: str, *, reason: str = "", confirm: str | None = None, version: int | None = None
    ) -> Execution:
        """End an execution, in whatever phase it is."""
        await self._committer.do(
            TerminateExecution(
                execution=execution_id,
                reason=because("told", words=reason) if reason else None,
                confirm=confirm,
                version=version,
            ),
            once=version is not None,
        )
        return await self.execution(execution_id)

    async def execution(self, identifier: str) -> Execution:
        """An execution, active or not. ``ZoeError`` ``unknown-execution``."""
        found = await self.store.execution(identifier)
        if found is None:
            raise ZoeError("unknown-execution", f"There is no execution {identifier!r}.")
        return found

    async def plan_scale(self, execution_id: str, *, group: str | None, count: int) -> Plan:
        """What ``scale`` would change."""
        return await self._committer.plan(ScaleExecution(execution=execution_id, group=group, count=count))

    async def plan_terminate(self, execution_id: str, *, confirm: str | None = None) -> Plan:
        """What ``terminate`` would change."""
        return await self._committer.plan(TerminateExecution(execution=execution_id, confirm=confirm))

    # --- attachments ---

    async def attach(
        self, owner: str, asked: AttachHolder, *, reply: Callable[[Attachment, bool], Reply] | None = None
    ) -> tuple[Attachment, bool]:
        """Bind a holder to the execution it has, or start one. Versions are compared before anything starts.

        What a notebook has needs no shop: parameters alone are read with its help, and change only the sizes they name.

        :return: the attachment, and whether its execution existed
        :raises ZoeError: as ``attach`` in the table of operations
        """
        reported = self.leases.holder(owner, asked.kernel)
        if reported is not None:
            asked = replace(asked, key=reported.key, kind=reported.kind)
        start: StartExecution | None = None
        given: Mapping[str, str] = {}
        counts: Mapping[str, int] = {}
        wanted = asked.zapp if asked.execution is None else None
        if wanted is not None:
            wanted = self._meant(owner, asked.key, wanted)
            asked = replace(asked, zapp=wanted)
            counts = self._sizes(wanted, asked.parameters) if asked.parameters else {}
        for _ in range(RETRIES):
            if wanted is not None and start is None and attached(self.store, owner, asked.key, zapp=wanted) is None:
                new = StartZApp(
                    zapp=wanted,
                    parameters=asked.parameters,
                    labels={ATTACHED: "true"},
                    web_prefix=asked.web_prefix,
                )
                start, given = await self._command(owner, new)
            attach = Attach(
                id=new_id(),
                owner=owner,
                asked=asked,
                default=self.leases.default_policy(asked.kind),
                expires=reported is not None,
                start=start,
                counts=counts,
            )
            plan = await self._committer.plan(attach)
            attachment = plan.attachments[0]
            bound = (
                next((each for each in plan.executions if each.id == attachment.execution), None)
                or self.store.executions[attachment.execution]
            )
            check_versions(bound.spec, asked.language, asked.versions)
            try:
                await self._committer.commit(
                    plan, given={} if plan.found else given, replies=(reply(attachment, plan.found),) if reply else ()
                )
            except ZoeError as error:
                if error.code != "conflict":
                    raise
                continue
            self.leases.touch(attachment.execution)
            return attachment, plan.found
        raise ZoeError("conflict")

    def _meant(self, owner: str, key: str, name: str) -> str:
        """The ZApp that a kernel means, which may be one that the shop has no more and the notebook still has."""
        try:
            return self.catalog.attachable(name)
        except ZoeError:
            for each in self.store.attachments.values():
                execution = self.store.executions[each.execution]
                spec = execution.spec
                if (
                    (each.owner, each.key) == (owner, key)
                    and execution.desired != "ended"
                    and (spec.zapp == name or spec.frameworks == (name,))
                ):
                    return spec.zapp
            raise

    def _sizes(self, zapp: str, parameters: Mapping[str, Any]) -> Mapping[str, int]:
        """The sizes that parameters ask for in so many words; the others stay as they are."""
        rendered = self.catalog.render(zapp, parameters)
        return {
            group.name: rendered.counts[group.name]
            for group in rendered.spec.scalable()
            if group.name in rendered.sized
        }

    async def detach(self, attachment_id: str, *, keep: bool = False) -> Execution:
        """Undo an attachment; its execution ends unless it is kept or used by another notebook."""
        attachment = self.store.attachments.get(attachment_id)
        await self._committer.do(Detach(attachment=attachment_id, keep=keep))
        return await self.execution(attachment.execution if attachment else "")

    def connection(self, attachment_id: str) -> ConnectionDetails:
        """What the kernel of an attachment needs to connect.

        :raises ZoeError: ``unknown-attachment``, ``already-ended``, ``not-ready``, ``not-attachable``
        """
        attachment = self.store.attachments.get(attachment_id)
        if attachment is None:
            raise ZoeError("unknown-attachment", f"There is no attachment {attachment_id!r}.")
        execution = self.store.executions[attachment.execution]
        if execution.desired == "ended":
            raise ZoeError("already-ended", f"{execution.name} has ended: {words(execution.reason)}")
        if execution.phase is not Phase.RUNNING:
            reason = standing(execution, self.admission.place(execution))
            raise ZoeError("not-ready", f"{execution.name} is {execution.phase.value}: {words(reason)}")
        how = connects(execution, attachment.language)
        secrets = self.store.secrets(execution.id)
        outputs = {
            name: self._binder.bind(execution, None, {}, content) for name, content in execution.spec.outputs.items()
        }
        endpoints = [
            reference for reference in text.references(execution.spec.outputs.values()) if reference.kind == "endpoint"
        ]
        return ConnectionDetails(
            requires=how.requires,
            variable=how.variable,
            code=how.code,
            outputs=outputs,
            secrets={name: secrets[name] for name in how.secrets if name in secrets},
            addresses=tuple(self._binder.value(execution, None, {}, endpoint) for endpoint in endpoints),
            listeners=tuple(sorted(self.backend.listeners())),
        )

    async def reserved(self) -> Resources:
        """What all executions hold together."""
        return placement.reserved(self.store.active())
