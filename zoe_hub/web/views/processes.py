"""Processes as the interface shows them."""

from __future__ import annotations

from zoe_hub.contract import types as t
from zoe_hub.core.executions.model import Execution, Process
from zoe_hub.core.executions.spec import Group


def process_id(group: str, index: int) -> str:
    """A process's id in the interface, unique in its execution."""
    return f"{group}-{index}"


def process_view(process: Process, group: Group) -> t.ProcessView:
    """One process."""
    return t.ProcessView(
        id=process_id(process.group, process.index),
        name=process.name,
        group=process.group,
        index=process.index,
        state=process.state,
        reason=process.reason,
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
    return next(
        (process for process in execution.processes if process_id(process.group, process.index) == identifier), None
    )
