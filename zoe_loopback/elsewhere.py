"""What can be known of the other end of a connection on systems without tables of all sockets (macOS, BSD).

There a program sees the sockets of its own user's processes alone. So an end that one of those holds is its user's, and
of any other nothing is known. Looking takes milliseconds for each process. Used by ``checks``; needs ``psutil``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from zoe_loopback.ends import FarEnd
from zoe_loopback.sockets import LISTEN, Entry, Place

if TYPE_CHECKING:
    import psutil


def far_end(server: Place, client: Place, pids: Iterable[int] | None = None) -> FarEnd | None:
    """The end, if one of these processes holds it, or listens at its address; ``None``: it may be anybody's.

    :param pids: ``None``: all of this user; each has its number in place of an inode
    """
    import psutil  # noqa: PLC0415 - 20 ms that Linux does not need

    listening: FarEnd | None = None
    for process in psutil.process_iter() if pids is None else _processes(pids):
        with suppress(psutil.Error, OSError):
            if pids is None and process.uids().real != os.getuid():
                continue
            for one in process.net_connections("tcp"):
                uid = process.uids().effective
                if one.laddr and one.raddr and (tuple(one.laddr)[:2], tuple(one.raddr)[:2]) == (server, client):
                    return FarEnd(uid, process.pid, None)
                if one.status == psutil.CONN_LISTEN and one.laddr and _takes((one.laddr.ip, one.laddr.port), server):
                    listening = FarEnd(uid, process.pid, Entry(LISTEN, uid, process.pid))
    return listening


def below(root: int) -> list[int]:
    """A process and all below it."""
    import psutil  # noqa: PLC0415

    with suppress(psutil.Error):
        process = psutil.Process(root)
        return [root, *(each.pid for each in process.children(recursive=True))]
    return []


def _processes(pids: Iterable[int]) -> Iterator[psutil.Process]:
    import psutil  # noqa: PLC0415

    for pid in pids:
        with suppress(psutil.Error):
            yield psutil.Process(pid)


def _takes(listener: Place, server: Place) -> bool:
    return listener[1] == server[1] and listener[0] in (server[0], "0.0.0.0", "::", "*")  # noqa: S104 - compared
