"""Translates what users and admins ask into state changes, each with its reason. Pure.

``plan(state, command, now)`` looks at the records and says which records and events would be written. The committer
(``controllers.kit.commit``) commits a plan; a dry run shows it. A command that cannot be done raises a declared error.
A capability adds its commands to ``PLANNERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from zoe_hub.core.attachments.commands import Attach, Detach, plan_attach, plan_detach
from zoe_hub.core.attachments.upkeep import (
    KeepExecution,
    ReportHolders,
    ReportWork,
    TendLeases,
    plan_keep,
    plan_report,
    plan_tend,
    plan_work,
)
from zoe_hub.core.executions.commands import (
    ScaleExecution,
    StartExecution,
    TerminateExecution,
    plan_scale,
    plan_start,
    plan_terminate,
)
from zoe_hub.core.plan import Plan, Records

Command = (
    StartExecution
    | ScaleExecution
    | TerminateExecution
    | KeepExecution
    | Attach
    | Detach
    | ReportHolders
    | ReportWork
    | TendLeases
)

PLANNERS: Mapping[type, Callable[[Records, Any, datetime], Plan]] = {
    StartExecution: plan_start,
    ScaleExecution: plan_scale,
    TerminateExecution: plan_terminate,
    Attach: plan_attach,
    Detach: plan_detach,
    KeepExecution: plan_keep,
    ReportHolders: plan_report,
    ReportWork: plan_work,
    TendLeases: plan_tend,
}
"""How each kind of command is planned."""


def plan(state: Records, command: Command, now: datetime) -> Plan:
    """The plan of a command.

    :param now: aware time in UTC
    :raises ZoeError: with the code of what stands in the way; see ``core.errors``
    """
    return PLANNERS[type(command)](state, command, now)
