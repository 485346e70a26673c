"""Plans: what a command would change, without doing it."""

from __future__ import annotations

from zoe_hub.contract.plans import ChangeView, PlanRequest, PlanView
from zoe_hub.core.errors import FieldError, ZoeError
from zoe_hub.core.executions.commands import ScaleExecution, StartZApp, TerminateExecution
from zoe_hub.core.plan import Plan
from zoe_hub.web.call import Call, bind, whole
from zoe_hub.web.views.reasons import reason_view


@bind("plan")
async def plan(call: Call) -> PlanView:
    """What a command would change."""
    body: PlanRequest = call.body
    service = call.hub.executions
    given = [name for name in ("start", "scale", "terminate") if getattr(body, name) is not None]
    if len(given) != 1:
        raise _wrong("", "exactly one of 'start', 'scale' and 'terminate' must be given")
    if body.start is not None:
        if body.execution is not None:
            raise _wrong("/execution", "does not go with 'start'")
        return _planned(await service.plan_start(call.principal.name, whole(body.start, StartZApp)))
    if body.execution is None:
        raise _wrong("/execution", f"is missing: {given[0]!r} needs it")
    execution = await call.own_execution(body.execution)
    if body.scale is not None:
        return _planned(
            await service.plan(ScaleExecution(execution=execution.id, group=body.scale.group, count=body.scale.count))
        )
    assert body.terminate is not None
    return _planned(await service.plan(TerminateExecution(execution=execution.id, confirm=body.terminate.confirm)))


def _wrong(path: str, message: str) -> ZoeError:
    return ZoeError(
        "bad-parameter",
        f"Wrong in the body: {path and path + ': '}{message}.",
        (FieldError(path=path, message=message),),
    )


def _planned(planned: Plan) -> PlanView:
    return PlanView(
        command=planned.command,
        changes=tuple(
            ChangeView(what=reason_view(change.what), reason=reason_view(change.reason)) for change in planned.changes
        ),
    )
