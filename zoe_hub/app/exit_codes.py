"""With which code ``zoe-hub`` ends. Whoever starts a hub tells by it what happened."""

from __future__ import annotations

OK = 0
"""Ended as asked, or all definitions are right."""
CANNOT_START = 1
"""Or some definitions are wrong."""
WRONG_OPTIONS = 2
ALREADY_RUNS = 3
"""Another hub has the data folder."""
