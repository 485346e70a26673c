"""Puts right what a program finds around it at its start, however bare or odd: called before anything else by ``app``.

Containers, service managers, cron and ``nohup`` start programs with standard streams closed, with signals ignored or
blocked, and with a umask of their own; locales may lack most characters. All of it is inherited by what the hub starts,
and some of it breaks the hub itself: a database that gets descriptor 2 has error messages written into it.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

OTHERS = 0o077
"""The rights of others, which a umask may take away. Its own ones a program needs."""


def put_right() -> None:
    """Give this program what every program may expect."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # in the order of their descriptors
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for good
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    with suppress(ValueError):  # not in the main thread
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
    os.umask(os.umask(OTHERS) & OTHERS)


def hangs_up() -> bool:
    """Whether the end of the terminal ends this program: not if it was started by ``nohup``."""
    return signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
