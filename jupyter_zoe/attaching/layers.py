"""Values that sessions put into a mapping, and what was there before: it comes back when they go. Pure.

Used for the user's variables and for the environment of the process (``session``): after a detach both are as they
were, however many sessions came and went, and in whatever order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, Final, Generic, TypeVar

V = TypeVar("V")


class Unset:
    """Stands for a name that is not in the mapping."""


ABSENT: Final = Unset()


class Layers(Generic[V]):
    """Owners' values for names, one above the other, above what was there before the first.

    :param mapping: what everybody sees: for each name the uppermost value
    :param is_same: whether two values are one; a value that is none of an owner's is somebody else's, and stays
    """

    def __init__(self, mapping: MutableMapping[str, V], is_same: Callable[[Any, Any], bool]) -> None:
        self._mapping, self._is_same = mapping, is_same
        self._owned: dict[str, list[tuple[str, V | Unset]]] = {}
        self._beneath: dict[str, V | Unset] = {}

    def put(self, owner: str, name: str, value: V) -> V | Unset:
        """Set a name on behalf of ``owner``; the value of somebody else that is not seen any more because of it."""
        before = self._mapping.get(name, ABSENT)
        self._mapping[name] = value
        is_foreign = self._add(owner, name, before, value)
        return before if is_foreign and not self._is_same(before, value) else ABSENT

    @contextlib.contextmanager
    def recording(self, owner: str) -> Iterator[None]:
        """What happens to the mapping meanwhile is ``owner``'s doing; nothing of it stays if it ends with an error.

        It begins with the mapping as it would be without any owner, so that a value is recorded that another owner has
        set as well.
        """
        covered = {name: self._mapping.get(name, ABSENT) for name in self._owned}
        for name, value in covered.items():
            if any(self._is_same(value, each) for _, each in self._owned[name]):
                self._set(name, self._beneath[name])
        before = dict(self._mapping)
        changed: dict[str, V | Unset] = {}
        try:
            yield
            for name in {*before, *self._mapping}:
                value = self._mapping.get(name, ABSENT)
                if not self._is_same(before.get(name, ABSENT), value):
                    changed[name] = value
        finally:
            for name in {*before, *self._mapping, *covered}:
                if name not in changed:
                    self._set(name, covered[name] if name in covered else before.get(name, ABSENT))
        for name, value in changed.items():
            self._add(owner, name, covered[name] if name in covered else before.get(name, ABSENT), value)

    def _add(self, owner: str, name: str, before: V | Unset, value: V | Unset) -> bool:
        """Put a value of ``owner`` on top; whether ``before`` was somebody else's, which comes back at the end."""
        owned = self._owned.setdefault(name, [])
        is_foreign = not any(self._is_same(before, each) for _, each in owned)
        if is_foreign:
            self._beneath[name] = before
        owned[:] = [*((other, each) for other, each in owned if other != owner), (owner, value)]
        return is_foreign

    def release(self, owner: str) -> None:
        """Take the values of ``owner`` away. What somebody else has put in their place stays."""
        for name in list(self._owned):
            owned = self._owned[name]
            mine = next((value for other, value in owned if other == owner), None)
            if mine is None:
                continue
            owned[:] = [(other, value) for other, value in owned if other != owner]
            if self._is_same(self._mapping.get(name, ABSENT), mine):
                self._set(name, owned[-1][1] if owned else self._beneath[name])
            if not owned:
                del self._owned[name], self._beneath[name]

    def _set(self, name: str, value: V | Unset) -> None:
        if isinstance(value, Unset):
            self._mapping.pop(name, None)
        elif not self._is_same(self._mapping.get(name, ABSENT), value):
            self._mapping[name] = value
