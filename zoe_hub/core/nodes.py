"""The machines that processes run on."""

from __future__ import annotations

from collections.abc import Mapping

from zoe_hub.core.record import Record


class Node(Record, kw_only=True):
    """A machine of the backend with what it can give to processes."""

    name: str
    cores: float
    memory: int
    labels: Mapping[str, str] = {}
