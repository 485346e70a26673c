"""Giving back a network to which something is still connected."""

import pytest
import requests
from docker.errors import APIError, NotFound

from zoe_hub.backends.base import Temporary
from zoe_hub.backends.docker import networks


def refused(status: int) -> APIError:
    response = requests.Response()
    response.status_code = status
    return APIError("refused", response=response, explanation="network zoe-lab-e1 id n1 has active endpoints")


class Engine:
    """One network; ``connected``: what its inspection names, ``containers``: those that exist."""

    def __init__(self, connected: dict[str, str], containers: set[str]) -> None:
        self.connected, self.containers, self.removed = connected, containers, False

    def remove_network(self, network):
        if self.removed:
            raise refused(404)
        if self.connected:
            raise refused(403)
        self.removed = True

    def inspect_network(self, network):
        return {"Name": "zoe-lab-e1", "Containers": {key: {"Name": name} for key, name in self.connected.items()}}

    def inspect_container(self, container):
        if container not in self.containers:
            raise NotFound(container)
        return {}

    def disconnect_container_from_network(self, container, network, force=False):
        assert force
        self.connected = {key: name for key, name in self.connected.items() if name != container}


def test_an_endpoint_without_its_container_is_disconnected():
    engine = Engine({"ep-17": "zoe-lab-e1-worker-0"}, set())
    networks.remove(engine, "n1")
    assert engine.removed
    networks.remove(engine, "n1")  # gone already


def test_a_container_that_is_still_connected_is_named():
    engine = Engine({"c9": "somebodys", "ep-17": "zoe-lab-e1-worker-0"}, {"c9"})
    with pytest.raises(Temporary, match="still connected to the network zoe-lab-e1: somebodys") as error:
        networks.remove(engine, "n1")
    assert error.value.code == "backend-refused"
    assert engine.connected == {"c9": "somebodys"}
    engine.connected = {}
    networks.remove(engine, "n1")
    assert engine.removed
