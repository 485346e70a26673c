"""Plans: what a command would change."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from zoe_hub.contract.bounds import Word
from zoe_hub.contract.common import ReasonView
from zoe_hub.contract.executions import ScaleRequest, StartRequest, TerminateRequest
from zoe_hub.contract.table import Operation, capability
from zoe_hub.core.record import Record


class PlanRequest(Record, kw_only=True):
    """A command to be planned and not done. Exactly one member is given."""

    start: StartRequest | None = None
    scale: ScaleRequest | None = None
    terminate: TerminateRequest | None = None
    execution: Annotated[Word, Meta(description="for scale and terminate")] | None = None


class ChangeView(Record, kw_only=True):
    """One state change of a plan, and why. ``what`` has a code, facts and words as reasons have."""

    what: ReasonView
    reason: ReasonView


class PlanView(Record, kw_only=True):
    """What a command would change."""

    command: str
    changes: tuple[ChangeView, ...]


OPERATIONS = capability(
    "plans",
    Operation(
        id="plan",
        method="POST",
        path="/plans",
        summary="What a command would change, without doing it",
        scope="write",
        input=PlanRequest,
        output=PlanView,
        errors=(
            "unknown-zapp",
            "framework-alone",
            "too-many",
            "unknown-execution",
            "unknown-group",
            "not-scalable",
            "out-of-range",
            "already-ended",
            "protected",
            "never-fits",
        ),
    ),
)
