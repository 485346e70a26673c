"""The hub's operations: types, one table, and a typed method for each, synchronous and asynchronous.

Generated from the hub's table of operations by ``python -m zoe_hub.contract.generate``; do not edit.
``jupyter_zoe.client`` adds the connection: it derives from ``SyncOperations`` and ``AsyncOperations`` and
implements what they call.
"""

# ruff: noqa
from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict, Unpack, cast

PREFIX = "/api/v1"


class Operation(NamedTuple):
    """What the table says of one operation."""

    id: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str  # below PREFIX, with {parameters}
    scope: Literal["read", "write", "admin"]
    status: int
    media: str  # of the answer
    creates: bool  # takes an Idempotency-Key
    versioned: bool  # takes If-Match, answers an ETag



class Options(TypedDict, total=False):
    """Headers of one call."""

    idempotency_key: str  # The same key with the same request gets the same answer, for at least a day.
    if_match: int  # The ETag that was read; 'conflict' if the resource has changed since.
    last_event_id: int  # Sequence number of the last event already seen.
    range: str  # One range of bytes, 'bytes=FIRST-LAST'; answered with 206 or 416.


Outcome = Literal["cancelled", "completed", "failed", "lost"]  # How an execution ended.
Phase = Literal["ended", "queued", "running", "starting", "stopping"]  # Where an execution is in its life. Only ``starting`` and ``running`` may alternate.
ProcessState = Literal["draining", "ended", "pending", "ready", "starting", "stopping"]  # What the hub last committed about a process. ``pending``: meant to start, perhaps started by a hub that died before it could say so; ``starting``: runs, not yet ready; ``ready``; ``draining``: was asked to hand over its work; ``stopping``: was asked to end; ``ended``.


class AttachRequest(TypedDict):
    """Bind a notebook to an execution: to the one it had, to ``execution``, or to a new one of ``zapp``."""

    key: str  # the notebook's path, or the kernel's id
    kernel: NotRequired[str]
    kind: NotRequired[Literal["batch", "console", "editor", "notebook", "script", "terminal"]]
    policy: NotRequired[Literal["keep", "shrink", "terminate"] | None]  # when the last holder is gone; left out: as the admin has set it
    zapp: NotRequired[str | None]  # a ZApp, or a framework that a ZApp of the shop offers alone, such as 'spark'
    execution: NotRequired[str | None]
    parameters: NotRequired[dict[str, Any]]
    language: NotRequired[str]
    versions: NotRequired[dict[str, str]]  # installed packages of the kernel: name -> version; checked before anything starts
    web_prefix: NotRequired[str]  # path in front of the proxy as the browser sees it; the server extension fills it in


class AttachmentList(TypedDict):
    """Your attachments."""

    items: list[AttachmentView]
    former: ExecutionView | None


class AttachmentView(TypedDict):
    """A notebook bound to an execution. ``found``: it existed before the request."""

    id: str
    owner: str
    key: str
    kernel: str
    kind: Literal["batch", "console", "editor", "notebook", "script", "terminal"]
    policy: Literal["keep", "shrink", "terminate"]
    gone: str | None
    execution: ExecutionView
    created: str
    renewed: str
    found: bool
    unapplied: list[str]  # parameters that were asked for and that the execution, which was there, has otherwise


class CapabilitiesView(TypedDict):
    """What the backend can do."""

    backend: str
    isolation: bool
    limits: bool
    images: bool
    volumes: bool
    nodes: bool


class ChangeView(TypedDict):
    """One state change of a plan, and why. ``what`` has a code, facts and words as reasons have."""

    what: ReasonView
    reason: ReasonView


class ConnectionView(TypedDict):
    """What a kernel needs to connect. Holds secrets: for the kernel alone, never shown."""

    requires: str
    variable: str
    code: str  # source text that sets the variable; the guide says what it finds
    check: str  # runs after it, in its names, and fails unless the session answers
    check_timeout: float  # seconds that the check may take
    session: str  # a name that the code sets: an object that can do more
    outputs: dict[str, str]
    secrets: dict[str, str]
    addresses: list[str]  # host:port of each endpoint that the outputs name
    listeners: list[int]  # users of the hub's machine, by number, to whom a listener at an address of it may belong


class Endpoint(TypedDict):
    """A web page of a process, behind the proxy. ``path`` begins with the prefix under which the browser reaches the hub."""

    process: str
    port: str
    title: str
    path: str
    show: bool
    ready: bool


class EventPage(TypedDict):
    """Events, oldest first; ``next`` continues, null at the end."""

    items: list[EventView]
    next: int | None


class EventView(TypedDict):
    """One line of the history. In the event stream ``seq`` is the id of the event."""

    seq: int
    time: str
    kind: str
    owner: str
    execution: str
    process: str
    reason: ReasonView
    data: dict[str, Any]


class ExecutionPage(TypedDict):
    """A page of executions; ``next`` is null on the last one."""

    items: list[ExecutionView]
    next: str | None


class ExecutionView(TypedDict):
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
    desired: Literal["ended", "running"]
    outcome: Outcome | None
    exit_code: int | None
    reason: ReasonView
    parent: ParentView | None
    created: str
    running_since: str | None
    ended: str | None
    idle: IdleView | None
    kept_until: str | None
    parameters: dict[str, Any]
    labels: dict[str, str]
    groups: list[GroupView]
    processes: list[ProcessView]
    endpoints: list[Endpoint]
    attach: list[str]
    ends: bool
    protected: bool


class FrameworkView(TypedDict):
    """A building block of ZApps, which cannot run by itself. ``parameters`` is a JSON Schema of type object; those that it requires are what a ZApp has to give it."""

    name: str
    version: str
    kind: str
    title: str
    description: str
    parameters: dict[str, Any]
    groups: list[str]
    outputs: list[str]
    zapps: list[str]  # the ZApps of the shop that use it


class Frameworks(TypedDict):
    """All frameworks."""

    items: list[FrameworkView]


class GroupView(TypedDict):
    """The processes of one kind."""

    name: str
    framework: str
    count: int
    granted: int | None
    live: int
    ready: int
    essential: int
    maximum: int
    scalable: bool


class Health(TypedDict):
    """Whether the hub works, and with what."""

    status: Literal["degraded", "ok"]
    version: str
    deployment: str
    backend: str
    reason: ReasonView | None
    started: str
    last_event: int
    active: int


class HolderReport(TypedDict):
    """One that may be attached: a kernel, and what it is of. ``busy``: it executes, or has a program running."""

    kernel: str  # its id; of what is no kernel the same as the key
    kind: Literal["batch", "console", "editor", "notebook", "script", "terminal"]
    key: str  # a notebook's path; of what is no notebook its identity
    busy: NotRequired[bool]


class IdleView(TypedDict):
    """Nobody uses the execution: no busy kernel, query, job or terminal. What follows, and when."""

    since: str
    action: Literal["end", "shrink"]
    at: str


class KeepRequest(TypedDict):
    """Keep an execution that nobody uses. Without ``seconds`` its clock of idleness begins anew now."""

    seconds: NotRequired[float | None]


class LeaseReport(TypedDict):
    """Who of the caller's is there. What has happened to files comes first, in the order in which it happened."""

    holders: NotRequired[list[HolderReport]]
    moved: NotRequired[list[Move]]
    deleted: NotRequired[list[str]]


class LeaseTerms(TypedDict):
    """How long a report counts. Report again after a third of it, and whenever something changes."""

    ttl: float


class MomentView(TypedDict):
    """One line of a story: an event, what is so now (``now``), what time alone will bring (``due``), or that what came before is left out (``cut``)."""

    time: str
    kind: str
    seq: int  # of the event; 0: it is none
    process: str  # its id; empty: the execution itself
    state: str  # the phase or state from then on; empty: it stays as it is
    before: str
    lasted: float | None  # seconds in the state before; now: in the present one
    reason: ReasonView


class Move(TypedDict):
    """A file, or a folder with all that is in it, has another path."""

    source: str  # a notebook's path; of what is no notebook its identity
    target: str  # a notebook's path; of what is no notebook its identity


class NodeView(TypedDict):
    """A machine, what it has, and what is reserved on all machines together."""

    name: str
    cores: float
    memory: int
    labels: dict[str, str]


class Nodes(TypedDict):
    """The machines of the backend and what executions have reserved of them."""

    items: list[NodeView]
    reserved_cores: float
    reserved_memory: int


class OwnOrigin(TypedDict):
    """A way to a page at an origin of its own: if the browser gets ``proof`` from ``here``, then ``url`` opens the page, once."""

    url: str
    here: str
    proof: str


class ParentView(TypedDict):
    """What an execution was started for: an attachment, or a step of a workflow's run."""

    kind: str
    id: str
    step: str
    attempt: int


class PlanRequest(TypedDict):
    """A command to be planned and not done. Exactly one member is given."""

    start: NotRequired[StartRequest | None]
    scale: NotRequired[ScaleRequest | None]
    terminate: NotRequired[TerminateRequest | None]
    execution: NotRequired[str | None]  # for scale and terminate


class PlanView(TypedDict):
    """What a command would change."""

    command: str
    changes: list[ChangeView]


class Problem(TypedDict):
    """An error (RFC 9457). ``code`` is stable; ``remedy`` tells what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: Literal["bad-request", "bad-parameter", "not-authenticated", "not-allowed", "foreign-origin", "not-found", "method-not-allowed", "too-large", "request-timeout", "too-many", "conflict", "key-reused", "internal", "unknown-zapp", "unknown-framework", "framework-alone", "bad-definition", "unknown-execution", "unknown-process", "unknown-group", "unknown-port", "already-ended", "not-scalable", "out-of-range", "never-fits", "protected", "not-attachable", "already-attached", "unknown-attachment", "not-ready", "no-log", "history-pruned", "backend-unavailable", "backend-refused", "image-missing", "java-missing", "environment-missing", "port-taken", "cannot-listen", "not-supported", "backend-changed", "storage-full", "storage-locked", "storage-corrupt", "storage-unavailable", "storage-newer", "client-mismatch", "hub-unreachable"]
    remedy: str
    errors: list[WrongPlace]
    incident: str


class ProcessView(TypedDict):
    """One process. ``id`` is unique in its execution, e.g. ``worker-0``; ``name`` on the backend."""

    id: str
    name: str
    group: str
    index: int
    state: ProcessState
    reason: ReasonView
    since: str
    started: str | None
    ended: str | None
    exit_code: int | None
    starts: int
    cores: float
    memory: int


class Processes(TypedDict):
    """The processes of an execution."""

    items: list[ProcessView]


class ReasonView(TypedDict):
    """Why something is as it is. ``code`` is stable (see the page of reasons); ``words`` say it in one English line."""

    code: str
    facts: dict[str, Any]  # what the code is about; a reason among them, such as the cause, is a ReasonView itself
    words: str
    tail: list[str]  # the last lines that the process logged, of the start that this is about


class ScaleRequest(TypedDict):
    """Change how many processes a group has."""

    count: int
    group: NotRequired[str | None]  # may be left out if only one group can grow


class StartRequest(TypedDict):
    """Start a ZApp."""

    zapp: str  # lower-case letters, digits and dashes, at most 63
    name: NotRequired[str | None]  # lower-case letters, digits and dashes, at most 63
    parameters: NotRequired[dict[str, Any]]
    labels: NotRequired[dict[str, str]]
    web_prefix: NotRequired[str]  # path in front of the proxy as the browser sees it; the server extension fills it in


class Story(TypedDict):
    """All that led an execution to its state, in order, and what comes by itself."""

    items: list[MomentView]


class TerminateRequest(TypedDict):
    """End an execution. A protected one wants its name as ``confirm``."""

    reason: NotRequired[str]
    confirm: NotRequired[str | None]


class Ticket(TypedDict):
    """``url`` is relative to the hub; it works once, until ``expires``, and finds a way by itself."""

    url: str
    expires: str
    own: OwnOrigin | None
    prefix: str  # path in front of the execution that its processes were told
    trusted: bool  # the page may act as whoever opens it
    needs_origin: bool  # the page does not work in the sandbox


class TicketRequest(TypedDict):
    """Ask for an address that a browser can open without a token."""

    path: str  # page behind the hub's own proxy, percent-encoded as it stands in an address
    ancestors: NotRequired[list[str]]  # origins of the pages in whose frames it will be shown


class User(TypedDict):
    """Who the token belongs to and what it allows."""

    name: str
    scopes: list[str]


class WorkReport(TypedDict):
    """Cells that have queries on the execution, since the last report."""

    cells: list[str]


class WrongPlace(TypedDict):
    """One wrong place in what was sent."""

    path: str  # JSON pointer
    message: str
    file: str
    line: int
    column: int


class ZAppView(TypedDict):
    """What a user can start. ``parameters`` is a JSON Schema of type object, the form of the panel."""

    name: str
    version: str
    kind: str
    title: str
    description: str
    icon: str
    parameters: dict[str, Any]
    frameworks: list[str]
    attach: list[str]
    attach_as: list[str]
    scalable: list[str]
    ends: bool
    protected: bool


class ZApps(TypedDict):
    """The shop. ``problems`` names the definitions that could not be read."""

    items: list[ZAppView]
    problems: list[WrongPlace]


class AttachmentQuery(TypedDict):
    """Filters of the list."""

    key: NotRequired[str | None]
    kernel: NotRequired[str | None]  # its key counts instead, if its server has said which one it has
    execution: NotRequired[str | None]


class DetachQuery(TypedDict):
    """What becomes of the execution."""

    keep: NotRequired[bool]  # leave the execution running; otherwise it is terminated if no other notebook is attached


class EventsQuery(TypedDict):
    """Which events to stream. ``Last-Event-ID`` wins over ``since``; without either the stream begins now. Where events after that number are not kept any more, an event ``reset`` with ``seq`` and ``first_seq`` says so: read the present state again; what is left follows."""

    since: NotRequired[int | None]
    execution: NotRequired[str | None]


class HistoryQuery(TypedDict):
    """Which part of a history."""

    since: NotRequired[int]  # sequence number of the last event already seen; 0: from the beginning, whatever is kept. Events after it that are not kept any more: history-pruned, with the number of the first that is as first_seq
    limit: NotRequired[int]


class StoryQuery(TypedDict):
    """How much of a story."""

    limit: NotRequired[int]  # the last lines of the past


class ExecutionQuery(TypedDict):
    """Filters of the list; several are combined with *and*. Newest first."""

    phase: NotRequired[Phase | None]
    active: NotRequired[bool | None]  # true: not ended; false: ended
    owner: NotRequired[str | None]  # admins only see others'
    zapp: NotRequired[str | None]
    name: NotRequired[str | None]
    label: NotRequired[str | None]  # KEY or KEY=VALUE
    limit: NotRequired[int]
    cursor: NotRequired[str | None]  # 'next' of the page before


class LogQuery(TypedDict):
    """Which part of a log. A ``Range: bytes=`` header does the same for a log that has ended or not."""

    offset: NotRequired[int]  # first byte; negative: counted from the end
    limit: NotRequired[int | None]  # bytes at the most
    follow: NotRequired[bool]  # stay until the process has ended


OPERATIONS: dict[str, Operation] = {
    "attach": Operation("attach", "POST", "/attachments", "write", 202, "application/json", True, False),
    "list_attachments": Operation("list_attachments", "GET", "/attachments", "read", 200, "application/json", False, False),
    "get_attachment": Operation("get_attachment", "GET", "/attachments/{attachment}", "read", 200, "application/json", False, False),
    "get_connection": Operation("get_connection", "GET", "/attachments/{attachment}/connection", "write", 200, "application/json", False, False),
    "report_work": Operation("report_work", "POST", "/attachments/{attachment}/work", "write", 200, "application/json", False, False),
    "detach": Operation("detach", "DELETE", "/attachments/{attachment}", "write", 200, "application/json", False, False),
    "list_frameworks": Operation("list_frameworks", "GET", "/frameworks", "read", 200, "application/json", False, False),
    "get_framework": Operation("get_framework", "GET", "/frameworks/{framework}", "read", 200, "application/json", False, False),
    "list_zapps": Operation("list_zapps", "GET", "/zapps", "read", 200, "application/json", False, False),
    "get_zapp": Operation("get_zapp", "GET", "/zapps/{zapp}", "read", 200, "application/json", False, False),
    "get_zapp_schema": Operation("get_zapp_schema", "GET", "/zapps/{zapp}/schema", "read", 200, "application/schema+json", False, False),
    "stream_events": Operation("stream_events", "GET", "/events", "read", 200, "text/event-stream", False, False),
    "get_history": Operation("get_history", "GET", "/executions/{execution}/history", "read", 200, "application/json", False, False),
    "get_story": Operation("get_story", "GET", "/executions/{execution}/story", "read", 200, "application/json", False, False),
    "start_execution": Operation("start_execution", "POST", "/executions", "write", 202, "application/json", True, False),
    "list_executions": Operation("list_executions", "GET", "/executions", "read", 200, "application/json", False, False),
    "get_execution": Operation("get_execution", "GET", "/executions/{execution}", "read", 200, "application/json", False, True),
    "scale_execution": Operation("scale_execution", "POST", "/executions/{execution}/scale", "write", 202, "application/json", False, True),
    "terminate_execution": Operation("terminate_execution", "POST", "/executions/{execution}/terminate", "write", 202, "application/json", False, True),
    "report_holders": Operation("report_holders", "POST", "/leases", "write", 200, "application/json", False, False),
    "keep_execution": Operation("keep_execution", "POST", "/executions/{execution}/keep", "write", 200, "application/json", False, False),
    "plan": Operation("plan", "POST", "/plans", "write", 200, "application/json", False, False),
    "list_processes": Operation("list_processes", "GET", "/executions/{execution}/processes", "read", 200, "application/json", False, False),
    "get_process": Operation("get_process", "GET", "/executions/{execution}/processes/{process}", "read", 200, "application/json", False, False),
    "get_logs": Operation("get_logs", "GET", "/executions/{execution}/processes/{process}/logs", "read", 200, "text/plain", False, False),
    "get_health": Operation("get_health", "GET", "/health", "read", 200, "application/json", False, False),
    "get_user": Operation("get_user", "GET", "/user", "read", 200, "application/json", False, False),
    "get_capabilities": Operation("get_capabilities", "GET", "/capabilities", "read", 200, "application/json", False, False),
    "list_nodes": Operation("list_nodes", "GET", "/nodes", "read", 200, "application/json", False, False),
    "get_metrics": Operation("get_metrics", "GET", "/metrics", "admin", 200, "text/plain", False, False),
    "get_openapi": Operation("get_openapi", "GET", "/openapi.json", "read", 200, "application/json", False, False),
    "get_reference": Operation("get_reference", "GET", "/reference", "read", 200, "text/html", False, False),
    "create_ticket": Operation("create_ticket", "POST", "/tickets", "write", 201, "application/json", False, False),
}


class SyncOperations:
    """One synchronous method for each operation. Answers are decoded JSON, or text where the table says so."""

    @abstractmethod
    def _call(self, operation: Operation, path: Mapping[str, str], query: Mapping[str, Any], body: Mapping[str, Any] | None, options: Options) -> Any:
        """The whole answer: decoded JSON, or a string. Raises what the client declares for a problem."""

    @abstractmethod
    def _stream(self, operation: Operation, path: Mapping[str, str], query: Mapping[str, Any], body: Mapping[str, Any] | None, options: Options) -> Iterator[bytes]:
        """The body as it comes."""

    @abstractmethod
    def _events(self, operation: Operation, path: Mapping[str, str], query: Mapping[str, Any], body: Mapping[str, Any] | None, options: Options) -> Iterator[EventView]:
        """The events as they come, resuming when the connection breaks."""

    def attach(self, *, idempotency_key: str | None = None, **members: Unpack[AttachRequest]) -> AttachmentView:
        """Bind a notebook to an execution, starting one if need be."""
        options: Options = {}
        if idempotency_key is not None:
            options["idempotency_key"] = idempotency_key
        return cast(AttachmentView, self._call(OPERATIONS["attach"], {}, {}, cast(Mapping[str, Any], members), options))

    def list_attachments(self, **members: Unpack[AttachmentQuery]) -> AttachmentList:
        """Your attachments."""
        return cast(AttachmentList, self._call(OPERATIONS["list_attachments"], {}, cast(Mapping[str, Any], members), None, {}))

    def get_attachment(self, attachment: str) -> AttachmentView:
        """One attachment."""
        return cast(AttachmentView, self._call(OPERATIONS["get_attachment"], {"attachment": attachment}, {}, None, {}))

    def get_connection(self, attachment: str) -> ConnectionView:
        """What the kernel needs to connect; for the kernel alone."""
        return cast(ConnectionView, self._call(OPERATIONS["get_connection"], {"attachment": attachment}, {}, None, {}))

    def report_work(self, attachment: str, **members: Unpack[WorkReport]) -> AttachmentView:
        """Have the history say which cells have queries; at most every 10 seconds."""
        return cast(AttachmentView, self._call(OPERATIONS["report_work"], {"attachment": attachment}, {}, cast(Mapping[str, Any], members), {}))

    def detach(self, attachment: str, **members: Unpack[DetachQuery]) -> ExecutionView:
        """Undo an attachment."""
        return cast(ExecutionView, self._call(OPERATIONS["detach"], {"attachment": attachment}, cast(Mapping[str, Any], members), None, {}))

    def list_frameworks(self) -> Frameworks:
        """All frameworks."""
        return cast(Frameworks, self._call(OPERATIONS["list_frameworks"], {}, {}, None, {}))

    def get_framework(self, framework: str) -> FrameworkView:
        """One framework."""
        return cast(FrameworkView, self._call(OPERATIONS["get_framework"], {"framework": framework}, {}, None, {}))

    def list_zapps(self) -> ZApps:
        """The shop."""
        return cast(ZApps, self._call(OPERATIONS["list_zapps"], {}, {}, None, {}))

    def get_zapp(self, zapp: str) -> ZAppView:
        """One ZApp."""
        return cast(ZAppView, self._call(OPERATIONS["get_zapp"], {"zapp": zapp}, {}, None, {}))

    def get_zapp_schema(self, zapp: str) -> dict[str, Any]:
        """The JSON Schema of a ZApp's parameters."""
        return cast(dict[str, Any], self._call(OPERATIONS["get_zapp_schema"], {"zapp": zapp}, {}, None, {}))

    def stream_events(self, *, last_event_id: int | None = None, **members: Unpack[EventsQuery]) -> Iterator[EventView]:
        """Events as they happen (server-sent events); resumes without loss or repetition."""
        options: Options = {}
        if last_event_id is not None:
            options["last_event_id"] = last_event_id
        return self._events(OPERATIONS["stream_events"], {}, cast(Mapping[str, Any], members), None, options)

    def get_history(self, execution: str, **members: Unpack[HistoryQuery]) -> EventPage:
        """What happened to an execution, and why."""
        return cast(EventPage, self._call(OPERATIONS["get_history"], {"execution": execution}, cast(Mapping[str, Any], members), None, {}))

    def get_story(self, execution: str, **members: Unpack[StoryQuery]) -> Story:
        """All that led an execution to its state, in order, for a person who wants to know why."""
        return cast(Story, self._call(OPERATIONS["get_story"], {"execution": execution}, cast(Mapping[str, Any], members), None, {}))

    def start_execution(self, *, idempotency_key: str | None = None, **members: Unpack[StartRequest]) -> ExecutionView:
        """Start a ZApp."""
        options: Options = {}
        if idempotency_key is not None:
            options["idempotency_key"] = idempotency_key
        return cast(ExecutionView, self._call(OPERATIONS["start_execution"], {}, {}, cast(Mapping[str, Any], members), options))

    def list_executions(self, **members: Unpack[ExecutionQuery]) -> ExecutionPage:
        """Executions, newest first."""
        return cast(ExecutionPage, self._call(OPERATIONS["list_executions"], {}, cast(Mapping[str, Any], members), None, {}))

    def get_execution(self, execution: str) -> ExecutionView:
        """One execution."""
        return cast(ExecutionView, self._call(OPERATIONS["get_execution"], {"execution": execution}, {}, None, {}))

    def scale_execution(self, execution: str, *, if_match: int | None = None, **members: Unpack[ScaleRequest]) -> ExecutionView:
        """Change how many processes a group has."""
        options: Options = {}
        if if_match is not None:
            options["if_match"] = if_match
        return cast(ExecutionView, self._call(OPERATIONS["scale_execution"], {"execution": execution}, {}, cast(Mapping[str, Any], members), options))

    def terminate_execution(self, execution: str, *, if_match: int | None = None, **members: Unpack[TerminateRequest]) -> ExecutionView:
        """End an execution."""
        options: Options = {}
        if if_match is not None:
            options["if_match"] = if_match
        return cast(ExecutionView, self._call(OPERATIONS["terminate_execution"], {"execution": execution}, {}, cast(Mapping[str, Any], members), options))

    def report_holders(self, **members: Unpack[LeaseReport]) -> LeaseTerms:
        """Say which of your notebooks, consoles and scripts are there, and renew their leases."""
        return cast(LeaseTerms, self._call(OPERATIONS["report_holders"], {}, {}, cast(Mapping[str, Any], members), {}))

    def keep_execution(self, execution: str, **members: Unpack[KeepRequest]) -> ExecutionView:
        """Keep an execution that nobody uses."""
        return cast(ExecutionView, self._call(OPERATIONS["keep_execution"], {"execution": execution}, {}, cast(Mapping[str, Any], members), {}))

    def plan(self, **members: Unpack[PlanRequest]) -> PlanView:
        """What a command would change, without doing it."""
        return cast(PlanView, self._call(OPERATIONS["plan"], {}, {}, cast(Mapping[str, Any], members), {}))

    def list_processes(self, execution: str) -> Processes:
        """The processes of an execution."""
        return cast(Processes, self._call(OPERATIONS["list_processes"], {"execution": execution}, {}, None, {}))

    def get_process(self, execution: str, process: str) -> ProcessView:
        """One process."""
        return cast(ProcessView, self._call(OPERATIONS["get_process"], {"execution": execution, "process": process}, {}, None, {}))

    def get_logs(self, execution: str, process: str, *, range: str | None = None, **members: Unpack[LogQuery]) -> Iterator[bytes]:
        """Output of a process; stays after it has ended."""
        options: Options = {}
        if range is not None:
            options["range"] = range
        return self._stream(OPERATIONS["get_logs"], {"execution": execution, "process": process}, cast(Mapping[str, Any], members), None, options)

    def get_health(self) -> Health:
        """Whether the hub works."""
        return cast(Health, self._call(OPERATIONS["get_health"], {}, {}, None, {}))

    def get_user(self) -> User:
        """Who the token belongs to."""
        return cast(User, self._call(OPERATIONS["get_user"], {}, {}, None, {}))

    def get_capabilities(self) -> CapabilitiesView:
        """What the backend can do."""
        return cast(CapabilitiesView, self._call(OPERATIONS["get_capabilities"], {}, {}, None, {}))

    def list_nodes(self) -> Nodes:
        """The machines and what is reserved."""
        return cast(Nodes, self._call(OPERATIONS["list_nodes"], {}, {}, None, {}))

    def get_metrics(self) -> str:
        """Measurements for Prometheus."""
        return cast(str, self._call(OPERATIONS["get_metrics"], {}, {}, None, {}))

    def get_openapi(self) -> dict[str, Any]:
        """This interface as an OpenAPI document."""
        return cast(dict[str, Any], self._call(OPERATIONS["get_openapi"], {}, {}, None, {}))

    def get_reference(self) -> str:
        """This interface as a page to read."""
        return cast(str, self._call(OPERATIONS["get_reference"], {}, {}, None, {}))

    def create_ticket(self, **members: Unpack[TicketRequest]) -> Ticket:
        """An address that opens a proxied page in a browser, once."""
        return cast(Ticket, self._call(OPERATIONS["create_ticket"], {}, {}, cast(Mapping[str, Any], members), {}))


class AsyncOperations:
    """One asynchronous method for each operation. Answers are decoded JSON, or text where the table says so."""

    @abstractmethod
    async def _call(self, operation: Operation, path: Mapping[str, str], query: Mapping[str, Any], body: Mapping[str, Any] | None, options: Options) -> Any:
        """The whole answer: decoded JSON, or a string. Raises what the client declares for a problem."""

    @abstractmethod
    def _stream(self, operation: Operation, path: Mapping[str, str], query: Mapping[str, Any], body: Mapping[str, Any] | None, options: Options) -> AsyncIterator[bytes]:
        """The body as it comes."""

    @abstractmethod
    def _events(self, operation: Operation, path: Mapping[str, str], query: Mapping[str, Any], body: Mapping[str, Any] | None, options: Options) -> AsyncIterator[EventView]:
        """The events as they come, resuming when the connection breaks."""

    async def attach(self, *, idempotency_key: str | None = None, **members: Unpack[AttachRequest]) -> AttachmentView:
        """Bind a notebook to an execution, starting one if need be."""
        options: Options = {}
        if idempotency_key is not None:
            options["idempotency_key"] = idempotency_key
        return cast(AttachmentView, await self._call(OPERATIONS["attach"], {}, {}, cast(Mapping[str, Any], members), options))

    async def list_attachments(self, **members: Unpack[AttachmentQuery]) -> AttachmentList:
        """Your attachments."""
        return cast(AttachmentList, await self._call(OPERATIONS["list_attachments"], {}, cast(Mapping[str, Any], members), None, {}))

    async def get_attachment(self, attachment: str) -> AttachmentView:
        """One attachment."""
        return cast(AttachmentView, await self._call(OPERATIONS["get_attachment"], {"attachment": attachment}, {}, None, {}))

    async def get_connection(self, attachment: str) -> ConnectionView:
        """What the kernel needs to connect; for the kernel alone."""
        return cast(ConnectionView, await self._call(OPERATIONS["get_connection"], {"attachment": attachment}, {}, None, {}))

    async def report_work(self, attachment: str, **members: Unpack[WorkReport]) -> AttachmentView:
        """Have the history say which cells have queries; at most every 10 seconds."""
        return cast(AttachmentView, await self._call(OPERATIONS["report_work"], {"attachment": attachment}, {}, cast(Mapping[str, Any], members), {}))

    async def detach(self, attachment: str, **members: Unpack[DetachQuery]) -> ExecutionView:
        """Undo an attachment."""
        return cast(ExecutionView, await self._call(OPERATIONS["detach"], {"attachment": attachment}, cast(Mapping[str, Any], members), None, {}))

    async def list_frameworks(self) -> Frameworks:
        """All frameworks."""
        return cast(Frameworks, await self._call(OPERATIONS["list_frameworks"], {}, {}, None, {}))

    async def get_framework(self, framework: str) -> FrameworkView:
        """One framework."""
        return cast(FrameworkView, await self._call(OPERATIONS["get_framework"], {"framework": framework}, {}, None, {}))

    async def list_zapps(self) -> ZApps:
        """The shop."""
        return cast(ZApps, await self._call(OPERATIONS["list_zapps"], {}, {}, None, {}))

    async def get_zapp(self, zapp: str) -> ZAppView:
        """One ZApp."""
        return cast(ZAppView, await self._call(OPERATIONS["get_zapp"], {"zapp": zapp}, {}, None, {}))

    async def get_zapp_schema(self, zapp: str) -> dict[str, Any]:
        """The JSON Schema of a ZApp's parameters."""
        return cast(dict[str, Any], await self._call(OPERATIONS["get_zapp_schema"], {"zapp": zapp}, {}, None, {}))

    def stream_events(self, *, last_event_id: int | None = None, **members: Unpack[EventsQuery]) -> AsyncIterator[EventView]:
        """Events as they happen (server-sent events); resumes without loss or repetition."""
        options: Options = {}
        if last_event_id is not None:
            options["last_event_id"] = last_event_id
        return self._events(OPERATIONS["stream_events"], {}, cast(Mapping[str, Any], members), None, options)

    async def get_history(self, execution: str, **members: Unpack[HistoryQuery]) -> EventPage:
        """What happened to an execution, and why."""
        return cast(EventPage, await self._call(OPERATIONS["get_history"], {"execution": execution}, cast(Mapping[str, Any], members), None, {}))

    async def get_story(self, execution: str, **members: Unpack[StoryQuery]) -> Story:
        """All that led an execution to its state, in order, for a person who wants to know why."""
        return cast(Story, await self._call(OPERATIONS["get_story"], {"execution": execution}, cast(Mapping[str, Any], members), None, {}))

    async def start_execution(self, *, idempotency_key: str | None = None, **members: Unpack[StartRequest]) -> ExecutionView:
        """Start a ZApp."""
        options: Options = {}
        if idempotency_key is not None:
            options["idempotency_key"] = idempotency_key
        return cast(ExecutionView, await self._call(OPERATIONS["start_execution"], {}, {}, cast(Mapping[str, Any], members), options))

    async def list_executions(self, **members: Unpack[ExecutionQuery]) -> ExecutionPage:
        """Executions, newest first."""
        return cast(ExecutionPage, await self._call(OPERATIONS["list_executions"], {}, cast(Mapping[str, Any], members), None, {}))

    async def get_execution(self, execution: str) -> ExecutionView:
        """One execution."""
        return cast(ExecutionView, await self._call(OPERATIONS["get_execution"], {"execution": execution}, {}, None, {}))

    async def scale_execution(self, execution: str, *, if_match: int | None = None, **members: Unpack[ScaleRequest]) -> ExecutionView:
        """Change how many processes a group has."""
        options: Options = {}
        if if_match is not None:
            options["if_match"] = if_match
        return cast(ExecutionView, await self._call(OPERATIONS["scale_execution"], {"execution": execution}, {}, cast(Mapping[str, Any], members), options))

    async def terminate_execution(self, execution: str, *, if_match: int | None = None, **members: Unpack[TerminateRequest]) -> ExecutionView:
        """End an execution."""
        options: Options = {}
        if if_match is not None:
            options["if_match"] = if_match
        return cast(ExecutionView, await self._call(OPERATIONS["terminate_execution"], {"execution": execution}, {}, cast(Mapping[str, Any], members), options))

    async def report_holders(self, **members: Unpack[LeaseReport]) -> LeaseTerms:
        """Say which of your notebooks, consoles and scripts are there, and renew their leases."""
        return cast(LeaseTerms, await self._call(OPERATIONS["report_holders"], {}, {}, cast(Mapping[str, Any], members), {}))

    async def keep_execution(self, execution: str, **members: Unpack[KeepRequest]) -> ExecutionView:
        """Keep an execution that nobody uses."""
        return cast(ExecutionView, await self._call(OPERATIONS["keep_execution"], {"execution": execution}, {}, cast(Mapping[str, Any], members), {}))

    async def plan(self, **members: Unpack[PlanRequest]) -> PlanView:
        """What a command would change, without doing it."""
        return cast(PlanView, await self._call(OPERATIONS["plan"], {}, {}, cast(Mapping[str, Any], members), {}))

    async def list_processes(self, execution: str) -> Processes:
        """The processes of an execution."""
        return cast(Processes, await self._call(OPERATIONS["list_processes"], {"execution": execution}, {}, None, {}))

    async def get_process(self, execution: str, process: str) -> ProcessView:
        """One process."""
        return cast(ProcessView, await self._call(OPERATIONS["get_process"], {"execution": execution, "process": process}, {}, None, {}))

    def get_logs(self, execution: str, process: str, *, range: str | None = None, **members: Unpack[LogQuery]) -> AsyncIterator[bytes]:
        """Output of a process; stays after it has ended."""
        options: Options = {}
        if range is not None:
            options["range"] = range
        return self._stream(OPERATIONS["get_logs"], {"execution": execution, "process": process}, cast(Mapping[str, Any], members), None, options)

    async def get_health(self) -> Health:
        """Whether the hub works."""
        return cast(Health, await self._call(OPERATIONS["get_health"], {}, {}, None, {}))

    async def get_user(self) -> User:
        """Who the token belongs to."""
        return cast(User, await self._call(OPERATIONS["get_user"], {}, {}, None, {}))

    async def get_capabilities(self) -> CapabilitiesView:
        """What the backend can do."""
        return cast(CapabilitiesView, await self._call(OPERATIONS["get_capabilities"], {}, {}, None, {}))

    async def list_nodes(self) -> Nodes:
        """The machines and what is reserved."""
        return cast(Nodes, await self._call(OPERATIONS["list_nodes"], {}, {}, None, {}))

    async def get_metrics(self) -> str:
        """Measurements for Prometheus."""
        return cast(str, await self._call(OPERATIONS["get_metrics"], {}, {}, None, {}))

    async def get_openapi(self) -> dict[str, Any]:
        """This interface as an OpenAPI document."""
        return cast(dict[str, Any], await self._call(OPERATIONS["get_openapi"], {}, {}, None, {}))

    async def get_reference(self) -> str:
        """This interface as a page to read."""
        return cast(str, await self._call(OPERATIONS["get_reference"], {}, {}, None, {}))

    async def create_ticket(self, **members: Unpack[TicketRequest]) -> Ticket:
        """An address that opens a proxied page in a browser, once."""
        return cast(Ticket, await self._call(OPERATIONS["create_ticket"], {}, {}, cast(Mapping[str, Any], members), {}))
