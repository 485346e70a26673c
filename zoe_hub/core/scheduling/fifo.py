"""Admission: which executions may run how many processes. Pure; called by ``controllers.executions.admission`` and
``core.commands``.

Essentials are all-or-nothing, elastic processes best effort, in order of creation (FIFO), after Pace et al., "Flexible
Scheduling of Distributed Analytic Applications" (CCGrid 2017). The head of the queue blocks those behind it and the
growth of elastic parts, so that a large application is not starved by small ones. What cannot run at all on the nodes
that there are (they were more when it was started) blocks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zoe_hub.core.executions.model import Execution
from zoe_hub.core.executions.spec import Resources
from zoe_hub.core.record import Record
from zoe_hub.core.scheduling.nodes import Node
from zoe_hub.core.scheduling.placement import capacity, essentials, live_counts, never_fits, plus, reserved, shortage

_BEHIND = "waits behind "


class Grant(Record, kw_only=True):
    """What an execution may run. ``granted`` None: it waits. ``reason`` says why, in words."""

    granted: Mapping[str, int] | None
    reason: str
    quiet: bool = False  # only its place in the queue is another: the record says so, the history does not


def admit(executions: Iterable[Execution], nodes: tuple[Node, ...]) -> dict[str, Grant]:
    """The grants that change now, by execution.

    :param executions: those that have not ended, in order of creation
    :param nodes: the machines, with what processes may use of them altogether
    """
    active = [execution for execution in executions if execution.active]
    total, used = capacity(nodes), reserved(active)
    grants: dict[str, Grant] = {}
    position, blocked = 0, ""
    for execution in active:
        if execution.granted is not None or execution.desired == "ended":
            continue
        never = never_fits(execution.spec, nodes)
        need = essentials(execution.spec)
        missing = shortage(need, total, used)
        if not never and not blocked and not missing:
            used = plus(used, need, 1)
            grants[execution.id] = Grant(
                granted={group.name: group.essential for group in execution.spec.groups},
                reason="admitted: its essential processes fit",
            )
            continue
        if never:
            reason = f"queued until there are other nodes: {never}"
        else:
            position += 1
            why = f"{_BEHIND}{blocked}" if blocked else f"{missing} on {len(nodes)} node{'s' * (len(nodes) != 1)}"
            reason = f"queued at position {position}: {why}"
            blocked = blocked or execution.name
        if reason != execution.reason:
            grants[execution.id] = Grant(
                granted=None, reason=reason, quiet=_BEHIND in reason and _BEHIND in execution.reason
            )
    for execution in active:
        grown, used = _elastic(execution, grants.get(execution.id), total, used, may_grow=not blocked)
        if grown is not None:
            grants[execution.id] = grown
    return grants


def _elastic(
    execution: Execution, grant: Grant | None, total: Resources, used: Resources, *, may_grow: bool
) -> tuple[Grant | None, Resources]:
    """Grow or shrink the elastic part of an admitted execution towards what it wants."""
    before = grant.granted if grant is not None else execution.granted
    if before is None or execution.desired == "ended":
        return None, used
    granted = dict(before)
    for group in execution.spec.groups:
        wanted = execution.counts.get(group.name, group.count)
        granted[group.name] = min(granted.get(group.name, 0), wanted)
        staying, _ = live_counts(execution, group)
        while may_grow and granted[group.name] < wanted:
            takes_new = granted[group.name] >= staying  # what was not let go yet is in ``used`` already
            if takes_new and shortage(group.resources, total, used):
                break
            used = plus(used, group.resources, 1 if takes_new else 0)
            granted[group.name] += 1
    if granted == dict(execution.granted or {}):
        return grant, used
    return Grant(granted=granted, reason=grant.reason if grant is not None else _says(execution, granted)), used


def _says(execution: Execution, granted: Mapping[str, int]) -> str:
    changed = [f"{name}: {count}" for name, count in granted.items() if count != (execution.granted or {}).get(name)]
    return "may now run " + ", ".join(changed)
