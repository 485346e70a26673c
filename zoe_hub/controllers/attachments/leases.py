"""Keeps the leases: hears of holders, looks at every execution that they use, has done what is due.

What is known of holders is kept in memory: a renewal costs no commit. Decisions are those of
``core.attachments.leases``; they are carried out by commands like those of people. Made by ``controllers.hub``; ``web``
passes reports on, and the service asks who the holder of a kernel is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import cast

from traitlets import Dict, Enum, Float
from traitlets.config import LoggingConfigurable

from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.loop import Loop
from zoe_hub.controllers.kit.part import LoopPart
from zoe_hub.core.attachments.leases import Outlook, Terms, Use, outlook
from zoe_hub.core.attachments.model import Attachment, HolderKind, Policy
from zoe_hub.core.attachments.upkeep import KeepExecution, ReportedHolder, ReportHolders, TendLeases
from zoe_hub.core.commands import Command
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.plan import Plan
from zoe_hub.store.base import Store

ATTACHED = "attached"
"""The label of executions that were started to be attached to: the rule of idleness is theirs also without a holder."""

AGAIN = 5.0  # seconds after a look that failed


class Leases(LoopPart, LoggingConfigurable):
    """Who holds what, and what becomes of it."""

    ttl = Float(
        120.0,
        min=10.0,
        help=(
            "Seconds without a sign of life until whoever is attached counts as gone. Shorter frees what nobody uses"
            " sooner; longer forgives slow networks and restarts of JupyterLab."
        ),
    ).tag(config=True)
    shrink_after = Float(
        1800.0,
        min=0.0,
        help=(
            "Seconds that a cluster may be unused (no busy kernel, query, job or terminal) until it is shrunk to its"
            " essential processes; 0: never. Shorter leaves more room for others, longer keeps people's caches."
        ),
    ).tag(config=True)
    end_after = Float(
        7200.0,
        min=0.0,
        help=(
            "Seconds that a cluster may stay unused after it was or could have been shrunk until it is ended; 0: never."
            " Shorter leaves more room for others; what is ended has lost its tables in memory."
        ),
    ).tag(config=True)
    longest_keep = Float(
        86400.0,
        min=60.0,
        help="Seconds that 'keep' may hold a cluster that nobody uses. Longer trusts people more.",
    ).tag(config=True)
    policies = Dict(
        value_trait=Enum(["keep", "shrink", "terminate"]),
        key_trait=Enum(["notebook", "console", "terminal", "script", "batch", "editor"]),
        default_value={"notebook": "shrink", "terminal": "keep"},
        help=(
            "What becomes of a cluster when the last one that is attached to it is gone, by what is attached, where"
            " people do not say it themselves: 'keep', 'shrink' to the essential processes or 'terminate'; those not"
            " named here: 'terminate'. Keeping holds resources until the cluster is idle for long enough."
        ),
    ).tag(config=True)

    def __init__(
        self,
        store: Store,
        clock: Clock,
        do: Callable[[Command], Awaitable[Plan]],
        works: Callable[[Execution], Awaitable[bool | None]],
        **kwargs: object,
    ) -> None:
        """:param do: plans and commits a command
        :param works: asks an execution whether it runs queries or jobs of its own
        """
        super().__init__(**kwargs)
        self._store, self._clock, self._do, self._works = store, clock, do, works
        self._holders: dict[
            tuple[str, str], tuple[ReportedHolder, datetime]
        ] = {}  # (owner, kernel) -> as reported, when
        self._renewed: dict[str, datetime] = {}  # attachment -> when
        self._working: set[str] = set()  # attachments
        self._used: dict[str, datetime] = {}  # execution -> when somebody last worked with it
        self._denied: dict[str, datetime] = {}  # execution -> when it last said that it runs nothing of its own
        self._silent: set[str] = set()  # executions that did not answer the last time
        self._loop = Loop("The look at the leases", self._tend_round, self.log, shortest=AGAIN)

    @property
    def terms(self) -> Terms:
        """What the options say, as the rules want it."""
        return Terms(
            ttl=self.ttl,
            shrink_after=self.shrink_after,
            end_after=self.end_after,
            longest_keep=self.longest_keep,
        )

    def default_policy(self, kind: HolderKind) -> Policy:
        """What becomes of an execution whose last holder is gone, if its people have not said it."""
        return cast(Policy, self.policies.get(kind, "terminate"))

    # --- what comes from outside ---

    async def report(self, command: ReportHolders) -> None:
        """Take in who is there and what has moved; committed before this returns, if it changes what is on record."""
        now = self._clock.now()
        for holder in command.holders:
            self._holders[command.owner, holder.kernel] = (holder, now)
        await self._do(command)
        busy = {holder.kernel: holder.busy for holder in command.holders}
        for attachment in self._mine(command.owner):
            kernel = attachment.kernel or attachment.key  # as what is no kernel is reported
            if kernel in busy:
                self._renew(attachment, busy[kernel], now)
        self._loop.wake()

    def _renew(self, attachment: Attachment, busy: bool, now: datetime) -> None:
        self._renewed[attachment.id] = now
        if busy or attachment.id in self._working:  # also the end of the work is use
            self._used[attachment.execution] = now
        (self._working.add if busy else self._working.discard)(attachment.id)

    def _mine(self, owner: str) -> Iterable[Attachment]:
        return [each for each in self._store.attachments.values() if each.owner == owner]

    def holder(self, owner: str, kernel: str) -> ReportedHolder | None:
        """Who the holder of a kernel is, if a server has reported it lately: a kernel's own word may be out of date."""
        holder, heard = self._holders.get((owner, kernel), (None, self._clock.resumed))
        fresh = heard + timedelta(seconds=self.ttl) > self._clock.now()
        return holder if fresh else None

    def touch(self, execution: str) -> None:
        """A person did something with an execution: attached, scaled, kept it."""
        self._used[execution] = self._clock.now()
        self._loop.wake()

    async def keep(self, execution: str, user: str, seconds: float | None) -> None:
        """Have an execution count as used for a while; None: its clock of idleness begins anew now.

        :raises ZoeError: ``unknown-execution``, ``out-of-range`` beyond ``longest_keep``
        """
        if seconds is not None and not 0 <= seconds <= self.longest_keep:
            raise ZoeError("out-of-range", f"A cluster can be kept for 0 to {self.longest_keep:g} s, not {seconds:g}.")
        until = self._clock.now() + timedelta(seconds=seconds or 0.0)
        await self._do(KeepExecution(execution=execution, user=user, until=until))
        self.touch(execution)

    # --- looking ---

    def resume(self) -> None:
        """Time has jumped: whoever renews may have been unable to, and moments are of another time. As after a start
        of the hub, who was there is taken to be there, and what was known of use counts from now on.
        """
        now = self._clock.now()
        self._holders = {place: (holder, now) for place, (holder, _) in self._holders.items()}
        for moments in (self._renewed, self._used, self._denied):
            moments.clear()
        self._loop.wake()

    @property
    def stats(self) -> Mapping[str, float]:
        """Counts for the metrics."""
        return {"holders": float(len(self._holders))}

    async def _tend_round(self) -> float:
        """Also when nothing is reported: the passing of time alone changes what is due."""
        wake = await self.tend_all()
        soon = self.ttl / 3  # an execution may have begun to run, which nobody reports
        return soon if wake is None else min(soon, self._clock.until(wake) + 0.001)

    async def tend_all(self) -> datetime | None:
        """Look at every execution that holders use, once; when to look again."""
        held: dict[str, list[Attachment]] = {}
        for attachment in self._store.attachments.values():
            held.setdefault(attachment.execution, []).append(attachment)
        wakes = []
        for execution in tuple(self._store.active()):
            if execution.id in held or ATTACHED in execution.labels:
                wakes.append(await self._tend(execution, tuple(held.get(execution.id, ()))))
        self._forget(held)
        return min(filter(None, wakes), default=None)

    async def _tend(self, execution: Execution, attachments: tuple[Attachment, ...]) -> datetime | None:
        found = self._outlook(execution, attachments)
        if found.ask:
            await self._ask(execution)
            found = self._outlook(execution, attachments)
        if found.gone or found.back or found.due or found.kept or found.idle != execution.idle:
            await self._do(TendLeases(execution=execution.id, outlook=found))
            self._loop.wake()  # what is due next depends on what was done
        return found.wake

    async def _ask(self, execution: Execution) -> None:
        """Find out whether it runs something of its own. What does not answer has the benefit of the doubt, once."""
        works = await self._works(execution)
        if works or (works is None and execution.id not in self._silent):
            self._used[execution.id] = self._clock.now()
        else:
            self._denied[execution.id] = self._clock.now()
        (self._silent.add if works is None else self._silent.discard)(execution.id)

    def _outlook(self, execution: Execution, attachments: tuple[Attachment, ...]) -> Outlook:
        now = self._clock.now()  # first: it may notice that time has jumped
        use = Use(
            execution=execution,
            attachments=attachments,
            renewed={each.id: self._renewed[each.id] for each in attachments if each.id in self._renewed},
            working=frozenset(self._working.intersection(each.id for each in attachments)),
            used=self._used.get(execution.id, self._clock.resumed),
            denied=self._denied.get(execution.id),
            resumed=self._clock.resumed,
        )
        return outlook(use, self.terms, now)

    def _forget(self, held: Mapping[str, list[Attachment]]) -> None:
        """Let go of what was known about attachments, executions and kernels that are no more."""
        known = {each.id for attachments in held.values() for each in attachments}
        active = {execution.id for execution in self._store.active()}
        old = self._clock.now() - timedelta(seconds=2 * self.ttl)
        self._renewed = {name: when for name, when in self._renewed.items() if name in known}
        self._working &= known
        self._used = {name: when for name, when in self._used.items() if name in active}
        self._denied = {name: when for name, when in self._denied.items() if name in active}
        self._silent &= active
        self._holders = {place: known for place, known in self._holders.items() if known[1] > old}
