"""What is seen and remembered of an execution, one run of a *ZApp*, and of its processes.

Times are aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from zoe_hub.core.executions.spec import ExecutionSpec
from zoe_hub.core.reasons import Reason
from zoe_hub.core.record import Record

WEB_PREFIX = "/zoe"
"""Path in front of the proxy, where nobody says another one."""


class Phase(StrEnum):
    """Where an execution is in its life. Only ``starting`` and ``running`` may alternate."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


class Outcome(StrEnum):
    """How an execution ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


class ProcessState(StrEnum):
    """What the hub last committed about a process.

    ``pending``: meant to start, perhaps started by a hub that died before it could say so; ``starting``: runs, not yet
    ready; ``ready``; ``draining``: was asked to hand over its work; ``stopping``: was asked to end; ``ended``.
    """

    PENDING = "pending"
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPING = "stopping"
    ENDED = "ended"


class Address(Record, kw_only=True):
    """Where a port is: for its peers, and for the hub and the kernels beside it."""

    number: int  # what the process listens on
    host: str  # name for peers
    port: int  # port for peers
    endpoint_host: str
    endpoint_port: int


class Process(Record, kw_only=True):
    """What the hub knows of one process of an execution."""

    name: str
    group: str
    index: int
    incarnation: int = 0  # counts the starts under this name
    state: ProcessState = ProcessState.PENDING
    addresses: Mapping[str, Address] | None = None  # port name -> address, once allocated
    since: datetime  # of this state
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None  # negative: ended by that signal
    failures: int = 0  # consecutive ends without having been asked to
    not_before: datetime | None = None  # when a restart is due
    deadline: datetime | None = None  # of the present state: ready by, drained by, ended by
    forced: bool = False  # was killed, since it did not end within its grace
    reason: Reason  # of the present state

    @property
    def id(self) -> str:
        """The process's id in its execution, as people see it: ``worker-0``."""
        return process_id(self.group, self.index)

    @property
    def live(self) -> bool:
        """Whether it may be running."""
        return self.state is not ProcessState.ENDED


class Idle(Record, kw_only=True):
    """That nobody uses an execution, and what follows unless somebody does. See ``core.attachments.leases``."""

    since: datetime
    action: Literal["shrink", "end"]
    at: datetime


class Parent(Record, kw_only=True):
    """What an execution was started for, if no person asked for it by itself: an attachment, a workflow's run."""

    kind: str  # ``attachment``, later ``run``
    id: str
    step: str = ""  # of a run
    attempt: int = 1  # how often this was tried, with this one


class Execution(Record, kw_only=True):
    """One run of a ZApp."""

    id: str
    owner: str
    name: str
    spec: ExecutionSpec
    parent: Parent | None = None
    created: datetime
    version: int = 1  # counts the committed changes
    desired: Literal["running", "ended"] = "running"
    outcome: Outcome | None = None  # decided as soon as ``desired`` is ``ended``
    exit_code: int | None = None
    counts: Mapping[str, int] = {}  # group -> how many processes are wanted
    granted: Mapping[str, int] | None = None  # group -> how many may run; None: not admitted yet
    phase: Phase = Phase.QUEUED
    reason: Reason  # of the last decision
    waits_for: Reason | None = None  # what the backend said when it asked to come back
    processes: tuple[Process, ...] = ()
    running_since: datetime | None = None
    ended: datetime | None = None
    idle: Idle | None = None  # that nobody uses it, and what follows from that
    kept_until: datetime | None = None  # it counts as used until then, since somebody wants it kept
    web_prefix: str = WEB_PREFIX  # path in front of the proxy, as the owner's browser sees it
    labels: Mapping[str, str] = {}

    @property
    def active(self) -> bool:
        """Whether it holds or wants resources."""
        return self.phase is not Phase.ENDED

    def process(self, name: str) -> Process | None:
        """The process called ``name``, if the execution has one."""
        return next((process for process in self.processes if process.name == name), None)


class Observed(Record, kw_only=True):
    """What a backend says of one process it knows. Everything needed to adopt it comes from here."""

    name: str
    execution: str
    group: str
    index: int
    incarnation: int
    state: Literal["running", "exited"]
    exit_code: int | None = None  # negative: ended by that signal; None with ``exited``: not known
    started: datetime | None = None
    ended: datetime | None = None
    reason: Reason | None = None  # why it ended, where that says more than the exit code, e.g. ``out-of-memory``


def process_id(group: str, index: int) -> str:
    """A process's id in its execution, as people see it: ``worker-0``."""
    return f"{group}-{index}"


def process_name(deployment: str, execution: str, group: str, index: int) -> str:
    """The deterministic name of a process: what a restarted hub would choose again."""
    return f"zoe-{deployment}-{execution}-{group}-{index}"
