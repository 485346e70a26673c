"""Plans commands and commits their plans, with the secrets that new executions need, then sets going what follows from
them.

The one way from a command to the store. Used by the services and by every part of the hub that acts by commands.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.quota import Quota
from zoe_hub.controllers.kit.tokens import digest, new_token
from zoe_hub.core import commands
from zoe_hub.core.commands import Command
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.plan import Plan, R, Records
from zoe_hub.core.record import Ref
from zoe_hub.store.base import Batch, Reply, SecretValue, Store, Token

RETRIES = 20  # how often a plan is made anew because its records changed meanwhile


class Committer:
    """Carries commands out."""

    def __init__(self, store: Store, clock: Clock, quota: Quota, committed: Callable[[Iterable[str]], None]) -> None:
        """:param quota: how many executions each user may have
        :param committed: called with the ids of the executions that a commit has changed
        """
        self._store, self._clock, self._quota, self._committed = store, clock, quota, committed

    async def plan(self, command: Command) -> Plan:
        """What a command would change now. It may be about an execution that has ended, which is on disk.

        :raises ZoeError: what the command's planner raises; ``too-many``
        """
        named: str | None = getattr(command, "execution", None)
        records: Records = self._store
        if named is not None and named not in self._store.executions:
            ended = await self._store.execution(named)
            records = records if ended is None else _WithEnded(self._store, ended)
        plan = commands.plan(records, command, self._clock.now())
        self._quota.check(_new(plan))
        return plan

    async def do(self, command: Command, *, once: bool = False) -> Plan:
        """Plan and commit; planned anew if the records changed meanwhile, unless a certain version was meant
        (``once``).
        """
        for _ in range(RETRIES):
            plan = await self.plan(command)
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
        :raises ZoeError: ``conflict``, ``storage-full``, ``too-many``
        """
        secrets: list[SecretValue | Token] = []
        new = _new(plan)
        for execution in new:
            secrets += made_secrets(execution, self._clock.now(), given or {})
        if plan.changes or replies:
            batch = Batch(
                put=(*plan.put, *secrets, *replies),
                drop=plan.drop,
                events=plan.events,
            )
            with self._quota.taken(new):
                await self._store.commit(batch)
        self._committed([execution.id for execution in plan.put_of(Execution)])


def _new(plan: Plan) -> tuple[Execution, ...]:
    """The executions that a plan begins."""
    return tuple(each for each in plan.put_of(Execution) if each.version == 1)


def made_secrets(
    execution: Execution, now: datetime, given: Mapping[str, str], names: Collection[str] | None = None
) -> Iterator[SecretValue | Token]:
    """Secrets of an execution, newly made, and the tokens that some of them are.

    :param given: values of secret parameters
    :param names: those that are wanted alone; None: all
    """
    values = dict(given)
    for secret in execution.spec.secrets:
        if names is not None and secret.name not in names:
            continue
        if secret.source == "random":
            values[secret.name] = random.token_urlsafe(32)
        elif secret.source == "token":
            values[secret.name], record = new_token(
                execution.owner, ("read", "write"), now, note=f"for {execution.name}", execution=execution.id
            )
            yield record
    for name, value in values.items():
        yield SecretValue(execution=execution.id, name=name, value=value)


def renewed_secrets(
    store: Store, execution: Execution, names: Collection[str], now: datetime
) -> tuple[tuple[SecretValue | Token, ...], tuple[Ref, ...]]:
    """Secrets of an execution made anew: what is put in a batch in their place, and the tokens that are dropped."""
    known = store.secrets(execution.id)
    tokens = {each.name for each in execution.spec.secrets if each.source == "token"}
    void = tuple(Ref(Token, digest(known[name])) for name in sorted(tokens & known.keys() & set(names)))
    return tuple(made_secrets(execution, now, {}, names)), void


class _WithEnded:
    """The records that a plan looks at, with one execution that has ended among them."""

    def __init__(self, store: Store, ended: Execution) -> None:
        self._store, self._ended = store, ended

    def records(self, type_: type[R]) -> Mapping[Any, R]:
        """All active records of a type by key, and the one that has ended."""
        known = self._store.records(type_)
        return {**known, self._ended.id: self._ended} if isinstance(self._ended, type_) else known
