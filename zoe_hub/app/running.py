"""A hub that runs: its parts, made in the order in which they need each other and ended in the opposite one.

Whatever was made when a later part cannot be is ended as well. Processes of executions go on in any case. Called by
``program``.
"""

from __future__ import annotations

import asyncio
import gc
import getpass
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from logging import Logger
from pathlib import Path
from typing import Any

from traitlets.config import Configurable

import zoe_hub
from zoe_hub.app.idle import idle_watch
from zoe_hub.app.listening import Sockets, listen, listen_also, listen_for_pages, local_host, url
from zoe_hub.app.options import HubOptions
from zoe_hub.app.parts import choose_backend, load_part
from zoe_hub.backends.base import Backend
from zoe_hub.backends.open_files import raise_limit
from zoe_hub.catalog import Catalog, default_folders
from zoe_hub.controllers.hub import Controllers
from zoe_hub.controllers.kit.tokens import random_token
from zoe_hub.run import runtime
from zoe_hub.store.sql import SQLStore
from zoe_hub.web.access.auth import Authenticator, EmbeddedAuthenticator
from zoe_hub.web.connections import HubServer
from zoe_hub.web.context import WebHub
from zoe_hub.web.pages.proxy import make_page_server, routes
from zoe_hub.web.server import make_server
from zoe_proxy.pages import origins

PART_ENDS_IN = 5.0
"""Seconds that a part may take to end: one that does not must not keep the others from ending well."""
CONNECTIONS_END_IN = 2.0
STREAMS_END_IN = 2.0


async def run(options: HubOptions, parent: Configurable, log: Logger) -> None:
    """Run a hub until a signal, or the hub itself, ends it.

    :param parent: from whose configuration the parts have theirs
    :raises ZoeError: it cannot start
    """
    running = Running(options, parent, log)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, running.end, f"signal {number.name}")
    try:
        await running.start()
        await running.ended.wait()
    finally:
        await running.stop()


class Running:
    """The parts of a hub that runs."""

    def __init__(self, options: HubOptions, parent: Configurable, log: Logger) -> None:
        self.ended = asyncio.Event()
        self._options, self._parent, self._log = options, parent, log
        self._data = options.data_folder()
        self._endings = AsyncExitStack()

    def end(self, reason: str) -> None:
        """Have the hub end soon."""
        self._log.info("The hub ends: %s. Processes keep running.", reason)
        self.ended.set()

    async def start(self) -> None:
        """Open everything, adopt what runs, then listen."""
        options = self._options
        open_files = raise_limit()
        state = runtime.read(self._data / runtime.STATE)
        deployment = options.deployment or str(state.get("deployment") or runtime.new_deployment(getpass.getuser()))
        sockets, port = listen(options.ip, options.port, state.get("port"), embedded=options.embedded)
        self._close_at_the_end(sockets)
        page_sockets, pages_port = self._listen_for_pages(state.get("pages_port"))
        state.update(deployment=deployment, port=port, pages_port=pages_port or state.get("pages_port"))
        runtime.write_private(self._data / runtime.STATE, state)
        store, catalog = await self._open_records()
        chosen = choose_backend(options.backend, state.get("backend"), active=any(True for _ in store.active()))
        backend = await self._open_backend(chosen, deployment)
        runtime.write_private(self._data / runtime.STATE, {**state, "backend": chosen})
        here = local_host(sockets)
        reached = backend.capabilities().hub_host or here
        also = listen_also(reached, sockets, port, self._log)
        self._close_at_the_end(also)
        controllers = Controllers(
            store=store,
            backend=backend,
            catalog=catalog,
            deployment=deployment,
            hub_url=url(reached, port),
            parent=self._parent,
        )
        now = controllers.clock.now
        authenticator: Authenticator = load_part("zoe.authenticators", options.authenticator)(
            store=store, now=now, parent=self._parent
        )
        hub = WebHub(
            controllers=controllers,
            catalog=catalog,
            authenticator=authenticator,
            now=now,
            hosts=(options.ip, here, reached, *options.allowed_hosts),
            origins=options.allowed_origins,
            limits=options.limits(open_files),
            heartbeat=options.heartbeat,
            stall=options.stall,
            session=options.session_life,
            pages=origins.Origins(options.pages_origin, pages_port),
            trusted=options.trusted_on(chosen),
        )
        self._end_with(controllers.stop)
        await controllers.start()
        self._serve(hub, [*sockets, *also], page_sockets)
        self._announce(authenticator, url(here, port), chosen)
        gc.freeze()
        gc.enable()
        self._end_when_idle(hub)

    async def stop(self) -> None:
        """End everything that was made, whatever state it is in; processes keep running."""
        await self._endings.aclose()

    def _listen_for_pages(self, last: object) -> tuple[Sockets, int]:
        """Sockets of the second listener, and its port; nothing, and 0, if there is none."""
        options = self._options
        if options.pages_origin == origins.NONE:
            return [], 0
        sockets, port = listen_for_pages(options.pages_ip, options.pages_port, last)
        self._close_at_the_end(sockets)
        return sockets, port

    async def _open_records(self) -> tuple[SQLStore, Catalog]:
        """The store, and the catalog, which is read while the database opens in its thread."""
        options = self._options
        store = SQLStore(options.database or self._data / "zoe.db")
        opening = asyncio.ensure_future(store.open())

        async def close() -> None:
            await asyncio.wait([opening])
            await store.close()

        self._end_with(close)
        catalog = Catalog((*map(Path, options.catalog_folders), *default_folders()))
        await asyncio.sleep(0)  # the opening begins
        catalog.load()
        for problem in catalog.problems:
            self._log.warning("A definition cannot be used: %s", problem)
        await opening
        return store, catalog

    async def _open_backend(self, name: str, deployment: str) -> Backend:
        folder = runtime.private_folder(self._data / name)
        backend: Backend = load_part("zoe.backends", name)(deployment=deployment, data=str(folder), parent=self._parent)
        await backend.open()
        self._end_with(backend.close)
        return backend

    def _serve(self, hub: WebHub, sockets: Sockets, page_sockets: Sockets) -> None:
        """Answer requests."""
        servers = (make_server(hub, routes()), make_page_server(hub))
        self._endings.push_async_callback(self._close_servers, hub, servers)
        for server, its_sockets in zip(servers, (sockets, page_sockets), strict=True):
            server.add_sockets(its_sockets)

    async def _close_servers(self, hub: WebHub, servers: tuple[HubServer, ...]) -> None:
        """Answer no more: streams first, then connections."""
        for server in servers:
            server.stop()
        hub.streams.close()
        for _ in range(round(STREAMS_END_IN / 0.02)):  # streams end by themselves, at once
            if not hub.streams:
                break
            await asyncio.sleep(0.02)
        for server in servers:
            try:
                async with asyncio.timeout(CONNECTIONS_END_IN):
                    await server.close_all_connections()
            except TimeoutError:
                self._log.info("A connection did not end.")

    def _announce(self, authenticator: Authenticator, address: str, backend: str) -> None:
        """Say where the hub is; to its user's programs in the runtime file, with what opens it."""
        if isinstance(authenticator, EmbeddedAuthenticator):
            token = random_token()
            authenticator.accept(token)
            self._endings.callback(runtime.remove_runtime_file, self._data)
            runtime.write_runtime_file(self._data, address, token)
        self._log.info("Zoe %s listens at %s with the backend %s.", zoe_hub.__version__, address, backend)

    def _end_when_idle(self, hub: WebHub) -> None:
        """End a hub that nobody uses."""
        timeout = self._options.seconds_until_idle_end()
        if timeout > 0:
            watch = idle_watch(hub, timeout, self.end, self._log)
            self._end_with(watch.stop)
            watch.start()

    def _close_at_the_end(self, sockets: Sockets) -> None:
        for each in sockets:
            self._endings.callback(each.close)

    def _end_with(self, end: Callable[[], Awaitable[Any]]) -> None:
        """Call this at the end."""

        async def ending() -> None:
            try:
                async with asyncio.timeout(PART_ENDS_IN):
                    await end()
            except Exception:
                self._log.exception("A part of the hub did not end well.")

        self._endings.push_async_callback(ending)
