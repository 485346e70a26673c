"""What the catalog makes of a ZApp and parameters, for the command that starts an execution of it."""

from __future__ import annotations

from collections.abc import Mapping

from zoe_hub.core.executions.spec import ExecutionSpec
from zoe_hub.core.record import Record


class RenderedZApp(Record, kw_only=True):
    """A ZApp with its parameters filled in. Holds secrets: never log it, never store it."""

    spec: ExecutionSpec
    given: Mapping[str, str] = {}  # the values of secret parameters, which are nowhere else
    counts: Mapping[str, int] = {}  # wanted processes of each group at the start
    sized: frozenset[str] = frozenset()  # the groups whose number the given parameters say
    sizing: frozenset[str] = frozenset()  # the given parameters that say so

    def __repr__(self) -> str:
        return f"RenderedZApp({self.spec.zapp!r})"
