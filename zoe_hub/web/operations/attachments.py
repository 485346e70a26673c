"""Attachments: notebooks bound to executions."""

from __future__ import annotations

import msgspec

from zoe_hub.contract.attachments import (
    AttachmentList,
    AttachmentQuery,
    AttachmentView,
    AttachRequest,
    ConnectionView,
    WorkReport,
)
from zoe_hub.contract.table import PREFIX
from zoe_hub.controllers.attachments.former import last_held
from zoe_hub.core.attachments.commands import AttachHolder, Detach
from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.attachments.upkeep import ReportWork
from zoe_hub.web.call import REPLAYED, Answer, Call, bind, whole
from zoe_hub.web.views.attachments import attachment_view, connection_view
from zoe_hub.web.views.executions import execution_view


@bind("attach")
async def attach(call: Call) -> Answer:
    """Bind a notebook. A repeated request is answered with the same attachment as it is now."""
    if earlier := await call.replied():
        attachment = await call.own_attachment(earlier.body.decode())
        return await _attached(call, attachment, found=True, status=earlier.status)
    body: AttachRequest = call.body
    if body.execution is not None:
        await call.own_execution(body.execution)
    request = whole(body, AttachHolder)
    attachment, found = await call.hub.attachments.attach(
        call.principal.name,
        request,
        reply=(lambda made, _: call.reply(made.id.encode())) if call.key else None,
    )
    return await _attached(call, attachment, found=found, request=request if found else None)


async def _attached(
    call: Call, attachment: Attachment, *, found: bool, status: int | None = None, request: AttachHolder | None = None
) -> Answer:
    view = await _view(call, attachment, found=found, request=request)
    headers = {"Location": f"{PREFIX}/attachments/{attachment.id}"}
    return Answer(msgspec.json.encode(view), status, headers if status is None else headers | REPLAYED)


async def _view(
    call: Call, attachment: Attachment, *, found: bool, request: AttachHolder | None = None
) -> AttachmentView:
    execution = await call.hub.executions.execution(attachment.execution)  # which may have ended by now
    unapplied = call.hub.attachments.unapplied(request, execution) if request is not None else ()
    place = call.hub.views.place(execution)
    return attachment_view(attachment, execution, place, found=found, unapplied=unapplied)


@bind("list_attachments")
async def list_attachments(call: Call) -> AttachmentList:
    """The caller's own attachments."""
    query: AttachmentQuery = call.query
    store = call.hub.store
    reported = call.hub.leases.holder(call.principal.name, query.kernel or "")
    key = reported.key if reported else query.key
    own = [
        attachment
        for attachment in store.attachments.values()
        if attachment.owner == call.principal.name
        and key in (None, attachment.key)
        and query.execution in (None, attachment.execution)
    ]
    items = tuple([await _view(call, each, found=True) for each in own])
    former = await last_held(store, call.principal.name, key) if key and not items and query.execution is None else None
    return AttachmentList(items=items, former=execution_view(former) if former else None)


@bind("get_attachment")
async def get_attachment(call: Call) -> AttachmentView:
    """One attachment."""
    return await _view(call, call.attachment, found=True)


@bind("get_connection")
async def get_connection(call: Call) -> ConnectionView:
    """What the kernel needs; holds secrets."""
    return connection_view(call.hub.attachments.connection(call.attachment.id))


@bind("report_work")
async def report_work(call: Call) -> AttachmentView:
    """One event for all that is reported."""
    body: WorkReport = call.body
    await call.hub.attachments.report_work(ReportWork(attachment=call.attachment.id, cells=body.cells))
    return await _view(call, call.attachment, found=True)


@bind("detach")
async def detach(call: Call) -> Answer:
    """Undo an attachment."""
    command = Detach(attachment=call.attachment.id, keep=call.query.keep)
    return Answer(call.hub.views.execution(await call.hub.attachments.detach(command)))
