"""Addresses outside of the table of operations that the hub answers itself. Registered by ``web.server``."""

from __future__ import annotations

from zoe_hub.core.errors import ZoeError
from zoe_hub.web.base import AnsweringHandler


class UnknownHandler(AnsweringHandler):
    """Everything outside of the table."""

    async def respond(self, *_: str) -> None:
        """Say that there is nothing."""
        raise ZoeError("not-found")


class LivenessHandler(AnsweringHandler):
    """``GET /healthz`` without a token: says that the hub answers, and nothing else."""

    allowed = ("GET", "HEAD")

    async def respond(self, *_: str) -> None:
        """Answer. Only the host is checked."""
        self.hub.origins.check(self.request)
        if self.request.method not in self.allowed:
            raise ZoeError("method-not-allowed")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("ok\n")
