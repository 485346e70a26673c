"""Guards what a kernel sends to an execution: it goes to the execution's own processes, not to who took their port.

``connecting`` looks at each address before a framework's code runs, and hands the code a ``Guard``, for clients that
connect again by themselves: gRPC does so whenever a connection breaks, as long as the session lives. Addresses of other
machines, and of a container's own network, have no owner to ask for here; they pass.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import zoe_loopback

Metadata = Iterable[tuple[str, str]]


class Guard:
    """Knows the listeners of an execution from strangers at its addresses.

    :param users: of this machine, who may hold the addresses (``Connection.listeners``); empty: this one and root
    """

    def __init__(self, users: Iterable[int] = ()) -> None:
        self._users = frozenset(users) or frozenset({zoe_loopback.own(), zoe_loopback.ROOT})
        self._places: dict[str, zoe_loopback.Place] = {}

    def reach(self, address: str, timeout: float) -> None:
        """Connect to ``host:port`` and look who listens. Of several addresses of a name, one that is right will do.

        :param timeout: seconds for each address
        :raises OSError: nobody listens there, or ``zoe_loopback.Stranger``
        """
        failure: OSError = OSError(f"{address} has no address")
        for place in _resolved(address):
            try:
                with socket.create_connection(place, timeout=timeout) as connection:
                    self._require_listener(connection)
            except OSError as error:
                failure = error if not isinstance(failure, zoe_loopback.Stranger) else failure
                continue
            self._places[address] = place
            return
        raise failure

    def place(self, address: str) -> str:
        """Where a client should connect to: the very address, as a number, that ``reach`` found to be right."""
        host, port = self._places.get(address, (None, 0))
        return address if host is None else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def check(self, address: str) -> bool:
        """Look at all connections that this process has to an address. To be asked after connecting, before sending.

        :return: whether there are any
        :raises OSError: ``zoe_loopback.Stranger``: one of them ends at somebody else
        """
        if not zoe_loopback.sees_all():
            return True  # macOS tells in a second, not in each call; the first look has to do
        places = [self._places[address]] if address in self._places else _resolved(address)
        found = False
        for connection in _own_connections(places):
            with connection:
                self._require_listener(connection)
                found = True
        return found

    def _require_listener(self, connection: socket.socket) -> None:
        if zoe_loopback.is_here(connection):
            zoe_loopback.require_now(connection, self._users)


def _resolved(address: str) -> list[zoe_loopback.Place]:
    host, _, port = address.rpartition(":")
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    return [(str(host), port) for host, port in dict.fromkeys((each[4][0], int(each[4][1])) for each in found)]


def _own_connections(places: list[zoe_loopback.Place]) -> Iterator[socket.socket]:
    """This process's connections to these places, each as a socket of its own, to be closed."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            one = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue  # closed meanwhile
        try:
            if one.family in (socket.AF_INET, socket.AF_INET6) and zoe_loopback.places(one)[0] in places:
                yield one
                continue
        except OSError:
            pass  # not connected
        one.close()


# --- gRPC -----------------------------------------------------------------------------------------------------------

_CONNECTING = 10.0  # seconds until a call without a connection fails


class _Details(NamedTuple):
    """A call as gRPC describes it to interceptors."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


def guarded(channel: Any, check: Callable[[], bool], secret: Metadata) -> Any:
    """A gRPC channel whose calls carry ``secret`` in their metadata once ``check`` has passed: each call, also those
    with which a client goes on after its connection broke.

    A call for which there is no connection waits for one, so that what is looked at is what is sent over.

    :param check: whether there are connections; raises ``OSError`` if one of them is a stranger's
    """
    import grpc  # noqa: PLC0415 - comes with the framework's client

    class Refused(grpc.RpcError):  # type: ignore[misc]
        """A call that was not made, as its caller expects to hear of it."""

        def __init__(self, code: Any, details: str) -> None:
            super().__init__(details)
            self._code, self._details = code, details

        def code(self) -> Any:
            return self._code

        def details(self) -> str:
            return self._details

        def trailing_metadata(self) -> tuple[()]:
            return ()

        initial_metadata = trailing_metadata

    def admitted(details: Any) -> _Details:
        try:
            if not check():
                _connect(channel)
                if not check():
                    raise Refused(grpc.StatusCode.UNAVAILABLE, "No connection can be made.")
        except OSError as error:
            raise Refused(grpc.StatusCode.PERMISSION_DENIED, f"This is not the cluster: {error}.") from None
        return _Details(
            details.method,
            details.timeout,
            [*(details.metadata or ()), *secret],
            details.credentials,
            getattr(details, "wait_for_ready", None),
            getattr(details, "compression", None),
        )

    class Interceptor(
        grpc.UnaryUnaryClientInterceptor,  # type: ignore[misc]
        grpc.UnaryStreamClientInterceptor,  # type: ignore[misc]
        grpc.StreamUnaryClientInterceptor,  # type: ignore[misc]
        grpc.StreamStreamClientInterceptor,  # type: ignore[misc]
    ):
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            return continuation(admitted(details), request)

        intercept_unary_stream = intercept_stream_unary = intercept_stream_stream = intercept_unary_unary

    return grpc.intercept_channel(channel, Interceptor())


def _connect(channel: Any) -> None:
    """Have a channel make its connection, by a call that says nothing and that no server knows; there is no other way
    to wait for one but with a thread.
    """
    import grpc  # noqa: PLC0415

    with contextlib.suppress(grpc.RpcError):
        channel.unary_unary("/zoe.Guard/Connect")(b"", timeout=_CONNECTING)
