"""What people can have done with attachments: each method turns a request into a command, plans it and commits the
plan. Called by ``web`` after it has checked who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from msgspec.structs import replace

from zoe_hub.backends.base import Backend
from zoe_hub.controllers.attachments.leases import ATTACHED, Leases
from zoe_hub.controllers.attachments.preflight import check_versions
from zoe_hub.controllers.executions.binding import Binder
from zoe_hub.controllers.executions.service import ExecutionService, Given, Renderer
from zoe_hub.controllers.kit.commit import RETRIES, Committer
from zoe_hub.controllers.kit.ids import new_id
from zoe_hub.core import text
from zoe_hub.core.attachments.commands import Attach, AttachHolder, Detach, attached, connects, zapp_of_holder
from zoe_hub.core.attachments.model import Attachment, ConnectionDetails
from zoe_hub.core.attachments.upkeep import ReportWork
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.commands import StartExecution, StartZApp
from zoe_hub.core.executions.model import Execution, Parent, Phase
from zoe_hub.core.executions.standing import standing
from zoe_hub.core.ids import derived_id
from zoe_hub.core.plan import Plan
from zoe_hub.core.words import words
from zoe_hub.store.base import Reply, Store


class Offers(Renderer, Protocol):
    """The part of the catalog that attachments need."""

    def attachable(self, name: str) -> str:
        """The ZApp to start for a kernel that wants to attach to ``name``, a ZApp or a framework."""


class AttachmentService:
    """Attaching kernels to executions, connecting and detaching them."""

    def __init__(
        self,
        *,
        store: Store,
        catalog: Offers,
        backend: Backend,
        executions: ExecutionService,
        leases: Leases,
        binder: Binder,
        committer: Committer,
    ) -> None:
        self._store, self._catalog, self._backend, self._executions = store, catalog, backend, executions
        self._leases, self._binder, self._committer = leases, binder, committer

    async def attach(
        self, owner: str, request: AttachHolder, reply: Callable[[Attachment, bool], Reply] | None = None
    ) -> tuple[Attachment, bool]:
        """Bind a holder to the execution it has, or start one. Versions are compared before anything starts.

        What a holder has needs no shop: parameters alone are read with its help, and change only the sizes they name.

        :return: the attachment, and whether its execution existed
        :raises ZoeError: as ``attach`` in the table of operations
        """
        reported = self._leases.holder(owner, request.kernel)
        if reported is not None:
            request = replace(request, key=reported.key, kind=reported.kind)
        counts: Mapping[str, int] = {}
        is_open = request.zapp is not None and request.execution is None  # any execution of that ZApp will do
        if request.zapp is not None and is_open:
            request = replace(request, zapp=self._zapp_meant(owner, request.key, request.zapp))
            counts = self._sizes(request)
        identifier = new_id()
        start: StartExecution | None = None
        given: Given = {}
        for _ in range(RETRIES):
            if is_open and start is None and attached(self._store, owner, request.key, zapp=request.zapp) is None:
                start, given = await self._start_for(owner, request, identifier)
            command = Attach(
                id=identifier,
                owner=owner,
                request=request,
                default=self._leases.default_policy(request.kind),
                expires=reported is not None,
                start=start,
                counts=counts,
            )
            plan = await self._committer.plan(command)
            attachment = plan.put_of(Attachment)[0]
            check_versions(self._bound(plan, attachment).spec, request.language, request.versions)
            replies = (reply(attachment, plan.found),) if reply else ()
            try:
                await self._committer.commit(plan, given={} if plan.found else given, replies=replies)
            except ZoeError as error:
                if error.code != "conflict":
                    raise
                continue
            self._leases.touch(attachment.execution)
            return attachment, plan.found
        raise ZoeError("conflict")

    def _zapp_meant(self, owner: str, key: str, name: str) -> str:
        """The ZApp that a kernel means, which may be one that the shop has no more and the holder still has."""
        try:
            return self._catalog.attachable(name)
        except ZoeError:
            zapp = zapp_of_holder(self._store, owner, key, name)
            if zapp is None:
                raise
            return zapp

    def _sizes(self, request: AttachHolder) -> Mapping[str, int]:
        """The sizes that parameters ask for in so many words; the others stay as they are."""
        if request.zapp is None or not request.parameters:
            return {}
        rendered = self._catalog.render(request.zapp, request.parameters)
        return {
            group.name: rendered.counts[group.name]
            for group in rendered.spec.scalable()
            if group.name in rendered.sized
        }

    def unapplied(self, request: AttachHolder, execution: Execution) -> tuple[str, ...]:
        """The parameters that a request asks for and that its execution, which was there already, has otherwise.
        Sizes are not among them if they were asked for of a ZApp: those are changed.
        """
        asked, sizing = request.parameters, frozenset[str]()
        with suppress(ZoeError):  # the shop may have the ZApp no more
            rendered = self._catalog.render(execution.spec.zapp, request.parameters)
            known = rendered.spec.parameters  # without secrets
            asked = {name: known[name] for name in request.parameters if name in known}
            sizing = rendered.sizing if request.zapp is not None else sizing
        has = execution.spec.parameters
        return tuple(name for name, value in asked.items() if name not in sizing and has.get(name) != value)

    async def _start_for(self, owner: str, request: AttachHolder, attachment: str) -> tuple[StartExecution, Given]:
        """What is started for an attachment, if its holder has nothing of the kind."""
        start = StartZApp(
            zapp=request.zapp or "",
            parameters=request.parameters,
            labels={ATTACHED: "true"},
            web_prefix=request.web_prefix,
        )
        parent = Parent(kind="attachment", id=attachment)
        return await self._executions.rendered(owner, start, parent, derived_id("execution", attachment))

    def _bound(self, plan: Plan, attachment: Attachment) -> Execution:
        """The execution that a plan binds an attachment to, as it will be."""
        planned = (each for each in plan.put_of(Execution) if each.id == attachment.execution)
        return next(planned, None) or self._store.executions[attachment.execution]

    async def detach(self, command: Detach) -> Execution:
        """Undo an attachment; its execution ends unless it is kept or used by another holder.

        :raises ZoeError: ``unknown-attachment``
        """
        attachment = self._attachment(command.attachment)
        await self._committer.do(command)
        return await self._executions.execution(attachment.execution)

    async def report_work(self, command: ReportWork) -> None:
        """Have the history say which cells have queries.

        :raises ZoeError: ``unknown-attachment``
        """
        await self._committer.do(command)

    def connection(self, identifier: str) -> ConnectionDetails:
        """What the kernel of an attachment needs to connect.

        :raises ZoeError: ``unknown-attachment``, ``already-ended``, ``not-ready``, ``not-attachable``
        """
        attachment = self._attachment(identifier)
        execution = self._store.executions[attachment.execution]
        if execution.desired == "ended":
            raise ZoeError("already-ended", f"{execution.name} has ended: {words(execution.reason)}")
        if execution.phase is not Phase.RUNNING:
            reason = standing(execution, self._executions.place(execution))
            raise ZoeError("not-ready", f"{execution.name} is {execution.phase.value}: {words(reason)}")
        how = connects(execution, attachment.language)
        secrets = self._store.secrets(execution.id)
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
            listeners=tuple(sorted(self._backend.listeners())),
        )

    def _attachment(self, identifier: str) -> Attachment:
        attachment = self._store.attachments.get(identifier)
        if attachment is None:
            raise ZoeError("unknown-attachment", f"There is no attachment {identifier!r}.")
        return attachment
