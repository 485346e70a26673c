"""What the shell found out about an execution, and what a decision about it says. See ``decide``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import (
    Address,
    Execution,
    Observed,
)
from zoe_hub.core.reasons import Reason
from zoe_hub.core.record import Record


class Facts(Record, kw_only=True):
    """What the shell found out about one execution since it last asked."""

    deployment: str
    observed: Mapping[str, Observed] = {}  # by name: all that the backend knows of this execution
    addresses: Mapping[str, Mapping[str, Address]] = {}  # newly allocated, by process
    ready: frozenset[str] = frozenset()  # processes whose readiness probe succeeded
    unready: Mapping[str, Reason] = {}  # how processes answered the last time they were asked whether they are ready
    drained: frozenset[str] = frozenset()  # processes that handed over their work
    taken: frozenset[str] = frozenset()  # processes at whose ports somebody else listens
    refused: Mapping[str, Reason] = {}  # processes that the backend will never start, and why
    tails: Mapping[str, tuple[str, ...]] = {}  # the last log lines of processes that failed, of this start
    cleaned: bool = False  # the backend holds nothing of this execution any more
    resumed: datetime | None = None  # since when the hub has been there to ask, without a jump of time
    later: Reason | None = None  # why the backend asked to come back, if it did so last time


class AllocatePorts(Record, kw_only=True):
    """Reserve addresses for the ports of a process."""

    process: str


class StartProcess(Record, kw_only=True):
    """Start a process."""

    process: str


class SignalProcess(Record, kw_only=True):
    """Ask a process to hand over its work."""

    process: str
    signal: str


class StopProcess(Record, kw_only=True):
    """Ask a process to end; ``grace`` 0 kills it."""

    process: str
    grace: float


class RemoveProcess(Record, kw_only=True):
    """Forget a process that has exited; its log and exit code stay."""

    process: str


class CleanUp(Record, kw_only=True):
    """Give back all that the execution holds on the backend."""


Action = AllocatePorts | StartProcess | SignalProcess | StopProcess | RemoveProcess | CleanUp


class Decision(Record, kw_only=True):
    """What becomes of the record, what is to be done, and when to look again even if nothing happens."""

    execution: Execution
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    wake: datetime | None = None
    renewed: frozenset[str] = frozenset()  # secrets to be made anew in the same commit; tokens among them are revoked
