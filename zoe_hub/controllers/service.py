"""What users can have done: each method turns a request into a command, plans it, commits the plan and sets it going.

Called by ``web`` after it has checked who asks; everything that starts, scales, ends or attaches goes through here.
"""

from __future__ import annotations

import base64
import secrets as random
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from zoe_hub.backends.base import Backend
from zoe_hub.controllers.attachments.preflight import check_versions
from zoe_hub.controllers.executions.admission import Admission
from zoe_hub.controllers.executions.binding import Binder, Folders
from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.tokens import new_token
from zoe_hub.core import commands, text
from zoe_hub.core.attachments.commands import Attach, Detach, attached, connects
from zoe_hub.core.attachments.model import Attachment, ConnectionDetails
from zoe_hub.core.commands import Command
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.commands import ScaleExecution, StartExecution, TerminateExecution
from zoe_hub.core.executions.model import Execution, Phase
from zoe_hub.core.executions.rendered import RenderedZApp
from zoe_hub.core.executions.spec import Resources
from zoe_hub.core.executions.standing import standing
from zoe_hub.core.plan import Plan
from zoe_hub.core.reasons import because
from zoe_hub.core.scheduling import placement
from zoe_hub.core.words import words
from zoe_hub.store.base import Batch, Reply, Store, Token

RETRIES = 20  # how often a plan is made anew because its records changed meanwhile


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
        kick: Callable[[str], None],
    ) -> None:
        """:param kick: has an execution reconciled soon"""
        self.store, self.backend, self.catalog, self.deployment = store, backend, catalog, deployment
        self.clock, self.admission = clock, admission
        self._binder, self._kick = binder, kick

    # --- executions ---

    async def start(
        self,
        owner: str,
        *,
        zapp: str,
        parameters: Mapping[str, Any],
        name: str | None = None,
        labels: Mapping[str, str] | None = None,
        web_prefix: str = "/zoe",
        reply: Callable[[Execution], Reply] | None = None,
    ) -> Execution:
        """Start a ZApp for ``owner``.

        :param reply: makes what an Idempotency-Key is answered with, committed together with the execution
        :raises ZoeError: as ``start_execution`` in the table of operations
        """
        command, given = await self._command(
            owner, zapp, parameters, name=name, labels=labels or {}, web_prefix=web_prefix
        )
        plan = commands.plan(self.store, command, self.clock.now())
        execution = plan.executions[0]
        await self._commit(plan, given=given, replies=(reply(execution),) if reply else ())
        return execution

    async def plan_start(
        self, owner: str, *, zapp: str, parameters: Mapping[str, Any], name: str | None = None
    ) -> Plan:
        """What ``start`` would change."""
        command, _ = await self._command(owner, zapp, parameters, name=name)
        return commands.plan(self.store, command, self.clock.now())

    async def _command(
        self,
        owner: str,
        zapp: str,
        parameters: Mapping[str, Any],
        *,
        name: str | None,
        labels: Mapping[str, str] | None = None,
        web_prefix: str = "/zoe",
    ) -> tuple[StartExecution, Mapping[str, str]]:
        rendered = self.catalog.render(zapp, parameters)
        for group in rendered.spec.groups:
            await self.backend.check(group.image, group.requires)
        nodes = await self.admission.nodes()
        command = StartExecution(
            id=new_id(),
            owner=owner,
            spec=rendered.spec,
            nodes=nodes,
            name=name,
            counts=rendered.counts,
            web_prefix=web_prefix,
            labels=labels or {},
        )
        return command, rendered.given

    async def scale(self, execution_id: str, *, group: str | None, count: int, version: int | None = None) -> Execution:
        """Change how many processes a group has."""
        await self._do(
            ScaleExecution(execution=execution_id, group=group, count=count, version=version), once=version is not None
        )
        return self.store.executions[execution_id]

    async def terminate(
        self, execution_id: str, *, reason: str = "", confirm: str | None = None, version: int | None = None
    ) -> Execution:
        """End an execution, in whatever phase it is."""
        await self._do(
            TerminateExecution(
                execution=execution_id,
                reason=because("told", words=reason) if reason else None,
                confirm=confirm,
                version=version,
            ),
            once=version is not None,
        )
        return self.store.executions[execution_id]

    def plan_scale(self, execution_id: str, *, group: str | None, count: int) -> Plan:
        """What ``scale`` would change."""
        return commands.plan(
            self.store, ScaleExecution(execution=execution_id, group=group, count=count), self.clock.now()
        )

    def plan_terminate(self, execution_id: str, *, confirm: str | None = None) -> Plan:
        """What ``terminate`` would change."""
        return commands.plan(self.store, TerminateExecution(execution=execution_id, confirm=confirm), self.clock.now())

    # --- attachments ---

    async def attach(
        self,
        owner: str,
        *,
        key: str,
        kernel: str = "",
        zapp: str | None = None,
        execution: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        language: str = "python",
        versions: Mapping[str, str] | None = None,
        web_prefix: str = "/zoe",
        reply: Callable[[Attachment, bool], Reply] | None = None,
    ) -> tuple[Attachment, bool]:
        """Bind a notebook to the execution it has, or start one. Versions are compared before anything starts.

        What a notebook has needs no shop: parameters alone are read with its help, and change only the sizes they name.

        :return: the attachment, and whether its execution existed
        :raises ZoeError: as ``attach`` in the table of operations
        """
        start: StartExecution | None = None
        given: Mapping[str, str] = {}
        counts: Mapping[str, int] = {}
        new = zapp is not None and execution is None
        if zapp is not None and new:
            zapp = self._meant(owner, key, zapp)
            counts = self._sizes(zapp, parameters) if parameters else {}
        for _ in range(RETRIES):
            if zapp is not None and new and start is None and attached(self.store, owner, key, zapp=zapp) is None:
                start, given = await self._command(
                    owner, zapp, parameters or {}, name=None, labels={"attached": "true"}, web_prefix=web_prefix
                )
            attach = Attach(
                id=new_id(),
                owner=owner,
                key=key,
                kernel=kernel,
                language=language,
                zapp=zapp,
                execution=execution,
                start=start,
                counts=counts,
            )
            plan = commands.plan(self.store, attach, self.clock.now())
            attachment = plan.attachments[0]
            bound = (
                next((each for each in plan.executions if each.id == attachment.execution), None)
                or self.store.executions[attachment.execution]
            )
            check_versions(bound.spec, language, versions or {})
            try:
                await self._commit(
                    plan, given={} if plan.found else given, replies=(reply(attachment, plan.found),) if reply else ()
                )
            except ZoeError as error:
                if error.code != "conflict":
                    raise
                continue
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
        await self._do(Detach(attachment=attachment_id, keep=keep))
        return self.store.executions[attachment.execution if attachment else ""]

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
            how=how,
            outputs=outputs,
            secrets={name: secrets[name] for name in how.secrets if name in secrets},
            addresses=tuple(self._binder.value(execution, None, {}, endpoint) for endpoint in endpoints),
        )

    async def reserved(self) -> Resources:
        """What all executions hold together."""
        return placement.reserved(self.store.active())

    # --- committing ---

    async def _do(self, command: Command, *, once: bool = False) -> Plan:
        """Plan and commit; planned anew if the records changed meanwhile, unless a certain version was meant."""
        for _ in range(RETRIES):
            plan = commands.plan(self.store, command, self.clock.now())
            try:
                await self._commit(plan)
            except ZoeError as error:
                if error.code != "conflict" or once:
                    raise
                continue
            return plan
        raise ZoeError("conflict")

    async def _commit(
        self, plan: Plan, *, given: Mapping[str, str] | None = None, replies: tuple[Reply, ...] = ()
    ) -> None:
        secrets: dict[str, Mapping[str, str]] = {}
        tokens: list[Token] = []
        for execution in plan.executions:
            if execution.version == 1:
                made, granted = self._secrets(execution, given or {})
                if made:
                    secrets[execution.id] = made
                tokens += granted
        if plan.changes or replies:
            batch = Batch(
                executions=plan.executions,
                attachments=plan.attachments,
                detached=plan.detached,
                events=plan.events,
                replies=replies,
                secrets=secrets,
                tokens=tuple(tokens),
            )
            await self.store.commit(batch)
        self.admission.changed(*(execution.id for execution in plan.executions))
        for execution in plan.executions:
            self._kick(execution.id)

    def _secrets(self, execution: Execution, given: Mapping[str, str]) -> tuple[dict[str, str], list[Token]]:
        values, tokens = dict(given), []
        for secret in execution.spec.secrets:
            if secret.source == "random":
                values[secret.name] = random.token_urlsafe(32)
            elif secret.source == "token":
                value, record = new_token(
                    execution.owner,
                    ("read", "write"),
                    self.clock.now(),
                    note=f"for {execution.name}",
                    execution=execution.id,
                )
                values[secret.name] = value
                tokens.append(record)
        return values, tokens
