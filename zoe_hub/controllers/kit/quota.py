"""How many executions each user may have at a time. Asked by the committer, through which every start passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution
from zoe_hub.store.base import Store


class Quota:
    """Counts what has not ended, and what is being committed."""

    def __init__(self, store: Store, most: int, option: str) -> None:
        """:param most: executions for each user; 0: any number
        :param option: what an admin changes
        """
        self._store, self._most, self._option = store, most, option
        self._coming: Counter[str] = Counter()

    def check(self, new: Iterable[Execution]) -> None:
        """Refuse executions that would be too many. :raises ZoeError: ``too-many``"""
        if not self._most:
            return
        for owner, count in Counter(each.owner for each in new).items():
            have = sum(each.owner == owner for each in self._store.executions.values()) + self._coming[owner]
            if have + count > self._most:
                raise ZoeError(
                    "too-many",
                    f"{owner} has {have} executions that have not ended, of {self._most} at a time ({self._option}).",
                )

    @contextmanager
    def taken(self, new: Iterable[Execution]) -> Iterator[None]:
        """These executions are being committed: others that begin meanwhile are counted with them.

        :raises ZoeError: ``too-many``
        """
        owners = [each.owner for each in new]
        self.check(new)
        self._coming.update(owners)
        try:
            yield
        finally:
            self._coming.subtract(owners)
