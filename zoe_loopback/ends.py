"""Who holds the server's end of a connection. Pure: over any ``sockets.Tables``, so that each trap has a test.

A connection that was accepted has an owner of its own. One that was not belongs to the listener that will accept it: a
listener that is closed takes its waiting connections along, so as long as a connection waits, the listener that it came
to is still there, and two listeners of different users never share an address. Hence the order: look at the connection,
at the listener, and at the connection again; only what was the same both times counts.

A connection that stands on the client's side and has no other end here was redirected into another network name space,
which rules of the administrator alone can do (a port that Docker publishes without its proxy). Used by ``checks``.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import NamedTuple

from zoe_loopback.sockets import CLOSE_WAIT, ESTABLISHED, NEW_SYN_RECEIVED, SYN_RECEIVED, Entry, Place, Tables

_WAITING = (ESTABLISHED, SYN_RECEIVED, NEW_SYN_RECEIVED, CLOSE_WAIT)  # states of what may still be accepted
_LOOKS = 8  # at a connection that is accepted just now, the second look is another one than the first


class FarEnd(NamedTuple):
    """Who holds the server's end of a connection."""

    uid: int | None  # of the process that accepted it, else of the listener that will; None: it was redirected
    inode: int  # of that socket
    listener: Entry | None  # what listens at the address now; None: nobody does any more


def far_end(tables: Tables, server: Place, client: Place) -> FarEnd | None:
    """Who holds the server's end; ``None`` if there is none to be seen: not yet, or not any more."""
    for _ in range(_LOOKS):
        seen = tables.connection(server, client)
        if seen is None:
            return None
        accepted = seen.inode != 0
        if not accepted and seen.state not in _WAITING:
            return None  # closed, and nobody's
        listener = tables.listener(server)
        if tables.connection(server, client) != seen:
            continue
        if accepted:
            return FarEnd(seen.uid, seen.inode, listener)
        if listener is not None:
            return FarEnd(listener.uid, listener.inode, listener)
    return None


def redirected(tables: Tables, server: Place, client: Place) -> FarEnd | None:
    """The end of a connection that stands and ends elsewhere, asked after ``far_end`` has found nothing for a while."""
    listener = tables.listener(server)
    here = tables.connection(server, client)
    own = tables.connection(client, server)
    if here is None and own is not None and own.state == ESTABLISHED:
        return FarEnd(None, 0, listener)
    return None


def places(connection: socket.socket) -> tuple[Place, Place]:
    """Server's and client's place of a connection that this side has made. :raises OSError: it is not connected"""
    return _place(connection.getpeername()), _place(connection.getsockname())


def is_here(connection: socket.socket) -> bool:
    """Whether a connection goes to an address of this machine: only then can anything be known of its other end.

    The kernel gives a connection to an address of its own machine that same address as its source.
    """
    server, client = places(connection)
    return server[0] == client[0] or ipaddress.ip_address(server[0]).is_loopback


def is_own_address(host: str) -> bool:
    """Whether a numeric address, or ``localhost``, is this machine's: asked of the kernel's routes, nothing is sent."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    if address.is_loopback:
        return True
    try:
        with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as asked:
            asked.connect((host, 9))  # any port: a datagram socket only chooses its own address
            return is_here(asked)
    except OSError:
        return False


def _place(address: tuple[str, int]) -> Place:
    """A place of a socket's address, an IPv4 one in the guise of IPv6 as what it is."""
    host = ipaddress.ip_address(address[0].partition("%")[0])
    mapped = host.ipv4_mapped if isinstance(host, ipaddress.IPv6Address) else None
    return str(mapped or host), address[1]
