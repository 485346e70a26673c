"""The lease that binds a notebook to an execution."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from zoe_hub.core.executions.spec import Connector
from zoe_hub.core.record import Record


class Attachment(Record, kw_only=True):
    """A lease that binds a notebook (or a kernel) to an execution. One for each owner, ``key`` and ``zapp``."""

    id: str
    owner: str
    execution: str
    key: str  # the notebook's path or the kernel's id: finds the same cluster again
    zapp: str = ""  # what it is attached to; a notebook may hold a cluster and a data layer at the same time
    kernel: str = ""
    language: str = "python"  # of the kernel; says how it connects
    created: datetime
    renewed: datetime
    version: int = 1


class ConnectionDetails(Record, kw_only=True):
    """What a kernel needs to connect, bound to one running execution. Holds secrets: for the kernel alone."""

    how: Connector
    outputs: Mapping[str, str]
    secrets: Mapping[str, str] = {}
    addresses: tuple[str, ...] = ()  # host:port of each endpoint that the outputs name
