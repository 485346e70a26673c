"""Refuses requests that a page of another site made the browser send. Called by ``web.handler``, tickets and the proxy.

``Host`` must be a name under which the hub is meant to be reached (against DNS rebinding); ``Origin`` and
``Sec-Fetch-Site``, where a browser sends them, must say that the page is the hub's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from tornado.httputil import HTTPServerRequest

from zoe_hub.core.errors import ZoeError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class CallerOrigins:
    """Which hosts and origins are accepted."""

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        """:param hosts: names and addresses beside the loopback ones, without a port
        :param origins: foreign origins that are accepted, as ``https://host:port``
        """
        self.hosts = LOOPBACK | {host.lower().strip("[]") for host in hosts if host}
        self.origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    def check(self, request: HTTPServerRequest) -> None:
        """:raises ZoeError: ``foreign-origin``"""
        headers = request.headers
        host = _hostname(request.host)
        if host not in self.hosts:
            raise ZoeError(
                "foreign-origin",
                "The hub is not meant to be reached under the host name of this request. Add it to ZoeHub.allowed_hosts"
                " if it is.",
            )
        origin = headers.get("Origin")
        if origin is not None:
            if (
                origin.lower().rstrip("/") not in self.origins
                and origin.lower() != f"{request.protocol}://{request.host}".lower()
            ):
                raise ZoeError("foreign-origin", "A page of another origin sent this request.")
        elif headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise ZoeError("foreign-origin", "A page of another site made the browser send this request.")


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
