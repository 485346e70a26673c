"""Where the hub listens: at its own address, where processes reach it, and at a second port for pages.

Ports are taken before anything else is made: one that another program has is told at once. Used by ``running``.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable
from logging import Logger

from tornado.netutil import bind_sockets

from zoe_hub.core.errors import ZoeError
from zoe_proxy.pages import listener

BACKLOG = 1024  # connections that wait to be accepted; more are asked by the system to come again, a second later
DEFAULT_PORT = 8470
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared

Sockets = list[socket.socket]


def listen(ip: str, port: int, last: object, *, embedded: bool) -> tuple[Sockets, int]:
    """Sockets at the hub's own address, and their port.

    :param port: the setting; 0: 8470, or what is free if the hub is embedded
    :param last: the port of the hub before, if one is known; an embedded hub takes it again if it is free
    :raises ZoeError: ``port-taken``
    """
    return _bind_first(
        (port,) if port else _last_or_free(last) if embedded else (DEFAULT_PORT,),
        lambda each: bind_sockets(each, ip, backlog=BACKLOG),
        f"at {ip}:",
        "--port",
    )


def listen_for_pages(ip: str, port: int, last: object) -> tuple[Sockets, int]:
    """Sockets of the second listener, and their port: the one of last time, so that what a page keeps in its browser
    stays there.

    :param port: the setting; 0: any
    :raises ZoeError: ``port-taken``
    """
    return _bind_first(
        (port,) if port else _last_or_free(last),
        lambda each: listener.bind(ip, each)[0],
        "for pages at port ",
        "--ZoeHub.pages_port",
    )


def listen_also(host: str, ip: str, port: int, log: Logger) -> Sockets:
    """Sockets where processes reach the hub, if it does not listen there already.

    :param host: how processes reach it
    :param ip: where it listens
    :raises ZoeError: ``port-taken``
    """
    if host in ("", "localhost", "127.0.0.1", "::1", ip) or ip in EVERYWHERE:
        return []
    try:
        return bind_sockets(port, host, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
            log.warning(
                "Processes look for the hub at %s, which is no address of this machine (%s): Zoe inside"
                " applications does not work, such as '%%zoe' and the panel in 'notebook'. Set"
                " --DockerBackend.hub_host to an address of this machine that containers reach.",
                host,
                error.strerror or error,
            )
            return []
        raise ZoeError(
            "port-taken",
            f"The hub cannot listen at {host}:{port}, where processes would reach it: {error.strerror or error}.",
        ) from error


def url(host: str, port: int) -> str:
    """The hub's URL at an address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def local_host(ip: str) -> str:
    """How programs on this machine reach what listens at ``ip``."""
    return "127.0.0.1" if ip in EVERYWHERE else ip


def _last_or_free(last: object) -> tuple[int, ...]:
    return (last, 0) if isinstance(last, int) else (0,)


def _bind_first(ports: Iterable[int], bind: Callable[[int], Sockets], where: str, option: str) -> tuple[Sockets, int]:
    """Sockets at the first of these ports that can be had."""
    for port in ports:
        try:
            sockets = bind(port)
        except OSError as error:
            problem = error
        else:
            return sockets, int(sockets[0].getsockname()[1])
    raise ZoeError(
        "port-taken",
        f"The hub cannot listen {where}{port}: {problem.strerror or problem}. Choose another one with {option}.",
    ) from problem
