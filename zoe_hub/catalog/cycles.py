"""Circles among groups that need each other. Used by ``framework`` and ``zapp`` when definitions are checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def cycles(needs: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Circles in a graph of needs: one for each way back that a walk through it finds."""
    found: list[tuple[str, ...]] = []
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            found.append(trail[trail.index(name) :])
        elif name not in done and name in needs:
            for needed in needs[name]:
                visit(needed, (*trail, name))
            done.add(name)

    for start in needs:
        visit(start, ())
    return found
