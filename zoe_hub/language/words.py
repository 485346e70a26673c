"""How values and names are told to people in messages about definitions and parameters."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def shown(value: Any, longest: int = 60) -> str:
    """A value as a message shows it, shortened."""
    if isinstance(value, dict | list):
        return f"{'a mapping of names to values' if isinstance(value, dict) else 'a list'} of {len(value)}"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return f"the text {text!r}" if isinstance(value, str) else text


def suggestion(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` or what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, 1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; there is {', '.join(names[:20])}" if names else ""
