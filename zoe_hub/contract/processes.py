"""The processes of executions, and their logs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from zoe_hub.contract.bounds import LARGEST
from zoe_hub.contract.common import ReasonView
from zoe_hub.contract.table import BACKEND_ERRORS, Header, Operation, capability
from zoe_hub.core.executions.model import ProcessState
from zoe_hub.core.record import Record


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


class Processes(Record, kw_only=True):
    """The processes of an execution."""

    items: tuple[ProcessView, ...]


class LogQuery(Record, kw_only=True):
    """Which part of a log. A ``Range: bytes=`` header does the same for a log that has ended or not."""

    offset: Annotated[int, Meta(ge=-LARGEST, le=LARGEST, description="first byte; negative: counted from the end")] = 0
    limit: Annotated[int, Meta(ge=1, le=LARGEST, description="bytes at the most")] | None = None
    follow: Annotated[bool, Meta(description="stay until the process has ended")] = False


OPERATIONS = capability(
    "processes",
    Operation(
        id="list_processes",
        method="GET",
        path="/executions/{execution}/processes",
        summary="The processes of an execution",
        scope="read",
        output=Processes,
        owns="execution",
        errors=("unknown-execution",),
    ),
    Operation(
        id="get_process",
        method="GET",
        path="/executions/{execution}/processes/{process}",
        summary="One process",
        scope="read",
        output=ProcessView,
        owns="execution",
        errors=("unknown-execution", "unknown-process"),
    ),
    Operation(
        id="get_logs",
        method="GET",
        path="/executions/{execution}/processes/{process}/logs",
        summary="Output of a process; stays after it has ended",
        scope="read",
        query=LogQuery,
        media="text/plain",
        streams="bytes",
        owns="execution",
        errors=("unknown-execution", "unknown-process", "no-log", "too-many", *BACKEND_ERRORS),
        takes=(Header("Range", "One range of bytes, 'bytes=FIRST-LAST'; answered with 206 or 416.", longest=256),),
        gives=(Header("Zoe-Log-Offset", "Byte offset of the first byte of the answer.", "integer"),),
        also=(
            (206, "The range that was asked for"),
            (416, "The log has no such range; Content-Range says its size"),
        ),
    ),
)
