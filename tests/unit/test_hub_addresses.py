"""Where the hub listens beside its own address."""

import logging
import socket
from contextlib import contextmanager

import pytest
from traitlets import TraitError

from jupyter_zoe.extension.app import ZoeExtension
from zoe_hub.app import ZoeHub
from zoe_hub.app.listening import listen, listen_also, listen_for_pages, local_host
from zoe_hub.app.options import HubOptions
from zoe_hub.core.errors import ZoeError


def test_a_gateway_that_is_not_this_machines_does_not_keep_the_hub_from_starting(caplog):
    """As with a rootless engine or one in a virtual machine."""
    sockets, _ = listen("127.0.0.1", 0, None, embedded=True)
    try:
        assert listen_also("198.51.100.1", sockets, 0, logging.getLogger("zoe")) == []
    finally:
        sockets[0].close()
    (record,) = caplog.records
    assert "198.51.100.1" in record.getMessage()
    assert "--DockerBackend.hub_host" in record.getMessage()


def closed(listened):
    """The port of some sockets, which are closed."""
    sockets, port = listened
    for each in sockets:
        each.close()
    return port


@contextmanager
def taken():
    """A port that another program has."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_an_embedded_hub_keeps_its_port_unless_another_has_it():
    port = closed(listen("127.0.0.1", 0, None, embedded=True))
    assert closed(listen("127.0.0.1", 0, port, embedded=True)) == port
    with taken() as port:
        assert closed(listen("127.0.0.1", 0, port, embedded=True)) not in (0, port)
        with pytest.raises(ZoeError, match=rf"127\.0\.0\.1:{port}: .* --port") as refused:
            listen("127.0.0.1", port, None, embedded=True)
        assert refused.value.code == "cannot-listen"


def test_the_listener_for_pages_keeps_its_port_unless_another_has_it():
    port = closed(listen_for_pages("", 0, None))
    assert closed(listen_for_pages("", 0, port)) == port
    with taken() as port:
        assert closed(listen_for_pages("", 0, port)) not in (0, port)
        with pytest.raises(ZoeError, match=r"--ZoeHub\.pages_port") as refused:
            listen_for_pages("", port, None)
        assert refused.value.code == "cannot-listen"


@pytest.mark.parametrize(
    ("ip", "here"),
    [
        ("127.0.0.1", {"127.0.0.1"}),
        ("127.0.0.2", {"127.0.0.2"}),
        ("localhost", {"127.0.0.1"}),
        ("0.0.0.0", {"127.0.0.1"}),
        ("*", {"127.0.0.1"}),
        ("", {"127.0.0.1"}),
        ("::1", {"::1"}),
        ("[::1]", {"::1"}),
        ("::", {"127.0.0.1", "::1"}),
    ],
)
def test_the_address_that_programs_are_told_answers(ip, here):
    """And the address at which a container asks is listened at once more only where it has to be."""
    sockets, port = listen(ip, 0, None, embedded=True)
    told = local_host(sockets)
    try:
        assert told in here
        socket.create_connection((told, port), timeout=5).close()
        assert listen_also(told, sockets, port, logging.getLogger("zoe")) == []
        assert listen_also("localhost", sockets, port, logging.getLogger("zoe")) == [] or ip == "127.0.0.2"
        other = listen_also("127.0.0.3", sockets, port, logging.getLogger("zoe"))
        assert bool(other) == (ip not in {"0.0.0.0", "*", "", "::"})
        sockets += other
    finally:
        for each in sockets:
            each.close()


@pytest.mark.parametrize("ip", ["nonsense.invalid", "198.51.100.1", "1.2.3.4.5"])
def test_an_address_that_is_not_this_machines_is_told_by_its_option(ip):
    with pytest.raises(ZoeError, match=r"an address of this machine with --ip") as refused:
        listen(ip, 0, None, embedded=True)
    assert refused.value.code == "cannot-listen"
    assert "port_range" not in refused.value.kind.remedy


def test_an_address_without_a_url_is_refused(monkeypatch):
    """A link-local one: it means nothing without the interface."""
    with socket.socket() as bound:
        monkeypatch.setattr("zoe_hub.app.listening.bind_sockets", lambda *_, **__: [bound])
        monkeypatch.setattr("zoe_hub.app.listening._address", lambda _: "fe80::1")
        with pytest.raises(ZoeError, match="link-local") as refused:
            listen("fe80::1", 0, None, embedded=True)
    assert refused.value.code == "cannot-listen"


@pytest.mark.parametrize(
    ("embedded", "backend", "given", "trusted"),
    [
        (True, "local", None, ["jupyter"]),
        (True, "docker", None, []),  # what is in a container is not the user's own
        (False, "local", None, []),
        (True, "local", [], []),
        (False, "docker", ["a"], ["a"]),
    ],
)
def test_what_is_trusted_by_itself(embedded, backend, given, trusted):
    assert HubOptions(embedded=embedded, trusted_frameworks=given).trusted_on(backend) == trusted


def test_a_wrong_origin_for_pages_is_named():
    for maker in (ZoeHub, ZoeExtension):
        with pytest.raises(TraitError, match=rf"{maker.__name__}.pages_origin: 'ftp://x' is neither"):
            maker(pages_origin="ftp://x")
