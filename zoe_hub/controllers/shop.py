"""Keeps the shop as its files are: definitions that an admin adds, corrects or removes work without a restart of the
hub, and open panels learn of it. Executions stay as they were started. A part of ``controllers.hub``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from traitlets import Float
from traitlets.config import LoggingConfigurable

from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.controllers.kit.loop import Loop
from zoe_hub.controllers.kit.part import LoopPart
from zoe_hub.core.errors import FieldError
from zoe_hub.core.events import EVERYONE, Event
from zoe_hub.core.reasons import because
from zoe_hub.store.base import Batch, Store


class Definitions(Protocol):
    """The part of the catalog that this needs."""

    @property
    def zapps(self) -> Mapping[str, Any]:
        """What can be started, by name."""

    @property
    def problems(self) -> Sequence[FieldError]:
        """What is wrong with the definitions that cannot be used."""

    async def refresh(self) -> bool:
        """Read everything again if the files have changed; whether they had."""


class ShopWatch(LoopPart, LoggingConfigurable):
    """Looks at the files of definitions, again and again."""

    interval = Float(
        5.0,
        min=0,
        help=(
            "Seconds between two looks at the files of the shop's definitions. Shorter shows a change sooner; longer"
            " spares a folder on a slow network. 0: they are read at the start alone."
        ),
    ).tag(config=True)

    def __init__(self, catalog: Definitions, store: Store, clock: Clock, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._catalog, self._store, self._clock = catalog, store, clock
        self._loop = Loop("The look at the shop's definitions", self._look, self.log)
        self._is_untold = False  # that they have changed
        self._changes = 0

    async def start(self) -> None:
        """Begin to look. The definitions were read a moment ago."""
        if self.interval:
            self._loop.start(after=self.interval)

    @property
    def stats(self) -> Mapping[str, float]:
        """Counts for the metrics."""
        return {"catalog_changes": float(self._changes)}

    async def _look(self) -> float:
        if await self._catalog.refresh():
            self._changes += 1
            self._is_untold = True
            for problem in self._catalog.problems:
                self.log.warning("A definition cannot be used: %s", problem)
        if self._is_untold:
            reason = because("catalog-changed", zapps=len(self._catalog.zapps), problems=len(self._catalog.problems))
            event = Event(time=self._clock.now(), kind="catalog.changed", owner=EVERYONE, reason=reason)
            await self._store.commit(Batch(events=(event,)))
            self._is_untold = False
        return self.interval
