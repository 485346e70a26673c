"""Who is told how far something is: a cell's output, a line in a terminal, or nobody."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol, Self

from jupyter_zoe.client.operations import ExecutionView


class Steps(Protocol):
    """Who is told how far something is."""

    def about(self, **facts: Any) -> None:
        """What is known from now on, for programs."""

    def say(self, text: str) -> None:
        """What is being done, for people."""

    def progress(self, view: ExecutionView, seconds: float) -> None:
        """How far an execution is."""


class Unseen:
    """``Steps`` that nobody is told of. Also as a context."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    def about(self, **facts: Any) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def progress(self, view: ExecutionView, seconds: float) -> None:
        """Say nothing."""
