"""A backend without processes, for simulations: the same contract in memory, in virtual time if the loop has it, with faults.

What survives a "restart of the hub" is the ``FakeEngine``; ``FakeBackend(..., engine=engine)`` is one hub's connection to it.
A program is a little script in the command::

    ("sleep",)                        runs until it is told to end
    ("sleep", "5")  ("exit", "3")     ends after 5 seconds / at once with 3; a script that comes to its end exits with 0
    ("do", "print hello", "serve http zoe", "sleep 2", "exit 1")     several steps; the first word is the step

Steps: ``print TEXT``, ``print-env NAME``, ``print-file NAME``, ``spam BYTES``, ``serve PORT BODY`` (answers there as long as
the process lives), ``sleep [SECONDS]``, ``exit CODE``, ``crash SIGNAL``, ``ignore-term``, ``on-term CODE`` and
``on-usr1 CODE`` (exits with CODE at that signal), ``on NAME TEXT`` (prints TEXT at that signal). Any other first word is a program that does not exist: exit 127.
``FakeEngine(interpret=...)`` turns other commands (of real definitions) into scripts.

Used by the tests, by ``tests/simulation`` and by authors of policies. Never by a hub that people use.
"""

from __future__ import annotations

import asyncio
import random
import signal as signals
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from traitlets import Dict, Float, Instance, Int, Unicode

from zoe_hub.backends.base import Backend, Capabilities, Chunk, Permanent, ProcessSpec, Resync, Temporary
from zoe_hub.core.model import Address, Node, Observed, Port, Record

Result = TypeVar("Result")
Script = tuple[str, ...]
STEPS = {"print", "print-env", "print-file", "spam", "serve", "sleep", "exit", "crash", "ignore-term", "on-term", "on-usr1", "on"}
CHANGING = {"prepare", "allocate", "start", "signal", "stop", "remove", "clean", "forget_logs"}


def interpret(command: tuple[str, ...]) -> Script | None:
    """The script of a command; ``None`` if there is no such program."""
    if command[0] == "do":
        return command[1:]
    return (" ".join(command),) if command[0] in STEPS else None


class Faults(Record, kw_only=True):
    """How often what goes wrong, each a probability from 0 to 1. Replaced whole: ``engine.faults = Faults(...)``."""

    before: float = 0.0  # a call fails and nothing was done
    after: float = 0.0  # a call fails though it was done
    delay: float = 0.0  # a call, or the news of a change, takes up to ``slowest`` seconds
    slowest: float = 1.0
    duplicate: float = 0.0  # news comes twice
    lost: float = 0.0  # news does not come (a later listing shows it)
    death: float = 0.0  # a process that starts dies within ``slowest`` seconds
    silence: float = 0.0  # with each piece of news: the watches fall silent without a word


class FakeProcess:
    """A process of the engine."""

    def __init__(self, engine: FakeEngine, spec: ProcessSpec, began: datetime) -> None:
        self.engine = engine
        self.spec = spec
        self.seen = Observed(
            name=spec.name, execution=spec.execution, group=spec.group, index=spec.index, incarnation=spec.incarnation,
            state="running", started=began,
        )  # fmt: skip
        self.serves: dict[str, bytes] = {}
        self.signals: list[str] = []
        self.on: dict[str, str] = {}
        self.exits: dict[str, int] = {}  # signal -> exit code
        self.ignores = False
        self.timer: asyncio.TimerHandle | None = None
        self.killer: asyncio.TimerHandle | None = None
        self.steps = list(engine.interpret(spec.command) or ("print zoe: cannot run it: not found", "exit 127"))

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self.seen.state == "running"

    def go_on(self) -> None:
        """Take steps until one takes time."""
        self.timer = None
        while self.steps and self.running:
            verb, _, rest = self.steps.pop(0).partition(" ")
            if verb == "sleep":
                if rest:
                    self.timer = self.engine.loop.call_later(float(rest), self.go_on)
                return
            self._step(verb, rest)
        if self.running:
            self.end(0)

    def _step(self, verb: str, rest: str) -> None:
        match verb:
            case "print":
                self.engine.write(self, rest + "\n")
            case "print-env":
                self.engine.write(self, self.spec.environment.get(rest, "") + "\n")
            case "print-file":
                self.engine.write(self, f"600 {self.spec.files.get(rest, '')}\n")
            case "spam":
                self.engine.write(self, ("x" * 99 + "\n") * (int(rest) // 100))
            case "serve":
                port, _, body = rest.partition(" ")
                self.serves[port] = body.encode()
            case "exit":
                self.end(int(rest or "0"))
            case "crash":
                self.end(-int(signals.Signals[f"SIG{rest}"]))
            case "ignore-term":
                self.ignores = True
            case "on-term" | "on-usr1":
                self.exits[verb[3:].upper()] = int(rest)
            case "on":
                name, _, text = rest.partition(" ")
                self.on[name] = text

    def signal(self, name: str) -> None:
        """What the program does with a signal."""
        self.signals.append(name)
        if name in self.on:
            self.engine.write(self, self.on[name] + "\n")
        elif name in self.exits:
            self.end(self.exits[name])
        elif name not in {"CHLD", "CONT", "URG", "WINCH"} and not (self.ignores and name == "TERM"):
            self.end(-int(signals.Signals[f"SIG{name}"]))

    def stop(self, grace: float) -> None:
        """SIGTERM now, SIGKILL after the grace."""
        if grace > 0:
            self.signal("TERM")
        if self.running:
            self._kill_in(grace)

    def _kill_in(self, grace: float) -> None:
        at = self.engine.loop.time() + grace
        if self.killer is None or at < self.killer.when():
            if self.killer is not None:
                self.killer.cancel()
            reason = f"killed: it did not end within {grace:g} s" if grace else ""
            if grace:
                self.killer = self.engine.loop.call_later(grace, self.end, -int(signals.SIGKILL), reason)
            else:
                self.end(-int(signals.SIGKILL), reason)

    def end(self, code: int | None, reason: str = "") -> None:
        """It ends. Ending twice is once."""
        if not self.running:
            return
        for timer in (self.timer, self.killer):
            if timer is not None:
                timer.cancel()
        self.steps.clear()
        self.serves.clear()
        self.seen = Observed(
            name=self.seen.name, execution=self.seen.execution, group=self.seen.group, index=self.seen.index,
            incarnation=self.seen.incarnation, state="exited", exit_code=code, started=self.seen.started,
            ended=self.engine.now(), reason=reason,
        )  # fmt: skip
        self.engine.codes[self.seen.name] = (code, self.seen.ended)
        self.engine.free(self.spec)
        self.engine.tell(self.seen)


class FakeEngine:
    """What runs the simulated processes, and outlives the hubs that use it.

    :param seed: of everything that goes by chance
    :param interpret: turns a command into a script, ``None`` for a program that does not exist
    :param epoch: the time at which the loop's clock shows what it shows at the first use
    """

    def __init__(self, seed: int = 0, interpret: Callable[[tuple[str, ...]], Script | None] = interpret, epoch: datetime | None = None) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.interpret = interpret
        self.faults = Faults()
        self.all: dict[str, FakeProcess] = {}
        self.codes: dict[str, tuple[int | None, datetime | None]] = {}
        self.written: dict[str, bytearray] = {}
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

    # --- what goes wrong --------------------------------------------------------------------------------------------

    def fail_next(self, method: str, error: Exception | None = None, *, after: bool = False) -> None:
        """Let the next call of a method fail, before or after it was done."""
        self._planned.append((method, "after" if after else "before", error or Temporary("backend-unavailable", "Simulated failure.", delay=0.1)))

    def kill(self, name: str, code: int | None = -9, reason: str = "") -> None:
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
            queue.put_nowait(Resync(reason="the watch broke"))

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
            await asyncio.sleep(chance.random() * faults.slowest)
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

    # --- processes ------------------------------------------------------------------------------------------------------

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
            result[port.name] = Address(number=number, host="127.0.0.1", port=number, endpoint_host="127.0.0.1", endpoint_port=number)
        self.given[name] = result
        return result

    def free(self, spec: ProcessSpec) -> None:
        """Give back the ports of an ended process."""
        for address in spec.addresses.values():
            if self.reserved.get(address.number) == spec.name:
                del self.reserved[address.number]
        self.given.pop(spec.name, None)

    def start(self, spec: ProcessSpec) -> Observed:
        """Start a process unless it is there."""
        known = self.all.get(spec.name)
        if known is not None:
            if known.spec.incarnation == spec.incarnation:
                return known.seen
            if known.spec.incarnation > spec.incarnation:
                raise Permanent("conflict", f"{spec.name} was started with incarnation {known.spec.incarnation} already.")
            if known.running:
                raise Temporary("backend-refused", f"Incarnation {known.spec.incarnation} of {spec.name} still runs.", delay=0.5)
        lost = any(self.reserved.setdefault(address.number, spec.name) != spec.name for address in spec.addresses.values())
        self.starts.append((spec.name, spec.incarnation))
        process = self.all[spec.name] = FakeProcess(self, spec, self.now())
        self.homes[spec.name] = (spec.deployment, spec.execution)
        self.written.setdefault(spec.name, bytearray())
        if lost:
            process.end(None, "port taken")
            return process.seen
        self.tell(process.seen)
        if self.random.random() < self.faults.death:
            self.loop.call_later(self.random.random() * self.faults.slowest, process.end, -9)
        self.loop.call_soon(process.go_on)
        return process.seen


class FakeBackend(Backend):
    """One hub's connection to a ``FakeEngine``."""

    engine = Instance(FakeEngine, help="What runs the simulated processes. Without one, a new one is made.")
    node_count = Int(1, min=1, help="Simulated machines. More machines let more fit altogether, and nothing bigger.").tag(config=True)
    node_cores = Float(64.0, min=0.1, help="Cores of each simulated machine. More lets more processes run at once.").tag(config=True)
    node_memory = Int(256 * 2**30, min=1, help="Bytes of memory of each simulated machine. More lets more processes run at once.").tag(config=True)
    node_labels = Dict(help="Labels of all simulated machines.").tag(config=True)
    label = Unicode("fake", help="What the backend calls itself in its capabilities.").tag(config=True)
    watch_timeout = Float(
        60.0,
        min=0.001,
        help="Seconds without news after which a watch is taken for silent. Shorter notices sooner, and lists more often for nothing.",
    ).tag(config=True)

    async def open(self) -> None:
        """Connect."""
        if not self.trait_has_value("engine"):
            self.engine = FakeEngine()
        await self.engine.call("open", lambda: None)

    async def close(self) -> None:
        """Nothing to let go of."""

    def capabilities(self) -> Capabilities:
        """Nothing special."""
        return Capabilities(backend=self.label, nodes=self.node_count > 1)

    async def nodes(self) -> tuple[Node, ...]:
        """As the options say."""
        return await self.engine.call("nodes", self._nodes)

    def _nodes(self) -> tuple[Node, ...]:
        labels = dict(self.node_labels)
        return tuple(Node(name=f"node-{i}", cores=self.node_cores, memory=self.node_memory, labels=labels) for i in range(self.node_count))

    def _mine(self, name: str) -> FakeProcess | None:
        process = self.engine.all.get(name)
        return process if process is not None and process.spec.deployment == self.deployment else None

    async def prepare(self, execution: str, owner: str) -> None:
        """Remember the execution."""
        await self.engine.call("prepare", lambda: self.engine.prepared.setdefault(execution, self.deployment))

    async def allocate(self, execution: str, name: str, ports: tuple[Port, ...]) -> Mapping[str, Address]:
        """Numbers that nobody else has."""
        return await self.engine.call("allocate", lambda: self.engine.allocate(name, ports))

    async def start(self, spec: ProcessSpec) -> Observed:
        """Start a script."""
        if not spec.command:
            raise Permanent("bad-request", f"The command of {spec.name} is empty.")
        if any(not name or name.startswith("/") or ".." in name.split("/") for name in spec.files):
            raise Permanent("bad-request", f"A file of {spec.name} does not stay inside its folder.")
        return await self.engine.call("start", lambda: self.engine.start(spec))

    async def addresses(self, name: str) -> Mapping[str, Address]:
        """As they were given."""

        def find() -> Mapping[str, Address]:
            process = self._mine(name)
            if process is None:
                raise Permanent("unknown-process", f"There is no process {name}.")
            return process.spec.addresses

        return await self.engine.call("addresses", find)

    async def signal(self, name: str, signal: str) -> None:
        """The script's ``on`` decides."""
        if f"SIG{signal}" not in signals.Signals.__members__:
            raise Permanent("bad-request", f"This system has no signal {signal}.")
        await self._to(name, "signal", lambda process: process.signal(signal))

    async def stop(self, name: str, grace: float) -> None:
        """As ``FakeProcess.stop``."""
        await self._to(name, "stop", lambda process: process.stop(grace))

    def _to(self, name: str, method: str, action: Callable[[FakeProcess], None]) -> Awaitable[None]:
        def act() -> None:
            process = self._mine(name)
            if process is not None and process.running:
                action(process)

        return self.engine.call(method, act)

    async def remove(self, name: str) -> None:
        """Forget an exited process. ``Temporary`` while it runs."""

        def forget() -> None:
            process = self._mine(name)
            if process is None:
                return
            if process.running:
                raise Temporary("backend-refused", f"{name} still runs.", delay=0.5)
            del self.engine.all[name]

        await self.engine.call("remove", forget)

    async def clean(self, execution: str) -> None:
        """Forget an execution. ``Temporary`` while something of it runs."""

        def forget() -> None:
            if self.engine.prepared.get(execution, self.deployment) != self.deployment:
                return
            mine = [p for p in self.engine.all.values() if p.spec.execution == execution and p.spec.deployment == self.deployment]
            living = [process.spec.name for process in mine if process.running]
            for process in mine:
                if not process.running:
                    del self.engine.all[process.spec.name]
            if living:
                raise Temporary("backend-refused", f"These processes still run: {', '.join(living)}.", delay=0.5)
            self.engine.prepared.pop(execution, None)
            prefix = f"zoe-{self.deployment}-{execution}-"
            self.engine.reserved = {port: name for port, name in self.engine.reserved.items() if not name.startswith(prefix)}
            self.engine.given = {name: given for name, given in self.engine.given.items() if not name.startswith(prefix)}

        await self.engine.call("clean", forget)

    async def processes(self) -> tuple[Observed, ...]:
        """All of this deployment."""
        return await self.engine.call(
            "processes", lambda: tuple(p.seen for p in self.engine.all.values() if p.spec.deployment == self.deployment)
        )

    async def executions(self) -> tuple[str, ...]:
        """All that were prepared and not cleaned."""
        return await self.engine.call("executions", lambda: tuple(e for e, of in self.engine.prepared.items() if of == self.deployment))

    async def watch(self) -> AsyncIterator[Observed | Resync]:
        """News, and ``Resync`` when there was none for so long that the watch may be dead."""
        watcher = self.engine.watch(self.deployment)
        try:
            yield Resync(reason="the watch begins")
            while True:
                try:
                    async with asyncio.timeout(self.watch_timeout):
                        item = await watcher[1].get()
                except TimeoutError:
                    item = Resync(reason=f"no news for {self.watch_timeout:g} s")
                yield item
        finally:
            self.engine.unwatch(watcher)

    async def logs(self, name: str, *, offset: int = 0, follow: bool = False) -> AsyncIterator[Chunk]:
        """From memory."""
        written = self.engine.written.get(name)
        if written is None or self.engine.homes[name][0] != self.deployment:
            raise Permanent("no-log", f"There is no log of {name}.")
        await asyncio.sleep(0)
        if offset < 0:
            offset = max(len(written) + offset, 0)
        while True:
            process = self._mine(name)
            last = not follow or process is None or not process.running
            if len(written) > offset:
                data = bytes(written[offset : offset + 65536])
                yield Chunk(offset=offset, data=data)
                offset += len(data)
            elif last:
                return
            else:
                await self.engine.grown(name)

    async def forget_logs(self, execution: str) -> None:
        """Delete logs and exit codes."""

        def forget() -> None:
            for name, home in list(self.engine.homes.items()):
                if home == (self.deployment, execution):
                    del self.engine.homes[name]
                    self.engine.written.pop(name, None)
                    self.engine.codes.pop(name, None)

        await self.engine.call("forget_logs", forget)

    async def exit_code(self, name: str) -> tuple[int | None, datetime | None]:
        """Of the last incarnation that ended, unless one runs."""

        def find() -> tuple[int | None, datetime | None]:
            process = self._mine(name)
            if process is not None and process.running:
                return None, None
            if self.engine.homes.get(name, ("", ""))[0] != self.deployment:
                return None, None
            return self.engine.codes.get(name, (None, None))

        return await self.engine.call("exit_code", find)
