"""For all tests: a run that is told to end (SIGTERM, as from a CI that loses patience) ends what it started, as with Ctrl+C."""

from __future__ import annotations

import signal
from types import FrameType

import pytest


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Take the signals; SIGINT too, since a shell has it ignored by what it starts in the background."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
