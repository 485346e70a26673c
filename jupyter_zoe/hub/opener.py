"""How a hub is asked with the standard library alone: no redirects, no proxy on this machine, nothing for strangers.

Used by ``health``, where importing an HTTP library would cost more than the question.
"""

from __future__ import annotations

import http.client
import urllib.parse
import urllib.request

from jupyter_zoe.hub import recognise
from jupyter_zoe.hub.info import HubInfo


def opener(info: HubInfo) -> urllib.request.OpenerDirector:
    """What opens URLs of this hub, and of nothing else."""
    # No proxy of the environment must come between this machine and itself (or see the token).
    handlers = [urllib.request.ProxyHandler({})] if info.is_on_this_machine else []
    return urllib.request.build_opener(_NoRedirect, _Recognising(info), *handlers)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: a redirect would carry the token elsewhere."""

    def redirect_request(self, *_: object) -> None:
        """Refuse."""
        return


class _Recognising(urllib.request.HTTPHandler):
    """Connections over which nothing is sent before the hub is recognised."""

    def __init__(self, info: HubInfo) -> None:
        super().__init__()
        self._info = info

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Send a request. One that a proxy of the environment passes on ends at the proxy."""
        if request.host != urllib.parse.urlsplit(self._info.url).netloc:
            return super().http_open(request)
        info = self._info

        class Connection(http.client.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                try:
                    recognise.check_now(info, self.sock)
                except OSError:
                    self.close()
                    raise

        return self.do_open(Connection, request)
