"""Starting, finding and settling processes: the blocking half of the local backend, run in threads by ``backend``.

``start`` is idempotent whatever dies in between, since each step leaves something that the next call understands:

1. the lock of the process's folder is taken: whoever has it knows that no shim lives there;
2. ``launch.json`` names the incarnation that is about to start (the folder, the files and the room for the later
   records are made before, so that a full disk shows now);
3. the shim starts with the lock in its hands and the payload in a pipe. A hub that dies before it has written all of it
   leaves a shim that ends without having started anything;
4. the shim forks, writes ``alive.json``, and only then lets the program run.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from zoe_hub.backends.base import Permanent, ProcessSpec, Temporary
from zoe_hub.backends.journal import Journal
from zoe_hub.backends.open_files import restore_limit
from zoe_hub.core.executions.model import Observed
from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.record import Record

from .ports import close
from .records import (
    Alive,
    Begins,
    Exit,
    Launch,
    Layout,
    Prepared,
    boot,
    lock,
    locked,
    observed,
    read,
    remove_tree,
    reserve,
    shim_lives,
    write,
)
from .reserving import Reservation
from .tree import MARK, sweep

PATIENCE = 10.0  # seconds in which a shim must come up, or another starter must let go of the lock


class Settings(Record, kw_only=True):
    """What of the backend's options matters for a start."""

    shim: str  # the compiled shim
    log_size: int
    log_files: int
    umask: int


def start(
    spec: ProcessSpec,
    layout: Layout,
    environment: Mapping[str, str],
    reserve_ports: Callable[[], dict[int, Reservation] | None],
    settings: Settings,
) -> Observed:
    """Start a process unless this incarnation runs or has ended.

    :param environment: all of the program's environment, except ZOE_FOLDER and the mark
    :param reserve_ports: gives the reservations of its ports, to be handed to the shim; ``None`` if one of them was
        lost
    """
    argv = _encoded(spec.command)
    folder = layout.process(spec.execution, spec.name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = _take(layout, folder, spec)
    if isinstance(held, Observed):
        return held
    control = -1
    reservations: dict[int, Reservation] | None = None
    try:
        before = read(folder / "launch.json", Launch)
        if before is not None:
            known = settle(layout, before)
            if before.incarnation > spec.incarnation:
                raise Permanent("conflict", f"{spec.name} was started with incarnation {before.incarnation} already.")
            if before.incarnation == spec.incarnation and known is not None:
                return known
        launch = _prepare(spec, layout, folder)
        reservations = (
            reserve_ports()
        )  # only now: the incarnation before held the same ones until it let go of the lock
        if reservations is None:
            return _end(layout, launch, because("port-lost"))
        control = _fifo(folder / "control")
        own = {**environment, "ZOE_FOLDER": str(folder / "folder"), MARK: launch.mark}
        numbers = [address.number for address in spec.addresses.values()]
        descriptors = (held, control, *(item.descriptor for item in reservations.values()))
        fields = (
            folder,
            layout.log(spec.execution, spec.name),
            folder / "folder",
            spec.incarnation,
            boot(),
            spec.grace,
            settings.log_size,
            settings.log_files,
            control,
            _joined(descriptors),
            _joined(numbers),
            settings.umask,
            len(argv),
        )
        items = (
            [os.fsencode(str(field)) for field in fields]
            + argv
            + _encoded(f"{key}={value}" for key, value in own.items())
        )
        for reservation in reservations.values():
            reservation.unbind()  # the last moment: from here on the program is on its way
        answer = _spawn(settings.shim, b"\0".join([str(len(items)).encode(), *items]), descriptors)
    finally:
        os.close(held)
        close(reservations or {})
        if control >= 0:
            os.close(control)
    return _answered(layout, launch, answer)


def _answered(layout: Layout, launch: Launch, answer: bytes) -> Observed:
    verb, _, rest = answer.partition(b" ")
    if verb == b"error":
        number = int(rest)
        raise OSError(number, os.strerror(number), str(layout.process(launch.execution, launch.name)))
    found = look(layout, launch)
    if found is not None:
        return found
    raise Temporary(
        "backend-unavailable",
        f"The supervisor of {launch.name} did not start: {answer.decode(errors='replace') or 'it said nothing'}.",
    )


def _encoded(texts: object) -> list[bytes]:
    encoded = [os.fsencode(text) for text in texts]  # type: ignore[attr-defined]
    if any(b"\0" in text for text in encoded):
        raise Permanent("bad-request", "A command or an environment variable holds a NUL character.")
    return encoded


def _joined(numbers: object) -> str:
    return " ".join(str(number) for number in numbers)  # type: ignore[attr-defined]


def _take(layout: Layout, folder: Path, spec: ProcessSpec) -> int | Observed:
    """The lock of the folder, or what runs there already."""
    until = time.monotonic() + PATIENCE
    while True:
        held = lock(folder)
        if held is not None:
            return held
        launch, alive = read(folder / "launch.json", Launch), read(folder / "alive.json", Alive)
        if launch is not None and alive is not None and alive.incarnation == launch.incarnation:
            if launch.incarnation == spec.incarnation:
                return observed(launch, alive, None)
            if launch.incarnation > spec.incarnation:
                raise Permanent("conflict", f"{spec.name} was started with incarnation {launch.incarnation} already.")
            if _exit(layout, launch) is None:
                raise Temporary(
                    "backend-refused", f"Incarnation {launch.incarnation} of {spec.name} still runs.", delay=0.5
                )
        if time.monotonic() > until:
            raise Temporary("backend-unavailable", f"Somebody else is starting {spec.name} and does not finish.")
        time.sleep(0.005)


def _prepare(spec: ProcessSpec, layout: Layout, folder: Path) -> Launch:
    """Everything on disk that the shim needs. ``launch.json`` comes last."""
    own = folder / "folder"
    with contextlib.suppress(FileNotFoundError):
        remove_tree(own)  # of the incarnation before
    own.mkdir(mode=0o700)
    for name, content in spec.files.items():
        path = PurePosixPath(name)
        if not path.parts or path.is_absolute() or ".." in path.parts:
            raise Permanent("bad-request", f"The file name {name!r} does not stay inside the process's folder.")
        place = own
        for part in path.parts[:-1]:
            place /= part
            place.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(own / path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
    logs = layout.log(spec.execution, spec.name)
    for place in (layout.logs, logs.parent, logs):
        place.mkdir(mode=0o700, exist_ok=True)
    write(logs / "of.json", Prepared(deployment=spec.deployment, owner=spec.owner))
    if not any(logs.glob("log.*")):
        os.close(os.open(logs / f"log.{0:020}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    write(logs / "begins.json", Begins(incarnation=spec.incarnation, offset=Journal(logs).end()))
    reserve(logs / "exit.reserve")
    reserve(folder / "alive.reserve")
    launch = Launch(
        name=spec.name,
        deployment=spec.deployment,
        execution=spec.execution,
        group=spec.group,
        index=spec.index,
        incarnation=spec.incarnation,
        mark=secrets.token_hex(16),
        addresses=spec.addresses,
    )
    write(folder / "launch.json", launch)
    return launch


def _fifo(path: Path) -> int:
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def _spawn(shim: str, payload: bytes, descriptors: tuple[int, ...]) -> bytes:
    """Run the shim, in a session of its own; what it answers once the program is on its way."""
    keep = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}  # an interpreter may need it
    process = subprocess.Popen(
        [getattr(sys, "_base_executable", sys.executable), "-I", "-S", "-E", shim],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        pass_fds=descriptors,
        start_new_session=True,
        env=keep,
        cwd="/",
    )
    assert process.stdin is not None
    assert process.stdout is not None
    restore_limit(process.pid)  # it starts the program only when it has read the payload
    with process.stdin, process.stdout:
        with contextlib.suppress(BrokenPipeError):
            view = memoryview(payload)
            while view:
                view = view[process.stdin.write(view) :]
            process.stdin.close()
        answer = b""
        until = time.monotonic() + PATIENCE
        poll = select.poll()
        poll.register(process.stdout, select.POLLIN)
        while poll.poll(max(until - time.monotonic(), 0) * 1000):
            data = process.stdout.read(4096)
            if not data:
                break
            answer += data
            if answer in {b"ok", b"ended"} or answer.startswith(b"error "):
                break
    if answer != b"ok":
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)
    if process.returncode is None:
        process.returncode = (
            0  # it lives on and is reaped by pid when it has ended (``watching``): nothing for Popen to do
        )
    return answer


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


def look(layout: Layout, launch: Launch) -> Observed | None:
    """What is true of a process that is on record; ``None`` if it was never started (its hub died before).

    Whatever its shim could not finish, because it was killed or the machine stopped, is finished here.
    """
    folder = layout.process(launch.execution, launch.name)
    until = time.monotonic() + PATIENCE
    while True:
        alive, exit_record = _alive(folder, launch), _exit(layout, launch)
        if exit_record is not None and (alive is None or not shim_lives(alive)):
            return observed(launch, alive, exit_record)  # whoever has the lock now is the next start
        held = None if locked(folder) else lock(folder)
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
    alive = _alive(layout.process(launch.execution, launch.name), launch)
    exit_record = _exit(layout, launch)
    if exit_record is not None:
        return observed(launch, alive, exit_record)
    if alive is None:
        return None
    if alive.boot == boot():
        sweep(launch.mark, alive)
        return _end(layout, launch, because("supervisor-killed"), alive)
    return _end(layout, launch, because("machine-restarted"), alive)


def _alive(folder: Path, launch: Launch) -> Alive | None:
    alive = read(folder / "alive.json", Alive)
    return alive if alive is not None and alive.incarnation == launch.incarnation else None


def _exit(layout: Layout, launch: Launch) -> Exit | None:
    exit_record = read(layout.log(launch.execution, launch.name) / "exit.json", Exit)
    return exit_record if exit_record is not None and exit_record.incarnation == launch.incarnation else None


def _end(layout: Layout, launch: Launch, reason: Reason, alive: Alive | None = None) -> Observed:
    """Write the exit record of a process that nobody saw ending."""
    exit_record = Exit(incarnation=launch.incarnation, code=None, ended=time.time(), reason=reason)
    logs = layout.log(launch.execution, launch.name)
    if logs.is_dir():
        write(logs / "exit.json", exit_record, durable=True)
    return observed(launch, alive, exit_record)
