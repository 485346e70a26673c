"""Connections of both clients: each is looked at before anything is sent over it (``hub.recognise``).

Called by ``threads`` and ``tasks`` when they make a connection pool. httpx takes no network backend, so the pool of its
transport is made here, with httpcore's public means.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx

from jupyter_zoe.hub import recognise
from jupyter_zoe.hub.info import HubInfo

WhichHub = Callable[[], HubInfo]
"""The hub as it is known now: it may have moved since the pool was made."""


_LIMITS: dict[str, Any] = {"max_connections": 100, "max_keepalive_connections": 20, "keepalive_expiry": 5.0}  # httpx's


class NotTheHub(httpcore.ConnectError):
    """A connection that ends at somebody else than the hub, or at nobody who is known. Nothing was sent over it."""


class Transport(httpx.HTTPTransport):
    """For threads."""

    def __init__(self, hub: WhichHub) -> None:
        context = httpx.create_ssl_context()
        super().__init__(verify=context)
        self._pool = httpcore.ConnectionPool(context, network_backend=_Backend(hub), **_LIMITS)


class AsyncTransport(httpx.AsyncHTTPTransport):
    """For asyncio."""

    def __init__(self, hub: WhichHub) -> None:
        context = httpx.create_ssl_context()
        super().__init__(verify=context)
        self._pool = httpcore.AsyncConnectionPool(context, network_backend=_AsyncBackend(hub), **_LIMITS)


class _Backend(httpcore.SyncBackend):
    def __init__(self, hub: WhichHub) -> None:
        self._hub = hub

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """The first address of a name that accepts a connection and is the hub's."""
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in _addresses(host, port):
            try:
                stream = super().connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failure = error
                continue
            try:
                recognise.check_now(self._hub(), stream.get_extra_info("socket"))
            except OSError as error:
                stream.close()
                failure = NotTheHub(str(error))
                continue
            return stream
        raise failure


class _AsyncBackend(httpcore.AnyIOBackend):
    def __init__(self, hub: WhichHub) -> None:
        self._hub = hub

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """As of ``_Backend``."""
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in await asyncio.to_thread(_addresses, host, port):
            try:
                stream = await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failure = error
                continue
            try:
                hub = await asyncio.to_thread(self._hub)  # somebody may be looking for it at this moment
                await recognise.check(hub, stream.get_extra_info("socket"))
            except OSError as error:
                await stream.aclose()
                failure = NotTheHub(str(error))
                continue
            return stream
        raise failure


def _addresses(host: str, port: int) -> list[str]:
    """The addresses of a name: each may have another listener, as ``localhost`` has."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))
