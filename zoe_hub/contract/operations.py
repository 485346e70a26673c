"""The one table of operations. OpenAPI, TypeScript types, client, handlers and the authorization test come from it.

``web`` binds a handler to each operation by its ``id``; a test fails if one has none. Who may call what: ``scope`` is
what a token needs, ``owns`` names the resource in the path that must belong to the caller (admins excepted).
"""

from __future__ import annotations

from typing import Literal

from zoe_hub.contract import types as t
from zoe_hub.core.record import Record

PREFIX = "/api/v1"

Scope = Literal["read", "write", "admin"]


class Operation(Record, kw_only=True):
    """One operation of the REST interface."""

    id: str  # snake_case: the name of the client's method and of the handler
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str  # below PREFIX, with {parameters}
    summary: str
    tag: str
    scope: Scope
    status: int = 200
    input: type | None = None
    query: type | None = None
    output: type | None = None
    media: str = "application/json"  # of the output
    owns: Literal["execution", "attachment", ""] = ""
    errors: tuple[str, ...] = ()  # beside those that every operation has
    creates: bool = False  # takes an Idempotency-Key
    versioned: bool = False  # takes If-Match, answers an ETag


COMMON_ERRORS = ("not-authenticated", "not-allowed", "foreign-origin", "internal")
INPUT_ERRORS = ("bad-request", "bad-parameter", "too-large")
_BACKEND = ("backend-unavailable",)

OPERATIONS: tuple[Operation, ...] = (
    # system
    Operation(
        id="get_health",
        method="GET",
        path="/health",
        summary="Whether the hub works",
        tag="system",
        scope="read",
        output=t.Health,
    ),
    Operation(
        id="get_user",
        method="GET",
        path="/user",
        summary="Who the token belongs to",
        tag="system",
        scope="read",
        output=t.User,
    ),
    Operation(
        id="get_capabilities",
        method="GET",
        path="/capabilities",
        summary="What the backend can do",
        tag="system",
        scope="read",
        output=t.CapabilitiesView,
    ),
    Operation(
        id="list_nodes",
        method="GET",
        path="/nodes",
        summary="The machines and what is reserved",
        tag="system",
        scope="read",
        output=t.Nodes,
        errors=_BACKEND,
    ),
    Operation(
        id="get_metrics",
        method="GET",
        path="/metrics",
        summary="Measurements for Prometheus",
        tag="system",
        scope="admin",
        media="text/plain",
    ),
    Operation(
        id="get_openapi",
        method="GET",
        path="/openapi.json",
        summary="This interface as an OpenAPI document",
        tag="system",
        scope="read",
        output=dict,
    ),
    Operation(
        id="get_reference",
        method="GET",
        path="/reference",
        summary="This interface as a page to read",
        tag="system",
        scope="read",
        media="text/html",
    ),
    # catalog
    Operation(
        id="list_frameworks",
        method="GET",
        path="/frameworks",
        summary="All frameworks",
        tag="catalog",
        scope="read",
        output=t.Frameworks,
    ),
    Operation(
        id="get_framework",
        method="GET",
        path="/frameworks/{framework}",
        summary="One framework",
        tag="catalog",
        scope="read",
        output=t.FrameworkView,
        errors=("unknown-framework",),
    ),
    Operation(
        id="list_zapps", method="GET", path="/zapps", summary="The shop", tag="catalog", scope="read", output=t.ZApps
    ),
    Operation(
        id="get_zapp",
        method="GET",
        path="/zapps/{zapp}",
        summary="One ZApp",
        tag="catalog",
        scope="read",
        output=t.ZAppView,
        errors=("unknown-zapp",),
    ),
    Operation(
        id="get_zapp_schema",
        method="GET",
        path="/zapps/{zapp}/schema",
        summary="The JSON Schema of a ZApp's parameters",
        tag="catalog",
        scope="read",
        output=dict,
        media="application/schema+json",
        errors=("unknown-zapp",),
    ),
    # executions
    Operation(
        id="start_execution",
        method="POST",
        path="/executions",
        summary="Start a ZApp",
        tag="executions",
        scope="write",
        status=202,
        input=t.StartRequest,
        output=t.ExecutionView,
        creates=True,
        errors=(
            "unknown-zapp",
            "never-fits",
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
        tag="executions",
        scope="read",
        query=t.ExecutionQuery,
        output=t.ExecutionPage,
    ),
    Operation(
        id="get_execution",
        method="GET",
        path="/executions/{execution}",
        summary="One execution",
        tag="executions",
        scope="read",
        output=t.ExecutionView,
        owns="execution",
        versioned=True,
        errors=("unknown-execution",),
    ),
    Operation(
        id="scale_execution",
        method="POST",
        path="/executions/{execution}/scale",
        summary="Change how many processes a group has",
        tag="executions",
        scope="write",
        status=202,
        input=t.ScaleRequest,
        output=t.ExecutionView,
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
        tag="executions",
        scope="write",
        status=202,
        input=t.TerminateRequest,
        output=t.ExecutionView,
        owns="execution",
        versioned=True,
        errors=("unknown-execution", "protected", "conflict", "storage-full"),
    ),
    Operation(
        id="get_history",
        method="GET",
        path="/executions/{execution}/history",
        summary="What happened to an execution, and why",
        tag="executions",
        scope="read",
        query=t.HistoryQuery,
        output=t.EventPage,
        owns="execution",
        errors=("unknown-execution",),
    ),
    Operation(
        id="list_processes",
        method="GET",
        path="/executions/{execution}/processes",
        summary="The processes of an execution",
        tag="processes",
        scope="read",
        output=t.Processes,
        owns="execution",
        errors=("unknown-execution",),
    ),
    Operation(
        id="get_process",
        method="GET",
        path="/executions/{execution}/processes/{process}",
        summary="One process",
        tag="processes",
        scope="read",
        output=t.ProcessView,
        owns="execution",
        errors=("unknown-execution", "unknown-process"),
    ),
    Operation(
        id="get_logs",
        method="GET",
        path="/executions/{execution}/processes/{process}/logs",
        summary="Output of a process; stays after it has ended",
        tag="processes",
        scope="read",
        query=t.LogQuery,
        media="text/plain",
        owns="execution",
        errors=("unknown-execution", "unknown-process", "no-log", "backend-unavailable"),
    ),
    # attachments
    Operation(
        id="attach",
        method="POST",
        path="/attachments",
        summary="Bind a notebook to an execution, starting one if need be",
        tag="attachments",
        scope="write",
        status=202,
        input=t.AttachRequest,
        output=t.AttachmentView,
        creates=True,
        errors=(
            "unknown-zapp",
            "unknown-execution",
            "not-attachable",
            "client-mismatch",
            "already-attached",
            "already-ended",
            "never-fits",
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
        tag="attachments",
        scope="read",
        query=t.AttachmentQuery,
        output=t.Attachments,
    ),
    Operation(
        id="get_attachment",
        method="GET",
        path="/attachments/{attachment}",
        summary="One attachment",
        tag="attachments",
        scope="read",
        output=t.AttachmentView,
        owns="attachment",
        errors=("unknown-attachment",),
    ),
    Operation(
        id="get_connection",
        method="GET",
        path="/attachments/{attachment}/connection",
        summary="What the kernel needs to connect; for the kernel alone",
        tag="attachments",
        scope="write",
        output=t.Connection,
        owns="attachment",
        errors=("unknown-attachment", "not-ready", "already-ended", "not-attachable"),
    ),
    Operation(
        id="detach",
        method="DELETE",
        path="/attachments/{attachment}",
        summary="Undo an attachment",
        tag="attachments",
        scope="write",
        query=t.DetachQuery,
        output=t.ExecutionView,
        owns="attachment",
        errors=("unknown-attachment", "storage-full"),
    ),
    # tickets
    Operation(
        id="create_ticket",
        method="POST",
        path="/tickets",
        summary="An address that opens a proxied page in a browser, once",
        tag="tickets",
        scope="write",
        status=201,
        input=t.TicketRequest,
        output=t.Ticket,
        errors=("unknown-execution",),
    ),
    # plans and events
    Operation(
        id="plan",
        method="POST",
        path="/plans",
        summary="What a command would change, without doing it",
        tag="plans",
        scope="write",
        input=t.PlanRequest,
        output=t.PlanView,
        errors=(
            "unknown-zapp",
            "unknown-execution",
            "unknown-group",
            "not-scalable",
            "out-of-range",
            "already-ended",
            "protected",
            "never-fits",
        ),
    ),
    Operation(
        id="stream_events",
        method="GET",
        path="/events",
        summary="Events as they happen (server-sent events); resumes without loss or repetition",
        tag="events",
        scope="read",
        query=t.EventsQuery,
        media="text/event-stream",
        errors=("unknown-execution",),
    ),
)

BY_ID = {operation.id: operation for operation in OPERATIONS}
