"""Identifiers of what rules create: derived from what caused it, so that a repeated attempt creates the same thing.

A hub that dies between a decision and its commit decides once more when it is back; so may a client that did not hear
the answer. What they make then has the same id, and the store refuses the second one. Random ids are those of people's
commands alone (``controllers.kit.ids``). Pure.
"""

from __future__ import annotations

import base64
from hashlib import blake2b

LENGTH = 10  # bytes; 80 bits keep a million of them apart with a chance of failure below 10⁻¹²


def derived_id(kind: str, *causes: str | int) -> str:
    """The id of what follows from ``causes``: the same for the same causes in the same order.

    :param kind: what is created, so that different things with the same cause have different ids
    :return: a letter, then letters and digits: a DNS label and a name everywhere
    """
    digest = blake2b(digest_size=LENGTH, person=b"zoe id")
    for part in (kind, *map(str, causes)):
        data = part.encode("utf-8", "surrogateescape")
        digest.update(len(data).to_bytes(8) + data)  # so that no two lists of causes run together
    return written("e", digest.digest())


def written(letter: str, data: bytes) -> str:
    """Bytes as an identifier that begins with ``letter``."""
    return letter + base64.b32encode(data).decode().rstrip("=").lower()
