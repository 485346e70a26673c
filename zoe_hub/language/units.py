"""Amounts as people write them: ``1GiB``, ``512MiB``, ``60s``. Used by ``catalog``, for parameters and fields."""

from __future__ import annotations

import re

MEMORY_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,3})?\s?(B|KiB|MiB|GiB|TiB|kB|KB|MB|GB|TB)$"
DURATION_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,3})?\s?(ms|s|m|h|d)$"

_MEMORY = {
    "B": 1,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
_DURATION = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def memory(text: str) -> int:
    """Bytes of a text such as ``1.5GiB``. :raises ValueError: it is not of that form"""
    number, unit = _split(text, MEMORY_PATTERN, "an amount of memory such as 512MiB or 2GiB")
    return int(number * _MEMORY[unit])


def duration(text: str) -> float:
    """Seconds of a text such as ``90s`` or ``5m``. :raises ValueError: it is not of that form"""
    number, unit = _split(text, DURATION_PATTERN, "a duration such as 30s, 5m or 1h")
    return number * _DURATION[unit]


def _split(text: str, pattern: str, what: str) -> tuple[float, str]:
    if re.match(pattern, text) is None or text.endswith("\n"):
        raise ValueError(f"must be {what}")
    number = text.rstrip("BKMGTkimshd ")
    return float(number), text[len(number) :].strip()
