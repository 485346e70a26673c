"""First in, first out: the policy of admission. Pure; called by ``controllers.executions.admission``.

Essentials are all-or-nothing, elastic processes best effort, in order of creation (FIFO), after Pace et al., "Flexible
Scheduling of Distributed Analytic Applications" (CCGrid 2017). The head of the queue blocks those behind it and the
growth of elastic parts, so that a large application is not starved by small ones. What cannot run at all on the nodes
that there are (they were more when it was started) blocks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping

from zoe_hub.core.executions.model import Execution
from zoe_hub.core.executions.resources import capacity, essentials, live_counts, plus, shortage
from zoe_hub.core.executions.spec import Resources
from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.scheduling.policy import Grant
from zoe_hub.core.scheduling.queue import Queue


def admit(queue: Queue) -> dict[str, Grant]:
    """The grants that change now, by execution. Looks at those that can start, the one behind them, and those that are
    granted another number of processes than they want.
    """
    total, used = capacity(queue.nodes), queue.used()
    grants = {each: Grant(granted=None, reason=reason) for each, reason in queue.untold.items()}
    started: list[Execution] = []
    blocked = False
    for execution in queue.waiting:
        need = essentials(execution.spec)
        missing = shortage(need, total, used)
        if missing is not None:
            blocked = True
            reason = because("queued-for-resources", missing=missing, nodes=len(queue.nodes))
            grants.pop(execution.id, None)
            if reason != execution.reason:
                grants[execution.id] = Grant(granted=None, reason=reason)
            break
        used = plus(used, need, 1)
        started.append(execution)
        grants[execution.id] = Grant(
            granted={group.name: group.essential for group in execution.spec.groups}, reason=because("admitted")
        )
    for execution in (*queue.uneven, *started):
        grown, used = _elastic(execution, grants.get(execution.id), total, used, may_grow=not blocked)
        if grown is not None:
            grants[execution.id] = grown
    return grants


def _elastic(
    execution: Execution, grant: Grant | None, total: Resources, used: Resources, *, may_grow: bool
) -> tuple[Grant | None, Resources]:
    """Grow or shrink the elastic part of an admitted execution towards what it wants."""
    before = grant.granted if grant is not None else execution.granted
    if before is None:
        return None, used
    granted = dict(before)
    for group in execution.spec.groups:
        wanted = execution.counts.get(group.name, group.count)
        granted[group.name] = min(granted.get(group.name, 0), wanted)
        staying, _ = live_counts(execution, group)
        while may_grow and granted[group.name] < wanted:
            takes_new = granted[group.name] >= staying  # what was not let go yet is in ``used`` already
            if takes_new and shortage(group.resources, total, used) is not None:
                break
            used = plus(used, group.resources, 1 if takes_new else 0)
            granted[group.name] += 1
    if granted == dict(execution.granted or {}):
        return grant, used
    return Grant(granted=granted, reason=grant.reason if grant is not None else _granted(execution, granted)), used


def _granted(execution: Execution, granted: Mapping[str, int]) -> Reason:
    changed = tuple(
        because("group-granted", group=name, count=count)
        for name, count in granted.items()
        if count != (execution.granted or {}).get(name)
    )
    return because("granted", groups=changed)
