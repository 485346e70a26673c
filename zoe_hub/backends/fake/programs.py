"""Simulated processes: what their scripts do and how they take signals. Used by ``engine``."""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from zoe_hub.backends.base import ProcessSpec
from zoe_hub.core.executions.model import Observed
from zoe_hub.core.reasons import Reason, because

Script = tuple[str, ...]
STEPS = {
    "print",
    "print-env",
    "print-file",
    "spam",
    "serve",
    "sleep",
    "exit",
    "crash",
    "ignore-term",
    "on-term",
    "on-usr1",
    "on",
}


def interpret(command: tuple[str, ...]) -> Script | None:
    """The script of a command; ``None`` if there is no such program."""
    if command[0] == "do":
        return command[1:]
    return (" ".join(command),) if command[0] in STEPS else None


class Host(Protocol):
    """What a process needs of its engine."""

    interpret: Callable[[tuple[str, ...]], Script | None]

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""

    def now(self) -> datetime:
        """The time."""

    def write(self, process: FakeProcess, text: str) -> None:
        """Add to the log."""

    def ended(self, process: FakeProcess) -> None:
        """Hear that a process has ended."""


class FakeProcess:
    """A process of the engine."""

    def __init__(self, engine: Host, spec: ProcessSpec, began: datetime) -> None:
        self.engine = engine
        self.spec = spec
        self.seen = spec.running(began)
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
            reason = because("killed-late", grace=grace) if grace else None
            if grace:
                self.killer = self.engine.loop.call_later(grace, self.end, -int(signals.SIGKILL), reason)
            else:
                self.end(-int(signals.SIGKILL), reason)

    def end(self, code: int | None, reason: Reason | None = None) -> None:
        """It ends. Ending twice is once."""
        if not self.running:
            return
        for timer in (self.timer, self.killer):
            if timer is not None:
                timer.cancel()
        self.steps.clear()
        self.serves.clear()
        self.seen = Observed(
            name=self.seen.name,
            execution=self.seen.execution,
            group=self.seen.group,
            index=self.seen.index,
            incarnation=self.seen.incarnation,
            state="exited",
            exit_code=code,
            started=self.seen.started,
            ended=self.engine.now(),
            reason=reason,
        )
        self.engine.ended(self)
