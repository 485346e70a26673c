"""The engine's event stream as changes of processes. A thread reads; a silent or broken stream means: list again.

Called by ``backend.watch``.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from zoe_hub.backends.base import Resync, Temporary
from zoe_hub.backends.docker import objects
from zoe_hub.backends.docker.engine import Engine, translate
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Observed
from zoe_hub.core.reasons import Reason, because

ACTIONS = ("start", "die", "destroy")
Item = Observed | Resync | ZoeError | None


class EngineEvents:
    """One subscription. ``died`` says how a container ended; it runs in the reading thread and may ask the engine."""

    def __init__(
        self,
        engine: Engine,
        deployment: str,
        *,
        silence: float,
        died: Callable[[str], Observed | None],
        expected: Callable[[str], bool],
    ) -> None:
        """:param silence: seconds without an event after which the stream is renewed
        :param expected: whether the hub itself removed this container
        """
        self._engine = engine
        self._deployment = deployment
        self._silence = silence
        self._died = died
        self._expected = expected

    async def read(self) -> AsyncIterator[Observed | Resync]:
        """Changes, forever. ``Temporary`` if the engine does not answer."""
        reason = because("watch-begins")
        while True:
            async for item in self._stream(reason):
                yield item
            reason = because("watch-silent", silence=self._silence)

    async def _stream(self, reason: Reason) -> AsyncIterator[Observed | Resync]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Item] = asyncio.Queue()
        closed = threading.Event()

        def put(item: Item) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(queue.put_nowait, item)

        filters = {
            "type": "container",
            "label": f"{objects.LABEL}deployment={self._deployment}",
            "event": list(ACTIONS),
        }
        # From a second before: what happens between the request and the listing that follows is not missed.
        stream = await self._engine.run(
            self._engine.api.events, since=int(time.time()) - 1, filters=filters, decode=True
        )

        def pump() -> None:
            try:
                for event in stream:
                    if closed.is_set():
                        return
                    item = self._item(event)
                    if item is not None:
                        put(item)
            except Exception as error:
                put(error if isinstance(error, ZoeError) else translate(error, self._engine.url))
            finally:
                put(None)

        thread = threading.Thread(target=pump, name="docker-events", daemon=True)
        thread.start()
        try:
            yield Resync(reason=reason)
            while True:
                item = await asyncio.wait_for(queue.get(), self._silence)
                if item is None:
                    await self._engine.run(self._engine.api.ping)  # gone for good, or only the stream?
                    return
                if isinstance(item, ZoeError):
                    raise item if isinstance(item, Temporary) else Temporary(item.code, item.detail)
                yield item
        except TimeoutError:
            return
        finally:
            closed.set()
            with contextlib.suppress(Exception):
                stream.close()

    def _item(self, event: dict[str, Any]) -> Observed | Resync | None:
        attributes = event.get("Actor", {}).get("Attributes", {})
        container = event.get("id") or event.get("Actor", {}).get("ID", "")
        match event.get("Action", event.get("status")):
            case "start":
                return objects.observed(attributes, state="running")
            case "die":
                return self._died(container)
            case "destroy" if not self._expected(container):
                return Resync(reason=because("removed-elsewhere", process=attributes.get("name", container)))
        return None
