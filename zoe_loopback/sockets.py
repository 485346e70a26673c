"""The kernel's tables of TCP sockets on Linux: one connection, or the listener that takes connections at an address.

Netlink's ``sock_diag`` (man 7 sock_diag) looks one socket up in the kernel's hash tables, some 10 µs however many
there are. Where it is not to be had (a filter of system calls), ``/proc/net/tcp`` and ``tcp6`` say the same in a time
that grows with their number. Used by ``checks``.

Two traps are the reason why callers get state and inode beside the user id:

- A connection that nobody has accepted yet has inode 0, and before Linux 6.17 the user id 0 whoever listens.
- One whose handshake is not complete for the server (``TCP_DEFER_ACCEPT``) is told with user id 0 by ``sock_diag``.
"""

from __future__ import annotations

import errno
import functools
import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Protocol, Self

Place = tuple[str, int]
"""A numeric IP address and a port."""

ESTABLISHED, SYN_RECEIVED, CLOSE_WAIT, LISTEN, NEW_SYN_RECEIVED = 1, 3, 8, 10, 12  # include/net/tcp_states.h

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
_REQUEST = 1  # NLM_F_REQUEST
_ERROR = 2  # NLMSG_ERROR
_NO_COOKIE = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_ASKED = struct.Struct("=BBBBI")  # struct inet_diag_req_v2 up to its id
_ANSWERED = struct.Struct("=BBBB4s16s16sIII")  # struct inet_diag_msg up to the cookie
_COUNTS = struct.Struct("=IIIII")  # expires, rqueue, wqueue, uid, inode
_NOT_FOUND = 2  # ENOENT


class Entry(NamedTuple):
    """One socket as the kernel tells it."""

    state: int
    uid: int
    inode: int  # 0: no process has it (yet)


class Tables(Protocol):
    """Where sockets can be looked up."""

    def connection(self, server: Place, client: Place) -> Entry | None:
        """The server's end of a connection; ``None`` if there is none (any more)."""

    def listener(self, server: Place) -> Entry | None:
        """The socket that takes connections to this address now; ``None`` if nobody listens."""


def usable() -> bool:
    """Whether this system has such tables."""
    return sys.platform == "linux" and (_netlink_works() or os.access("/proc/net/tcp", os.R_OK))


def tables() -> Netlink | ProcNet:
    """The better ones that this system has; a context manager. :raises OSError: no descriptor is left, for example"""
    return Netlink() if _netlink_works() else ProcNet()


class Netlink:
    """``sock_diag``."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _SOCK_DIAG)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()

    def connection(self, server: Place, client: Place) -> Entry | None:
        """As ``Tables``."""
        found = self._one(server, client)
        return found if found is not None and found.state != LISTEN else None  # without a connection: the listener

    def listener(self, server: Place) -> Entry | None:
        """As ``Tables``."""
        found = self._one(server, ("::" if ":" in server[0] else "0.0.0.0", 0))  # noqa: S104
        return found if found is not None and found.state == LISTEN else None

    def _one(self, server: Place, client: Place) -> Entry | None:
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        asked = _ASKED.pack(family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF)
        identity = struct.pack("!HH", server[1], client[1]) + _packed(family, server[0]) + _packed(family, client[0])
        body = asked + identity + struct.pack("=III", 0, _NO_COOKIE, _NO_COOKIE)
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, _REQUEST, 0, 0) + body)
        answer, sender = self._socket.recvfrom(65536)
        if sender[0] != 0:
            raise PermissionError(errno.EPERM, "somebody else than the kernel answered")
        kind = _HEADER.unpack_from(answer)[1]
        if kind == _ERROR:
            number = -struct.unpack_from("=i", answer, _HEADER.size)[0]
            if number == _NOT_FOUND:
                return None
            raise OSError(number, f"the kernel does not tell whose socket it is: {os.strerror(number)}")
        state = _ANSWERED.unpack_from(answer, _HEADER.size)[1]
        *_, uid, inode = _COUNTS.unpack_from(answer, _HEADER.size + _ANSWERED.size)
        return Entry(state, uid, inode)


class ProcNet:
    """``/proc/net/tcp`` and ``/proc/net/tcp6``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def connection(self, server: Place, client: Place) -> Entry | None:
        """As ``Tables``."""
        wanted = _written(server), _written(client)
        return next((entry for *ends, entry in _lines(server[1]) if tuple(ends) == wanted), None)

    def listener(self, server: Place) -> Entry | None:
        """As ``Tables``. The one with the most specific address takes a connection."""
        places = [_written(server), _written(("0.0.0.0", server[1])), _written(("::", server[1]))]  # noqa: S104
        if ":" in server[0]:
            del places[1]
        found = {local: entry for local, _, entry in _lines(server[1]) if entry.state == LISTEN}
        return next((found[place] for place in places if place in found), None)


def _lines(port: int) -> Iterator[tuple[str, str, Entry]]:
    """Local end, remote end and the rest of each socket at a local port."""
    mark = f":{port:04X} "
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(path, encoding="ascii") as file:
                lines = [line for line in file if mark in line]
        except FileNotFoundError:
            continue  # a kernel without IPv6
        for line in lines:
            parts = line.split()
            if parts[1].endswith(mark.rstrip()):
                local, remote = (part.removeprefix(_MAPPED) for part in parts[1:3])
                yield local, remote, Entry(int(parts[3], 16), int(parts[7]), int(parts[9]))


def _written(place: Place) -> str:
    """A place as ``/proc/net`` writes it: words of four bytes in the machine's order."""
    packed = ipaddress.ip_address(place[0]).packed
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    return f"{''.join(f'{word:08X}' for word in words)}:{place[1]:04X}"


_MAPPED = _written(("::ffff:0.0.0.0", 0)).partition(":")[0][:24]  # an IPv4 address in a table of IPv6


def _packed(family: int, host: str) -> bytes:
    return socket.inet_pton(family, host).ljust(16, b"\0")


@functools.cache
def _netlink_works() -> bool:
    """Whether this process may ask by netlink: looked up once, with a question about nobody."""
    try:
        with Netlink() as one:
            one.listener(("127.0.0.1", 0))
    except AttributeError:  # a system without netlink
        return False
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
            raise  # says nothing of the system
        return False  # a filter of system calls
    return True
