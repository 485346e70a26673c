"""What is true of a process that is on record, and speaking to its shim. Run in threads; called by ``launch`` and
``deployment``.

Whatever a shim could not finish, because it was killed or the machine stopped, is finished here: the leftovers of its
tree are ended, and an exit record is written.
"""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from zoe_hub.backends.local.identity import boot, lock, locked, shim_lives
from zoe_hub.backends.local.layout import Layout
from zoe_hub.backends.local.records import Alive, Exit, Launch, observed, read, write
from zoe_hub.backends.local.tree import sweep
from zoe_hub.core.executions.model import Observed
from zoe_hub.core.reasons import Reason, because

PATIENCE = 10.0  # seconds in which a shim must come up, or another starter must let go of the lock


def control(folder: Path, command: str) -> bool:
    """Give a command to the shim that lives there; false if none does."""
    try:
        descriptor = os.open(folder / "control", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in {errno.ENXIO, errno.ENOENT, errno.ENOTDIR}:
            return False
        raise
    try:
        os.write(descriptor, command.encode() + b"\n")
    finally:
        os.close(descriptor)
    return True


def observe(layout: Layout, launch: Launch) -> Observed | None:
    """What is true of a process that is on record; ``None`` if it was never started (its hub died before).

    Whatever its shim could not finish, because it was killed or the machine stopped, is finished here.
    """
    folder = layout.process(launch.execution, launch.name)
    until = time.monotonic() + PATIENCE
    while True:
        alive, exit_record = _alive_of(folder, launch), exit_of(layout, launch)
        if exit_record is not None and (alive is None or not shim_lives(alive)):
            return observed(launch, alive, exit_record)  # whoever has the lock now is the next start
        try:
            held = None if locked(folder) else lock(folder)
        except (FileNotFoundError, NotADirectoryError):
            return None  # removed meanwhile
        if held is not None:
            try:
                return settle(layout, launch)
            finally:
                os.close(held)
        if (alive is not None and shim_lives(alive)) or time.monotonic() > until:
            return observed(launch, alive, None)
        # Either somebody else is looking at the same time, or a shim has not decided yet: it is about to record that it
        # runs, or to end since the hub that started it died before it had said everything.
        time.sleep(0.002)


def settle(layout: Layout, launch: Launch) -> Observed | None:
    """The same for the holder of the lock: there is no shim, so the process has ended, or never started."""
    alive = _alive_of(layout.process(launch.execution, launch.name), launch)
    exit_record = exit_of(layout, launch)
    if exit_record is not None:
        return observed(launch, alive, exit_record)
    if alive is None:
        return None
    if alive.boot == boot():
        sweep(launch.mark, alive)
        return record_end(layout, launch, because("supervisor-killed"), alive)
    return record_end(layout, launch, because("machine-restarted"), alive)


def _alive_of(folder: Path, launch: Launch) -> Alive | None:
    alive = read(folder / "alive.json", Alive)
    return alive if alive is not None and alive.incarnation == launch.incarnation else None


def exit_of(layout: Layout, launch: Launch) -> Exit | None:
    """The exit record of this very incarnation, if there is one."""
    exit_record = read(layout.log(launch.execution, launch.name) / "exit.json", Exit)
    return exit_record if exit_record is not None and exit_record.incarnation == launch.incarnation else None


def record_end(layout: Layout, launch: Launch, reason: Reason, alive: Alive | None = None) -> Observed:
    """Write the exit record of a process that nobody saw ending."""
    exit_record = Exit(incarnation=launch.incarnation, code=None, ended=time.time(), reason=reason)
    logs = layout.log(launch.execution, launch.name)
    if logs.is_dir():
        write(logs / "exit.json", exit_record, durable=True)
    return observed(launch, alive, exit_record)
