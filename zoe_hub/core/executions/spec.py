"""What is asked: the rendered specification of an execution. Nothing in it changes while the execution lives.

An execution has *groups* of *processes*, each group with an *essential* part (must run for the execution to count as
running) and an *elastic* rest. Durations in seconds, memory in bytes, cores in units of one logical core.
Made by ``catalog``, looked at by everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from zoe_hub.core.record import Record


class Resources(Record, kw_only=True):
    """What one process reserves."""

    cores: float = 0.1
    memory: int = 128 * 2**20


class Port(Record, kw_only=True):
    """A port of a process. ``number`` is what it listens on in a container; local processes get a free one."""

    name: str
    number: int
    protocol: Literal["http", "tcp"] = "tcp"
    show: bool = False  # offered to people as a link
    title: str = ""
    start: str = "/"  # the page that a link opens
    strip: bool = True  # the proxy removes its own prefix before it passes a request on
    needs_origin: bool = False  # does not work in the sandbox: wants cookies or storage
    headers: Mapping[str, str] = {}  # late-bound texts that the proxy adds to each request (a token, for example)


class Ready(Record, kw_only=True):
    """When a process counts as ready: it runs, a port accepts, a page answers below 400, or a line is logged."""

    kind: Literal["running", "tcp", "http", "log"] = "running"
    port: str = ""
    path: str = "/"
    pattern: str = ""  # regular expression searched in the log
    timeout: float = 60.0


class Drain(Record, kw_only=True):
    """How a process hands over its work before it is stopped: a signal, then a condition, at most for ``timeout``.

    ``group``/``port``/``path`` name a JSON page (of process 0 of that group; without a group, of the draining process
    itself); ``until`` is a template expression over ``body`` (the page), ``host`` and ``port.<name>`` (of the
    draining process) that is true when it has drained.
    """

    signal: str
    group: str = ""
    port: str = ""
    path: str = "/"
    until: str = ""
    timeout: float = 60.0


class Activity(Record, kw_only=True):
    """How a process says whether it runs queries or jobs of its own, which nobody who is attached waits for.

    ``port``/``path`` name a JSON page of process 0 of the group; ``busy`` is a template expression over ``body`` (the
    page) that is true while it works.
    """

    port: str
    path: str = "/"
    busy: str


class Restart(Record, kw_only=True):
    """How often an essential process is started again, and after how long (doubled each time, at most ``longest``)."""

    limit: int = 3
    delay: float = 1.0
    longest: float = 60.0
    final: tuple[int, ...] = ()  # exit codes that say that another start would end the same


class Group(Record, kw_only=True):
    """Processes of one kind. Texts may hold references (see ``core.text``)."""

    name: str
    framework: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = {}
    files: Mapping[str, str] = {}  # name -> content, written with mode 0600 into the process's folder
    count: int = 1
    essential: int = 1
    maximum: int = 1  # maximum > essential makes the group scalable
    needs: tuple[str, ...] = ()  # groups whose essentials must be ready first
    ports: tuple[Port, ...] = ()
    ready: Ready = Ready()
    drain: Drain | None = None
    activity: Activity | None = None
    resources: Resources = Resources()
    restart: Restart = Restart()
    grace: float = 10.0  # from the request to end until the kill
    requires: tuple[str, ...] = ()  # what a bare machine must have, e.g. ``java>=17``; an image brings it along
    decides_result: bool = False  # its end ends the execution, with its exit code


class Secret(Record, kw_only=True):
    """A secret of an execution. ``random`` and ``token`` are made by the hub, ``given`` came with the request."""

    name: str
    source: Literal["random", "token", "given"] = "random"


class Connector(Record, kw_only=True):
    """How a kernel of one language connects: what it must have installed, the variable it gets, the code that runs."""

    requires: str = ""  # requirement specifier, e.g. ``pyspark~=4.3.0``
    variable: str = ""
    code: str = ""  # runs with the names ``outputs`` and ``secrets`` and sets ``variable``
    check: str = ""  # runs after it, in its names, and fails unless the session answers
    check_timeout: float = 60.0  # seconds
    session: str = ""  # a name that the code sets: an object that can do more than the variable (see the guide)
    secrets: tuple[str, ...] = ()  # names of the execution's secrets that the kernel gets; no others


class ExecutionSpec(Record, kw_only=True):
    """A rendered ZApp: everything about an execution that does not change while it lives."""

    zapp: str
    title: str
    version: str
    kind: str
    groups: tuple[Group, ...]
    parameters: Mapping[str, Any] = {}
    outputs: Mapping[str, str] = {}  # late-bound texts
    secrets: tuple[Secret, ...] = ()
    attach: Mapping[str, Connector] = {}  # language -> how
    frameworks: tuple[str, ...] = ()
    ends: bool = False  # ends by itself
    protected: bool = False

    def group(self, name: str) -> Group:
        """The group called ``name``; ``KeyError`` if there is none."""
        for group in self.groups:
            if group.name == name:
                return group
        raise KeyError(name)

    def active(self) -> tuple[Group, ...]:
        """The groups that say whether they work."""
        return tuple(group for group in self.groups if group.activity is not None)

    def scalable(self) -> tuple[Group, ...]:
        """The groups with an elastic part."""
        return tuple(group for group in self.groups if group.maximum > group.essential)
