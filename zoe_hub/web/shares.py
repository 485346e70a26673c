"""How many of something each user has now, and how many one may have. Used for streams and for connections to pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from zoe_hub.core.errors import ZoeError


class Shares:
    """Counts by user."""

    def __init__(self, what: str, most: int, option: str) -> None:
        """:param what: in the plural, for people
        :param most: how many each user may have at a time; 0: any number
        :param option: what an admin changes
        """
        self._what, self._most, self._option = what, most, option
        self._of: Counter[str] = Counter()

    @contextmanager
    def taken(self, user: str) -> Iterator[None]:
        """One more of a user's is there for as long as this is entered. :raises ZoeError: ``too-many``"""
        if self._most and self._of[user] >= self._most:
            raise ZoeError(
                "too-many", f"{user} has {self._of[user]} {self._what}, of {self._most} at a time ({self._option})."
            )
        self._of[user] += 1
        try:
            yield
        finally:
            self._of -= Counter((user,))  # which drops those that have none any more
