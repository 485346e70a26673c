"""The records of the hub: what is asked, what is seen, what is remembered. Immutable, compared by value.

Vocabulary as in the design: an *execution* is one run of a *ZApp*; it has *groups* of *processes*, each group with an
*essential* part (must run for the execution to count as running) and an *elastic* rest. Times are aware and in UTC,
durations in seconds, memory in bytes, cores in units of one logical core.
Used by every other part of the hub.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, dataclass_transform

import msgspec


# mypy takes subclasses of a frozen struct for unfrozen ones unless it is told
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An immutable value. ``msgspec.structs.replace`` makes a changed copy."""


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


# --- what is asked: the rendered specification of an execution ---------------------------------------------------


class Resources(Record, kw_only=True):
    """What one process reserves."""

    cores: float = 0.1
    memory: int = 128 * 2**20


class Port(Record, kw_only=True):
    """A port of a process. ``number`` is what it listens on in a container; local processes get a free one."""

    name: str
    number: int
    protocol: Literal["http", "tcp"] = "tcp"
    show: bool = False  # offered to people as a link
    title: str = ""
    start: str = "/"  # the page that a link opens
    strip: bool = True  # the proxy removes its own prefix before it passes a request on
    headers: Mapping[str, str] = {}  # late-bound texts that the proxy adds to each request (a token, for example)


class Ready(Record, kw_only=True):
    """When a process counts as ready: it runs, a port accepts, a page answers below 400, or a line is logged."""

    kind: Literal["running", "tcp", "http", "log"] = "running"
    port: str = ""
    path: str = "/"
    pattern: str = ""  # regular expression searched in the log
    timeout: float = 60.0


class Drain(Record, kw_only=True):
    """How a process hands over its work before it is stopped: a signal, then a condition, at most for ``timeout``.

    ``group``/``port``/``path`` name a JSON page (of process 0 of that group; without a group, of the draining process
    itself); ``until`` is a template expression over ``body`` (the page), ``host`` and ``port.<name>`` (of the
    draining process) that is true when it has drained.
    """

    signal: str
    group: str = ""
    port: str = ""
    path: str = "/"
    until: str = ""
    timeout: float = 60.0


class Restart(Record, kw_only=True):
    """How often an essential process is started again, and after how long (doubled each time, at most ``longest``)."""

    limit: int = 3
    delay: float = 1.0
    longest: float = 60.0


class Group(Record, kw_only=True):
    """Processes of one kind. Texts may hold references (see ``core.text``)."""

    name: str
    framework: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = {}
    files: Mapping[str, str] = {}  # name -> content, written with mode 0600 into the process's folder
    count: int = 1
    essential: int = 1
    maximum: int = 1  # maximum > essential makes the group scalable
    needs: tuple[str, ...] = ()  # groups whose essentials must be ready first
    ports: tuple[Port, ...] = ()
    ready: Ready = Ready()
    drain: Drain | None = None
    resources: Resources = Resources()
    restart: Restart = Restart()
    grace: float = 10.0  # from the request to end until the kill
    requires: tuple[str, ...] = ()  # what a bare machine must have, e.g. ``java>=17``; an image brings it along
    decides_result: bool = False  # its end ends the execution, with its exit code


class Secret(Record, kw_only=True):
    """A secret of an execution. ``random`` and ``token`` are made by the hub, ``given`` came with the request."""

    name: str
    source: Literal["random", "token", "given"] = "random"


class Attach(Record, kw_only=True):
    """How a kernel of one language connects: what it must have installed, the variable it gets, the code that runs."""

    requires: str = ""  # requirement specifier, e.g. ``pyspark~=4.3.0``
    variable: str = ""
    code: str = ""  # runs with the names ``outputs`` and ``secrets`` and sets ``variable``
    secrets: tuple[str, ...] = ()  # names of the execution's secrets that the kernel gets; no others


class ExecutionSpec(Record, kw_only=True):
    """A rendered ZApp: everything about an execution that does not change while it lives."""

    zapp: str
    title: str
    version: str
    kind: str
    groups: tuple[Group, ...]
    parameters: Mapping[str, Any] = {}
    outputs: Mapping[str, str] = {}  # late-bound texts
    secrets: tuple[Secret, ...] = ()
    attach: Mapping[str, Attach] = {}  # language -> how
    frameworks: tuple[str, ...] = ()
    ends: bool = False  # ends by itself
    protected: bool = False

    def group(self, name: str) -> Group:
        """The group called ``name``; ``KeyError`` if there is none."""
        for group in self.groups:
            if group.name == name:
                return group
        raise KeyError(name)

    def scalable(self) -> tuple[Group, ...]:
        """The groups with an elastic part."""
        return tuple(group for group in self.groups if group.maximum > group.essential)


# --- what is seen and remembered -----------------------------------------------------------------------------------


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
    reason: str = ""

    @property
    def live(self) -> bool:
        """Whether it may be running."""
        return self.state is not ProcessState.ENDED


class Execution(Record, kw_only=True):
    """One run of a ZApp."""

    id: str
    owner: str
    name: str
    spec: ExecutionSpec
    created: datetime
    version: int = 1  # counts the committed changes
    desired: Literal["running", "ended"] = "running"
    outcome: Outcome | None = None  # decided as soon as ``desired`` is ``ended``
    exit_code: int | None = None
    counts: Mapping[str, int] = {}  # group -> how many processes are wanted
    granted: Mapping[str, int] | None = None  # group -> how many may run; None: not admitted yet
    phase: Phase = Phase.QUEUED
    reason: str = ""  # the last decision, in words
    processes: tuple[Process, ...] = ()
    running_since: datetime | None = None
    ended: datetime | None = None
    web_prefix: str = "/zoe"  # path in front of the proxy, as the owner's browser sees it
    labels: Mapping[str, str] = {}

    @property
    def active(self) -> bool:
        """Whether it holds or wants resources."""
        return self.phase is not Phase.ENDED

    def process(self, name: str) -> Process | None:
        """The process called ``name``, if the execution has one."""
        return next((process for process in self.processes if process.name == name), None)


class Attachment(Record, kw_only=True):
    """A lease that binds a notebook (or a kernel) to an execution. One for each owner, ``key`` and ``zapp``."""

    id: str
    owner: str
    execution: str
    key: str  # the notebook's path or the kernel's id: finds the same cluster again
    zapp: str = ""  # what it is attached to; a notebook may hold a cluster and a data layer at the same time
    kernel: str = ""
    language: str = "python"  # of the kernel; says how it connects
    created: datetime
    renewed: datetime
    version: int = 1


class Event(Record, kw_only=True):
    """A line of the append-only history. ``seq`` is given by the store and grows without gaps."""

    seq: int = 0
    time: datetime
    kind: str  # e.g. ``execution.phase``, ``process.state``, ``attachment.made``
    owner: str
    execution: str = ""
    process: str = ""
    reason: str
    data: Mapping[str, Any] = {}


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
    reason: str = ""  # e.g. ``out of memory``


class Node(Record, kw_only=True):
    """A machine of the backend with what it can give to processes."""

    name: str
    cores: float
    memory: int
    labels: Mapping[str, str] = {}


def process_name(deployment: str, execution: str, group: str, index: int) -> str:
    """The deterministic name of a process: what a restarted hub would choose again."""
    return f"zoe-{deployment}-{execution}-{group}-{index}"
