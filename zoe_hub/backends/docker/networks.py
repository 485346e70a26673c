"""The networks of executions: making and finding them, giving them back when something is still connected.

Called by ``backend`` in threads. ``api`` is the SDK's low-level client.
"""

from __future__ import annotations

import contextlib
from ipaddress import ip_network
from typing import Any

from zoe_hub.backends.base import Temporary
from zoe_hub.backends.docker import objects


def make(api: Any, deployment: str, execution: str, owner: str) -> None:
    """Make the network of an execution unless it is there."""
    from docker.errors import APIError  # noqa: PLC0415

    name = objects.network_name(deployment, execution)
    try:
        api.create_network(
            name, driver="bridge", check_duplicate=True, labels=objects.network_labels(deployment, execution, owner)
        )
    except APIError as error:
        if error.status_code != 409:
            raise
    # A hub that was killed may have left its request to the engine, which then makes a second network of this name.
    for double in sorted(listed(api, deployment, execution), key=lambda network: str(network["Created"]))[1:]:
        with contextlib.suppress(APIError):  # one that is in use stays until the execution is cleaned
            api.remove_network(double["Id"])


def listed(api: Any, deployment: str, execution: str = "") -> list[dict[str, Any]]:
    """The networks of a deployment, or of one of its executions."""
    wanted = [f"deployment={deployment}", *([f"execution={execution}"] if execution else [])]
    result: list[dict[str, Any]] = api.networks(filters={"label": [objects.LABEL + each for each in wanted]})
    return result


def remove(api: Any, network: str) -> None:
    """Remove a network, and before that what containers that are gone have left connected to it.

    :raises Temporary: a container is still connected; it is named
    """
    from docker.errors import APIError  # noqa: PLC0415

    try:
        api.remove_network(network)
        return
    except APIError as error:
        if error.status_code == 404:
            return
        if error.status_code != 403:  # which is how the engine says that something is connected
            raise
    try:
        seen = api.inspect_network(network)
        names = []
        for container, endpoint in (seen.get("Containers") or {}).items():
            # An endpoint is disconnected by its name, which must not meet another container.
            if _exists(api, container) or _exists(api, endpoint["Name"]):
                names.append(endpoint["Name"])
            else:
                api.disconnect_container_from_network(endpoint["Name"], network, force=True)
        if names:
            raise Temporary(
                "backend-refused",
                f"Containers are still connected to the network {seen['Name']}: {', '.join(sorted(names))}. Disconnect"
                " or remove them.",
                delay=5.0,
            )
        api.remove_network(network)
    except APIError as error:
        if error.status_code != 404:
            raise


def _exists(api: Any, container: str) -> bool:
    """Whether there is a container of this id; the engine makes up one for an endpoint that is nobody's."""
    from docker.errors import NotFound  # noqa: PLC0415

    try:
        api.inspect_container(container)
    except NotFound:
        return False
    return True


def gateway(api: Any) -> str:
    """The machine's address in the engine's default network, which containers of all networks reach."""
    from docker.errors import NotFound  # noqa: PLC0415

    try:
        pools = api.inspect_network("bridge")["IPAM"]["Config"] or []
    except NotFound:
        pools = []
    for pool in pools:
        if pool.get("Gateway"):
            return str(pool["Gateway"])
        with contextlib.suppress(
            KeyError, ValueError
        ):  # not told while the engine chose it by itself: the first address
            return str(next(ip_network(pool["Subnet"]).hosts()))
    return "127.0.0.1"
