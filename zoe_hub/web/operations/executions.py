"""Executions, processes, attachments and plans: checks what only a handler can, calls the service, shows the result."""

from __future__ import annotations

import msgspec

from zoe_hub.contract import types as t
from zoe_hub.contract.operations import PREFIX
from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.errors import FieldError, ZoeError
from zoe_hub.core.executions.model import Execution, Phase
from zoe_hub.core.plan import Plan
from zoe_hub.store.base import Filter
from zoe_hub.web.call import Answer, Call, bind
from zoe_hub.web.views import attachment_view, event_view, execution_view, find_process, process_view, reason_view

REPLAYED = {"Idempotency-Replayed": "true"}

# --- executions ----------------------------------------------------------------------------------------------------


def _etag(version: int) -> str:
    return f'"{version}"'


def _shown(call: Call, execution: Execution) -> Answer:
    return Answer(call.hub.views.execution(execution), headers={"ETag": _etag(execution.version)})


@bind("start_execution")
async def start_execution(call: Call) -> Answer:
    """Start a ZApp. The answer shows it as it was made, so that it is the same each time the request is repeated."""
    if earlier := await call.replied():
        return Answer(earlier.body, earlier.status, REPLAYED)
    body: t.StartRequest = call.body
    execution = await call.hub.service.start(
        call.principal.name,
        zapp=body.zapp,
        name=body.name,
        parameters=body.parameters,
        labels=body.labels,
        web_prefix=body.web_prefix,
        reply=(lambda made: call.reply(msgspec.json.encode(execution_view(made)))) if call.key else None,
    )
    headers = {"ETag": _etag(execution.version), "Location": f"{PREFIX}/executions/{execution.id}"}
    return Answer(msgspec.json.encode(execution_view(execution)), headers=headers)


@bind("list_executions")
async def list_executions(call: Call) -> Answer:
    """A page of what the caller may see, newest first."""
    query: t.ExecutionQuery = call.query
    owner = query.owner if call.principal.admin else call.principal.name
    active = query.active if query.phase is None else query.phase is not Phase.ENDED
    if query.owner not in (None, owner) or query.active not in (None, active):  # nobody's, or contradictory
        return Answer(call.hub.views.page((), None))
    # An ended execution has no other phase, so only that of an active one has to be looked at.
    phase = query.phase if active else None
    equal = {"owner": owner, "zapp": query.zapp, "name": query.name, "phase": phase}
    wanted = Filter(
        active=active,
        equal={name: str(value) for name, value in equal.items() if value is not None},
        label=query.label or None,
    )
    page = await call.hub.store.page(Execution, wanted, before=_before(query.cursor), limit=query.limit)
    return Answer(call.hub.views.page(page.items, None if page.next is None else str(page.next)))


def _before(cursor: str | None) -> int | None:
    """Where a page begins. Its cursor is the place, in the order of creation, of the last execution before it."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise ZoeError(
            "bad-parameter",
            "The cursor is not one that the hub gave out.",
            (FieldError(path="/cursor", message="is not a cursor"),),
        )
    return int(cursor)


@bind("get_execution")
async def get_execution(call: Call) -> Answer:
    """One execution; 304 if the client has this version."""
    assert call.execution is not None
    known = call.handler.request.headers.get("If-None-Match", "")
    etag = _etag(call.execution.version)
    queued = call.hub.views.place(call.execution) is not None  # its place changes without a new version
    if known and not queued and etag in [each.strip().removeprefix("W/") for each in known.split(",")]:
        return Answer(b"", 304, {"ETag": etag})
    return _shown(call, call.execution)


@bind("scale_execution")
async def scale_execution(call: Call) -> Answer:
    """Change the size of a group."""
    assert call.execution is not None
    return _shown(
        call,
        await call.hub.service.scale(
            call.execution.id, group=call.body.group, count=call.body.count, version=call.version
        ),
    )


@bind("terminate_execution")
async def terminate_execution(call: Call) -> Answer:
    """End an execution."""
    assert call.execution is not None
    body: t.TerminateRequest = call.body
    return _shown(
        call,
        await call.hub.service.terminate(
            call.execution.id, reason=body.reason, confirm=body.confirm, version=call.version
        ),
    )


@bind("get_history")
async def get_history(call: Call) -> t.EventPage:
    """What happened to an execution."""
    assert call.execution is not None
    query: t.HistoryQuery = call.query
    events = await call.hub.store.events(since=query.since, limit=query.limit + 1, execution=call.execution.id)
    page = events[: query.limit]
    return t.EventPage(items=tuple(map(event_view, page)), next=page[-1].seq if len(events) > query.limit else None)


# --- processes -----------------------------------------------------------------------------------------------------


@bind("list_processes")
async def list_processes(call: Call) -> t.Processes:
    """The processes of an execution."""
    assert call.execution is not None
    return t.Processes(items=execution_view(call.execution).processes)


@bind("get_process")
async def get_process(call: Call) -> t.ProcessView:
    """One process."""
    assert call.execution is not None
    process = find_process(call.execution, call.path["process"])
    if process is None:
        raise ZoeError("unknown-process", f"{call.execution.name} has no process {call.path['process']!r}.")
    return process_view(process, call.execution.spec.group(process.group))


# --- attachments ---------------------------------------------------------------------------------------------------


@bind("attach")
async def attach(call: Call) -> Answer:
    """Bind a notebook. A repeated request is answered with the same attachment as it is now."""
    if earlier := await call.replied():
        attachment = await call.own_attachment(earlier.body.decode())
        return await _attached(call, attachment, found=True, status=earlier.status)
    body: t.AttachRequest = call.body
    if body.execution is not None:
        await call.own_execution(body.execution)
    attachment, found = await call.hub.service.attach(
        call.principal.name,
        key=body.key,
        kernel=body.kernel,
        zapp=body.zapp,
        execution=body.execution,
        parameters=body.parameters,
        language=body.language,
        versions=body.versions,
        web_prefix=body.web_prefix,
        reply=(lambda made, _: call.reply(made.id.encode())) if call.key else None,
    )
    return await _attached(call, attachment, found=found)


async def _attached(call: Call, attachment: Attachment, *, found: bool, status: int | None = None) -> Answer:
    execution = await call.hub.service.execution(attachment.execution)  # which may have ended since
    view = _view(call, attachment, execution, found=found)
    headers = {"Location": f"{PREFIX}/attachments/{attachment.id}"}
    return Answer(msgspec.json.encode(view), status, headers if status is None else headers | REPLAYED)


def _view(call: Call, attachment: Attachment, execution: Execution, *, found: bool) -> t.AttachmentView:
    return attachment_view(attachment, execution, call.hub.views.place(execution), found=found)


@bind("list_attachments")
async def list_attachments(call: Call) -> t.Attachments:
    """The caller's own attachments."""
    query: t.AttachmentQuery = call.query
    store = call.hub.store
    own = [
        attachment
        for attachment in store.attachments.values()
        if attachment.owner == call.principal.name
        and query.key in (None, attachment.key)
        and query.execution in (None, attachment.execution)
    ]
    return t.Attachments(items=tuple(_view(call, each, store.executions[each.execution], found=True) for each in own))


@bind("get_attachment")
async def get_attachment(call: Call) -> t.AttachmentView:
    """One attachment."""
    assert call.attachment is not None
    execution = await call.hub.service.execution(call.attachment.execution)
    return _view(call, call.attachment, execution, found=True)


@bind("get_connection")
async def get_connection(call: Call) -> t.Connection:
    """What the kernel needs; holds secrets."""
    assert call.attachment is not None
    return call.hub.service.connection(call.attachment.id)


@bind("detach")
async def detach(call: Call) -> Answer:
    """Undo an attachment."""
    assert call.attachment is not None
    return Answer(call.hub.views.execution(await call.hub.service.detach(call.attachment.id, keep=call.query.keep)))


# --- plans ---------------------------------------------------------------------------------------------------------


@bind("plan")
async def plan(call: Call) -> t.PlanView:
    """What a command would change."""
    body: t.PlanRequest = call.body
    service = call.hub.service
    given = [name for name in ("start", "scale", "terminate") if getattr(body, name) is not None]
    if len(given) != 1:
        raise _wrong("", "exactly one of 'start', 'scale' and 'terminate' must be given")
    if body.start is not None:
        if body.execution is not None:
            raise _wrong("/execution", "does not go with 'start'")
        return _planned(
            await service.plan_start(
                call.principal.name, zapp=body.start.zapp, parameters=body.start.parameters, name=body.start.name
            )
        )
    if body.execution is None:
        raise _wrong("/execution", f"is missing: {given[0]!r} needs it")
    execution = await call.own_execution(body.execution)
    if body.scale is not None:
        return _planned(await service.plan_scale(execution.id, group=body.scale.group, count=body.scale.count))
    assert body.terminate is not None
    return _planned(await service.plan_terminate(execution.id, confirm=body.terminate.confirm))


def _wrong(path: str, message: str) -> ZoeError:
    return ZoeError(
        "bad-parameter",
        f"Wrong in the body: {path and path + ': '}{message}.",
        (FieldError(path=path, message=message),),
    )


def _planned(planned: Plan) -> t.PlanView:
    return t.PlanView(
        command=planned.command,
        changes=tuple(t.Change(what=change.what, reason=reason_view(change.reason)) for change in planned.changes),
    )
