"""What may be asked of a session besides its variable.

The framework's code may name an object with any of the methods below (``attach.LANGUAGE.session``; the guide for
framework authors has the list). What it cannot do is left out. Nothing that it raises gets further, and nothing that it
does takes longer than it may.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_ASKING = 10.0  # seconds that a question may take
_CLOSING = 5.0  # seconds that a session may take to say goodbye


class Handle:
    """One session, by what it can do.

    :param value: the variable: ``stop`` or ``close`` say goodbye if nothing else does, ``is_stopped`` tells that it is
        over
    :param target: the object that the framework's code names; ``None``: there is none
    """

    def __init__(self, value: Any, target: Any = None) -> None:
        self._value, self._target = value, target

    @property
    def holds(self) -> str:
        """What is gone with a session that is lost, in words."""
        return str(getattr(self._target, "holds", ""))

    def has_stopped(self) -> bool:
        """Whether it says of itself that it is over, which it knows without asking anybody."""
        try:
            return getattr(self._value, "is_stopped", False) is True
        except Exception:
            return True

    def is_alive(self) -> bool | None:
        """Whether its server knows it; ``None``: it cannot tell."""
        if self.has_stopped():
            return False
        ask = self._method("is_alive")
        if ask is None:
            return None
        try:
            return bool(within(_ASKING, ask))
        except Exception:
            return False

    def label(self, text: str) -> None:
        """What runs from now on is called so; empty: it has no name."""
        self._quietly("label", text)

    def interrupt(self, label: str) -> None:
        """End what runs under a name; without one, everything."""
        self._quietly("interrupt", label)

    def fail(self, error: Callable[[], BaseException]) -> None:
        """From now on whoever uses it, or waits for it, gets what ``error`` makes."""
        self._quietly("fail", error)

    def when_lost(self, error: Callable[[str], BaseException]) -> None:
        """Have it raise what ``error`` makes of a reason when it finds out that it is gone."""
        if self._target is not None and hasattr(self._target, "on_lost"):
            self._target.on_lost = error

    def when_working(self, begun: Callable[[str], None]) -> None:
        """Have it call ``begun`` with a label when the first query under it begins."""
        if self._target is not None and hasattr(self._target, "on_work"):
            self._target.on_work = begun

    def close(self) -> None:
        """Say goodbye, for a bounded time: the server may be gone."""
        close = self._method("close") or getattr(self._value, "stop", None) or getattr(self._value, "close", None)
        if callable(close):
            try:
                within(_CLOSING, close)
            except Exception:
                return

    def _method(self, name: str) -> Callable[..., Any] | None:
        method = getattr(self._target, name, None)
        return method if callable(method) else None

    def _quietly(self, name: str, *arguments: Any) -> None:
        method = self._method(name)
        if method is not None:
            try:
                method(*arguments)
            except Exception:
                return


def within(seconds: float, function: Callable[[], T]) -> T:
    """What ``function`` returns. It is called in a thread of its own, which is left to itself when it takes longer.

    :raises TimeoutError: it did; otherwise what ``function`` raises
    """
    result: list[T] = []
    failure: list[BaseException] = []

    def call() -> None:
        try:
            result.append(function())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=call, name="zoe-asking", daemon=True)
    thread.start()
    thread.join(seconds)
    if failure:
        raise failure[0]
    if not result:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return result[0]
