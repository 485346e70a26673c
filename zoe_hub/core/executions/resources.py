"""What executions hold, what they need, and what the nodes have. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from zoe_hub.core.executions.model import Execution
from zoe_hub.core.executions.processes import holds_place
from zoe_hub.core.executions.spec import ExecutionSpec, Group, Resources
from zoe_hub.core.nodes import Node
from zoe_hub.core.reasons import Reason, because

TINY = 1e-9  # cores are sums of decimal fractions


def reserved(executions: Iterable[Execution]) -> Resources:
    """What the admitted executions hold together."""
    return total(map(held, executions))


def held(execution: Execution) -> Resources:
    """What an execution holds: what it is granted, and what still runs beyond that; nothing if it was not admitted."""
    cores, memory = 0.0, 0
    if execution.active and execution.granted is not None:
        for group in execution.spec.groups:
            staying, leaving = live_counts(execution, group)
            count = leaving + (
                staying if execution.desired == "ended" else max(staying, granted_count(execution, group))
            )
            cores += count * group.resources.cores
            memory += count * group.resources.memory
    return Resources(cores=cores, memory=memory)


def total(parts: Iterable[Resources]) -> Resources:
    """Resources added up. Cores exactly as far as floats allow, whatever the order."""
    parts = tuple(parts)
    return Resources(cores=math.fsum(part.cores for part in parts), memory=sum(part.memory for part in parts))


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


def never_fits(spec: ExecutionSpec, nodes: tuple[Node, ...]) -> Reason | None:
    """Why the essentials of ``spec`` could not run even on empty nodes; None if they could."""
    missing = shortage(essentials(spec), capacity(nodes), Resources(cores=0.0, memory=0))
    if missing is not None:
        return missing
    for group in spec.groups:
        need = group.resources
        if not any(node.cores + TINY >= need.cores and node.memory >= need.memory for node in nodes):
            return because("nodes-too-small", group=group.name, cores=need.cores, memory=need.memory)
    return None


def live_counts(execution: Execution, group: Group) -> tuple[int, int]:
    """How many processes of a group hold a place, and how many are on their way out; both use resources."""
    mine = [process for process in execution.processes if process.group == group.name and process.live]
    staying = sum(holds_place(process) for process in mine)
    return staying, len(mine) - staying


def granted_count(execution: Execution, group: Group) -> int:
    """How many processes of a group may run."""
    return (execution.granted or {}).get(group.name, 0)


def plus(used: Resources, need: Resources, times: int) -> Resources:
    """``used`` and ``times`` what is needed."""
    return Resources(cores=used.cores + times * need.cores, memory=used.memory + times * need.memory)


def shortage(need: Resources, total: Resources, used: Resources) -> Reason | None:
    """Which resource is missing; None if none is."""
    cores = memory = None
    if used.cores + need.cores > total.cores + TINY:
        cores = because(
            "cores-missing",
            needed=need.cores,
            free=round(max(0.0, total.cores - used.cores), 6),
            total=total.cores,
        )
    if used.memory + need.memory > total.memory:
        memory = because(
            "memory-missing", needed=need.memory, free=max(0, total.memory - used.memory), total=total.memory
        )
    return because("cores-and-memory-missing", cores=cores, memory=memory) if cores and memory else cores or memory
