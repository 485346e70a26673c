"""Recognises the hub: what answers at its address gets its token only if it is known to be the hub.

A hub that has ended leaves its port to whoever takes it. Called for each new connection to a hub, before anything is
sent over it, by both clients, the server extension and ``opener``.

- The user's own hub, which the runtime file names: it is on this machine, and its process holds the socket. An address
  that has moved to another machine since, as those of laptops do, is not the hub's any more.
- A configured hub on this machine: the socket belongs to this user, to root, or to the user that is configured
  (``ZOE_HUB_USER``, ``ZoeExtension.hub_user``).
- A hub elsewhere: its certificate, with ``https``. Without, nothing on this machine can tell.
"""

from __future__ import annotations

import functools
import socket

import zoe_loopback
from jupyter_zoe.hub.info import HubInfo
from zoe_loopback import FarEnd, Stranger


async def check(info: HubInfo, connection: socket.socket) -> None:
    """That the other end is the hub, in asyncio.

    :raises OSError: it is not, or nobody knows: ``zoe_loopback.Stranger`` above all
    """
    if _is_to_be_checked(info, connection):
        _judge(info, connection, await zoe_loopback.far_end(connection, _pids(info)))


def check_now(info: HubInfo, connection: socket.socket) -> None:
    """As ``check``, waiting in this thread."""
    if _is_to_be_checked(info, connection):
        _judge(info, connection, zoe_loopback.far_end_now(connection, _pids(info)))


def _is_to_be_checked(info: HubInfo, connection: socket.socket) -> bool:
    here = zoe_loopback.is_here(connection)
    if info.embedded and not here:
        raise Stranger(zoe_loopback.places(connection)[0], "another machine")
    return info.users is not None and not info.url.startswith("https:") and here


def _pids(info: HubInfo) -> list[int] | None:
    return [info.pid] if info.embedded else None


def _judge(info: HubInfo, connection: socket.socket, end: FarEnd) -> None:
    assert info.users is not None
    if not info.embedded:
        zoe_loopback.judged(end, connection, info.users)
        return
    zoe_loopback.judged(end, connection, {zoe_loopback.own()})
    listener = end.listener.inode if end.listener is not None else 0
    if zoe_loopback.sees_all() and not (_holds(info.pid, listener) or _holds(info.pid, end.inode)):
        user = f"another program of {zoe_loopback.user_name(zoe_loopback.own())}"
        raise Stranger(zoe_loopback.places(connection)[0], user, "and not by the hub")


def _holds(pid: int, inode: int) -> bool:
    return inode != 0 and (_held(pid, inode) or _forget())


@functools.cache
def _held(pid: int, inode: int) -> bool:
    """Whether a process has a socket open, or hides what it has open: its user has been looked at already."""
    return zoe_loopback.holds([pid], frozenset({inode})) is not False


def _forget() -> bool:
    _held.cache_clear()  # what is not held now may be held the next time
    return False
