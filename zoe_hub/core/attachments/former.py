"""Who held an execution that has ended. Pure.

An attachment goes with its execution; the events of the execution still tell whose it was, also under which path a
notebook was known last. Called by ``controllers.attachments.former``.
"""

from __future__ import annotations

from collections.abc import Iterable

from zoe_hub.core.events import Event


def held_at_end(events: Iterable[Event], key: str) -> bool:
    """Whether a holder was attached until the execution ended. Who detached, or is another file now, was not.

    :param events: of the execution, oldest first; others than those of attachments are passed over
    :param key: the holder, as it is known now
    """
    keys: dict[str, str] = {}
    for event in events:
        name = str(event.data.get("attachment", ""))
        if event.kind == "attachment.dropped":
            keys.pop(name, None)
        elif event.kind.startswith("attachment."):
            keys[name] = str(event.data.get("key", ""))
    return key in keys.values()
