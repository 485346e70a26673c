"""Web pages of processes through the Jupyter server, each in one of the places of ``zoe_proxy.pages``.

``POST zoe/open`` tells the panel the ways to a page. ``zoe/pages/...`` is a page's plain address, as links have it: a
person is led from there to the page, a program with Jupyter's token gets it. At the second listener, and below
``zoe/pages/~SESSION/`` (the sandbox), only sessions count: neither Jupyter's cookies nor its tokens are looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.httpserver import HTTPServer

from jupyter_zoe.extension.opening import OpenHandler
from jupyter_zoe.extension.page_relays import OwnOriginRelay, PageRelay, SandboxRelay
from zoe_proxy.pages.handlers import STORAGE, EnterHandler, StorageHandler
from zoe_proxy.pages.listener import bind, make_application
from zoe_proxy.pages.opening import Door
from zoe_proxy.pages.origins import NONE, Origins
from zoe_proxy.pages.visits import Visits

_KEEP_ALIVE = 120.0  # seconds that a connection is kept open for the next request
_PASSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux's other clocks stand still during a sleep


def _passed() -> float:
    return time.clock_gettime(_PASSED)


class Pages:
    """What this server has for pages: its door, and the second listener once it is started."""

    def __init__(
        self,
        *,
        origins: Origins,
        life: float,
        base: str,
        ip: str,
        port: int,
        passed: Callable[[], float] = _passed,
    ) -> None:
        """:param life: seconds that a session lasts, sleeps of the machine included
        :param base: path of pages at this server
        :param ip: of the second listener, and ``port``; as ``listener.bind`` takes them
        :param passed: seconds since some moment, which nobody sets, and which go on while the machine sleeps
        """
        self.door = Door(Visits(life, passed), origins, base)
        self._ip, self._port = ip, port
        self._server: HTTPServer | None = None

    def listen(self, tls: dict[str, Any] | None, *, body_timeout: float, **settings: Any) -> None:
        """Start the second listener, unless no page is to have an origin of its own.

        :param tls: as this server has it
        :param body_timeout: seconds in which a body must have come that is not passed on; 0: for ever
        :param settings: for its handlers
        :raises OSError: the port is taken
        """
        origins = self.door.origins
        if origins.setting == NONE:
            return
        sockets, origins.port = bind(self._ip, self._port)
        self._server = HTTPServer(
            make_application(self.door, OwnOriginRelay, **settings),
            ssl_options=tls if origins.setting.startswith("https:") else None,
            idle_connection_timeout=_KEEP_ALIVE,
            body_timeout=body_timeout or None,
        )
        self._server.add_sockets(sockets)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()


class _Enter(EnterHandler):
    """``GET zoe/enter?ticket=``: the ticket says who comes."""

    get = allow_unauthenticated(EnterHandler.get)

    def _log(self) -> None:
        self.request.uri = self.request.path
        super()._log()


class _Storage(StorageHandler):
    """``GET zoe/storage.js``: the same for everybody."""

    get = allow_unauthenticated(StorageHandler.get)


def routes() -> list[tuple[Any, ...]]:
    """For the Jupyter server; the more special ones first."""
    return [
        ("/zoe/open", OpenHandler),
        ("/zoe/enter", _Enter, {"own": False}),
        (f"/zoe{STORAGE}", _Storage),
        ("/zoe/pages/~.*", SandboxRelay),
        ("/zoe/pages/.*", PageRelay),
    ]
