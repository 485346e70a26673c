"""Events about executions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.reasons import Reason


def event(execution: Execution, now: datetime, kind: str, reason: Reason, *, process: str = "", **data: Any) -> Event:
    """An event about ``execution``."""
    return Event(
        time=now, kind=kind, owner=execution.owner, execution=execution.id, process=process, reason=reason, data=data
    )
