"""Finds what a holder was attached to last, for whoever asks why it is attached to nothing.

Asked by ``web`` with the list of a holder's attachments when there is none. What has ended is on disk, so the search is
bounded: it reads one page of executions, and the events of a few.
"""

from __future__ import annotations

from zoe_hub.core.attachments.former import held_at_end
from zoe_hub.core.executions.model import Execution
from zoe_hub.store.base import Filter, Store

_LISTED = 200  # ended executions of an owner that are looked at, the newest
_READ = 10  # of these, executions whose events are read
_EVENTS = 1000  # of an execution that are read; attachments are among the first


async def last_held(store: Store, owner: str, key: str) -> Execution | None:
    """The execution that ended last of those that a holder was attached to when they ended, if it is among the newest.

    :param key: the holder
    """
    page = await store.page(Execution, Filter(active=False, equal={"owner": owner}), limit=_LISTED)
    attachable = [each for each in page.items if each.spec.attach][:_READ]
    held = [each for each in attachable if held_at_end(await store.events(limit=_EVENTS, execution=each.id), key)]
    return max(held, key=lambda each: each.ended or each.created, default=None)
