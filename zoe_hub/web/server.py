"""Binds the table of operations to addresses and makes the Tornado application. Called by ``app`` and by tests."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tornado.web import Application

from zoe_hub.contract.openapi import path_parameters
from zoe_hub.contract.operations import OPERATIONS, PREFIX
from zoe_hub.web.access.login import LoginHandler
from zoe_hub.web.call import BOUND, Bound
from zoe_hub.web.context import Hub
from zoe_hub.web.handler import ApiHandler, LivenessHandler, UnknownHandler, log
from zoe_hub.web.operations import executions, streams, system  # noqa: F401 - their import binds the operations
from zoe_proxy.rewrite import for_the_log


def make_application(hub: Hub, further: Sequence[tuple[Any, ...]] = ()) -> Application:
    """The application.

    :param further: routes of handlers beside the table, such as the proxy. They find the hub as ``settings["hub"]``
    """
    paths: defaultdict[str, dict[str, Bound]] = defaultdict(dict)
    names: dict[str, tuple[str, ...]] = {}
    for operation in OPERATIONS:
        paths[operation.path][operation.method] = BOUND[operation.id]
        names[operation.path] = path_parameters(operation)
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
    )


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
