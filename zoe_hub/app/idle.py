"""Ends an embedded hub that nobody uses. Made by ``running``."""

from __future__ import annotations

from collections.abc import Callable
from logging import Logger

from zoe_hub.controllers.kit.loop import Loop
from zoe_hub.web.context import WebHub

SHORTEST, LONGEST = 0.05, 60.0  # seconds between two looks


def idle_watch(hub: WebHub, timeout: float, end: Callable[[str], None], log: Logger) -> Loop:
    """What ends the hub when nothing was active and nobody asked for ``timeout`` seconds.

    :param end: called then, with the reason
    """

    async def look() -> float | None:
        if any(True for _ in hub.store.active()):
            hub.touch()
        left = timeout - hub.idle()
        if left > 0:
            return min(max(left, SHORTEST), LONGEST)
        end(f"nothing was active and nobody asked for {timeout:g} s")
        return None

    return Loop("The watch for an idle hub", look, log)
