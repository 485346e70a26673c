"""The contract of a backend: what the hub asks of whatever runs processes. Implemented beside this module, found by the
entry point group ``zoe.backends``, used by ``controllers`` and ``web``; ``zoe_hub.testing.backend_contract`` proves it.

(The design calls it *observe*; the method is ``processes``, since ``observe`` belongs to traitlets' ``HasTraits``.)

All methods are coroutines that neither block the event loop nor take longer than a request to the engine. ``start``,
``stop``, ``remove``, ``prepare`` and ``clean`` are idempotent: a hub that died between calling and remembering calls
again. Errors come as ``Temporary`` (try again after ``delay``) or ``Permanent`` (with the code of a declared error),
nothing else.
"""

from __future__ import annotations

import socket
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping

from traitlets.config import LoggingConfigurable

import zoe_loopback
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Address, Observed
from zoe_hub.core.executions.spec import Port, Resources
from zoe_hub.core.nodes import Node
from zoe_hub.core.reasons import Reason
from zoe_hub.core.record import Record


class Temporary(ZoeError):
    """The engine may well do it later. ``delay``: seconds until the next try is worthwhile."""

    def __init__(self, code: str, detail: str = "", delay: float = 1.0) -> None:
        super().__init__(code, detail)
        self.delay = delay


class Permanent(ZoeError):
    """The engine will never do it as it was asked."""


class Capabilities(Record, kw_only=True):
    """What a backend can do. Callers ask for these, never for the backend's name or class."""

    backend: str
    isolation: bool = False  # processes see neither each other's files nor the host's
    limits: bool = False  # cores and memory are enforced
    images: bool = False  # ``image_present`` and ``check`` look at images
    volumes: bool = False
    nodes: bool = False  # more than one machine
    hub_host: str = ""  # where a process reaches the hub, which listens there as well; empty: as any program here does
    listeners: tuple[int, ...] = ()  # users of this machine who hold the endpoints of processes; none: the hub's own


class ProcessSpec(Record, kw_only=True):
    """One process, fully bound: what the backend needs to start it. Holds secrets: never log it, never store it."""

    name: str
    deployment: str
    execution: str
    owner: str
    group: str
    index: int
    incarnation: int
    framework: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    files: Mapping[str, str] = {}
    ports: tuple[Port, ...] = ()
    addresses: Mapping[str, Address] = {}
    resources: Resources = Resources()
    grace: float = 10.0

    def __repr__(self) -> str:
        return f"ProcessSpec({self.name!r}, incarnation={self.incarnation})"


class Chunk(Record, kw_only=True):
    """A piece of a log. ``offset`` is the byte offset of its beginning; ``offset + len(data)`` resumes after it."""

    offset: int
    data: bytes


class Resync(Record, kw_only=True):
    """The watch may have missed something: list with ``processes`` again."""

    reason: Reason


class Backend(LoggingConfigurable):
    """What runs the processes of one deployment of the hub.

    ``deployment`` separates hubs that share an engine: a backend sees and touches only what carries its own.
    """

    def __init__(self, *, deployment: str, data: str, **kwargs: object) -> None:
        """:param deployment: name of this hub, a DNS label
        :param data: an existing folder of mode 0700 that the backend may use; logs live here
        """
        super().__init__(**kwargs)
        self.deployment = deployment
        self.data = data

    @abstractmethod
    async def open(self) -> None:
        """Connect. ``Temporary`` if the engine does not answer."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections and tasks. Processes keep running."""

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What it can do. Valid after ``open``."""

    @abstractmethod
    async def nodes(self) -> tuple[Node, ...]:
        """The machines, with what processes may use of them altogether."""

    @abstractmethod
    async def prepare(self, execution: str, owner: str) -> None:
        """Make what the processes of an execution share (a folder, a network)."""

    @abstractmethod
    async def allocate(self, execution: str, name: str, ports: tuple[Port, ...]) -> Mapping[str, Address]:
        """Reserve addresses for the ports of a process, before it starts. Called again with the same name, it may give
        the same or new ones; the last answer holds."""

    @abstractmethod
    async def start(self, spec: ProcessSpec) -> Observed:
        """Start a process unless one of this name and incarnation exists, running or exited. One of an older
        incarnation that has exited makes room; its log is kept. A process whose program does not exist is ``Permanent``
        or exits with 127.
        :return: what ``processes`` would say of it now. ``addresses`` of the spec are honoured."""

    @abstractmethod
    async def addresses(self, name: str) -> Mapping[str, Address]:
        """The addresses of a started process; endpoints may be known only now. ``Permanent`` ``unknown-process``."""

    @abstractmethod
    async def signal(self, name: str, signal: str) -> None:
        """Send a signal by its name without ``SIG`` (``PWR``) to the process itself. Nothing happens if it has
        ended.
        """

    @abstractmethod
    async def stop(self, name: str, grace: float) -> None:
        """Ask the whole process tree to end (``SIGTERM``), and return without waiting. With ``grace`` 0, kill it
        (``SIGKILL``). A backend may kill by itself once ``grace`` seconds are over. Nothing happens if there is
        none."""

    @abstractmethod
    async def remove(self, name: str) -> None:
        """Forget an exited process: ``processes`` does not name it any more; its log stays with ``logs``."""

    @abstractmethod
    async def clean(self, execution: str) -> None:
        """Give back what ``prepare`` and ``allocate`` made and forget all exited processes of it; logs stay."""

    @abstractmethod
    async def processes(self) -> tuple[Observed, ...]:
        """Observe: every process of this deployment that the engine knows, running or exited and not removed."""

    @abstractmethod
    def watch(self) -> AsyncIterator[Observed | Resync]:
        """Changes as they happen. Begins with a ``Resync``. A watch that fell silent or broke yields ``Resync``."""

    @abstractmethod
    async def executions(self) -> tuple[str, ...]:
        """The executions for which ``prepare`` made something that ``clean`` has not given back."""

    @abstractmethod
    def logs(self, name: str, *, offset: int = 0, follow: bool = False) -> AsyncIterator[Chunk]:
        """Output and errors of a process, all incarnations, oldest first, from byte ``offset`` (negative: from the
        end). Works after the process and its container are gone, until ``forget_logs``. With ``follow`` it ends when
        the process has. Offsets stay true when a log was rotated: a read from before what is kept begins with the
        oldest byte kept. ``Permanent`` ``no-log`` if there never was one."""

    @abstractmethod
    async def log_start(self, name: str, incarnation: int) -> int:
        """The byte offset at which the log of this start begins, also after the process is gone; for the latest start
        of that name. 0 if nobody noted it. ``Permanent`` ``no-log`` if there never was one.
        """

    @abstractmethod
    async def forget_logs(self, execution: str) -> None:
        """Delete the logs of an ended execution. Nothing happens if there are none."""

    @abstractmethod
    async def measure_logs(self, execution: str = "") -> int:
        """Bytes that the logs of an execution take; without one, those of all. Of all it may take seconds."""

    def listeners(self) -> frozenset[int]:
        """The users of this machine who may hold endpoints of processes."""
        return frozenset(self.capabilities().listeners or (zoe_loopback.own(),))

    async def check_listener(self, name: str, connection: socket.socket) -> None:
        """That a connection to an endpoint of a process ends at what the backend put there: asked after connecting and
        before the first byte of every probe and proxied request.

        :raises OSError: ``zoe_loopback.Stranger`` above all: nothing may be sent; ``Unsettled``: a new connection may
            fare better
        """
        if zoe_loopback.is_here(connection):
            await zoe_loopback.require(connection, self.listeners())

    def folder(self, framework: str, source: str) -> str:
        """Where a process finds the files of a framework. ``source`` is their folder on the hub's machine."""
        return source

    def host(self, name: str) -> str:
        """The host name under which peers reach a process."""
        return "127.0.0.1"

    def bind(self) -> str:
        """The address a process binds its ports to."""
        return "127.0.0.1"

    async def image_present(self, image: str) -> bool:
        """Whether processes of this image can start without a pull."""
        return True

    async def check(self, image: str, requires: tuple[str, ...]) -> None:
        """Whether processes of this image could start here, asked before anything of an execution is started.

        :param requires: what a bare machine must have (``Group.requires``); images bring it along
        :raises Permanent: ``image-missing``, ``environment-missing``, ``java-missing``
        """
        if not await self.image_present(image):
            raise Permanent("image-missing", f"The image {image} is not there.")
