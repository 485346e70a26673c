"""The one place where the hub makes words of reasons. Called by whatever shows a reason to a person or writes it to a
log.

The panel makes its own from the same table, so that it can translate them (``labextension/src/api/reasons.ts``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from string import Formatter

from zoe_hub.core.reasons import KINDS, Fact, Reason, ReasonKind


def words(reason: Reason) -> str:
    """One line in English, without the log lines. Codes and facts of other versions are told as well as they can be."""
    kind = KINDS.get(reason.code)
    if kind is None or kind.facts.keys() - reason.facts.keys():
        facts = ", ".join(f"{name} {worded(fact)}" for name, fact in reason.facts.items())
        return f"{reason.code}: {facts}" if facts else reason.code
    return "".join(
        literal + (worded(reason.facts[name], meaning) if name else "")
        for literal, name, meaning in _parts(_fitting(kind, reason.facts))
    )


@cache
def _parts(template: str) -> tuple[tuple[str, str, str], ...]:
    """What stands before each fact, the fact's name and its kind; no name at the end."""
    return tuple((literal, name or "", meaning or "") for literal, name, meaning, _ in Formatter().parse(template))


def _fitting(kind: ReasonKind, facts: Mapping[str, Fact]) -> str:
    number = next((facts[name] for name, meaning in kind.facts.items() if meaning == "number"), None)
    return kind.one if kind.one and number == 1 else kind.words


def worded(fact: Fact, kind: str = "") -> str:
    """A fact as the words show it."""
    if isinstance(fact, Reason):
        return words(fact)
    if isinstance(fact, tuple):
        return ", ".join(map(worded, fact))
    if isinstance(fact, str):
        return fact
    if kind == "memory":
        return size(int(fact))
    number = f"{fact:.6g}" if isinstance(fact, float) else str(fact)
    return f"{number} s" if kind == "seconds" else number


def size(memory: int) -> str:
    """Bytes for people: GiB with one decimal, MiB below that."""
    return f"{memory / 2**30:.1f} GiB" if memory >= 2**30 else f"{memory / 2**20:.0f} MiB"
