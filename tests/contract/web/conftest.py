"""A whole hub in this process on a fake engine: real store, catalog, controllers and web, with clients of several
people.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from tornado.netutil import bind_sockets

from zoe_hub.backends.fake import FakeBackend, FakeEngine
from zoe_hub.catalog import Catalog
from zoe_hub.controllers.hub import Controllers
from zoe_hub.controllers.kit import tokens
from zoe_hub.controllers.kit.clock import Clock, system_reading
from zoe_hub.core.clock import Reading
from zoe_hub.store.base import Store
from zoe_hub.store.memory import MemoryStore
from zoe_hub.web.access.auth import EmbeddedAuthenticator
from zoe_hub.web.context import WebHub
from zoe_hub.web.pages.proxy import routes
from zoe_hub.web.server import make_server

FRAMEWORK = """
framework: sim
version: "1.0"
kind: engine
title: Simulated cluster
parameters:
  workers: {type: integer, minimum: 1, maximum: 64, default: 2, title: Workers}
  line: {type: string, default: "hello", title: Line}
secrets:
  inner: random
  hub: token
processes:
  main:
    image: "zoe/sim:{{ version }}"
    command: [do, "print {{ line }}", "print up", sleep]
    environment: {SIM_SECRET: "{{ secret('inner') }}"}
    ports:
      web: {port: 8080, protocol: http, show: true, title: Page}
      rpc: 7000
    ready: {log: up}
  worker:
    image: "zoe/sim:{{ version }}"
    command: [do, "print up", sleep]
    count: "{{ workers }}"
    essential: 1
    maximum: 64
    ready: {log: up}
outputs:
  address: "sim://{{ main.rpc.endpoint }}"
attach:
  python:
    requires: "simpy~=4.0"
    variable: sim
    secrets: [inner]
    code: "sim = outputs['address']"
"""
ZAPP = "zapp: cluster\nversion: '1.0'\ntitle: Cluster\nframeworks:\n  sim:\n    ask: [workers, line]\n"
GUARDED = "zapp: guarded\nversion: '1.0'\ntitle: Guarded\nprotected: true\nframeworks:\n  sim: {}\n"


class World:
    """The hub, and clients by person."""

    def __init__(self, folder: Path, make_store: Callable[[], Store] = MemoryStore) -> None:
        self.folder = folder
        self.make_store = make_store
        self.engine = FakeEngine()
        self.port = 0
        self.ahead = 0.0  # seconds by which the time of day is
        self.tokens: dict[str, str] = {}
        self.options: dict[str, Any] = {}  # of the web
        self.settings: dict[str, Any] = {}  # of the controllers
        self._clients: list[httpx.AsyncClient] = []
        for name, text in (
            ("sim/framework.yaml", FRAMEWORK),
            ("cluster/zapp.yaml", ZAPP),
            ("guarded/zapp.yaml", GUARDED),
        ):
            (folder / "catalog" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "catalog" / name).write_text(text)
        self.catalog = Catalog([folder / "catalog"])
        self.catalog.load()
        assert not self.catalog.problems, self.catalog.problems

    async def start(self) -> None:
        self.store = self.make_store()
        await self.store.open()
        self.backend = FakeBackend(deployment="test", data=str(self.folder), engine=self.engine)
        await self.backend.open()
        sockets = bind_sockets(self.port, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        self.controllers = Controllers(
            store=self.store,
            backend=self.backend,
            catalog=self.catalog,
            deployment="test",
            hub_url=self.url,
            clock=Clock(self.reading),
            **self.settings,
        )
        self.authenticator = EmbeddedAuthenticator(store=self.store, now=self.controllers.clock.now, user="root")
        self.tokens["root"] = tokens.random_token()
        self.authenticator.accept(self.tokens["root"])
        self.hub = WebHub(
            controllers=self.controllers,
            catalog=self.catalog,
            authenticator=self.authenticator,
            now=self.controllers.clock.now,
            **self.options,
        )
        await self.controllers.start()
        self.server = make_server(self.hub, routes())
        self.server.add_sockets(sockets)

    def reading(self) -> Reading:
        """What the clocks of the machine show, of which one may be ahead."""
        found = system_reading()
        return replace(found, wall=found.wall + self.ahead)

    async def stop(self) -> None:
        self.server.stop()
        self.hub.streams.close()
        while self.hub.streams:
            await asyncio.sleep(0)
        await self.server.close_all_connections()
        await self.controllers.settled()
        for _ in range(10):  # what the last commits set going comes to rest
            await asyncio.sleep(0)
        await self.controllers.stop()
        await self.backend.close()
        await self.store.close()

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()
        await self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def token(self, person: str, *scopes: str, life: float | None = None) -> str:
        expires = None if life is None else self.hub.now() + timedelta(seconds=life)
        return await tokens.issue(self.store, person, scopes or ("read", "write"), self.hub.now(), expires=expires)

    async def client(self, person: str | None = "alice", *scopes: str, **headers: str) -> httpx.AsyncClient:
        """A client with a token of its own; with person None, without one."""
        if person is not None:
            token = self.tokens["root"] if person == "root" else await self.token(person, *scopes)
            headers["Authorization"] = f"Bearer {token}"
        client = httpx.AsyncClient(base_url=f"{self.url}/api/v1", headers=headers, timeout=20, trust_env=False)
        self._clients.append(client)
        return client

    async def until(self, condition: Callable[[], Any], seconds: float = 10.0) -> Any:
        """Wait for a condition on the store's state."""
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                await self.store.changed(self.store.last_seq)
            return found

    async def running(self, client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
        """A cluster of this client that runs."""
        answer = await client.post("/executions", json={"zapp": "cluster", **body})
        assert answer.status_code == 202, answer.text
        identifier = answer.json()["id"]
        await self.until(lambda: self.store.executions[identifier].phase == "running")
        return (await client.get(f"/executions/{identifier}")).json()


class Events:
    """A reader of the event stream that remembers where it was, as a browser does."""

    def __init__(self, client: httpx.AsyncClient, **query: Any) -> None:
        self.client = client
        self.query = query
        self.last = ""
        self.seen: list[dict[str, Any]] = []
        self.comments = 0
        self.resets: list[dict[str, int]] = []

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        headers = {"Last-Event-ID": self.last} if self.last else {}
        async with self.client.stream("GET", "/events", params=self.query, headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield self._read(answer)

    async def _read(self, answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
        kind, data = "message", ""
        async for line in answer.aiter_lines():
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if line.startswith(":"):
                self.comments += 1
            elif name == "id":
                self.last = value
            elif name == "event":
                kind = value
            elif name == "data":
                data = value
            elif not line:
                if data and kind == "message":
                    self.seen.append(json.loads(data))
                    yield self.seen[-1]
                elif data:
                    self.resets.append(json.loads(data))
                kind, data = "message", ""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A hub that runs, with nothing in it."""
    made = World(tmp_path)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., World]:
    """Worlds that a test starts and closes itself."""
    return lambda **options: World(tmp_path, **options)


@pytest.fixture
def events() -> type[Events]:
    """The reader of event streams."""
    return Events
