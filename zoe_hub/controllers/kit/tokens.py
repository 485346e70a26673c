"""Makes tokens of the hub and hashes them. Used by ``controllers`` (tokens of executions), ``web`` (checks) and
``app``.

A token begins with ``zoe_``, so that logs can be searched and redacted for it. Only its SHA-256 is kept: a token has
256 random bits, so neither salt nor a slow hash would make guessing harder.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from zoe_hub.core.errors import ZoeError
from zoe_hub.store.base import Batch, Store, Token

MARK = "zoe_"


def digest(token: str) -> str:
    """The hexadecimal SHA-256 of a token, under which the store knows it."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def random_token() -> str:
    """A new token that nothing knows yet."""
    return MARK + secrets.token_urlsafe(32)


def new_token(
    owner: str,
    scopes: tuple[str, ...],
    now: datetime,
    *,
    note: str = "",
    execution: str = "",
    expires: datetime | None = None,
) -> tuple[str, Token]:
    """A new token and its record, which the caller commits.

    :param scopes: any of ``read``, ``write``, ``admin``
    :param execution: the token is revoked when this execution ends
    :param expires: None: valid until it is revoked
    :return: the token, to be shown once, and what the store keeps of it
    """
    token = random_token()
    record = Token(
        digest=digest(token), owner=owner, scopes=scopes, note=note, execution=execution, created=now, expires=expires
    )
    return token, record


def jws(secret: str) -> str:
    """A JSON Web Signature in its compact form (RFC 7515) over ``{"iss": "zoe"}``, with HMAC and SHA-256 (HS256 of RFC
    7518).

    For programs that verify a signature instead of comparing a token. It does not expire: the secret ends with its
    execution.

    :param secret: what it is signed with, base64url of at least 32 bytes, as ``random`` secrets are
    :raises ZoeError: ``bad-definition``
    """
    try:
        key = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    except ValueError:
        key = b""
    if len(key) < 32:
        raise ZoeError("bad-definition", "'jws' signs with a secret that is random, or base64url of at least 32 bytes.")
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (b'{"alg":"HS256"}', b'{"iss":"zoe"}'))
    return b".".join((signed, base64.urlsafe_b64encode(hmac.digest(key, signed, "sha256")).rstrip(b"="))).decode()


def redacted(text: str, secrets: Mapping[str, str]) -> str:
    """``text`` without the values of secrets, and without what ``jws`` makes of them: a reason is stored and shown."""
    values = set(filter(None, secrets.values()))
    for value in tuple(values):
        with suppress(ZoeError):
            values.add(jws(value))
    for value in sorted(values, key=len, reverse=True):  # one may be a part of another
        text = text.replace(value, "***")
    return text


async def issue(
    store: Store, owner: str, scopes: tuple[str, ...], now: datetime, *, note: str = "", expires: datetime | None = None
) -> str:
    """Make a token and commit it; the token."""
    token, record = new_token(owner, scopes, now, note=note, expires=expires)
    await store.commit(Batch(put=(record,)))
    return token
