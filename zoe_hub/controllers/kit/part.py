"""What the hub is made of: parts that start, stop, and say how they are. ``controllers.hub`` lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

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
