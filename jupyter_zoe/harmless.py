"""Text of others on a terminal or in a notebook: names, reasons and logs cannot act there, nor look like another text.

Control characters move the cursor, retitle the window, answer for the person at the keyboard; marks of direction show
a name from its end. They are shown as ``\\u001b``, which in a JSON string still means the same character. Colours are
left out, or kept where a log is shown. Used by the command line and the magics; the hub's rule for its own log
(``zoe_hub.core.text``) is the same.
"""

from __future__ import annotations

import codecs
import re

_ACTING = (*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
ESCAPES = {code: f"\\u{code:04x}" for code in _ACTING if chr(code) not in "\t\n"}
"""C0 and C1 controls, marks of direction (Unicode's UAX 9), separators of lines."""
_COLOUR = re.compile(r"(\x1b\[[0-9;:]*m)")  # SGR of ECMA-48: colours, bold, underlined
_BEGUN = re.compile(r"\x1b(\[[0-9;:]{0,64})?\Z")
COLOUR, NO_COLOUR = "\x1b[", "\x1b[0m"


def escaped(text: str) -> str:
    """``text`` with every character that could act as its escape."""
    return text.translate(ESCAPES)


def harmless(text: str, *, colours: bool = False) -> str:
    """``text`` for people. :param colours: whether those stay"""
    parts = _COLOUR.split(text)
    return "".join(escaped(part) if index % 2 == 0 else part * colours for index, part in enumerate(parts))


class LogCleaner:
    """Makes a log harmless that comes in pieces, for a terminal: colours and the line that a progress bar writes anew
    stay.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""
        self._coloured = False

    def feed(self, data: bytes) -> bytes:
        """The next piece, as far as it is sure."""
        text = self._begun + self._decoder.decode(data)
        begun = _BEGUN.search(text)
        self._begun = begun[0] if begun else ""
        text = text[: len(text) - len(self._begun)]
        self._coloured = self._coloured or _COLOUR.search(text) is not None
        return "\r".join(harmless(part, colours=True) for part in text.split("\r")).encode()

    def end(self) -> bytes:
        """What was held back; then the terminal has its own colours again."""
        rest = escaped(self._begun + self._decoder.decode(b"", final=True)).encode()
        self._begun = ""
        return rest + NO_COLOUR.encode() * self._coloured
