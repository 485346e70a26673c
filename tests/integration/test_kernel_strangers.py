"""Another user takes the port of a cluster: what a kernel sends to it, now or when it connects again, goes to nobody.

With a real hub, a real gRPC server and channel, and a real process of user ``nobody`` that keeps every byte.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

import jupyter_zoe
from jupyter_zoe.attaching.guard import Guard, guarded
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.hub.info import HubInfo
from zoe_hub.testing import strangers
from zoe_hub.testing.hub import RunningHub, running_hub
from zoe_hub.testing.strangers import NOBODY, Listener
from zoe_loopback import Stranger

pytestmark = pytest.mark.skipif(not strangers.possible(), reason="only root can start a process of another user")
FRAMEWORK = """
framework: store
version: "1"
kind: data-layer
title: Store
secrets: {key: random}
processes:
  api:
    image: any
    command: [python3, -I, -c, "import time; print('up', flush=True); time.sleep(3600)"]
    ports: {api: 9000}
    ready: {log: "^up"}
    resources: {cores: 0.05, memory: 32MiB}
    grace: 1s
outputs: {address: "{{ api.api.endpoint }}"}
attach:
  python:
    requires: ""
    variable: store
    secrets: [key]
    code: |
      import socket
      host, _, port = outputs["address"].rpartition(":")
      store = socket.create_connection((host, int(port)))
      store.sendall(secrets["key"].encode())
"""
ZAPP = 'zapp: store\nversion: "1"\ntitle: Store\nframeworks:\n  store: {framework: store}\n'


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    place = tmp_path_factory.mktemp("kernel")
    (place / "shop" / "store").mkdir(parents=True)
    (place / "shop" / "store" / "framework.yaml").write_text(FRAMEWORK)
    (place / "shop" / "store" / "zapp.yaml").write_text(ZAPP)
    options = [f"--ZoeHub.catalog_folders={place / 'shop'}", "--ZoeHub.idle_timeout=0"]
    with running_hub(place / "data", options=options) as hub:
        yield hub


def test_a_kernel_that_attaches_gives_no_secret_to_a_stranger(
    hub: RunningHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    made = hub.post("/executions", {"zapp": "store"})
    hub.wait(made["id"], lambda seen: seen["phase"] == "running")
    (launch,) = Path(hub.data, "local", "executions", made["id"]).glob("*/launch.json")
    port = json.loads(launch.read_text())["addresses"]["api"]["endpoint_port"]
    with Listener(port) as stranger:
        with pytest.raises(ZoeProblem, match="is held by nobody") as refused:
            jupyter_zoe.attach(execution=made["id"], hub=HubInfo(url=hub.url, token=hub.token))
        assert refused.value.code == "connect-failed"
        assert stranger.received(1) == b""


# --- connections that are made anew ---

SECRET = "zoe-secret-of-the-session"


class Server:
    """A gRPC server that answers with the secret it was called with, once or again and again."""

    def __init__(self, port: int = 0) -> None:
        self.server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        handlers = {
            "One": grpc.unary_unary_rpc_method_handler(lambda request, context: self.seen(context)),
            "Many": grpc.unary_stream_rpc_method_handler(self.many),
            "Sum": grpc.stream_unary_rpc_method_handler(lambda requests, context: self.seen(context)),
            "Talk": grpc.stream_stream_rpc_method_handler(self.many),
        }
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", handlers),))
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.server.start()

    @staticmethod
    def seen(context: Any) -> bytes:
        return str(dict(context.invocation_metadata()).get("authorization", "nothing")).encode()

    def many(self, requests: Any, context: Any) -> Iterator[bytes]:
        yield self.seen(context)
        yield self.seen(context)

    def stop(self) -> None:
        self.server.stop(0).wait()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


def opened(port: int, guard: Guard) -> Any:
    address = f"localhost:{port}"
    options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 50)]
    channel = grpc.insecure_channel(guard.place(address), options=options)
    return guarded(channel, lambda: guard.check(address), [("authorization", SECRET)])


def test_calls_of_each_kind_carry_the_secret_to_the_server_itself(server: Server) -> None:
    guard = Guard()
    guard.reach(f"localhost:{server.port}", 5)
    assert guard.place(f"localhost:{server.port}") == f"127.0.0.1:{server.port}"
    with opened(server.port, guard) as channel:
        assert channel.unary_unary("/test.Test/One")(b"") == SECRET.encode()
        assert list(channel.unary_stream("/test.Test/Many")(b"")) == [SECRET.encode()] * 2
        assert channel.stream_unary("/test.Test/Sum")(iter([b""])) == SECRET.encode()
        assert list(channel.stream_stream("/test.Test/Talk")(iter([b""]))) == [SECRET.encode()] * 2
        assert channel.unary_unary("/test.Test/One").future(b"").result() == SECRET.encode()


STRANGER = """
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
import grpc
os.setgroups([]); os.setgid(65534); os.setuid(65534)
class Any(grpc.GenericRpcHandler):
    def service(self, details):
        print(details.method, dict(details.invocation_metadata), flush=True)
server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
server.add_generic_rpc_handlers((Any(),))
server.add_insecure_port("127.0.0.1:" + sys.argv[1])
server.start()
print("listens", flush=True)
time.sleep(600)
"""


@pytest.fixture
def grpc_stranger(server: Server) -> Iterator[Callable[[], list[str]]]:
    """Starts a gRPC server of another user in place of the server, which is stopped; ends it and gives what it was
    told.
    """
    started: list[subprocess.Popen[str]] = []

    def start() -> list[str]:
        if not started:
            server.stop()
            command = [sys.executable, "-c", STRANGER, str(server.port)]
            started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            assert started[0].stdout is not None
            return [started[0].stdout.readline()]
        started[0].kill()
        return started[0].communicate()[0].splitlines()

    yield start
    for each in started:
        each.kill()
        each.wait()


def until_refused(*calls: Callable[[], Any]) -> None:
    """Call until all fail because of the stranger, which the channel has to connect to first."""
    deadline = time.monotonic() + 60
    codes: list[Any] = []
    while codes != [grpc.StatusCode.PERMISSION_DENIED] * len(calls):
        assert time.monotonic() < deadline, codes
        codes = []
        for call in calls:
            with pytest.raises(grpc.RpcError) as failed:
                call()
            codes.append(failed.value.code())
    assert "nobody (user 65534)" in failed.value.details()


def test_a_stranger_who_comes_after_the_server_gets_no_secret(
    server: Server, grpc_stranger: Callable[[], list[str]]
) -> None:
    guard = Guard()
    guard.reach(f"localhost:{server.port}", 5)
    with opened(server.port, guard) as channel:
        one, many = channel.unary_unary("/test.Test/One"), channel.unary_stream("/test.Test/Many")
        assert one(b"") == SECRET.encode()
        grpc_stranger()
        until_refused(lambda: one(b"", timeout=5), lambda: list(many(b"", timeout=5)))
    told = grpc_stranger()
    assert {line.split()[0] for line in told} <= {"/zoe.Guard/Connect"}
    assert SECRET not in "".join(told)


def test_nor_does_one_who_lets_a_connection_wait(server: Server) -> None:
    guard = Guard()
    guard.reach(f"localhost:{server.port}", 5)
    with opened(server.port, guard) as channel:
        one = channel.unary_unary("/test.Test/One")
        assert one(b"") == SECRET.encode()
        server.stop()
        with Listener(server.port, mode="wait") as stranger:
            until_refused(lambda: one(b"", timeout=5))
            stranger.accept()
            channel.close()
            assert SECRET.encode() not in stranger.received(1)


def test_a_session_goes_on_with_its_server_when_that_is_back(server: Server) -> None:
    guard = Guard()
    guard.reach(f"localhost:{server.port}", 5)
    with opened(server.port, guard) as channel:
        one = channel.unary_unary("/test.Test/One")
        assert one(b"") == SECRET.encode()
        server.stop()
        with pytest.raises(grpc.RpcError) as failed:
            one(b"", timeout=5)
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
        back = Server(server.port)
        try:
            deadline, answer = time.monotonic() + 30, b""
            while not answer and time.monotonic() < deadline:
                with contextlib.suppress(grpc.RpcError):
                    answer = one(b"", timeout=5)
            assert answer == SECRET.encode()
        finally:
            back.stop()


def test_a_stranger_who_was_there_first_is_not_reached_and_one_at_another_address_of_the_name_is_passed_by(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [
        (socket.AF_INET6, 1, 6, "", ("::1", server.port, 0, 0)),
        (socket.AF_INET, 1, 6, "", ("127.0.0.1", server.port)),
    ]
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: both if host == "localhost" else real(host, *rest, **more)
    )
    guard = Guard()
    with Listener(server.port, host="::1") as stranger:
        guard.reach(f"localhost:{server.port}", 5)
        assert guard.place(f"localhost:{server.port}") == f"127.0.0.1:{server.port}"
        with pytest.raises(Stranger):
            guard.reach(f"[::1]:{server.port}", 5)
        with pytest.raises(Stranger):
            Guard([0]).reach(f"[::1]:{server.port}", 5)
        Guard([NOBODY]).reach(f"[::1]:{server.port}", 5)
        assert stranger.received(4) == b""
