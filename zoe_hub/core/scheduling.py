"""Admission: which executions may run how many processes. Pure; called by ``controllers.admission`` and
``core.commands``.

Essentials are all-or-nothing, elastic processes best effort, in order of creation (FIFO), after Pace et al., "Flexible
Scheduling of Distributed Analytic Applications" (CCGrid 2017). The head of the queue blocks those behind it and the
growth of elastic parts, so that a large application is not starved by small ones. What cannot run at all on the nodes
that there are (they were more when it was started) blocks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zoe_hub.core.model import Execution, ExecutionSpec, Group, Node, Record, Resources
from zoe_hub.core.processes import holds_place

_TINY = 1e-9  # cores are sums of decimal fractions
_BEHIND = "waits behind "


class Grant(Record, kw_only=True):
    """What an execution may run. ``granted`` None: it waits. ``reason`` says why, in words."""

    granted: Mapping[str, int] | None
    reason: str
    quiet: bool = False  # only its place in the queue is another: the record says so, the history does not


def reserved(executions: Iterable[Execution]) -> Resources:
    """What the admitted executions hold: what they are granted, and what still runs beyond that."""
    cores, memory = 0.0, 0
    for execution in executions:
        if not execution.active or execution.granted is None:
            continue
        for group in execution.spec.groups:
            staying, leaving = _live(execution, group)
            held = leaving + (staying if execution.desired == "ended" else max(staying, _granted(execution, group)))
            cores += held * group.resources.cores
            memory += held * group.resources.memory
    return Resources(cores=cores, memory=memory)


def essentials(spec: ExecutionSpec) -> Resources:
    """What the essential processes of a specification need together."""
    return Resources(
        cores=sum(group.essential * group.resources.cores for group in spec.groups),
        memory=sum(group.essential * group.resources.memory for group in spec.groups),
    )


def capacity(nodes: Iterable[Node]) -> Resources:
    """What all nodes have together."""
    nodes = tuple(nodes)
    return Resources(cores=sum(node.cores for node in nodes), memory=sum(node.memory for node in nodes))


def never_fits(spec: ExecutionSpec, nodes: tuple[Node, ...]) -> str:
    """Why the essentials of ``spec`` could not run even on empty nodes; empty if they could."""
    missing = _missing(essentials(spec), capacity(nodes), Resources(cores=0.0, memory=0))
    if missing:
        return missing
    for group in spec.groups:
        need = group.resources
        if not any(node.cores + _TINY >= need.cores and node.memory >= need.memory for node in nodes):
            return (
                f"a process of {group.name} needs {need.cores:g} cores and {_size(need.memory)}, which none of"
                f" {len(nodes)} nodes has"
            )
    return ""


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
        missing = _missing(need, total, used)
        if not never and not blocked and not missing:
            used = _plus(used, need, 1)
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
        staying, _ = _live(execution, group)
        while may_grow and granted[group.name] < wanted:
            takes_new = granted[group.name] >= staying  # what was not let go yet is in ``used`` already
            if takes_new and _missing(group.resources, total, used):
                break
            used = _plus(used, group.resources, 1 if takes_new else 0)
            granted[group.name] += 1
    if granted == dict(execution.granted or {}):
        return grant, used
    return Grant(granted=granted, reason=grant.reason if grant is not None else _says(execution, granted)), used


def _says(execution: Execution, granted: Mapping[str, int]) -> str:
    changed = [f"{name}: {count}" for name, count in granted.items() if count != (execution.granted or {}).get(name)]
    return "may now run " + ", ".join(changed)


def _live(execution: Execution, group: Group) -> tuple[int, int]:
    """How many processes of a group hold a place, and how many are on their way out; both use resources."""
    mine = [process for process in execution.processes if process.group == group.name and process.live]
    staying = sum(holds_place(process) for process in mine)
    return staying, len(mine) - staying


def _granted(execution: Execution, group: Group) -> int:
    return (execution.granted or {}).get(group.name, 0)


def _plus(used: Resources, need: Resources, times: int) -> Resources:
    return Resources(cores=used.cores + times * need.cores, memory=used.memory + times * need.memory)


def _missing(need: Resources, total: Resources, used: Resources) -> str:
    """Which resource is missing, in words; empty if none is."""
    parts = []
    if used.cores + need.cores > total.cores + _TINY:
        parts.append(
            f"{need.cores:g} cores are needed and {max(0.0, total.cores - used.cores):g} of {total.cores:g} are free"
        )
    if used.memory + need.memory > total.memory:
        parts.append(
            f"{_size(need.memory)} of memory are needed and {_size(max(0, total.memory - used.memory))} of"
            f" {_size(total.memory)} are free"
        )
    return " and ".join(parts)


def _size(memory: int) -> str:
    return f"{memory / 2**30:.1f} GiB" if memory >= 2**30 else f"{memory / 2**20:.0f} MiB"
