"""Problems that arise on the user's side, declared once: a stable code, the exit code of ``zoe``, what it means.

The hub's own codes are in docs/errors.md; ``zoe`` ends with ``REFUSED`` for them. Used by ``cli``;
``tests/unit/test_docs.py`` compares with what is raised and with docs/user-guide.md.
"""

from __future__ import annotations

from typing import NamedTuple

OK, FAILED, USAGE, REFUSED, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130


class Own(NamedTuple):
    """One code."""

    exit_code: int
    meaning: str


OWN = {
    "usage": Own(USAGE, "The line cannot be understood."),
    "ambiguous": Own(USAGE, "Several executions have this name; their ids tell them apart."),
    "not-attached": Own(REFUSED, "Nothing is attached to this notebook or folder."),
    "hub-unreachable": Own(UNREACHABLE, "No hub answers; the message says where one was expected."),
    "hub-stranger": Own(
        UNREACHABLE, "What listens at the hub's address is not known to be the hub; it was sent nothing."
    ),
    "bad-answer": Own(UNREACHABLE, "What answers is not a hub of a version that fits."),
    "timeout": Own(FAILED, "It takes longer than was to be waited; it goes on by itself."),
    "start-failed": Own(FAILED, "The application ended before it was ready; the end of its log is shown."),
    "connect-failed": Own(FAILED, "The cluster runs, but the kernel cannot connect to it."),
    "session-lost": Own(FAILED, "The session is gone, and what it held; the message says whether there is a new one."),
    "cluster-ended": Own(FAILED, "The cluster that this belongs to has ended."),
    "failed": Own(FAILED, "The application failed."),
    "interrupted": Own(INTERRUPTED, "The wait was interrupted; what was started goes on."),
}
