"""The limit of open files: high for the hub, as it was for what the hub starts.

Each connection takes a descriptor and a proxied one two, so the hub raises its soft limit to the hard one. Programs
must not inherit that: some of them close, or reserve memory for, every descriptor they might have, and ``select`` fails
beyond 1024. Raised by ``app``; undone for their processes by backends that start some on this machine.
"""

from __future__ import annotations

import logging
import resource

log = logging.getLogger("zoe_hub.backends")

_before: tuple[int, int] | None = None  # soft and hard, as the hub was started with


def raise_limit() -> int:
    """Raise this process's soft limit to the hard one, where that can be undone for others; the limit that holds."""
    global _before  # noqa: PLW0603 - a limit is one of the whole process, too
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not hasattr(resource, "prlimit") or soft == hard:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _before = _before or (soft, hard)
    return hard


def restore_limit(pid: int) -> None:
    """Give a process that this one has started the limit from before. It must not have started others yet."""
    if _before is not None:
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, _before)
        except ProcessLookupError:
            pass  # whoever waits for it finds out
        except PermissionError as error:  # a sandbox that knows no limits of others
            log.warning("Process %d keeps the hub's limit of open files: %s", pid, error)
