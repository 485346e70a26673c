"""Request and response types of the REST interface. The OpenAPI document, the TypeScript types and the client come from
here.

Names, units and vocabulary are those of ``core``; memory in bytes, durations in seconds, times in RFC 3339 UTC.
Used by ``contract.operations`` and ``web``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta

from zoe_hub.core.executions.model import Outcome, Phase, ProcessState
from zoe_hub.core.record import Record

# Python's ``$`` also matches before a line break at the end, JavaScript's does not: ``(?!\n)`` makes them the same.
Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$(?!\n)",
        description="lower-case letters, digits and dashes, at most 63",
    ),
]
Identifier = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$(?!\n)")]


# --- problems ------------------------------------------------------------------------------------------------------


class WrongPlace(Record, kw_only=True):
    """One wrong place in what was sent."""

    path: Annotated[str, Meta(description="JSON pointer")]
    message: str
    file: str = ""
    line: int = 0
    column: int = 0


class Problem(Record, kw_only=True):
    """An error (RFC 9457). ``code`` is stable; ``remedy`` tells what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str = ""
    errors: tuple[WrongPlace, ...] = ()
    incident: str = ""


class ReasonView(Record, kw_only=True):
    """Why something is as it is. ``code`` is stable (see the page of reasons); ``words`` say it in one English line."""

    code: str
    facts: Annotated[
        dict[str, Any],
        Meta(description="what the code is about; a reason among them, such as the cause, is a ReasonView itself"),
    ] = {}
    words: str
    tail: Annotated[
        tuple[str, ...], Meta(description="the last lines that the process logged, of the start that this is about")
    ] = ()


# --- system --------------------------------------------------------------------------------------------------------


class Health(Record, kw_only=True):
    """Whether the hub works, and with what."""

    status: Literal["ok", "degraded"]
    version: str
    deployment: str
    backend: str
    reason: ReasonView | None = None
    started: datetime
    last_event: int
    active: int  # executions that have not ended, of all users


class User(Record, kw_only=True):
    """Who the token belongs to and what it allows."""

    name: str
    scopes: tuple[str, ...]


class CapabilitiesView(Record, kw_only=True):
    """What the backend can do."""

    backend: str
    isolation: bool
    limits: bool
    images: bool
    volumes: bool
    nodes: bool


class NodeView(Record, kw_only=True):
    """A machine, what it has, and what is reserved on all machines together."""

    name: str
    cores: float
    memory: int
    labels: dict[str, str] = {}


class Nodes(Record, kw_only=True):
    """The machines of the backend and what executions have reserved of them."""

    items: tuple[NodeView, ...]
    reserved_cores: float
    reserved_memory: int


# --- catalog -------------------------------------------------------------------------------------------------------


class FrameworkView(Record, kw_only=True):
    """A building block of ZApps. ``parameters`` is a JSON Schema of type object."""

    name: str
    version: str
    kind: str
    title: str
    description: str = ""
    parameters: dict[str, Any]
    groups: tuple[str, ...]
    outputs: tuple[str, ...] = ()


class ZAppView(Record, kw_only=True):
    """What a user can start. ``parameters`` is a JSON Schema of type object, the form of the panel."""

    name: str
    version: str
    kind: str
    title: str
    description: str = ""
    icon: str = ""  # an inline SVG, or empty
    parameters: dict[str, Any]
    frameworks: tuple[str, ...]
    attach: tuple[str, ...] = ()  # languages of kernels that can connect
    attach_as: tuple[
        str, ...
    ] = ()  # what a kernel may call it to attach to it: its name, or a framework such as 'spark'
    scalable: tuple[str, ...] = ()  # groups
    ends: bool = False
    protected: bool = False


class Frameworks(Record, kw_only=True):
    """All frameworks."""

    items: tuple[FrameworkView, ...]


class ZApps(Record, kw_only=True):
    """The shop. ``problems`` names the definitions that could not be read."""

    items: tuple[ZAppView, ...]
    problems: tuple[WrongPlace, ...] = ()


# --- executions ----------------------------------------------------------------------------------------------------


class StartRequest(Record, kw_only=True):
    """Start a ZApp."""

    zapp: Name
    name: Name | None = None
    parameters: dict[str, Any] = {}
    labels: dict[str, str] = {}
    web_prefix: Annotated[
        str,
        Meta(
            pattern=r"^(/[A-Za-z0-9._~@-]+)+$(?!\n)",
            max_length=512,
            description="path in front of the proxy as the browser sees it; the server extension fills it in",
        ),
    ] = "/zoe"


class ScaleRequest(Record, kw_only=True):
    """Change how many processes a group has."""

    count: Annotated[int, Meta(ge=0, le=10000)]
    group: Annotated[str, Meta(description="may be left out if only one group can grow")] | None = None


class TerminateRequest(Record, kw_only=True):
    """End an execution. A protected one wants its name as ``confirm``."""

    reason: str = ""
    confirm: str | None = None


class Endpoint(Record, kw_only=True):
    """A web page of a process, behind the proxy. ``path`` begins with the prefix under which the browser reaches the
    hub.
    """

    process: str
    port: str
    title: str
    path: str
    show: bool
    ready: bool


class GroupView(Record, kw_only=True):
    """The processes of one kind."""

    name: str
    framework: str
    count: int  # wanted
    granted: int | None  # may run; null: waits in the queue
    live: int
    ready: int
    essential: int
    maximum: int
    scalable: bool


class ProcessView(Record, kw_only=True):
    """One process. ``id`` is unique in its execution, e.g. ``worker-0``; ``name`` on the backend."""

    id: str
    name: str
    group: str
    index: int
    state: ProcessState
    reason: ReasonView
    since: datetime
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    starts: int = 1
    cores: float = 0.0
    memory: int = 0


class ExecutionView(Record, kw_only=True):
    """One run of a ZApp. ``parameters`` holds no secrets."""

    id: str
    name: str
    owner: str
    zapp: str
    title: str
    kind: str
    zapp_version: str
    version: int
    phase: Phase
    desired: Literal["running", "ended"]
    outcome: Outcome | None = None
    exit_code: int | None = None
    reason: ReasonView
    created: datetime
    running_since: datetime | None = None
    ended: datetime | None = None
    parameters: dict[str, Any] = {}
    labels: dict[str, str] = {}
    groups: tuple[GroupView, ...] = ()
    processes: tuple[ProcessView, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    attach: tuple[str, ...] = ()
    ends: bool = False
    protected: bool = False


class ExecutionQuery(Record, kw_only=True):
    """Filters of the list; several are combined with *and*. Newest first."""

    phase: Phase | None = None
    active: Annotated[bool, Meta(description="true: not ended; false: ended")] | None = None
    owner: Annotated[str, Meta(description="admins only see others'")] | None = None
    zapp: str | None = None
    name: str | None = None
    label: Annotated[str, Meta(description="KEY or KEY=VALUE")] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: Annotated[str, Meta(description="'next' of the page before")] | None = None


class ExecutionPage(Record, kw_only=True):
    """A page of executions; ``next`` is null on the last one."""

    items: tuple[ExecutionView, ...]
    next: str | None = None


class Processes(Record, kw_only=True):
    """The processes of an execution."""

    items: tuple[ProcessView, ...]


class LogQuery(Record, kw_only=True):
    """Which part of a log. A ``Range: bytes=`` header does the same for a log that has ended or not."""

    offset: Annotated[int, Meta(description="first byte; negative: counted from the end")] = 0
    limit: Annotated[int, Meta(ge=1, description="bytes at the most")] | None = None
    follow: Annotated[bool, Meta(description="stay until the process has ended")] = False


class EventView(Record, kw_only=True):
    """One line of the history. In the event stream ``seq`` is the id of the event."""

    seq: int
    time: datetime
    kind: str
    owner: str
    execution: str = ""
    process: str = ""
    reason: ReasonView
    data: dict[str, Any] = {}


class HistoryQuery(Record, kw_only=True):
    """Which part of a history."""

    since: Annotated[int, Meta(ge=0, description="sequence number of the last event already seen")] = 0
    limit: Annotated[int, Meta(ge=1, le=10000)] = 1000


class EventPage(Record, kw_only=True):
    """Events, oldest first; ``next`` continues, null at the end."""

    items: tuple[EventView, ...]
    next: int | None = None


class EventsQuery(Record, kw_only=True):
    """Which events to stream. ``Last-Event-ID`` wins over ``since``; without either the stream begins now."""

    since: Annotated[int, Meta(ge=0)] | None = None
    execution: str | None = None


# --- attachments ---------------------------------------------------------------------------------------------------


class AttachRequest(Record, kw_only=True):
    """Bind a notebook to an execution: to the one it had, to ``execution``, or to a new one of ``zapp``."""

    key: Annotated[str, Meta(min_length=1, max_length=1024, description="the notebook's path, or the kernel's id")]
    kernel: str = ""
    zapp: (
        Annotated[str, Meta(description="a ZApp, or a framework that a ZApp of the shop offers alone, such as 'spark'")]
        | None
    ) = None
    execution: str | None = None
    parameters: dict[str, Any] = {}
    language: str = "python"
    versions: Annotated[
        dict[str, str],
        Meta(description="installed packages of the kernel: name -> version; checked before anything starts"),
    ] = {}
    web_prefix: Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9._~@-]+)+$(?!\n)", max_length=512)] = "/zoe"


class AttachmentView(Record, kw_only=True):
    """A notebook bound to an execution. ``found``: it existed before the request."""

    id: str
    owner: str
    key: str
    kernel: str
    execution: ExecutionView
    created: datetime
    renewed: datetime
    found: bool = False


class AttachmentQuery(Record, kw_only=True):
    """Filters of the list."""

    key: str | None = None
    execution: str | None = None


class Attachments(Record, kw_only=True):
    """Attachments."""

    items: tuple[AttachmentView, ...]


class Connection(Record, kw_only=True):
    """What a kernel needs to connect. Holds secrets: for the kernel alone, never shown."""

    requires: str
    variable: str
    code: Annotated[
        str, Meta(description="runs with the names outputs, secrets, attachment and kernel, and sets the variable")
    ]
    check: Annotated[str, Meta(description="runs after it, in its names, and fails unless the session answers")] = ""
    check_timeout: Annotated[float, Meta(description="seconds that the check may take")] = 60.0
    session: Annotated[str, Meta(description="a name that the code sets: an object that can do more")] = ""
    outputs: dict[str, str]
    secrets: dict[str, str] = {}
    addresses: Annotated[list[str], Meta(description="host:port of each endpoint that the outputs name")] = []


class DetachQuery(Record, kw_only=True):
    """What becomes of the execution."""

    keep: Annotated[
        bool,
        Meta(description="leave the execution running; otherwise it is terminated if no other notebook is attached"),
    ] = False


# --- plans ---------------------------------------------------------------------------------------------------------


class PlanRequest(Record, kw_only=True):
    """A command to be planned and not done. Exactly one member is given."""

    start: StartRequest | None = None
    scale: ScaleRequest | None = None
    terminate: TerminateRequest | None = None
    execution: Annotated[str, Meta(description="for scale and terminate")] | None = None


class Change(Record, kw_only=True):
    """One state change of a plan, with its reason."""

    what: str
    reason: ReasonView


class PlanView(Record, kw_only=True):
    """What a command would change."""

    command: str
    changes: tuple[Change, ...]


# --- tickets -------------------------------------------------------------------------------------------------------


class TicketRequest(Record, kw_only=True):
    """Ask for an address that a browser can open without a token."""

    path: Annotated[
        str,
        Meta(
            pattern=r"^/zoe/pages/[^\\\x00-\x20]*$(?!\n)",
            max_length=2048,
            description="page behind the hub's own proxy",
        ),
    ]


class Ticket(Record, kw_only=True):
    """``url`` is relative to the hub; it works once, until ``expires``."""

    url: str
    expires: datetime
