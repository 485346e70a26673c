"""Regular expressions that people write into definitions, and that are matched against what other people write.

Matching takes time in proportion to the text, whatever the pattern: with Python's own engine one unlucky text can stop
the hub for everybody. The price is that a pattern cannot look around or refer back. Used by ``catalog`` (patterns of
parameters) and by the probes (lines of logs).

Source: Cox, "Regular Expression Matching Can Be Simple And Fast", 2007; https://github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

import functools
from typing import Protocol, cast

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False  # they are raised


class Pattern(Protocol):
    """A regular expression. It is matched against bytes, so that one text has one form; letters are those of UTF-8."""

    def search(self, text: bytes) -> object | None:
        """Where it is found, if anywhere."""


@functools.lru_cache(512)
def compiled(pattern: str) -> Pattern:
    """A pattern, ready to be matched. ``$`` is the end of the text.

    :raises ValueError: it is none that can be matched in linear time; says what is wrong with it
    """
    try:
        return cast(Pattern, re2.compile(pattern.encode(errors="surrogatepass"), _OPTIONS))
    except re2.error as error:
        raise ValueError(_explained(error)) from error


def found(pattern: str, text: str) -> bool:
    """Whether a pattern is found anywhere in a text.

    :raises ValueError: as ``compiled``
    """
    return compiled(pattern).search(text.encode(errors="surrogatepass")) is not None


def _explained(error: Exception) -> str:
    """What RE2 says, in a sentence."""
    said = error.args[0].decode(errors="replace") if error.args and isinstance(error.args[0], bytes) else str(error)
    if said.startswith("invalid perl operator: (?"):
        return f"{said}; it cannot look ahead or behind"
    if said.startswith("invalid escape sequence: \\") and said[-1].isdigit():
        return f"{said}; it cannot refer back to a group"
    return said
