"""What commands are turned into: plans, which are committed or, in a dry run, shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.reasons import Reason
from zoe_hub.core.record import Record


class Records(Protocol):
    """What ``plan`` may look at."""

    @property
    def executions(self) -> Mapping[str, Execution]:
        """All executions by id."""

    @property
    def attachments(self) -> Mapping[str, Attachment]:
        """All attachments by id."""


class Change(Record, kw_only=True):
    """One state change, with its reason."""

    what: str
    reason: Reason


class Plan(Record, kw_only=True):
    """The state changes of a command, to be committed together."""

    command: str
    changes: tuple[Change, ...]
    executions: tuple[Execution, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    detached: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    found: bool = False  # attach: the execution existed
