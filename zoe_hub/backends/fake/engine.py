"""What runs the simulated processes and outlives the hubs that use it; where the faults come from. Used by
``backend``.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from zoe_hub.backends.base import Permanent, ProcessSpec, Resync, Temporary
from zoe_hub.core.executions.model import Address, Observed
from zoe_hub.core.executions.spec import Port
from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.record import Record

from .programs import FakeProcess, Script, interpret

Result = TypeVar("Result")
CHANGING = {"prepare", "allocate", "start", "signal", "stop", "remove", "clean", "forget_logs"}


class Faults(Record, kw_only=True):
    """How often what goes wrong, each a probability from 0 to 1. Replaced whole: ``engine.faults = Faults(...)``."""

    before: float = 0.0  # a call fails and nothing was done
    after: float = 0.0  # a call fails though it was done
    delay: float = 0.0  # a call, or the news of a change, takes up to ``slowest`` seconds
    slowest: float = 1.0
    duplicate: float = 0.0  # news comes twice
    lost: float = 0.0  # news does not come (a later listing shows it)
    death: float = 0.0  # a process that starts dies within ``slowest`` seconds
    late: float = 0.0  # a call whose caller is gone is carried out all the same, up to ``latest`` seconds later
    latest: float = 10.0  # seconds
    silence: float = 0.0  # with each piece of news: the watches fall silent without a word


class FakeEngine:
    """What runs the simulated processes, and outlives the hubs that use it.

    :param seed: of everything that goes by chance
    :param interpret: turns a command into a script, ``None`` for a program that does not exist
    :param epoch: the time at which the loop's clock shows what it shows at the first use
    """

    def __init__(
        self,
        seed: int = 0,
        interpret: Callable[[tuple[str, ...]], Script | None] = interpret,
        epoch: datetime | None = None,
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.interpret = interpret
        self.faults = Faults()
        self.all: dict[str, FakeProcess] = {}
        self.written: dict[str, bytearray] = {}
        self.begins: dict[tuple[str, int], int] = {}  # process and incarnation -> where its log begins
        self.homes: dict[str, tuple[str, str]] = {}  # process -> deployment, execution; as long as its log is kept
        self.prepared: dict[str, str] = {}  # execution -> deployment
        self.reserved: dict[int, str] = {}  # port -> process
        self.given: dict[str, Mapping[str, Address]] = {}
        self.starts: list[tuple[str, int]] = []  # every start that really happened: name, incarnation
        self.silent = False
        self._epoch = epoch
        self._zero: float | None = None
        self._next_port = 20000
        self._planned: list[tuple[str, str, Exception]] = []
        self._watchers: set[tuple[str, asyncio.Queue[Observed | Resync]]] = set()
        self._grown: dict[str, asyncio.Event] = {}

    # --- time -----------------------------------------------------------------------------------------------------

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop; its clock is the engine's."""
        return asyncio.get_running_loop()

    def now(self) -> datetime:
        """The time, as the loop's clock has it."""
        if self._zero is None:
            self._zero = self.loop.time()
            self._epoch = self._epoch or datetime.now(UTC)
        assert self._epoch is not None
        return self._epoch + timedelta(seconds=self.loop.time() - self._zero)

    def set_clock(self, by: float) -> None:
        """Set the time forwards by so many seconds, or back."""
        self._epoch = self.now() + timedelta(seconds=by)
        self._zero = self.loop.time()

    # --- what goes wrong --------------------------------------------------------------------------------------------

    def fail_next(self, method: str, error: Exception | None = None, *, after: bool = False) -> None:
        """Let the next call of a method fail, before or after it was done."""
        self._planned.append(
            (
                method,
                "after" if after else "before",
                error or Temporary("backend-unavailable", "Simulated failure.", delay=0.1),
            )
        )

    def kill(self, name: str, code: int | None = -9, reason: Reason | None = None) -> None:
        """Let a process die by itself. ``code`` ``None``: nobody knows how."""
        self.all[name].end(code, reason)

    def silence(self) -> None:
        """Let all watches fall silent, without a word."""
        self.silent = True

    def speak(self) -> None:
        """Let news flow again. What happened meanwhile is not told; listings show it."""
        self.silent = False

    def break_watches(self) -> None:
        """Break all watches, in a way that can be noticed."""
        for _, queue in self._watchers:
            queue.put_nowait(Resync(reason=because("watch-broke")))

    def answer(self, address: Address) -> bytes | None:
        """What a client would get at an address, ``None`` if nobody listens there."""
        name = self.reserved.get(address.endpoint_port, "")
        process = self.all.get(name)
        if process is None or not process.running:
            return None
        for port, known in process.spec.addresses.items():
            if known.endpoint_port == address.endpoint_port:
                return process.serves.get(port)
        return None

    async def call(self, method: str, action: Callable[[], Result]) -> Result:
        """Do something on behalf of a hub, with the faults that are due."""
        await asyncio.sleep(0)
        faults, chance = self.faults, self.random
        when = [planned for planned in self._planned if planned[0] == method][:1]
        for planned in when:
            self._planned.remove(planned)
        if chance.random() < faults.delay:
            try:
                await asyncio.sleep(chance.random() * faults.slowest)
            except asyncio.CancelledError:
                if method in CHANGING and chance.random() < faults.late:
                    self.loop.call_later(chance.random() * faults.latest, self._belated, action)
                raise
        for _, place, error in when:
            if place == "before":
                raise error
        if chance.random() < faults.before:
            raise Temporary("backend-unavailable", f"Simulated: {method} did not get through.", delay=0.1)
        result = action()
        if chance.random() < faults.delay:
            await asyncio.sleep(chance.random() * faults.slowest)
        for _, _, error in when:
            raise error
        if method in CHANGING and chance.random() < faults.after:
            raise Temporary("backend-unavailable", f"Simulated: the answer to {method} was lost.", delay=0.1)
        return result

    @staticmethod
    def _belated(action: Callable[[], object]) -> None:
        with suppress(Permanent, Temporary):  # nobody is there to hear of it
            action()

    # --- news ---------------------------------------------------------------------------------------------------------

    def watch(self, deployment: str) -> tuple[str, asyncio.Queue[Observed | Resync]]:
        """Begin to listen; ``unwatch`` ends it."""
        watcher = (deployment, asyncio.Queue[Observed | Resync]())
        self._watchers.add(watcher)
        return watcher

    def unwatch(self, watcher: tuple[str, asyncio.Queue[Observed | Resync]]) -> None:
        """Listen no more."""
        self._watchers.discard(watcher)

    def tell(self, seen: Observed) -> None:
        """Tell all watchers of the process's deployment."""
        self.grow(seen.name)
        faults, chance = self.faults, self.random
        if chance.random() < faults.silence:
            self.silent = True
        if self.silent or chance.random() < faults.lost:
            return
        deployment = self.all[seen.name].spec.deployment
        for _ in range(2 if chance.random() < faults.duplicate else 1):
            for of, queue in self._watchers:
                if of == deployment:
                    if chance.random() < faults.delay:
                        self.loop.call_later(chance.random() * faults.slowest, queue.put_nowait, seen)
                    else:
                        queue.put_nowait(seen)

    # --- logs ---------------------------------------------------------------------------------------------------------

    def write(self, process: FakeProcess, text: str) -> None:
        """Add to a process's log."""
        self.written[process.spec.name].extend(text.encode())
        self.grow(process.spec.name)

    def grow(self, name: str) -> None:
        """Wake who follows a log."""
        event = self._grown.pop(name, None)
        if event is not None:
            event.set()

    async def grown(self, name: str) -> None:
        """Wait until a log has grown or its process has ended."""
        await self._grown.setdefault(name, asyncio.Event()).wait()

    # --- processes
    # ------------------------------------------------------------------------------------------------------

    def allocate(self, name: str, ports: tuple[Port, ...]) -> Mapping[str, Address]:
        """Numbers that nobody else has."""
        known = self.given.get(name)
        if known is not None and set(known) == {port.name for port in ports}:
            return known
        result = {}
        for port in ports:
            while self._next_port in self.reserved:
                self._next_port += 1
            number = self._next_port
            self._next_port = number + 1 if number < 65535 else 20000
            self.reserved[number] = name
            result[port.name] = Address(
                number=number, host="127.0.0.1", port=number, endpoint_host="127.0.0.1", endpoint_port=number
            )
        self.given[name] = result
        return result

    def free(self, spec: ProcessSpec) -> None:
        """Give back the ports of an ended process."""
        for address in spec.addresses.values():
            if self.reserved.get(address.number) == spec.name:
                del self.reserved[address.number]
        self.given.pop(spec.name, None)

    def ended(self, process: FakeProcess) -> None:
        """A process has ended: its ports are free, watchers hear of it."""
        self.free(process.spec)
        self.tell(process.seen)

    def start(self, spec: ProcessSpec) -> Observed:
        """Start a process unless it is there."""
        known = self.all.get(spec.name)
        if known is not None:
            if known.spec.incarnation == spec.incarnation:
                return known.seen
            if known.spec.incarnation > spec.incarnation:
                raise Permanent(
                    "conflict", f"{spec.name} was started with incarnation {known.spec.incarnation} already."
                )
            if known.running:
                raise Temporary(
                    "backend-refused", f"Incarnation {known.spec.incarnation} of {spec.name} still runs.", delay=0.5
                )
        lost = any(
            self.reserved.setdefault(address.number, spec.name) != spec.name for address in spec.addresses.values()
        )
        self.starts.append((spec.name, spec.incarnation))
        process = self.all[spec.name] = FakeProcess(self, spec, self.now())
        self.homes[spec.name] = (spec.deployment, spec.execution)
        self.begins[spec.name, spec.incarnation] = len(self.written.setdefault(spec.name, bytearray()))
        if lost:
            process.end(None, because("port-lost"))
            return process.seen
        self.tell(process.seen)
        if self.random.random() < self.faults.death:
            self.loop.call_later(self.random.random() * self.faults.slowest, process.end, -9)
        self.loop.call_soon(process.go_on)
        return process.seen
