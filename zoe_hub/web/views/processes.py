"""Processes as the interface shows them."""

from __future__ import annotations

from zoe_hub.contract.processes import ProcessView
from zoe_hub.core.executions.model import Execution, Process
from zoe_hub.core.executions.spec import Group
from zoe_hub.web.views.reasons import reason_view


def process_view(process: Process, group: Group) -> ProcessView:
    """One process."""
    return ProcessView(
        id=process.id,
        name=process.name,
        group=process.group,
        index=process.index,
        state=process.state,
        reason=reason_view(process.reason),
        since=process.since,
        started=process.started,
        ended=process.ended,
        exit_code=process.exit_code,
        starts=process.incarnation + 1,
        cores=group.resources.cores,
        memory=group.resources.memory,
    )


def find_process(execution: Execution, identifier: str) -> Process | None:
    """The process with this id in the interface."""
    return next((process for process in execution.processes if process.id == identifier), None)
