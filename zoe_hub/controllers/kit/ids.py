"""New identifiers for what people ask for. (What rules create has ids that are derived: ``core.ids``.)"""

from __future__ import annotations

import secrets

from zoe_hub.core.ids import written


def new_id() -> str:
    """A short random identifier; a letter first, so that it is a DNS label and a name everywhere.

    40 random bits: two that are equal are refused by the store, which knows the first.
    """
    return written("e", secrets.token_bytes(5))
