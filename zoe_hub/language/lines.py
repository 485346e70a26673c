"""Lines of a log that comes in pieces, cut anywhere, also within a letter. Used by the probes of readiness."""

from __future__ import annotations

LONGEST = 2**16
"""Bytes of a line that are kept, its last ones: whoever writes without end costs no more than this."""


class Lines:
    """Puts pieces together."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that have ended with this piece, without their ends."""
        *lines, rest = (self._rest + piece).split(b"\n")
        self._rest = rest[-LONGEST:]
        return [line.removesuffix(b"\r")[-LONGEST:] for line in lines]
