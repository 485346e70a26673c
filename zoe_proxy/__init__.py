"""A streaming reverse proxy for Tornado handlers: HTTP and WebSocket, nothing buffered, nothing decompressed.

Shared by the hub (``zoe_hub.web.pages.proxy``: web pages of processes) and the Jupyter server extension
(``jupyter_zoe.extension``: the hub itself). Imports neither of them; needs Tornado and the standard library.

- ``rewrite``: pure. Paths, addresses and origins on their way through.
- ``headers``: pure. Headers and cookies on their way through.
- ``links``: pure. Links between pages that do not know of the proxy.
- ``insertion``: pure. A script of ours in pages that need one.
- ``edits``: which of these a body gets.
- ``connecting``: a connection to the upstream server that was meant.
- ``target``: where a request goes.
- ``upstream``: one request to an upstream server, body and answer streamed with backpressure.
- ``tunnel``: bytes both ways between two connections that have left HTTP (WebSocket).
- ``handler``: the base class of handlers that put these together.
"""

from zoe_proxy.connecting import Check, UpstreamError
from zoe_proxy.handler import ProxyHandler
from zoe_proxy.rewrite import Caller, Route, escapes, same_origin
from zoe_proxy.target import Upstream
from zoe_proxy.upstream import Timeouts

__all__ = [
    "Caller",
    "Check",
    "ProxyHandler",
    "Route",
    "Timeouts",
    "Upstream",
    "UpstreamError",
    "escapes",
    "same_origin",
]
