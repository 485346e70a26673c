"""Puts the controllers together: observer, work queue, reconciler, admission, service. Called by ``app`` and the
simulation.

On start it compares what the store remembers with what the backend has: what is its own is adopted and goes on, what
nobody remembers is stopped. The result is a reconciliation report.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress

from traitlets import Float, Int
from traitlets.config import LoggingConfigurable

from zoe_hub.backends.base import Backend
from zoe_hub.controllers.attachments.activity import Activities
from zoe_hub.controllers.attachments.leases import Leases
from zoe_hub.controllers.executions.admission import Admission
from zoe_hub.controllers.executions.binding import Binder
from zoe_hub.controllers.executions.observer import Observer
from zoe_hub.controllers.executions.probes import Probes
from zoe_hub.controllers.executions.reconciler import Reconciler
from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.commit import Committer
from zoe_hub.controllers.kit.queue import WorkQueue
from zoe_hub.controllers.service import Service, Shop
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.reasons import Reason, because, reason_of
from zoe_hub.core.record import Record
from zoe_hub.core.words import words
from zoe_hub.store.base import Store

GRACE = 10.0  # seconds that a process which nobody remembers has from the request to end until it is killed


class Report(Record, kw_only=True):
    """What the hub found when it started."""

    adopted: tuple[str, ...] = ()  # processes that run and are remembered
    repaired: tuple[str, ...] = ()  # executions whose processes are not as remembered
    reaped: tuple[str, ...] = ()  # executions that nobody remembers: stopped and cleaned


class Controllers(LoggingConfigurable):
    """Everything that acts."""

    resync = Float(
        30.0,
        help=(
            "Seconds between two full listings of the backend. Shorter notices a missed change sooner and costs the"
            " engine more."
        ),
    ).tag(config=True)
    concurrency = Int(
        64,
        help=(
            "How many executions are worked on at the same time. More starts many executions sooner and loads the"
            " engine more."
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
        self.store, self.backend = store, backend
        self.clock = clock or Clock()
        binder = Binder(backend, catalog, deployment, hub_url)
        self._probes = Probes(backend, binder, self.log)
        self._observer = Observer(backend, self._changed, self.log, resync=self.resync)
        self._reconciler = Reconciler(
            store=store,
            backend=backend,
            binder=binder,
            probes=self._probes,
            observer=self._observer,
            clock=self.clock,
            deployment=deployment,
            log=self.log,
        )
        self._queue = WorkQueue(self._reconciler.reconcile, self.log, concurrency=self.concurrency)
        self._reconciler.wake, self._reconciler.told = self._queue.add_after, self._queue.add
        self.admission = Admission(store, backend, self.clock, self._queue.add, self.log)
        self._reconciler.changed = self._committed
        committer = Committer(store, self.clock, self._changed_by_commands)
        works = Activities(store, self._probes, self.log).works
        self.leases = Leases(store, self.clock, committer.do, works, parent=self)
        self.service = Service(
            store=store,
            backend=backend,
            catalog=catalog,
            deployment=deployment,
            clock=self.clock,
            admission=self.admission,
            binder=binder,
            committer=committer,
            leases=self.leases,
        )
        self.report = Report()
        self._reaper: asyncio.Task[None] | None = None
        self._unreaped: Reason | None = None  # why something that nobody remembers could not be reaped

    @property
    def stats(self) -> Mapping[str, float]:
        """Counts for the metrics."""
        return {
            "queue_depth": float(self._queue.depth),
            "reconcile_passes": float(self._queue.passes),
            "reconcile_seconds": self._queue.seconds,
        }

    @property
    def problem(self) -> Reason | None:
        """Why the hub cannot do all that it should at this moment; None if it can."""
        parts = (self._reconciler, self._observer, self.admission, self.leases)
        return next((part.problem for part in parts if part.problem), self._unreaped)

    async def start(self) -> None:
        """Adopt what is there, then keep everything going.

        :raises Temporary: the backend does not answer; nothing was changed
        """
        await self._observer.list()
        unknown = await self._unknown()
        self.report = self._compare(unknown)
        self._observer.start()
        self.admission.start()
        await self.leases.start()
        for execution in self.store.active():
            self._queue.add(execution.id)
        if unknown:
            self._reaper = asyncio.create_task(self._reap(unknown), name="reaper")

    async def stop(self) -> None:
        """Stop acting. Processes keep running."""
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.gather(self._reaper, return_exceptions=True)
        await self._observer.close()
        await self.leases.stop()
        await self.admission.close()
        await self._queue.close()
        await self._probes.close()

    async def settled(self) -> None:
        """Wait until nothing is left to do at this moment (tests and start-up)."""
        await self._queue.idle()

    def _changed(self, execution: str) -> None:
        self._queue.add(execution)

    def _changed_by_commands(self, executions: Iterable[str]) -> None:
        self.admission.changed(*executions)
        for execution in executions:
            self._queue.add(execution)

    def _committed(self, execution: Execution) -> None:
        """A decision was committed: what it freed or wants may change who is admitted."""
        self.admission.changed(execution.id)

    async def _unknown(self) -> tuple[str, ...]:
        have = dict.fromkeys((*self._observer.executions(), *await self.backend.executions()))
        return tuple(name for name in have if name not in self.store.executions)

    def _compare(self, unknown: tuple[str, ...]) -> Report:
        adopted, repaired = [], []
        for execution in self.store.active():
            seen = self._observer.of(execution.id)
            for process in execution.processes:
                there = process.name in seen and seen[process.name].state == "running"
                if process.live and there:
                    adopted.append(process.name)
                elif process.live and execution.id not in repaired:
                    repaired.append(execution.id)
        report = Report(adopted=tuple(adopted), repaired=tuple(repaired), reaped=unknown)
        self.log.info(
            "Adopted %d processes; %d executions to repair; %d that nobody remembers.",
            len(adopted),
            len(repaired),
            len(unknown),
        )
        return report

    async def _reap(self, executions: tuple[str, ...]) -> None:
        """Stop what runs for executions that the store does not know or knows as ended: asked first, killed after a
        grace.

        All at the same time: one that cannot be reaped does not keep the others.
        """
        loop = asyncio.get_running_loop()
        due, delay = loop.time() + GRACE, 0.1
        left, asked = list(executions), set[str]()
        while True:
            grace, problems = max(0.0, due - loop.time()), list[Reason]()
            done = await asyncio.gather(*(self._reaped(execution, grace, asked, problems) for execution in left))
            self._unreaped = next(iter(problems), None)
            left = [execution for execution, gone in zip(left, done, strict=True) if not gone]
            if not left:
                return
            await asyncio.sleep(min(delay, grace) or delay)
            delay = min(30.0, delay * 2)
            with suppress(ZoeError):  # the observer's own listings tell of it
                await self._observer.list()

    async def _reaped(self, execution: str, grace: float, asked: set[str], problems: list[Reason]) -> bool:
        """One look at one of them; whether nothing of it is left. ``asked``: processes that were asked to end
        already.
        """
        try:
            running = [name for name, seen in self._observer.of(execution).items() if seen.state == "running"]
            for name in running:
                if not grace or name not in asked:
                    await self.backend.stop(name, grace)
                    asked.add(name)
            if not running:
                await self.backend.clean(execution)
            return not running
        except Exception as error:
            problems.append(because("not-reaped", execution=execution, cause=reason_of(error, "The backend")))
            self.log.warning("%s", words(problems[-1]), exc_info=not isinstance(error, ZoeError))
        return False
