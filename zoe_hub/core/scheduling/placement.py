"""What executions hold, what they need, and what the nodes have. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from zoe_hub.core.executions.model import Execution
from zoe_hub.core.executions.processes import holds_place
from zoe_hub.core.executions.spec import ExecutionSpec, Group, Resources
from zoe_hub.core.scheduling.nodes import Node

TINY = 1e-9  # cores are sums of decimal fractions


def reserved(executions: Iterable[Execution]) -> Resources:
    """What the admitted executions hold: what they are granted, and what still runs beyond that."""
    cores, memory = 0.0, 0
    for execution in executions:
        if not execution.active or execution.granted is None:
            continue
        for group in execution.spec.groups:
            staying, leaving = live_counts(execution, group)
            held = leaving + (
                staying if execution.desired == "ended" else max(staying, granted_count(execution, group))
            )
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
    missing = shortage(essentials(spec), capacity(nodes), Resources(cores=0.0, memory=0))
    if missing:
        return missing
    for group in spec.groups:
        need = group.resources
        if not any(node.cores + TINY >= need.cores and node.memory >= need.memory for node in nodes):
            return (
                f"a process of {group.name} needs {need.cores:g} cores and {_size(need.memory)}, which none of"
                f" {len(nodes)} nodes has"
            )
    return ""


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


def shortage(need: Resources, total: Resources, used: Resources) -> str:
    """Which resource is missing, in words; empty if none is."""
    parts = []
    if used.cores + need.cores > total.cores + TINY:
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
