"""What the address of a page means: execution, process, port, and how the pages of an execution name each other.

Pure: records in, values out. Used by ``web.pages.proxy`` and ``web.access.tickets``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from zoe_hub.controllers.executions.binding import proxy_path
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution, Process
from zoe_hub.core.executions.spec import Port
from zoe_proxy import escapes
from zoe_proxy.pages.opening import PageToOpen

PREFIX = "/zoe/pages"
"""Not "proxy": the pages of Spark take that word in an address for a proxy of their own kind and ask the wrong place
for data.
"""

_PATH = re.compile(r"/([^/]+)/([^/]+)/([^/]+)(/.*)?", re.DOTALL)


class Target(NamedTuple):
    """A page of a process."""

    execution: Execution
    process: Process
    port: Port
    rest: str | None  # raw path, with its leading slash; None: the address lacks the slash at its end


def parts_of(path: str) -> tuple[str, str, str, str | None]:
    """Execution, process, port and rest of a path below the prefix of pages.

    :raises ZoeError: ``not-found``, ``bad-request``
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise ZoeError("not-found", "A page is at /zoe/pages/<execution>/<process>/<port>/.")
    execution, process, port, rest = match.groups()
    if rest is not None and escapes(rest):
        raise ZoeError("bad-request", "The path leads out of the page's own folder.")
    return execution, process, port, rest


def find_target(execution: Execution, process_id: str, port_name: str, rest: str | None) -> Target:
    """:raises ZoeError: ``unknown-process``, ``unknown-port``"""
    process = next((each for each in execution.processes if each.id == process_id), None)
    if process is None:
        raise ZoeError("unknown-process", f"{execution.name} has no process of this name.")
    ports = execution.spec.group(process.group).ports
    port = next((each for each in ports if each.name == port_name and each.protocol == "http"), None)
    if port is None:
        raise ZoeError("unknown-port", f"{process_id} has no web port of this name.")
    return Target(execution, process, port, rest)


def page_of(execution: Execution, path: str, trusted: Collection[str]) -> PageToOpen:
    """The page at a path below the prefix of pages, which may have a query; also of a process that is gone.

    :param trusted: names of frameworks whose pages act as whoever opens them
    """
    rest = path.removeprefix(f"/{execution.id}").removeprefix("/")
    process_id, _, below = rest.partition("/")
    group = execution.spec.group(process_id.rpartition("-")[0]) if _has_group(execution, process_id) else None
    name = re.split("[/?#]", below, maxsplit=1)[0]
    port = next((each for each in group.ports if each.name == name), None) if group else None
    return PageToOpen(
        execution=execution.id,
        prefix=f"{execution.web_prefix}/pages",
        rest=rest,
        trusted=group is not None and port is not None and group.framework in trusted,
        needs_origin=port is not None and (port.needs_origin or not port.strip),
    )


def _has_group(execution: Execution, process_id: str) -> bool:
    return process_id.rpartition("-")[0] in {group.name for group in execution.spec.groups}


def page_links(execution: Execution, prefix: str) -> dict[str, str]:
    """The origins by which the processes of an execution know each other's pages -> the paths where a browser finds
    them.

    :param prefix: path in front of the execution as the browser sees it
    """
    links = {}
    for process in execution.processes:
        for port in execution.spec.group(process.group).ports:
            address = (process.addresses or {}).get(port.name)
            if port.protocol == "http" and process.live and address is not None:
                for host, number in ((address.host, address.port), (address.endpoint_host, address.endpoint_port)):
                    links[f"http://{netloc(host, number)}".lower()] = proxy_path(
                        execution, process, port.name, prefix
                    ).rstrip("/")
    return links


def netloc(host: str, port: int) -> str:
    """Host and port as they stand in an address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
