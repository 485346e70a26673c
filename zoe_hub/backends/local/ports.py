"""Ports for local processes, without races between hubs and users of one machine. Used by ``backend`` and ``launch``.

What is allocated is reserved (``reserving``) until its process starts, and by the process's shim from then on. The
range lies outside the one from which the kernel takes ports for outgoing connections, so nobody gets one by chance.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path

from zoe_hub.backends.base import Temporary
from zoe_hub.backends.local.reserving import Reservation, reserve
from zoe_hub.backends.local.shim.system import port_free
from zoe_hub.core.executions.model import Address
from zoe_hub.core.executions.spec import Port
from zoe_hub.core.record import Record

HOST = "127.0.0.1"


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

    def __init__(self, first: int, last: int, folder: Callable[[], Path]) -> None:
        """:param folder: where the locks are"""
        self.first, self.last = first, last
        self._folder = folder
        self.held: dict[str, tuple[Allocation, dict[int, Reservation]]] = {}

    def allocate(self, execution: str, name: str, ports: tuple[Port, ...]) -> Mapping[str, Address]:
        """Addresses for all ports of a process; those of an earlier call if nobody has taken them meanwhile.

        ``Temporary`` ``port-taken`` if the range is exhausted.
        """
        before = self.held.get(name)
        if before is not None:
            known, held = before[0].addresses, before[1].values()
            if set(known) == {port.name for port in ports} and all(map(_is_free, held)):
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
            reservation = reserve(self.first + (begin + step) % span, self._folder())
            if reservation is None:
                continue
            if _is_free(reservation):
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
            reservation = mine.pop(item.number, None) or reserve(item.number, self._folder())
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


def _is_free(reservation: Reservation) -> bool:
    """Whether no other program has the port."""
    return reservation.is_bound or port_free(reservation.number)


def close(reservations: dict[int, Reservation]) -> None:
    """Let go of several."""
    for reservation in reservations.values():
        reservation.close()
    reservations.clear()
