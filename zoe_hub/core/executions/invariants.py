"""What is true of every record the hub ever commits. Pure; the tests check it after each step, the simulation too."""

from __future__ import annotations

from zoe_hub.core.executions.decide import ready_count
from zoe_hub.core.executions.model import Execution, Phase, ProcessState


def violations(execution: Execution) -> list[str]:
    """What is wrong with a record, in words; empty if nothing is."""
    wrong = []
    names = [process.name for process in execution.processes]
    places = [(process.group, process.index) for process in execution.processes]
    if len(set(names)) != len(names) or len(set(places)) != len(places):
        wrong.append("two processes have the same name or place")
    if execution.phase is Phase.ENDED:
        if any(process.live for process in execution.processes):
            wrong.append("ended, but a process lives")
        if execution.outcome is None or execution.ended is None:
            wrong.append("ended without outcome or time")
    if execution.phase is Phase.RUNNING:
        wrong += [
            f"running, but {group.name} has not all its essentials"
            for group in execution.spec.groups
            if ready_count(execution, group) < group.essential
        ]
    if execution.granted is None and execution.processes:
        wrong.append("has processes without having been admitted")
    if execution.phase is Phase.STOPPING and execution.desired != "ended":
        wrong.append("stopping, but meant to run")
    if (execution.outcome is not None) != (execution.desired == "ended"):
        wrong.append("an outcome exactly if meant to end")
    for process in execution.processes:
        if process.state is ProcessState.ENDED and process.ended is None and process.started is not None:
            wrong.append(f"{process.name} ended without a time")
        if process.state in (ProcessState.STARTING, ProcessState.READY) and process.started is None:
            wrong.append(f"{process.name} runs without a start")
        if (
            process.live
            and process.state in (ProcessState.STARTING, ProcessState.DRAINING, ProcessState.STOPPING)
            and process.deadline is None
        ):
            wrong.append(f"{process.name} is {process.state.value} without a deadline")
    for group in execution.spec.groups:
        count = execution.counts.get(group.name, group.count)
        if not group.essential <= count <= max(group.maximum, group.count):
            wrong.append(f"{group.name} wants {count}")
    return wrong
