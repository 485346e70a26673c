"""Asks an execution whether it runs queries or jobs of its own, as its definition says. Used by ``leases``."""

from __future__ import annotations

from logging import Logger
from typing import Any

import msgspec

from zoe_hub.controllers.executions.probes import Probes
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.executions.spec import Group
from zoe_hub.language.expressions import evaluate
from zoe_hub.store.base import Store


class Activities:
    """Whether executions work."""

    def __init__(self, store: Store, probes: Probes, log: Logger) -> None:
        self._store, self._probes, self._log = store, probes, log

    async def works(self, execution: Execution) -> bool | None:
        """Whether it runs something; None: it did not say."""
        answers = [await self._one(execution, group) for group in execution.spec.active()]
        return True if True in answers else None if None in answers else False

    async def _one(self, execution: Execution, group: Group) -> bool | None:
        activity = group.activity
        process = next((each for each in execution.processes if (each.group, each.index) == (group.name, 0)), None)
        if process is None or activity is None:
            return False  # what is not there runs nothing
        secrets = self._store.secrets(execution.id)
        page = await self._probes.page(execution, process, activity.port, activity.path, secrets)
        if page is None:
            return None
        try:
            body: Any = msgspec.json.decode(page)
            return bool(evaluate(activity.busy, body=body))
        except (msgspec.DecodeError, RecursionError, ZoeError) as error:
            self._log.warning("%s: what it says of its activity cannot be read: %s", execution.name, error)
            return None
