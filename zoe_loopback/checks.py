"""The judgement about the other end of a connection: whether it belongs to one of those to whom something may be sent.

``require`` (asyncio) and ``require_now`` (threads) come after connecting and before the first byte. They return at once
in the usual case; a server that is slow to answer the handshake gets a moment.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Collection, Iterable, Iterator

from zoe_loopback import elsewhere, ends, sockets
from zoe_loopback.ends import FarEnd
from zoe_loopback.sockets import Place

ROOT = 0
_PAUSES = (0.0005, 0.001, 0.003, 0.01, 0.03, 0.06)  # seconds between looks at an end that is not to be seen yet


class Stranger(ConnectionError):
    """The other end belongs to somebody else than it should, or to nobody who is known. Nothing was sent.

    ``user`` names who holds it, as far as that is known. A subclass of ``OSError``: to whoever connects it is a server
    that cannot be used.
    """

    def __init__(self, place: Place, user: str, why: str = "") -> None:
        super().__init__(
            f"port {place[1]} of {place[0]} is held by {user}{f', {why}' if why else ''}; nothing was sent"
        )
        self.user = user


class Unsettled(ConnectionError):
    """The connection stands for this side alone: the server's queue is full, and the kernel keeps nothing of it there
    (SYN cookies, RFC 4987). Nothing was sent, since whoever listens when it is would get it. A new connection may fare
    better.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(f"port {place[1]} of {place[0]} has not taken the connection yet")


async def require(connection: socket.socket, users: Collection[int]) -> FarEnd:
    """That the other end belongs to one of ``users``.

    :param connection: connected, on this machine (``is_here``)
    :raises Stranger: it does not
    :raises OSError: the kernel cannot be asked, or the connection is gone
    """
    return judged(await far_end(connection), connection, users)


def require_now(connection: socket.socket, users: Collection[int]) -> FarEnd:
    """As ``require``, waiting in this thread."""
    return judged(far_end_now(connection), connection, users)


def judged(end: FarEnd, connection: socket.socket, users: Collection[int]) -> FarEnd:
    """``end``, if it belongs to one of ``users``. What the administrator redirected is judged by the placeholder that
    listens in its stead; without one, nobody but the administrator is in between.

    :raises Stranger: it does not
    """
    uid = end.uid if end.uid is not None else end.listener.uid if end.listener is not None else None
    if uid is not None and uid not in users:
        raise Stranger(ends.places(connection)[0], user_name(uid))
    return end


async def far_end(connection: socket.socket, pids: Iterable[int] | None = None) -> FarEnd:
    """Who holds the other end.

    :param pids: where only the sockets of known processes can be seen: of which processes; ``None``: of all own ones
    :raises Stranger: where not all ends can be seen: it is not one that can
    :raises OSError: as ``require``
    """
    import asyncio  # noqa: PLC0415 - 40 ms that threads and command lines do not need

    if not sockets.usable():
        return await asyncio.to_thread(far_end_now, connection, pids)  # looks at one process after the other
    looks = _Looks(connection, pids)
    for pause in looks.pauses():
        await asyncio.sleep(pause)
    return looks.found


def far_end_now(connection: socket.socket, pids: Iterable[int] | None = None) -> FarEnd:
    """As ``far_end``, waiting in this thread."""
    looks = _Looks(connection, pids)
    for pause in looks.pauses():
        time.sleep(pause)
    return looks.found


class _Looks:
    """Looks until something is seen; the caller waits in between."""

    found: FarEnd

    def __init__(self, connection: socket.socket, pids: Iterable[int] | None) -> None:
        self._server, self._client = ends.places(connection)
        self._pids = None if pids is None else tuple(pids)

    def pauses(self) -> Iterator[float]:
        """Seconds to wait before each further look. At the end there is ``found``."""
        for pause in (*_PAUSES, None):
            end = self._seen(last=pause is None)
            if end is not None:
                self.found = end
                return
            if pause is not None:
                yield pause
        raise ConnectionResetError(f"port {self._server[1]} of {self._server[0]} has closed the connection")

    def _seen(self, *, last: bool) -> FarEnd | None:
        if not sockets.usable():
            end = elsewhere.far_end(self._server, self._client, self._pids)
            if end is None and last:
                raise Stranger(self._server, "somebody who cannot be named", "which this system does not tell")
            return end
        with sockets.tables() as tables:
            end = ends.far_end(tables, self._server, self._client)
            return ends.redirected(tables, self._server, self._client) if end is None and last else end


def user_name(uid: int) -> str:
    """A user for people: name and number."""
    try:
        import pwd  # noqa: PLC0415 - not on every system

        return f"{pwd.getpwuid(uid).pw_name} (user {uid})"
    except (ImportError, KeyError):
        return f"user {uid}"


def user_id(name: str) -> int:
    """The number of a user. :raises ValueError: there is none of this name"""
    if name.isdecimal():
        return int(name)
    try:
        import pwd  # noqa: PLC0415

        return pwd.getpwnam(name).pw_uid
    except (ImportError, KeyError):
        raise ValueError(f"there is no user {name!r} here") from None


def login() -> str:
    """The name of this process's user: of the environment, else of the system; ``user1000`` where neither has one, as
    in containers that run as whatever user.
    """
    import getpass  # noqa: PLC0415 - who only looks at sockets needs no names

    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # the last two: before and since Python 3.13
        return f"user{own()}"


def own() -> int:
    """This process's user, as the kernel tells it of sockets that it makes."""
    return os.geteuid()
