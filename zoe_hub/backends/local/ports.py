"""Ports for local processes, without races between hubs and users of one machine. Used by ``backend`` and ``launch``.

A port is reserved by something that only one process of the machine can hold and that the kernel gives back when its
holder dies, however it dies: on Linux an abstract Unix socket (one name space per network name space, as for the ports
themselves), elsewhere a lock on a file that everybody may open. The hub holds it from ``allocate`` on and hands it to
the shim, which holds it as long as the process lives. The range lies outside the one from which the kernel takes ports
for outgoing connections, so that nobody gets one by chance.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from zoe_hub.backends.base import Temporary
from zoe_hub.core.executions.model import Address
from zoe_hub.core.executions.spec import Port
from zoe_hub.core.record import Record

from .shim import port_free

HOST = "127.0.0.1"


class Reservation:
    """One reserved port. ``close`` gives up this holder's part; what was handed on stays reserved."""

    def __init__(self, number: int, descriptor: int) -> None:
        self.number = number
        self.descriptor = descriptor

    def close(self) -> None:
        """Let go."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def reserve(number: int) -> Reservation | None:
    """Reserve a port, ``None`` if another process of a hub has it. Says nothing of programs that know no hub."""
    if sys.platform == "linux":
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.bind(f"\0zoe-port-{number}")
        except OSError:
            holder.close()
            return None
        return Reservation(number, holder.detach())
    folder = Path(tempfile.gettempdir()) / "zoe-ports"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o1777)
        folder.chmod(0o1777)
    descriptor = os.open(folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return Reservation(number, descriptor)


def address(port: Port, number: int) -> Address:
    """Where a port of a local process is. For gRPC clients the host is literally ``localhost``: with any other, Spark
    Connect insists on TLS as soon as a token is used."""
    return Address(
        number=number,
        host=HOST,
        port=number,
        endpoint_host=HOST if port.protocol == "http" else "localhost",
        endpoint_port=number,
    )


class Allocation(Record, kw_only=True):
    """What ``allocate`` gave to one process."""

    execution: str
    addresses: Mapping[str, Address]


class Ports:
    """The ports that this hub has allocated and not yet handed to a shim. Thread-safe: the kernel decides."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.held: dict[str, tuple[Allocation, dict[int, Reservation]]] = {}

    def allocate(self, execution: str, name: str, ports: tuple[Port, ...]) -> Mapping[str, Address]:
        """Addresses for all ports of a process; those of an earlier call if nobody has taken them meanwhile.

        ``Temporary`` ``port-taken`` if the range is exhausted.
        """
        before = self.held.get(name)
        if before is not None:
            known = before[0].addresses
            if set(known) == {port.name for port in ports} and all(port_free(item.number) for item in known.values()):
                return known
        found: dict[str, Address] = {}
        reservations: dict[int, Reservation] = {}
        try:
            for port in ports:
                reservation = self._free()
                reservations[reservation.number] = reservation
                found[port.name] = address(port, reservation.number)
        except BaseException:
            close(reservations)
            raise
        self.release(name)
        self.held[name] = (Allocation(execution=execution, addresses=found), reservations)
        return found

    def _free(self) -> Reservation:
        span = self.last - self.first + 1
        begin = random.randrange(span)  # noqa: S311
        for step in range(span):
            number = self.first + (begin + step) % span
            reservation = reserve(number)
            if reservation is None:
                continue
            if port_free(number):
                return reservation
            reservation.close()
        raise Temporary(
            "port-taken",
            f"All ports from {self.first} to {self.last} are taken. End some processes, or widen"
            " LocalBackend.port_range.",
            delay=5.0,
        )

    def take(self, name: str, addresses: Mapping[str, Address]) -> dict[int, Reservation] | None:
        """The reservations for a process that is about to start; ``None`` if a port was lost to somebody else.

        A hub that was restarted after ``allocate`` does not hold them any more: they are reserved again.
        """
        held = self.held.pop(name, None)
        mine = held[1] if held else {}
        wanted: dict[int, Reservation] = {}
        for item in addresses.values():
            reservation = mine.pop(item.number, None) or reserve(item.number)
            if reservation is None:
                close(mine)
                close(wanted)
                return None
            wanted[item.number] = reservation
        close(mine)
        return wanted

    def release(self, name: str) -> None:
        """Give back what was allocated to a process that did not start."""
        held = self.held.pop(name, None)
        if held:
            close(held[1])

    def release_execution(self, execution: str) -> None:
        """The same for all processes of an execution."""
        for name, (allocation, _) in list(self.held.items()):
            if allocation.execution == execution:
                self.release(name)

    def close(self) -> None:
        """Give back everything."""
        for name in list(self.held):
            self.release(name)


def close(reservations: dict[int, Reservation]) -> None:
    """Let go of several."""
    for reservation in reservations.values():
        reservation.close()
    reservations.clear()
