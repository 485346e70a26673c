"""The second listener of a server: pages of processes at origins of their own, and nothing else.

No API, no login, no handler of Jupyter: its table of routes is all that it answers. By default it listens on this
machine alone, at both loopback addresses, since names below ``localhost`` mean either: at one that it left free another
user of the machine could pretend to be it.
"""

from __future__ import annotations

import errno
import logging
import socket
from typing import Any

from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from zoe_proxy.pages.handlers import EnterHandler, HereHandler
from zoe_proxy.pages.opening import ENTER, HERE, Door
from zoe_proxy.rewrite import for_the_log

_BOTH = ("127.0.0.1", "::1")
_ATTEMPTS = 20
_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def bind(ip: str, port: int) -> tuple[list[socket.socket], int]:
    """Sockets at one port.

    :param ip: an address; empty: the loopback addresses
    :param port: 0 for a free one
    :return: the sockets and the port
    :raises OSError: the port is taken
    """
    if ip:
        sockets = bind_sockets(port, ip)
        return sockets, int(sockets[0].getsockname()[1])
    for attempt in range(_ATTEMPTS):
        first, *_ = sockets = bind_sockets(port, _BOTH[0])
        number = int(first.getsockname()[1])
        try:
            return [*sockets, *bind_sockets(number, _BOTH[1])], number
        except OSError as error:
            if error.errno in _NO_SUCH_ADDRESS or isinstance(error, socket.gaierror):
                return sockets, number  # a machine without IPv6
            for each in sockets:
                each.close()
            if port or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def make_application(door: Door, page: type[RequestHandler], **settings: Any) -> Application:
    """What the listener serves.

    :param page: handler of everything that is neither of the own paths
    :param settings: for the handlers
    """
    return Application(
        [(ENTER, EnterHandler, {"own": True}), (HERE, HereHandler), (".*", page)],
        log_function=_log,
        zoe_door=door,
        **settings,
    )


def _log(handler: Any) -> None:
    """What went wrong; no query, which may hold a ticket."""
    status = handler.get_status()
    if status >= 500:
        logging.getLogger("zoe_proxy").warning(
            "%d %s %s", status, handler.request.method, for_the_log(handler.request.path)
        )
