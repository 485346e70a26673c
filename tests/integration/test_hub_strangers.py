"""Another user takes the port of a hub that has ended: its token, and whatever else was meant for it, goes to nobody.

A real hub and a real process of another user (``nobody``), which keeps every byte and answers as if nothing were amiss.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_zoe.client import AsyncClient, Client, ZoeProblem
from jupyter_zoe.hub import finding, health, settings
from jupyter_zoe.hub.info import HubError, HubInfo
from zoe_hub.testing import strangers
from zoe_hub.testing.strangers import Listener

pytestmark = pytest.mark.skipif(not strangers.possible(), reason="only root can start a process of another user")
TOKEN = "zoe_precious"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder of its own; the hub that lives there at the end is ended."""
    for name in list(os.environ):
        if name.startswith("ZOE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ZOE_DATA", str(tmp_path / "zoe"))
    yield tmp_path / "zoe"
    if (info := finding.find(tmp_path / "zoe")) is not None:
        psutil.Process(info.pid).terminate()
        psutil.wait_procs([psutil.Process(info.pid)], 20)


def killed(info: HubInfo) -> int:
    """Kill a hub; the port that is free now."""
    process = psutil.Process(info.pid)
    os.kill(info.pid, signal.SIGKILL)
    process.wait(20)
    return int(info.url.rpartition(":")[2])


def test_a_client_whose_hub_has_died_tells_the_stranger_nothing_and_finds_the_next_hub(data: Path) -> None:
    with Client() as client:
        assert client.get_health()["status"] == "ok"
        with Listener(killed(client.info)) as stranger:
            assert client.get_health()["status"] == "ok"
            assert client.info.url != f"http://127.0.0.1:{stranger.port}"
            assert stranger.so_far == b""
            assert stranger.received(stranger.met) == b""


async def test_nor_does_an_asynchronous_one(data: Path) -> None:
    async with AsyncClient() as client:
        assert (await client.get_health())["status"] == "ok"
        with Listener(killed(client.info)) as stranger:
            assert (await client.get_health())["status"] == "ok"
            assert stranger.received(stranger.met) == b""


def test_a_program_of_the_same_user_is_not_taken_for_the_users_own_hub(data: Path) -> None:
    info = finding.ensure(60)
    with socket.create_server(("127.0.0.1", 0)) as other:
        lying = HubInfo(f"http://127.0.0.1:{other.getsockname()[1]}", TOKEN, embedded=True, pid=info.pid)
        assert not health.healthy(lying)
        with Client(lying, pauses=()) as client, pytest.raises(ZoeProblem, match="another program") as refused:
            client.get_health()
        assert refused.value.code == "hub-stranger"
        for _ in range(2):
            connection, _ = other.accept()
            with connection:
                connection.settimeout(20)
                assert connection.recv(1000) == b""
    assert health.healthy(info)


# --- a hub that the environment names ---


@pytest.fixture
def stranger(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """Listens where ``ZOE_HUB_URL`` points to."""
    with Listener() as stranger:
        monkeypatch.setenv("ZOE_HUB_URL", f"http://127.0.0.1:{stranger.port}")
        monkeypatch.setenv("ZOE_HUB_TOKEN", TOKEN)
        yield stranger


async def test_who_asks_the_hub_of_the_environment_tells_a_stranger_nothing(stranger: Listener) -> None:
    info = settings.configured()
    assert info is not None
    trouble = health.trouble(info)
    assert isinstance(trouble, HubError)
    with Client(pauses=(0.01,)) as client, pytest.raises(ZoeProblem) as refused:
        client.get_health()
    async with AsyncClient(pauses=(0.01,)) as asynchronous:
        with pytest.raises(ZoeProblem) as refused_too:
            await asynchronous.get_health()
        with pytest.raises(ZoeProblem):
            async for _ in asynchronous.stream_events():
                pass
    for problem in (trouble, refused.value, refused_too.value):
        assert problem.code == "hub-stranger"
        assert "nobody (user 65534)" in problem.detail
        assert "ZOE_HUB_USER" in problem.remedy
    assert stranger.received(stranger.met) == b""
    assert stranger.met >= 6


@pytest.mark.parametrize("user", ["nobody", "65534", "*"])
async def test_a_user_who_is_named_gets_what_is_the_hubs(
    stranger: Listener, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOE_HUB_USER", user)
    with Client(pauses=()) as client:
        assert client.get_health() == {}
    assert TOKEN.encode() in stranger.received()
    async with AsyncClient(pauses=()) as asynchronous:
        assert await asynchronous.get_health() == {}
    health.healthy(finding.find())  # type: ignore[arg-type]
    assert stranger.received(3).count(TOKEN.encode()) == 3


def test_a_user_who_does_not_exist_is_named(stranger: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOE_HUB_USER", "no-such-user")
    with pytest.raises(HubError, match="ZOE_HUB_USER is 'no-such-user'"):
        finding.find()


async def test_of_two_listeners_at_a_name_the_hub_is_found(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = finding.ensure(60)
    port = int(info.url.rpartition(":")[2])
    with Listener(port, host="::1") as stranger:
        for name, value in (("URL", f"http://localhost:{port}"), ("TOKEN", info.token)):
            monkeypatch.setenv(f"ZOE_HUB_{name}", value)
        both = [(socket.AF_INET6, 1, 6, "", ("::1", port, 0, 0)), (socket.AF_INET, 1, 6, "", ("127.0.0.1", port))]
        real = socket.getaddrinfo

        def of_name(host: str, *options: Any, **more: Any) -> Any:
            return both if host == "localhost" else real(host, *options, **more)

        monkeypatch.setattr(socket, "getaddrinfo", of_name)
        with Client(pauses=()) as client:
            assert client.get_health()["status"] == "ok"
        async with AsyncClient(pauses=()) as asynchronous:
            assert (await asynchronous.get_health())["status"] == "ok"
        assert stranger.received(2) == b""
