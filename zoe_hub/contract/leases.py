"""Leases: who is there, what has moved, and keeping what nobody uses."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from zoe_hub.contract.executions import ExecutionView
from zoe_hub.contract.table import Operation, capability
from zoe_hub.core.attachments.model import HolderKind
from zoe_hub.core.record import Record

Key = Annotated[
    str, Meta(min_length=1, max_length=1024, description="a notebook's path; of what is no notebook its identity")
]


class HolderReport(Record, kw_only=True):
    """One that may be attached: a kernel, and what it is of. ``busy``: it executes, or has a program running."""

    kernel: Annotated[str, Meta(max_length=256, description="its id; of what is no kernel the same as the key")]
    kind: HolderKind
    key: Key
    busy: bool = False


class Move(Record, kw_only=True):
    """A file, or a folder with all that is in it, has another path."""

    source: Key
    target: Key


class LeaseReport(Record, kw_only=True):
    """Who of the caller's is there. What has happened to files comes first, in the order in which it happened."""

    holders: Annotated[tuple[HolderReport, ...], Meta(max_length=1000)] = ()
    moved: Annotated[tuple[Move, ...], Meta(max_length=1000)] = ()
    deleted: Annotated[tuple[Key, ...], Meta(max_length=1000)] = ()


class LeaseTerms(Record, kw_only=True):
    """How long a report counts. Report again after a third of it, and whenever something changes."""

    ttl: float  # seconds


class KeepRequest(Record, kw_only=True):
    """Keep an execution that nobody uses. Without ``seconds`` its clock of idleness begins anew now."""

    seconds: Annotated[float, Meta(ge=0)] | None = None


OPERATIONS = capability(
    "leases",
    Operation(
        id="report_holders",
        method="POST",
        path="/leases",
        summary="Say which of your notebooks, consoles and scripts are there, and renew their leases",
        scope="write",
        input=LeaseReport,
        output=LeaseTerms,
        errors=("storage-full",),
    ),
    Operation(
        id="keep_execution",
        method="POST",
        path="/executions/{execution}/keep",
        summary="Keep an execution that nobody uses",
        scope="write",
        input=KeepRequest,
        output=ExecutionView,
        owns="execution",
        errors=("unknown-execution", "out-of-range", "storage-full"),
    ),
)
