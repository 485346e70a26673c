"""The executions and processes of one deployment, as they are on disk: the blocking half of the backend.

Nothing about a process is known only in memory, so every question is answered from records and locks, also one about a
process that another hub has started. Run in threads; called by ``backend``.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

import zoe_loopback
from zoe_hub.backends.base import Permanent, Temporary
from zoe_hub.backends.journal import Journal
from zoe_hub.backends.listing import below
from zoe_hub.backends.local import records, settling
from zoe_hub.backends.local.identity import shim_lives
from zoe_hub.backends.local.layout import Layout, checked, remove_folder
from zoe_hub.backends.local.records import Alive, Begins, Launch, Prepared
from zoe_hub.core.executions.model import Observed


class Seen(NamedTuple):
    """A process as it was observed, with what its shim has recorded of its start."""

    process: Observed
    alive: Alive | None
    folder: Path


class Deployment:
    """What is on record of one deployment. Thread-safe: the disk decides."""

    def __init__(self, name: str, data: str) -> None:
        """:param name: the deployment's; a data folder may hold several
        :param data: an absolute path
        """
        self.name = name
        self.layout = Layout(data)
        self._executions: dict[str, str] = {}  # of processes that were seen, to find their folders quickly

    def make_folders(self) -> None:
        """Make what all executions share."""
        for folder in (self.layout.executions, self.layout.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    # --- executions ---

    def prepare(self, execution: str, owner: str) -> None:
        """Make the folder of an execution. :raises Permanent: ``conflict`` if it is another deployment's"""
        folder = self.layout.execution(execution)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = records.read(folder / "execution.json", Prepared)
        if known is not None and known.deployment != self.name:
            raise Permanent("conflict", f"The execution {execution} belongs to the deployment {known.deployment}.")
        if known is None:
            records.write(folder / "execution.json", Prepared(deployment=self.name, owner=owner))

    def executions(self) -> tuple[str, ...]:
        """Every execution with a folder of this deployment."""
        found = []
        for path in below(self.layout.executions, "*", "execution.json"):
            prepared = records.read(path, Prepared)
            if prepared is not None and prepared.deployment == self.name:
                found.append(path.parent.name)
        return tuple(found)

    def clean(self, execution: str) -> None:
        """Remove the folder of an execution. :raises Temporary: something of it still runs"""
        folder = self.layout.execution(execution)
        prepared = records.read(folder / "execution.json", Prepared)
        if prepared is not None and prepared.deployment != self.name:
            return
        running = []
        for place, launch in self.layout.launches(self.name, checked(execution)):
            if self._runs(launch):
                running.append(launch.name)
            else:
                remove_folder(place)
        if running:
            raise Temporary("backend-refused", f"These processes still run: {', '.join(running)}.", delay=0.5)
        remove_folder(folder)

    # --- processes ---

    def find(self, name: str, execution: str = "") -> Launch | None:
        """The process of that name, if it is on record.

        :param execution: where it is; without it, and unless it was seen, all executions are looked through
        """
        execution = execution or self._executions.get(name, "")
        if execution:
            launch = records.read(self.layout.process(execution, name) / "launch.json", Launch)
            if launch is not None and launch.deployment == self.name:
                return launch
        return self.layout.find(self.name, name) if not execution else None

    def find_running(self, name: str, execution: str) -> Launch | None:
        """The process of that name, if it runs."""
        launch = self.find(name, execution)
        return launch if launch is not None and self._runs(launch) else None

    def _runs(self, launch: Launch) -> bool:
        seen = settling.observe(self.layout, launch)
        return seen is not None and seen.state == "running"

    def observe(self, name: str, execution: str = "") -> Seen | None:
        """A process as it is now; ``None`` if it was never started. What ended while nobody looked is settled on the
        way.
        """
        launch = self.find(name, execution)
        return None if launch is None else self._seen(self.layout.process(launch.execution, name), launch)

    def observe_all(self) -> tuple[Seen, ...]:
        """Every process with a folder."""
        found = (self._seen(folder, launch) for folder, launch in self.layout.launches(self.name))
        return tuple(seen for seen in found if seen is not None)

    def _seen(self, folder: Path, launch: Launch) -> Seen | None:
        process = settling.observe(self.layout, launch)
        if process is None:
            return None
        self._executions[process.name] = process.execution
        alive = records.read(folder / "alive.json", Alive)
        current = alive if alive is not None and alive.incarnation == process.incarnation else None
        return Seen(process, current, folder)

    def tree(self, name: str) -> list[int]:
        """The pids of a process that runs; empty if it does not."""
        launch = self.find(name)
        if launch is None:
            return []
        alive = records.read(self.layout.process(launch.execution, name) / "alive.json", Alive)
        return zoe_loopback.processes(alive.shim[0]) if alive is not None and shim_lives(alive) else []

    def command(self, name: str, command: str) -> None:
        """Tell the shim of a process, if one lives."""
        launch = self.find(name)
        if launch is not None:
            settling.control(self.layout.process(launch.execution, name), command)

    def remove(self, name: str) -> None:
        """Delete the folder of an exited process. :raises Temporary: it still runs"""
        launch = self.find(name)
        if launch is None:
            return
        if self._runs(launch):
            raise Temporary("backend-refused", f"{name} still runs.", delay=0.5)
        remove_folder(self.layout.process(launch.execution, name))

    # --- logs ---

    def log_folder(self, name: str) -> Path:
        """Where the log of a process is. :raises Permanent: ``no-log``"""
        folder = self.layout.find_log(self.name, name)
        if folder is None:
            raise Permanent("no-log", f"There is no log of {name}.")
        return folder

    def log_start(self, name: str, incarnation: int) -> int:
        """Where the output of an incarnation begins, as it was written down before its start; else 0."""
        begins = records.read(self.log_folder(name) / "begins.json", Begins)
        return begins.offset if begins is not None and begins.incarnation == incarnation else 0

    def measure_logs(self, execution: str) -> int:
        """Bytes of the logs of an execution; of all with an empty name."""
        places = self.layout.log_folders(self.name, checked(execution) if execution else "*")
        return sum(Journal(place).size() for place in places)

    def forget_logs(self, execution: str) -> None:
        """Delete the logs and exit records of an execution."""
        folder = self.layout.logs / checked(execution)
        for place in self.layout.log_folders(self.name, execution):
            for _, path in Journal(place).files():  # before the note of whose they are: a crash loses none of them
                path.unlink(missing_ok=True)
            remove_folder(place)
        with contextlib.suppress(OSError):
            folder.rmdir()  # unless another deployment has logs there
        self._executions = {name: where for name, where in self._executions.items() if where != execution}
