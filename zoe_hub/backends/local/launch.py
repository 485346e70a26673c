"""Starting a process under a shim. Run in threads; called by ``backend``.

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
import os
import secrets
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from zoe_hub.backends.base import Permanent, ProcessSpec, Temporary
from zoe_hub.backends.journal import Journal
from zoe_hub.backends.local.identity import boot, lock
from zoe_hub.backends.local.layout import Layout, remove_tree
from zoe_hub.backends.local.ports import close
from zoe_hub.backends.local.records import Alive, Begins, Launch, Prepared, observed, read, reserve, write
from zoe_hub.backends.local.reserving import Reservation
from zoe_hub.backends.local.settling import PATIENCE, exit_of, observe, record_end, settle
from zoe_hub.backends.local.tree import MARK
from zoe_hub.backends.open_files import restore_limit
from zoe_hub.core.executions.model import Observed
from zoe_hub.core.reasons import because
from zoe_hub.core.record import Record


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
            return record_end(layout, launch, because("port-lost"))
        control = _fifo(folder / "control")
        place = str(folder / "folder")
        own = {"HOME": place, **environment, "ZOE_FOLDER": place, MARK: launch.mark}  # a program without a home fails
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
        items = _encoded(map(str, fields)) + argv + _encoded(f"{key}={value}" for key, value in own.items())
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
    found = observe(layout, launch)
    if found is not None:
        return found
    raise Temporary(
        "backend-unavailable",
        f"The supervisor of {launch.name} did not start: {answer.decode(errors='replace') or 'it said nothing'}.",
    )


def _encoded(texts: Iterable[str]) -> list[bytes]:
    encoded = [_bytes(text) for text in texts]
    if any(b"\0" in text for text in encoded):
        raise Permanent("bad-request", "A command or an environment variable holds a NUL character.")
    return encoded


def _bytes(text: str) -> bytes:
    """As the kernel wants it: in the locale's encoding, or in UTF-8 what that cannot write."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")


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
            if exit_of(layout, launch) is None:
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
