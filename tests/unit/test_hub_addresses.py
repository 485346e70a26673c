"""Where the hub listens beside its own address."""

import logging
import socket
from types import SimpleNamespace

import pytest
from traitlets import TraitError

from jupyter_zoe.extension.app import ZoeExtension
from zoe_hub.app import Running, ZoeHub
from zoe_hub.core.errors import ZoeError


def test_a_gateway_that_is_not_this_machines_does_not_keep_the_hub_from_starting(caplog):
    """As with a rootless engine or one in a virtual machine."""
    hub = SimpleNamespace(app=SimpleNamespace(ip="127.0.0.1"), _sockets=[], log=logging.getLogger("zoe"))
    Running._listen_also(hub, "192.0.2.1", 0)
    assert hub._sockets == []
    (record,) = caplog.records
    assert "192.0.2.1" in record.getMessage()
    assert "--DockerBackend.hub_host" in record.getMessage()


def listened(last, **options):
    """The ports of the second listener of a hub with these options."""
    app = SimpleNamespace(pages_origin="auto", pages_ip="", pages_port=0)
    vars(app).update(options)
    sockets, port = Running._listen_for_pages(SimpleNamespace(app=app), last)
    for each in sockets:
        each.close()
    return port


def test_the_listener_for_pages_keeps_its_port_unless_another_has_it():
    port = listened(None)
    assert port
    assert listened(port) == port
    assert listened(port, pages_origin="sandbox") == 0
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        assert listened(port) not in (0, port)
        with pytest.raises(ZoeError, match=r"--ZoeHub\.pages_port") as refused:
            listened(None, pages_port=port)
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
    app = ZoeHub(embedded=embedded, trusted_frameworks=given)
    assert Running._trusted(SimpleNamespace(app=app), backend) == trusted


def test_a_wrong_origin_for_pages_is_named():
    for maker in (ZoeHub, ZoeExtension):
        with pytest.raises(TraitError, match=rf"{maker.__name__}.pages_origin: 'ftp://x' is neither"):
            maker(pages_origin="ftp://x")
