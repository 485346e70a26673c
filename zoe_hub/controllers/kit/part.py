"""What the hub is made of: parts that start, stop, and say how they are. ``controllers.hub`` lists them.

Most of them do one thing again and again (``LoopPart``) and have only their round to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from zoe_hub.controllers.kit.loop import Loop
from zoe_hub.core.reasons import Reason


class Part(Protocol):
    """Something that goes on for as long as the hub lives."""

    @property
    def problem(self) -> Reason | None:
        """Why it cannot do all that it should at this moment; None if it can. The hub's health shows it."""

    @property
    def stats(self) -> Mapping[str, float]:
        """Counts for the metrics, by names that are the part's own."""

    async def start(self) -> None:
        """Begin. Parts start in the order in which the hub lists them.

        :raises ZoeError: it cannot begin now; nothing was changed
        """

    async def stop(self) -> None:
        """End, wherever it is. Processes go on; whoever comes next finds what was committed."""


class LoopPart:
    """A part whose work is the rounds of one loop, which its ``__init__`` makes."""

    _loop: Loop

    async def start(self) -> None:
        """Begin with the first round."""
        self._loop.start()

    async def stop(self) -> None:
        """End, between two rounds or in one."""
        await self._loop.stop()

    @property
    def problem(self) -> Reason | None:
        """Why the last round failed."""
        return self._loop.problem
