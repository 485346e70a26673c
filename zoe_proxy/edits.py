"""What changes the body of an answer on its way down: which edits apply to it, one after the other. Used by
``zoe_proxy.handler``.
"""

from __future__ import annotations

import re
from typing import Protocol

from tornado.httputil import HTTPHeaders

from zoe_proxy.insertion import Insertion
from zoe_proxy.links import Links
from zoe_proxy.rewrite import Rules

_PAGE = "text/html"
_WITH_LINKS = (_PAGE, "application/json")
"""Types of what holds links. Programs, styles and streams of events pass untouched."""
_NOT_LIKE_ASCII = re.compile(r"charset\s*=\s*[\"']?\s*(utf-?16|utf-?32|ucs-?2|iso-10646-ucs)", re.IGNORECASE)


class Edit(Protocol):
    """Changes a text that comes in pieces."""

    def feed(self, piece: bytes) -> bytes:
        """The next piece, as far as it is sure."""

    def end(self) -> bytes:
        """What was held back."""


class Edits:
    """Several edits, one after the other."""

    def __init__(self, edits: list[Edit]) -> None:
        self._edits = edits

    def feed(self, piece: bytes) -> bytes:
        """The next piece, edited by all."""
        for edit in self._edits:
            piece = edit.feed(piece)
        return piece

    def end(self) -> bytes:
        """What they held back."""
        rest = b""
        for edit in self._edits:
            rest = edit.feed(rest) + edit.end()
        return rest


def edits_of(code: int, headers: HTTPHeaders, rules: Rules) -> Edits | None:
    """What edits the body of an answer; ``None`` if it passes as it is: a part of a body, another type, compressed, or
    in an encoding in which an ASCII letter is not one byte.
    """
    content_type = headers.get("Content-Type", "")
    kind = content_type.partition(";")[0].strip().lower()
    encoded = headers.get("Content-Encoding", "identity").strip().lower() != "identity"
    if code == 206 or encoded or _NOT_LIKE_ASCII.search(content_type):
        return None
    edits: list[Edit] = []
    if rules.links and kind in _WITH_LINKS:
        edits.append(Links(rules.links))
    if rules.script and kind == _PAGE:
        edits.append(Insertion(rules.script))
    return Edits(edits) if edits else None
