"""The hub's controllers: a list of parts that go on for as long as it lives, and the services that people's requests go
through. Called by ``app`` and the simulation.

A new capability adds a part to the list, and a service; what it needs of others is handed to it here. On start the hub
compares what the store remembers with what the backend has: what is its own is adopted and goes on, what nobody
remembers is stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from traitlets import Float, Int
from traitlets.config import LoggingConfigurable

from zoe_hub.backends.base import Backend
from zoe_hub.controllers.attachments.activity import Activities
from zoe_hub.controllers.attachments.leases import Leases
from zoe_hub.controllers.attachments.service import AttachmentService, Offers
from zoe_hub.controllers.executions.acting import Actor
from zoe_hub.controllers.executions.admission import Admission
from zoe_hub.controllers.executions.adopting import AdoptionReport, compare
from zoe_hub.controllers.executions.binding import Binder, Folders
from zoe_hub.controllers.executions.facts import FactFinder
from zoe_hub.controllers.executions.observer import Observer
from zoe_hub.controllers.executions.probes import Probes
from zoe_hub.controllers.executions.reaper import Reaper
from zoe_hub.controllers.executions.reconciler import Reconciler
from zoe_hub.controllers.executions.service import ExecutionService
from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.commit import Committer
from zoe_hub.controllers.kit.part import Part
from zoe_hub.controllers.kit.quota import Quota
from zoe_hub.controllers.kit.timekeeper import Timekeeper
from zoe_hub.controllers.retention import Retention
from zoe_hub.controllers.shop import Definitions, ShopWatch
from zoe_hub.core.reasons import Reason
from zoe_hub.store.base import Store


class Shop(Offers, Folders, Definitions, Protocol):
    """The part of the catalog that the controllers need."""


class Controllers(LoggingConfigurable):
    """Everything that acts."""

    resync = Float(
        30.0,
        min=0.01,
        max=86400.0,
        help=(
            "Seconds between two full listings of the backend. Shorter notices a missed change sooner and costs the"
            " engine more."
        ),
    ).tag(config=True)
    concurrency = Int(
        64,
        min=1,
        max=10**5,
        help=(
            "How many executions are worked on at the same time. More starts many executions sooner and loads the"
            " engine more."
        ),
    ).tag(config=True)

    executions_per_user = Int(
        0,
        min=0,
        max=10**6,
        help=(
            "Executions that each user may have at a time, running or queued; more are refused. Fewer keep one user's"
            " mistake from filling the queue and the hub's memory (some 30 KiB for each); more let people queue long"
            " lists of jobs. 0: any number."
        ),
    ).tag(config=True)

    def __init__(
        self,
        *,
        store: Store,
        backend: Backend,
        catalog: Shop,
        deployment: str,
        hub_url: str,
        clock: Clock | None = None,
        **kwargs: object,
    ) -> None:
        """:param hub_url: address of the hub as processes reach it
        :param store: open; ``backend``: open
        :param clock: the hub's time; None: the system's (simulations have one that outlives the hub)
        """
        super().__init__(**kwargs)
        self.store, self.backend, self.deployment = store, backend, deployment
        self.clock = clock or Clock()
        self.report = AdoptionReport()
        self._started = False
        binder = Binder(backend, catalog, deployment, hub_url)
        probes = Probes(backend, binder, self.log)
        quota = Quota(store, self.executions_per_user, "Controllers.executions_per_user")
        committer = Committer(store, self.clock, quota, self._on_command)
        self._observer = Observer(backend, self._on_observation, self.log, resync=self.resync)
        self._reaper = Reaper(store, backend, self._observer, self.log)
        self._reconciler = Reconciler(
            store=store,
            facts=FactFinder(
                store=store,
                backend=backend,
                observer=self._observer,
                probes=probes,
                clock=self.clock,
                deployment=deployment,
            ),
            actor=Actor(store, backend, binder, self._observer, self.log),
            probes=probes,
            clock=self.clock,
            committed=self._on_decision,
            log=self.log,
            concurrency=self.concurrency,
        )
        self._admission = Admission(store, backend, self.clock, self._reconciler.add, self.log)
        self.leases = Leases(store, self.clock, committer.do, Activities(store, probes, self.log).works, parent=self)
        self.retention = Retention(store, backend, self.clock, parent=self)
        self.parts: tuple[Part, ...] = (
            Timekeeper(self.clock, store, self._on_jump, self.log),
            self._observer,
            self._reaper,
            self._reconciler,
            self._admission,
            self.leases,
            self.retention,
            ShopWatch(catalog, store, self.clock, parent=self),
        )
        self.executions = ExecutionService(store, backend, catalog, self._admission, committer)
        self.attachments = AttachmentService(
            store=store,
            catalog=catalog,
            backend=backend,
            executions=self.executions,
            leases=self.leases,
            binder=binder,
            committer=committer,
        )

    @property
    def stats(self) -> Mapping[str, float]:
        """Counts for the metrics."""
        return {name: value for part in self.parts for name, value in part.stats.items()}

    @property
    def problem(self) -> Reason | None:
        """Why the hub cannot do all that it should at this moment; None if it can."""
        return next(filter(None, (part.problem for part in self.parts)), None)

    async def start(self) -> None:
        """Adopt what is there, then keep everything going.

        :raises Temporary: the backend does not answer; nothing was changed
        """
        try:
            for part in self.parts:
                await part.start()
        except BaseException:
            await self.stop()
            raise
        self._started = True
        self.report = compare(self.store, self._observer, self._reaper.found)
        self.log.info(
            "Adopted %d processes; %d executions to repair; %d that nobody remembers.",
            len(self.report.adopted),
            len(self.report.repaired),
            len(self.report.reaped),
        )

    async def stop(self) -> None:
        """Stop acting, the last part first. Processes keep running."""
        for part in reversed(self.parts):
            await part.stop()

    async def settled(self) -> None:
        """Wait until nothing is left to do at this moment (tests and start-up)."""
        await self._reconciler.settled()

    def _on_jump(self) -> None:
        """Time has jumped: what waits for a moment is decided about anew, once everything is known."""
        if not self._started:
            return
        self.leases.resume()
        for execution in self.store.active():
            self._reconciler.add(execution.id)

    def _on_observation(self, execution: str) -> None:
        """The backend has something new of an execution."""
        self._reconciler.add(execution)

    def _on_command(self, executions: Iterable[str]) -> None:
        """A command was committed."""
        self._admission.changed(*executions)
        for execution in executions:
            self._reconciler.add(execution)

    def _on_decision(self, execution: str) -> None:
        """A decision was committed: what it freed or wants may change who is admitted."""
        self._admission.changed(execution)
