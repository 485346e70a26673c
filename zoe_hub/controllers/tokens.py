"""Makes tokens of the hub and hashes them. Used by ``controllers`` (tokens of executions), ``web`` (checks) and ``app``.

A token begins with ``zoe_``, so that logs can be searched and redacted for it. Only its SHA-256 is kept: a token has 256
random bits, so neither salt nor a slow hash would make guessing harder.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from zoe_hub.store.base import Batch, Store, Token

MARK = "zoe_"


def digest(token: str) -> str:
    """The hexadecimal SHA-256 of a token, under which the store knows it."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def random_token() -> str:
    """A new token that nothing knows yet."""
    return MARK + secrets.token_urlsafe(32)


def new_token(
    owner: str, scopes: tuple[str, ...], now: datetime, *, note: str = "", execution: str = "", expires: datetime | None = None
) -> tuple[str, Token]:
    """A new token and its record, which the caller commits.

    :param scopes: any of ``read``, ``write``, ``admin``
    :param execution: the token is revoked when this execution ends
    :param expires: None: valid until it is revoked
    :return: the token, to be shown once, and what the store keeps of it
    """
    token = random_token()
    record = Token(digest=digest(token), owner=owner, scopes=scopes, note=note, execution=execution, created=now, expires=expires)
    return token, record


async def issue(store: Store, owner: str, scopes: tuple[str, ...], now: datetime, *, note: str = "", expires: datetime | None = None) -> str:
    """Make a token and commit it; the token."""
    token, record = new_token(owner, scopes, now, note=note, expires=expires)
    await store.commit(Batch(tokens=(record,)))
    return token
