"""Compares what the store remembers with what the backend has when a hub starts: the reconciliation report. Called by
``controllers.hub``.
"""

from __future__ import annotations

from zoe_hub.controllers.executions.observer import Observer
from zoe_hub.core.record import Record
from zoe_hub.store.base import Store


class AdoptionReport(Record, kw_only=True):
    """What the hub found when it started."""

    adopted: tuple[str, ...] = ()  # processes that run and are remembered
    repaired: tuple[str, ...] = ()  # executions whose processes are not as remembered
    reaped: tuple[str, ...] = ()  # executions that nobody remembers: stopped and cleaned


def compare(store: Store, observer: Observer, unknown: tuple[str, ...]) -> AdoptionReport:
    """The report. :param unknown: executions of which the backend has something and the store knows nothing"""
    adopted, repaired = [], []
    for execution in store.active():
        seen = observer.of(execution.id)
        for process in execution.processes:
            there = process.name in seen and seen[process.name].state == "running"
            if process.live and there:
                adopted.append(process.name)
            elif process.live and execution.id not in repaired:
                repaired.append(execution.id)
    return AdoptionReport(adopted=tuple(adopted), repaired=tuple(repaired), reaped=unknown)
