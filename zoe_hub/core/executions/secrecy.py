"""Which secrets of an execution are not secret any more when a port of it was another program's. Pure.

Whoever had the port may have been sent what was meant for the process, by processes that were told its address; the hub
and kernels look before they send. Those secrets are made anew, and whoever holds them starts again. So are the secrets
that nobody but the process itself holds: that costs nothing. What the others share goes on, since starting a whole
cluster again because one of its workers lost a port would take the session with it. Called by ``decide`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec.structs import replace

from zoe_hub.core import text
from zoe_hub.core.events import Event
from zoe_hub.core.executions.history import event
from zoe_hub.core.executions.model import Execution, Process, ProcessState
from zoe_hub.core.executions.processes import peers, stop
from zoe_hub.core.executions.spec import Group
from zoe_hub.core.reasons import because


def lost_ports(before: Execution, after: Execution) -> tuple[Process, ...]:
    """The processes whose addresses do not hold any more since now."""
    return tuple(
        process
        for process in after.processes
        if process.addresses is None and (old := before.process(process.name)) is not None and old.addresses
    )


def exposed(execution: Execution, lost: Iterable[Process]) -> frozenset[str]:
    """The secrets that may have been sent to a port that was lost, and those that only its process holds."""
    names: set[str] = set()
    for process in lost:
        if process.index == 0:  # the only one whose address others are told
            for group in execution.spec.groups:
                if process.group in peers(group):
                    names |= held(group)
        others = {
            each.group for each in execution.processes if each.live and each.name != process.name and each not in lost
        }
        shared = {name for group in others for name in held(execution.spec.group(group))}
        names |= held(execution.spec.group(process.group)) - shared
    return frozenset(names)


def held(group: Group) -> frozenset[str]:
    """The secrets that the processes of a group are given, and those that the hub shows them."""
    texts = (
        *group.command,
        *group.environment.values(),
        *group.files.values(),
        *(content for port in group.ports for content in port.headers.values()),
    )
    return frozenset(each.name for each in text.references(texts) if each.kind in ("secret", "jws"))


def renewable(execution: Execution, names: frozenset[str]) -> frozenset[str]:
    """Those that the hub has made and can make again; the others came with the request."""
    return frozenset(each.name for each in execution.spec.secrets if each.source != "given" and each.name in names)


def restart_holders(execution: Execution, renewed: frozenset[str], now: datetime) -> Execution:
    """Processes that run with secrets which do not hold any more start again with the new ones."""
    if not renewed:
        return execution
    changed = []
    for process in execution.processes:
        group = execution.spec.group(process.group)
        if renewed & held(group) and process.state in (ProcessState.STARTING, ProcessState.READY):
            stopping = stop(process, group, now, because("secrets-replaced", secrets=tuple(sorted(renewed))))
            changed.append(replace(stopping, not_before=now))
            continue
        changed.append(process)
    return replace(execution, processes=tuple(changed))


def events(execution: Execution, renewed: frozenset[str], told: frozenset[str], now: datetime) -> Iterator[Event]:
    """What the owner is told.

    :param told: secrets that came with the request and may be known to somebody now
    """
    if renewed:
        yield event(execution, now, "execution.secrets", because("secrets-renewed", secrets=tuple(sorted(renewed))))
    if told:
        yield event(execution, now, "execution.secrets", because("secrets-exposed", secrets=tuple(sorted(told))))
