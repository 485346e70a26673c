"""Executions: started, listed, looked at, scaled, ended, and their history."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec

from zoe_hub.contract.executions import ExecutionQuery, ScaleRequest, StartRequest, TerminateRequest
from zoe_hub.contract.table import PREFIX
from zoe_hub.core.errors import FieldError, ZoeError
from zoe_hub.core.executions.commands import ScaleExecution, StartZApp, TerminateExecution
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.reasons import because
from zoe_hub.web.call import REPLAYED, Answer, Call, bind
from zoe_hub.web.views.executions import execution_view


def _etag(version: int) -> str:
    return f'"{version}"'


def shown(call: Call, execution: Execution) -> Answer:
    """An execution as it is, with its version."""
    return Answer(call.hub.views.execution(execution), headers={"ETag": _etag(execution.version)})


@bind("start_execution")
async def start_execution(call: Call) -> Answer:
    """Start a ZApp. The answer shows it as it was made, so that it is the same each time the request is repeated."""
    if earlier := call.replied():
        return Answer(earlier.body, earlier.status, REPLAYED)
    body: StartRequest = call.body
    execution = await call.hub.executions.start(
        call.principal.name,
        msgspec.convert(body, StartZApp, from_attributes=True),
        reply=(lambda made: call.reply(msgspec.json.encode(execution_view(made)))) if call.key else None,
    )
    headers = {"ETag": _etag(execution.version), "Location": f"{PREFIX}/executions/{execution.id}"}
    return Answer(msgspec.json.encode(execution_view(execution)), headers=headers)


@bind("list_executions")
async def list_executions(call: Call) -> Answer:
    """A page of what the caller may see, newest first."""
    query: ExecutionQuery = call.query
    store = call.hub.store
    everything = tuple(store.active()) if query.active else tuple(store.executions.values())
    newest_first: Iterator[Execution] = reversed(everything)
    if query.cursor is not None:
        listed = {
            execution.id for execution in everything
        }  # the one that the cursor names may have left the list meanwhile
        newest_first = _after(query.cursor, newest_first, known=listed.__contains__)
    wanted = _filter(call, query)
    page: list[Execution] = []
    following = None
    for execution in newest_first:
        if wanted(execution):
            if len(page) == query.limit:
                following = _cursor(page[-1])
                break
            page.append(execution)
    return Answer(call.hub.views.page(page, following))


def _filter(call: Call, query: ExecutionQuery) -> Callable[[Execution], bool]:
    owner = query.owner if call.principal.admin else call.principal.name
    nothing = not call.principal.admin and query.owner not in (None, owner)
    key, has_value, value = (query.label or "").partition("=")

    def wanted(execution: Execution) -> bool:
        return (
            not nothing
            and (owner is None or execution.owner == owner)
            and (query.phase is None or execution.phase is query.phase)
            and (query.active is None or execution.active is query.active)
            and (query.zapp is None or execution.spec.zapp == query.zapp)
            and (query.name is None or execution.name == query.name)
            and (not key or (key in execution.labels and (not has_value or execution.labels[key] == value)))
        )

    return wanted


def _cursor(execution: Execution) -> str:
    """Names the last execution of a page: new ones come before it, so nothing is shown twice or left out."""
    return base64.urlsafe_b64encode(f"{execution.created.isoformat()} {execution.id}".encode()).decode().rstrip("=")


def _after(cursor: str, newest_first: Iterator[Execution], known: Callable[[str], bool]) -> Iterator[Execution]:
    try:
        created, identifier = (
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode().split(" ")
        )
        moment = datetime.fromisoformat(created)
        if moment.tzinfo is None:
            raise ValueError
    except ValueError:
        raise ZoeError(
            "bad-parameter",
            "The cursor is not one that the hub gave out.",
            (FieldError(path="/cursor", message="is not a cursor"),),
        ) from None
    return _continue(identifier, moment, newest_first, present=known(identifier))


def _continue(
    identifier: str, moment: datetime, newest_first: Iterator[Execution], *, present: bool
) -> Iterator[Execution]:
    reached = False
    for execution in newest_first:
        if reached:
            yield execution
        elif execution.id == identifier:
            reached = True
        elif execution.created < moment and not present:  # the one that was named is gone
            reached = True
            yield execution


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
