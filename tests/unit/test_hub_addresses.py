"""Where the hub listens beside its own address."""

import logging
import socket
from contextlib import contextmanager

import pytest
from traitlets import TraitError

from jupyter_zoe.extension.app import ZoeExtension
from zoe_hub.app import ZoeHub
from zoe_hub.app.listening import listen, listen_also, listen_for_pages
from zoe_hub.app.options import HubOptions
from zoe_hub.core.errors import ZoeError


def test_a_gateway_that_is_not_this_machines_does_not_keep_the_hub_from_starting(caplog):
    """As with a rootless engine or one in a virtual machine."""
    assert listen_also("192.0.2.1", "127.0.0.1", 0, logging.getLogger("zoe")) == []
    (record,) = caplog.records
    assert "192.0.2.1" in record.getMessage()
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
        assert refused.value.code == "port-taken"


def test_the_listener_for_pages_keeps_its_port_unless_another_has_it():
    port = closed(listen_for_pages("", 0, None))
    assert closed(listen_for_pages("", 0, port)) == port
    with taken() as port:
        assert closed(listen_for_pages("", 0, port)) not in (0, port)
        with pytest.raises(ZoeError, match=r"--ZoeHub\.pages_port") as refused:
            listen_for_pages("", port, None)
        assert refused.value.code == "port-taken"


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
