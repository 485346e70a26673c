"""Executions: started, listed, looked at, scaled, ended, and their history."""

from __future__ import annotations

import msgspec

from zoe_hub.contract.executions import ExecutionQuery, ScaleRequest, TerminateRequest
from zoe_hub.contract.table import PREFIX
from zoe_hub.core.access import sees_only
from zoe_hub.core.errors import FieldError, ZoeError
from zoe_hub.core.executions.commands import ScaleExecution, StartZApp, TerminateExecution
from zoe_hub.core.executions.model import Execution, Phase
from zoe_hub.core.reasons import because
from zoe_hub.store.base import Filter
from zoe_hub.web.call import REPLAYED, Answer, Call, bind, whole
from zoe_hub.web.views.executions import execution_view


def _etag(version: int) -> str:
    return f'"{version}"'


def shown(call: Call, execution: Execution) -> Answer:
    """An execution as it is, with its version."""
    return Answer(call.hub.views.execution(execution), headers={"ETag": _etag(execution.version)})


@bind("start_execution")
async def start_execution(call: Call) -> Answer:
    """Start a ZApp. The answer shows it as it was made, so that it is the same each time the request is repeated."""
    if earlier := await call.replied():
        return Answer(earlier.body, earlier.status, REPLAYED)
    execution = await call.hub.executions.start(
        call.principal.name,
        whole(call.body, StartZApp),
        reply=(lambda made: call.reply(msgspec.json.encode(execution_view(made)))) if call.key else None,
    )
    headers = {"ETag": _etag(execution.version), "Location": f"{PREFIX}/executions/{execution.id}"}
    return Answer(msgspec.json.encode(execution_view(execution)), headers=headers)


@bind("list_executions")
async def list_executions(call: Call) -> Answer:
    """A page of what the caller may see, newest first."""
    query: ExecutionQuery = call.query
    only = sees_only(call.principal)
    owner = query.owner if only is None else only
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
    known = call.transport.headers.get("If-None-Match", "")
    etag = _etag(call.execution.version)
    queued = call.hub.views.place(call.execution) is not None  # its place changes without a new version
    if known and not queued and etag in [each.strip().removeprefix("W/") for each in known.split(",")]:
        return Answer(b"", 304, {"ETag": etag})
    return shown(call, call.execution)


@bind("scale_execution")
async def scale_execution(call: Call) -> Answer:
    """Change the size of a group."""
    body: ScaleRequest = call.body
    command = ScaleExecution(execution=call.execution.id, group=body.group, count=body.count, version=call.version)
    return shown(call, await call.hub.executions.scale(command))


@bind("terminate_execution")
async def terminate_execution(call: Call) -> Answer:
    """End an execution."""
    body: TerminateRequest = call.body
    command = TerminateExecution(
        execution=call.execution.id,
        reason=because("told", words=body.reason) if body.reason else None,
        confirm=body.confirm,
        version=call.version,
    )
    return shown(call, await call.hub.executions.terminate(command))
