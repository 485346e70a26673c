"""Links between pages that do not know of the proxy. Pure: bytes in, bytes out. Used by ``zoe_proxy.edits``.

A page that names another one by its own address, ``http://10.0.0.7:8081/``, leads nowhere from a browser that reaches
both through the proxy alone. So addresses that are known become paths of the proxy on the way down.
"""

from __future__ import annotations

import re
from collections.abc import Mapping


class Links:
    """Replaces known origins in a text that comes in pieces; holds back only what may become one with the next piece.

    :param places: origin without a slash at its end -> what stands in its place
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = {origin.encode(): place.encode() for origin, place in places.items()}
        longest_first = sorted(self._places, key=len, reverse=True)
        self._pattern = re.compile(b"(?:%s)(?![0-9])" % b"|".join(map(re.escape, longest_first)))  # not 8081 in 80810
        self._longest = max(map(len, self._places))
        self._rest = b""

    def feed(self, piece: bytes) -> bytes:
        """The next piece of the text, as far as it is sure."""
        text = self._rest + piece
        parts: list[bytes] = []
        at = 0
        for found in self._pattern.finditer(text):
            if found.end() == len(text):
                break  # a digit may follow, or a longer origin
            parts += (text[at : found.start()], self._places[found[0]])
            at = found.end()
        sure = max(at, self._unsure(text))
        parts.append(text[at:sure])
        self._rest = text[sure:]
        return b"".join(parts)

    def _unsure(self, text: bytes) -> int:
        """Where an origin begins that the end of the text cuts off; a whole one, too, since a digit may follow."""
        for at in range(max(0, len(text) - self._longest), len(text)):
            if any(origin.startswith(text[at:]) for origin in self._places):
                return at
        return len(text)

    def end(self) -> bytes:
        """What was held back."""
        rest, self._rest = self._rest, b""
        return self._pattern.sub(lambda found: self._places[found[0]], rest)
