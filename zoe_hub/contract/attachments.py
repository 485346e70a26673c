"""Attachments: notebooks bound to executions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from zoe_hub.contract.bounds import MOST_VERSIONS, Word
from zoe_hub.contract.common import Parameters, WebPrefix
from zoe_hub.contract.executions import ExecutionView
from zoe_hub.contract.table import Operation, capability
from zoe_hub.core.attachments.model import HolderKind, Policy
from zoe_hub.core.executions.model import WEB_PREFIX
from zoe_hub.core.record import Record


class AttachRequest(Record, kw_only=True):
    """Bind a notebook to an execution: to the one it had, to ``execution``, or to a new one of ``zapp``."""

    key: Annotated[str, Meta(min_length=1, max_length=1024, description="the notebook's path, or the kernel's id")]
    kernel: Word = ""
    kind: HolderKind = "notebook"
    policy: (
        Annotated[Policy, Meta(description="when the last holder is gone; left out: as the admin has set it")] | None
    ) = None
    zapp: (
        Annotated[
            Word, Meta(description="a ZApp, or a framework that a ZApp of the shop offers alone, such as 'spark'")
        ]
        | None
    ) = None
    execution: Word | None = None
    parameters: Parameters = {}
    language: Word = "python"
    versions: Annotated[
        dict[Word, Word],
        Meta(
            max_length=MOST_VERSIONS,
            description="installed packages of the kernel: name -> version; checked before anything starts",
        ),
    ] = {}
    web_prefix: WebPrefix = WEB_PREFIX


class AttachmentView(Record, kw_only=True):
    """A notebook bound to an execution. ``found``: it existed before the request."""

    id: str
    owner: str
    key: str
    kernel: str
    kind: HolderKind
    policy: Policy  # when the last holder is gone
    gone: datetime | None = None  # since when the holder counts as gone
    execution: ExecutionView
    created: datetime
    renewed: datetime
    found: bool = False
    unapplied: Annotated[
        tuple[str, ...],
        Meta(description="parameters that were asked for and that the execution, which was there, has otherwise"),
    ] = ()


class AttachmentQuery(Record, kw_only=True):
    """Filters of the list."""

    key: Annotated[str, Meta(max_length=1024)] | None = None
    kernel: (
        Annotated[Word, Meta(description="its key counts instead, if its server has said which one it has")] | None
    ) = None
    execution: Word | None = None


class AttachmentList(Record, kw_only=True):
    """Your attachments."""

    items: tuple[AttachmentView, ...]
    former: (
        Annotated[
            ExecutionView,
            Meta(
                description="if a holder was asked for that is attached to nothing: what it held last, which has ended"
            ),
        ]
        | None
    ) = None


class ConnectionView(Record, kw_only=True):
    """What a kernel needs to connect. Holds secrets: for the kernel alone, never shown."""

    requires: str
    variable: str
    code: Annotated[str, Meta(description="source text that sets the variable; the guide says what it finds")]
    check: Annotated[str, Meta(description="runs after it, in its names, and fails unless the session answers")] = ""
    check_timeout: Annotated[float, Meta(description="seconds that the check may take")] = 60.0
    session: Annotated[str, Meta(description="a name that the code sets: an object that can do more")] = ""
    outputs: dict[str, str]
    secrets: dict[str, str] = {}
    addresses: Annotated[list[str], Meta(description="host:port of each endpoint that the outputs name")] = []
    listeners: Annotated[
        list[int],
        Meta(description="users of the hub's machine, by number, to whom a listener at an address of it may belong"),
    ] = []


class WorkReport(Record, kw_only=True):
    """Cells that have queries on the execution, since the last report."""

    cells: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=200, description="such as 'report.ipynb, cell 12'")], ...],
        Meta(min_length=1, max_length=20),
    ]


class DetachQuery(Record, kw_only=True):
    """What becomes of the execution."""

    keep: Annotated[
        bool,
        Meta(description="leave the execution running; otherwise it is terminated if no other notebook is attached"),
    ] = False


OPERATIONS = capability(
    "attachments",
    Operation(
        id="attach",
        method="POST",
        path="/attachments",
        summary="Bind a notebook to an execution, starting one if need be",
        scope="write",
        status=202,
        input=AttachRequest,
        output=AttachmentView,
        creates=True,
        errors=(
            "unknown-zapp",
            "unknown-execution",
            "not-attachable",
            "client-mismatch",
            "already-attached",
            "already-ended",
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
        id="list_attachments",
        method="GET",
        path="/attachments",
        summary="Your attachments",
        scope="read",
        query=AttachmentQuery,
        output=AttachmentList,
    ),
    Operation(
        id="get_attachment",
        method="GET",
        path="/attachments/{attachment}",
        summary="One attachment",
        scope="read",
        output=AttachmentView,
        owns="attachment",
        errors=("unknown-attachment",),
    ),
    Operation(
        id="get_connection",
        method="GET",
        path="/attachments/{attachment}/connection",
        summary="What the kernel needs to connect; for the kernel alone",
        scope="write",
        output=ConnectionView,
        owns="attachment",
        errors=("unknown-attachment", "not-ready", "already-ended", "not-attachable"),
    ),
    Operation(
        id="report_work",
        method="POST",
        path="/attachments/{attachment}/work",
        summary="Have the history say which cells have queries; at most every 10 seconds",
        scope="write",
        input=WorkReport,
        output=AttachmentView,
        owns="attachment",
        errors=("unknown-attachment", "storage-full"),
    ),
    Operation(
        id="detach",
        method="DELETE",
        path="/attachments/{attachment}",
        summary="Undo an attachment",
        scope="write",
        query=DetachQuery,
        output=ExecutionView,
        owns="attachment",
        errors=("unknown-attachment", "storage-full"),
    ),
)
