"""Where the hub listens beside its own address."""

import logging
from types import SimpleNamespace

from zoe_hub.app import Running


def test_a_gateway_that_is_not_this_machines_does_not_keep_the_hub_from_starting(caplog):
    """As with a rootless engine or one in a virtual machine."""
    hub = SimpleNamespace(app=SimpleNamespace(ip="127.0.0.1"), _sockets=[], log=logging.getLogger("zoe"))
    Running._listen_also(hub, "192.0.2.1", 0)
    assert hub._sockets == []
    (record,) = caplog.records
    assert "192.0.2.1" in record.getMessage()
    assert "--DockerBackend.hub_host" in record.getMessage()
