"""Plans commands and commits their plans, with the secrets that new executions need, then sets going what follows from
them.

The one way from a command to the store. Used by the services and by every part of the hub that acts by commands.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Iterable, Mapping

from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.tokens import new_token
from zoe_hub.core import commands
from zoe_hub.core.commands import Command
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.plan import Plan
from zoe_hub.store.base import Batch, Reply, Store, Token

RETRIES = 20  # how often a plan is made anew because its records changed meanwhile


class Committer:
    """Carries commands out."""

    def __init__(self, store: Store, clock: Clock, committed: Callable[[Iterable[str]], None]) -> None:
        """:param committed: called with the ids of the executions that a commit has changed"""
        self._store, self._clock, self._committed = store, clock, committed

    def plan(self, command: Command) -> Plan:
        """What a command would change now."""
        return commands.plan(self._store, command, self._clock.now())

    async def do(self, command: Command, *, once: bool = False) -> Plan:
        """Plan and commit; planned anew if the records changed meanwhile, unless a certain version was meant
        (``once``).
        """
        for _ in range(RETRIES):
            plan = self.plan(command)
            try:
                await self.commit(plan)
            except ZoeError as error:
                if error.code != "conflict" or once:
                    raise
                continue
            return plan
        raise ZoeError("conflict")

    async def commit(
        self, plan: Plan, *, given: Mapping[str, str] | None = None, replies: tuple[Reply, ...] = ()
    ) -> None:
        """Commit a plan.

        :param given: values of secret parameters, for an execution that is new
        :param replies: what Idempotency-Keys are answered with, committed together with it
        :raises ZoeError: ``conflict``, ``storage-full``
        """
        secrets: dict[str, Mapping[str, str]] = {}
        tokens: list[Token] = []
        for execution in plan.executions:
            if execution.version == 1:
                made, granted = self._secrets(execution, given or {})
                if made:
                    secrets[execution.id] = made
                tokens += granted
        if plan.changes or replies:
            batch = Batch(
                executions=plan.executions,
                attachments=plan.attachments,
                detached=plan.detached,
                events=plan.events,
                replies=replies,
                secrets=secrets,
                tokens=tuple(tokens),
            )
            await self._store.commit(batch)
        self._committed([execution.id for execution in plan.executions])

    def _secrets(self, execution: Execution, given: Mapping[str, str]) -> tuple[dict[str, str], list[Token]]:
        values, tokens = dict(given), []
        for secret in execution.spec.secrets:
            if secret.source == "random":
                values[secret.name] = random.token_urlsafe(32)
            elif secret.source == "token":
                value, record = new_token(
                    execution.owner,
                    ("read", "write"),
                    self._clock.now(),
                    note=f"for {execution.name}",
                    execution=execution.id,
                )
                values[secret.name] = value
                tokens.append(record)
        return values, tokens
