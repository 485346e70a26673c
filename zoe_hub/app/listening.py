"""Where the hub listens: at its own address, where processes reach it, and at a second port for pages.

Ports are taken before anything else is made: one that another program has is told at once. Used by ``running``.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable, Iterable
from logging import Logger

from tornado.netutil import bind_sockets

from zoe_hub.core.errors import ZoeError
from zoe_proxy.pages import listener

BACKLOG = 1024  # connections that wait to be accepted; more are asked by the system to come again, a second later
DEFAULT_PORT = 8470
EVERYWHERE = ("", "*", "::")  # every address of either kind
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared
"""What a socket says that listens at every address of its kind, and how programs on this machine reach it."""

Sockets = list[socket.socket]


def listen(ip: str, port: int, last: object, *, embedded: bool) -> tuple[Sockets, int]:
    """Sockets at the hub's own address, and their port.

    :param ip: an address or a name of this machine; one of ``EVERYWHERE``: all its addresses
    :param port: the setting; 0: 8470, or what is free if the hub is embedded
    :param last: the port of the hub before, if one is known; an embedded hub takes it again if it is free
    :raises ZoeError: ``cannot-listen``
    """
    host = ip.strip("[]")
    sockets, number = _bind_first(
        (port,) if port else _last_or_free(last) if embedded else (DEFAULT_PORT,),
        lambda each: bind_sockets(each, None if host in EVERYWHERE else host, backlog=BACKLOG),
        lambda each: f"at {_place(host, each)}",
        "--port",
        "--ip",
    )
    if all(ipaddress.ip_address(_address(each)).is_link_local for each in sockets):
        for each in sockets:
            each.close()
        raise ZoeError(
            "cannot-listen",
            f"--ip={ip} is a link-local address, which no URL can name: programs could not find the hub.",
        )
    return sockets, number


def listen_for_pages(ip: str, port: int, last: object) -> tuple[Sockets, int]:
    """Sockets of the second listener, and their port: the one of last time, so that what a page keeps in its browser
    stays there.

    :param port: the setting; 0: any
    :raises ZoeError: ``cannot-listen``
    """
    return _bind_first(
        (port,) if port else _last_or_free(last),
        lambda each: listener.bind(ip, each)[0],
        lambda each: f"for pages at {_place(ip, each)}" if ip else f"for pages at port {each}",
        "--ZoeHub.pages_port",
        "--ZoeHub.pages_ip",
    )


def listen_also(host: str, sockets: Sockets, port: int, log: Logger) -> Sockets:
    """Sockets where processes reach the hub, if it does not listen there already.

    :param host: how processes reach it
    :param sockets: with which it listens
    :raises ZoeError: ``cannot-listen``
    """
    if _covered(host, sockets):
        return []
    try:
        return bind_sockets(port, host, backlog=BACKLOG)
    except OSError as error:
        if _no_address(error):
            log.warning(
                "Processes look for the hub at %s, which is no address of this machine (%s): Zoe inside"
                " applications does not work, such as '%%zoe' and the panel in 'notebook'. Set"
                " --DockerBackend.hub_host to an address of this machine that containers reach.",
                host,
                error.strerror or error,
            )
            return []
        raise ZoeError(
            "cannot-listen",
            f"The hub cannot listen at {_place(host, port)}, where processes would reach it: {error.strerror or error}."
            " Choose another port with --port, or another address with --DockerBackend.hub_host.",
        ) from error


def url(host: str, port: int) -> str:
    """The hub's URL at an address."""
    return f"http://{_place(host, port)}"


def local_host(sockets: Sockets) -> str:
    """How programs on this machine reach what listens with these sockets: by a loopback address if it can be."""
    hosts = [WILDCARDS.get(address, address) for address in map(_address, sockets)]
    return next((host for host in hosts if ipaddress.ip_address(host).is_loopback), hosts[0])


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(listening: socket.socket) -> str:
    return str(listening.getsockname()[0])


def _covered(host: str, sockets: Sockets) -> bool:
    """Whether these sockets listen at an address of ``host``."""
    wanted = {host, "::" if ":" in host else "0.0.0.0"}  # noqa: S104 - compared
    if host == "localhost":
        wanted |= {"127.0.0.1", "::1", *WILDCARDS}
    return any(_address(each) in wanted for each in sockets)


def _last_or_free(last: object) -> tuple[int, ...]:
    return (last, 0) if isinstance(last, int) else (0,)


def _bind_first(
    ports: Iterable[int],
    bind: Callable[[int], Sockets],
    where: Callable[[int], str],
    port_option: str,
    address_option: str,
) -> tuple[Sockets, int]:
    """Sockets at the first of these ports that can be had."""
    for port in ports:
        try:
            sockets = bind(port)
        except OSError as error:
            problem = error
        else:
            return sockets, int(sockets[0].getsockname()[1])
    option = (
        f"an address of this machine with {address_option}"
        if _no_address(problem)
        else f"another port with {port_option}"
    )
    raise ZoeError(
        "cannot-listen",
        f"The hub cannot listen {where(port)}: {problem.strerror or problem}. Choose {option}.",
    ) from problem


def _no_address(error: OSError) -> bool:
    """Whether the address is what is wrong, and not the port."""
    return isinstance(error, socket.gaierror) or error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL)
