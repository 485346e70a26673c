"""For all tests: a run that is told to end ends what it started, and the hub of whoever runs the tests is left
alone.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import hypothesis
import pytest

from jupyter_zoe.hub import finding, settings

# How long an example takes says more of what else the machine does than of the code.
hypothesis.settings.register_profile("zoe", deadline=None)
hypothesis.settings.load_profile("zoe")


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """The reservations of ports of all test runs of a user are in one place, which is not the user's own.

    SIGTERM, as from a CI that loses patience, is like Ctrl+C; SIGINT is taken too, since a shell has it ignored by
    what it starts in the background.
    """
    os.environ.setdefault("XDG_STATE_HOME", str(Path(tempfile.gettempdir()) / f"zoe-tests-{os.geteuid()}"))
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)


@pytest.fixture(scope="session", autouse=True)
def own_hub() -> Iterator[None]:
    """No test starts a hub in the user's own data folder, or ends the one that runs there."""
    folder = settings.data_folder()
    before = finding.find(folder)
    yield
    assert finding.find(folder) == before, f"a test has started or ended the hub of {folder}"
