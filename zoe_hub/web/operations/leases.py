"""Leases: who is there, and keeping what nobody uses."""

from __future__ import annotations

from zoe_hub.contract.leases import KeepRequest, LeaseReport, LeaseTerms
from zoe_hub.core.attachments.upkeep import ReportedHolder, ReportHolders
from zoe_hub.web.call import Answer, Call, bind
from zoe_hub.web.operations.executions import shown


@bind("report_holders")
async def report_holders(call: Call) -> LeaseTerms:
    """Take in who is there."""
    body: LeaseReport = call.body
    leases = call.hub.leases
    await leases.report(
        ReportHolders(
            owner=call.principal.name,
            holders=tuple(
                ReportedHolder(kernel=each.kernel, kind=each.kind, key=each.key, busy=each.busy)
                for each in body.holders
            ),
            moved=tuple((each.source, each.target) for each in body.moved),
            deleted=body.deleted,
        )
    )
    return LeaseTerms(ttl=leases.ttl)


@bind("keep_execution")
async def keep_execution(call: Call) -> Answer:
    """Keep an execution."""
    body: KeepRequest = call.body
    await call.hub.leases.keep(call.execution.id, call.principal.name, body.seconds)
    return shown(call, call.hub.store.executions[call.execution.id])
