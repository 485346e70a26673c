"""A script of ours at the beginning of an HTML document on its way down. Pure: bytes in, bytes out.

Used by ``zoe_proxy.edits``. The script comes first in the head, before every script of the page and behind what must
stay in front: a document whose first word is not its type is drawn by other rules (quirks mode).

Source: the HTML standard, 13.2.6.4 ("The rules for parsing tokens in HTML content", up to "in head").
"""

from __future__ import annotations

import html
import re

_MOST = 64 * 1024  # bytes that are held back in search of the head
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"[\t\n\f\r ]*")
_COMMENT_ENDS = re.compile(rb"--!?>")
_TAG = re.compile(rb"<(html|head)(?=[\t\n\f\r />])", re.IGNORECASE)
_TAG_ENDS = re.compile(rb"""(?:[^>"']|"[^"]*"|'[^']*')*+>""")
_LONGEST = len(b"<html ")  # bytes that tell the tags apart


class Insertion:
    """Puts a script into a document that comes in pieces; holds back only what may stand before the head.

    :param address: of the script
    """

    def __init__(self, address: str) -> None:
        self._script = f'<script src="{html.escape(address)}"></script>'.encode("ascii")
        self._held: bytes | None = b""

    def feed(self, piece: bytes) -> bytes:
        """The next piece of the document, as far as it is sure."""
        if self._held is None:
            return piece
        text = self._held + piece
        at = head_of(text)
        if at is None and len(text) <= _MOST:
            self._held = text
            return b""
        self._held = None
        return text if at is None else text[:at] + self._script + text[at:]

    def end(self) -> bytes:
        """What was held back: a document without a head, and without a script of its own."""
        held, self._held = self._held, None
        return held or b""


def head_of(text: bytes) -> int | None:
    """Where the content of the head begins in a document of which ``text`` is the beginning; ``None``: cannot be known
    yet.
    """
    if _BYTE_ORDER_MARK.startswith(text):
        return None
    at: int | None = len(_BYTE_ORDER_MARK) if text.startswith(_BYTE_ORDER_MARK) else 0
    while at is not None:
        at = _end(_BLANK.match(text, at)) or at
        if text.startswith(b"<!--", at):
            at = _end(_COMMENT_ENDS.search(text, at + 2))  # "<!-->" is one, too
        elif text.startswith((b"<!", b"<?"), at):
            at = (text.find(b">", at) + 1) or None
        elif (tag := _TAG.match(text, at)) is not None:
            at = _end(_TAG_ENDS.match(text, at))
            if tag[1].lower() == b"head":
                return at
        else:
            known = len(text) - at >= _LONGEST or text[at : at + 1] not in (b"<", b"")
            return at if known else None
    return None


def _end(found: re.Match[bytes] | None) -> int | None:
    return None if found is None else found.end()
