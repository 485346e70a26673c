"""Binds the table of operations to addresses and makes the Tornado application. Called by ``app`` and by tests."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tornado.web import Application

from zoe_hub.contract.operations import OPERATIONS
from zoe_hub.contract.table import PREFIX
from zoe_hub.web import operations
from zoe_hub.web.base import log
from zoe_hub.web.call import BOUND, Bound
from zoe_hub.web.connections import HubServer
from zoe_hub.web.context import WebHub
from zoe_hub.web.handler import ApiHandler
from zoe_hub.web.pages.login import LoginHandler
from zoe_hub.web.pages.own import LivenessHandler, UnknownHandler
from zoe_proxy.rewrite import for_the_log


def make_application(hub: WebHub, further: Sequence[tuple[Any, ...]] = ()) -> Application:
    """The application.

    :param further: routes of handlers beside the table, such as the proxy. They find the hub as ``settings["hub"]``
    """
    operations.load()
    paths: defaultdict[str, dict[str, Bound]] = defaultdict(dict)
    names: dict[str, tuple[str, ...]] = {}
    for operation in OPERATIONS:
        paths[operation.path][operation.method] = BOUND[operation.id]
        names[operation.path] = operation.parameters
    routes: list[tuple[Any, ...]] = [
        (
            PREFIX + re.sub(r"\\?\{[^}]*\}", "([^/]+)", re.escape(path).replace(r"\{", "{").replace(r"\}", "}")),
            ApiHandler,
            {"methods": methods, "names": names[path]},
        )
        for path, methods in sorted(
            paths.items(), key=lambda each: not each[0].startswith("/executions")
        )  # looked at one by one: what is asked most comes first
    ]
    return Application(
        [*routes, ("/healthz", LivenessHandler), ("/zoe/login", LoginHandler), *further],
        default_handler_class=UnknownHandler,
        log_function=_log_request,
        hub=hub,
        zoe_door=hub.tickets.door,
    )


def make_server(hub: WebHub, further: Sequence[tuple[Any, ...]] = ()) -> HubServer:
    """The server of the application, which accepts connections once it has sockets. :param further: see there"""
    return HubServer(make_application(hub, further), hub.limits, hub.connections)


def _log_request(handler: Any) -> None:
    """One line for each request, without its query: that may hold a ticket."""
    status = handler.get_status()
    level = 10 if status < 400 else 20 if status < 500 else 30
    if log.isEnabledFor(level):
        request = handler.request
        principal = getattr(handler, "_principal", None)
        log.log(
            level,
            "%d %s %s %s %.1f ms",
            status,
            request.method,
            for_the_log(request.path),
            principal.name if principal else "-",
            1000 * request.request_time(),
        )
