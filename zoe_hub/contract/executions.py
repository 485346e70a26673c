"""Executions: started, listed, scaled, ended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta

from zoe_hub.contract.bounds import Labels, Sentence, Word
from zoe_hub.contract.common import Name, Parameters, ReasonView, WebPrefix
from zoe_hub.contract.processes import ProcessView
from zoe_hub.contract.table import Operation, capability
from zoe_hub.core.executions.model import WEB_PREFIX, Outcome, Phase
from zoe_hub.core.record import Record


class StartRequest(Record, kw_only=True):
    """Start a ZApp."""

    zapp: Name
    name: Name | None = None
    parameters: Parameters = {}
    labels: Labels = {}
    web_prefix: WebPrefix = WEB_PREFIX


class ScaleRequest(Record, kw_only=True):
    """Change how many processes a group has."""

    count: Annotated[int, Meta(ge=0, le=10000)]
    group: Annotated[Word, Meta(description="may be left out if only one group can grow")] | None = None


class TerminateRequest(Record, kw_only=True):
    """End an execution. A protected one wants its name as ``confirm``."""

    reason: Sentence = ""
    confirm: Word | None = None


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


class IdleView(Record, kw_only=True):
    """Nobody uses the execution: no busy kernel, query, job or terminal. What follows, and when."""

    since: datetime
    action: Literal["shrink", "end"]
    at: datetime


class ParentView(Record, kw_only=True):
    """What an execution was started for: an attachment, or a step of a workflow's run."""

    kind: str
    id: str
    step: str = ""
    attempt: int = 1  # how often it was tried, with this one


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
    parent: Annotated[ParentView, Meta(description="null: somebody asked for it by itself")] | None = None
    created: datetime
    running_since: datetime | None = None
    ended: datetime | None = None
    idle: IdleView | None = None
    kept_until: datetime | None = None
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
    owner: Annotated[Word, Meta(description="admins only see others'")] | None = None
    zapp: Word | None = None
    name: Word | None = None
    label: Annotated[str, Meta(max_length=320, description="KEY or KEY=VALUE")] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: Annotated[Word, Meta(description="'next' of the page before")] | None = None


class ExecutionPage(Record, kw_only=True):
    """A page of executions; ``next`` is null on the last one."""

    items: tuple[ExecutionView, ...]
    next: str | None = None


OPERATIONS = capability(
    "executions",
    Operation(
        id="start_execution",
        method="POST",
        path="/executions",
        summary="Start a ZApp",
        scope="write",
        status=202,
        input=StartRequest,
        output=ExecutionView,
        creates=True,
        errors=(
            "unknown-zapp",
            "framework-alone",
            "never-fits",
            "too-many",
            "key-reused",
            "java-missing",
            "environment-missing",
            "image-missing",
            "storage-full",
        ),
    ),
    Operation(
        id="list_executions",
        method="GET",
        path="/executions",
        summary="Executions, newest first",
        scope="read",
        query=ExecutionQuery,
        output=ExecutionPage,
    ),
    Operation(
        id="get_execution",
        method="GET",
        path="/executions/{execution}",
        summary="One execution",
        scope="read",
        output=ExecutionView,
        owns="execution",
        versioned=True,
        errors=("unknown-execution",),
    ),
    Operation(
        id="scale_execution",
        method="POST",
        path="/executions/{execution}/scale",
        summary="Change how many processes a group has",
        scope="write",
        status=202,
        input=ScaleRequest,
        output=ExecutionView,
        owns="execution",
        versioned=True,
        errors=(
            "unknown-execution",
            "unknown-group",
            "not-scalable",
            "out-of-range",
            "already-ended",
            "conflict",
            "storage-full",
        ),
    ),
    Operation(
        id="terminate_execution",
        method="POST",
        path="/executions/{execution}/terminate",
        summary="End an execution",
        scope="write",
        status=202,
        input=TerminateRequest,
        output=ExecutionView,
        owns="execution",
        versioned=True,
        errors=("unknown-execution", "protected", "conflict", "storage-full"),
    ),
)
