"""The hub itself: health, what it can do, measurements, its interface as a document."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from zoe_hub.contract.common import ReasonView
from zoe_hub.contract.table import BACKEND_ERRORS, Operation, capability
from zoe_hub.core.record import Record


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


OPERATIONS = capability(
    "system",
    Operation(
        id="get_health",
        method="GET",
        path="/health",
        summary="Whether the hub works",
        scope="read",
        output=Health,
    ),
    Operation(
        id="get_user",
        method="GET",
        path="/user",
        summary="Who the token belongs to",
        scope="read",
        output=User,
    ),
    Operation(
        id="get_capabilities",
        method="GET",
        path="/capabilities",
        summary="What the backend can do",
        scope="read",
        output=CapabilitiesView,
    ),
    Operation(
        id="list_nodes",
        method="GET",
        path="/nodes",
        summary="The machines and what is reserved",
        scope="read",
        output=Nodes,
        errors=BACKEND_ERRORS,
    ),
    Operation(
        id="get_metrics",
        method="GET",
        path="/metrics",
        summary="Measurements for Prometheus",
        scope="admin",
        media="text/plain",
    ),
    Operation(
        id="get_openapi",
        method="GET",
        path="/openapi.json",
        summary="This interface as an OpenAPI document",
        scope="read",
        output=dict,
    ),
    Operation(
        id="get_reference",
        method="GET",
        path="/reference",
        summary="This interface as a page to read",
        scope="read",
        media="text/html",
    ),
)
