"""Starts the embedded hub.

Safe against several Jupyter servers, kernels and terminals that do it at once: one of them holds ``<data>/launch.lock``
while it starts the hub, and the living hub holds ``<data>/hub.lock``. Called by ``finding``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from jupyter_zoe.hub import runtime
from jupyter_zoe.hub.health import healthy
from jupyter_zoe.hub.info import HubError, HubInfo
from jupyter_zoe.hub.variables import DATA_VARIABLE, OPTIONS_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE

if sys.platform == "win32":  # pragma: no cover - no embedded hub there; a remote one works
    fcntl = None
else:
    import fcntl

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25  # seconds between two looks
_LOG_TAIL = 2000  # bytes of the hub's log that an error shows


def start(folder: Path, deadline: float) -> HubInfo:
    """Start the hub of a data folder, unless somebody else is about to; wait for its answer.

    :param deadline: of ``time.monotonic()``
    :raises HubError: it could not be started, or does not answer in time; the message says why
    """
    if fcntl is None:  # pragma: no cover
        raise HubError(
            "The embedded hub needs Linux or macOS.",
            remedy=f"Set {URL_VARIABLE} and {TOKEN_VARIABLE} to a hub elsewhere.",
        )
    try:
        _make_private(folder)
        if folder.stat().st_uid != os.geteuid():
            raise HubError(
                f"The folder {folder} belongs to somebody else, who could have the hub do anything in your name.",
                remedy=f"Set {DATA_VARIABLE} to a folder of your own, or have this one given to you (chown).",
            )
        with _launch_lock(folder, deadline):
            return _launch_and_wait(folder, deadline)
    except OSError as error:
        raise HubError(
            f"The folder {folder} cannot be used: {error.strerror or error}.",
            remedy=f"Set {DATA_VARIABLE} to a folder you may write to.",
        ) from error


def _make_private(folder: Path) -> None:
    """Make a folder, and those above it, for this user alone, whatever the umask takes away."""
    if not folder.is_dir():
        _make_private(folder.parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)


def _open_private(path: Path, flags: int) -> int:
    """Open a file, made for this user alone if there is none, whatever the umask takes away."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if os.fstat(descriptor).st_mode & 0o777 != 0o600:
        os.fchmod(descriptor, 0o600)
    return descriptor


def _pauses(deadline: float) -> Iterator[None]:
    """Yields, pausing in between a little longer each time, until ``deadline``; at least once."""
    pause = _FIRST_PAUSE
    while True:
        yield
        left = deadline - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


@contextlib.contextmanager
def _launch_lock(folder: Path, deadline: float) -> Iterator[None]:
    """Held by the one that starts the hub; the others wait for it until ``deadline``. Lost with its process, never
    stale.
    """
    descriptor = _open_private(folder / "launch.lock", os.O_RDWR)
    try:
        for _ in _pauses(deadline):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield
            return
        raise HubError("Another program has been starting the hub for too long.", remedy=f"See {folder / 'hub.log'}.")
    finally:
        os.close(descriptor)


def _hub_lock_held(folder: Path) -> bool:
    """Whether a hub holds its lock. Asked only under the launch lock: a look takes the lock for a moment."""
    try:
        descriptor = os.open(folder / "hub.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _launch_and_wait(folder: Path, deadline: float) -> HubInfo:
    """Wait for a hub that is already there but does not answer yet, or start one and wait for its answer."""
    log = folder / "hub.log"
    process: subprocess.Popen[bytes] | None = None
    begin = 0
    for _ in _pauses(deadline):
        info = runtime.read(folder)
        if info is not None and healthy(info, timeout=max(0.2, min(5.0, deadline - time.monotonic()))):
            return info
        if process is None and not _hub_lock_held(folder):
            begin = log.stat().st_size if log.exists() else 0
            process = _launch(folder, log)
        elif process is not None and process.poll() is not None and not _hub_lock_held(folder):
            raise HubError(
                f"The hub ended at its start with code {process.returncode}.{_tail(log, begin)}",
                remedy=f"Correct what its log says ({log}), then try again.",
            )
    raise HubError(
        "The hub does not answer in"
        f" time.{_tail(log, begin) if process is not None else ' One is running, but hangs.'}",
        remedy=f"See {log}; if a hub hangs, end its process.",
    )


def _launch(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the embedded hub in a session of its own, so that it outlives its starter and its starter's terminal."""
    try:
        further = shlex.split(os.environ.get(OPTIONS_VARIABLE, ""))
    except ValueError as error:
        raise HubError(
            f"{OPTIONS_VARIABLE} cannot be read: {error}.",
            remedy=f"Correct the quotes in {OPTIONS_VARIABLE}, or unset it.",
        ) from None
    # -P: no module is taken from the working directory, which a process may have written to.
    command = [sys.executable, "-P", "-m", "zoe_hub", "--embedded", *further]
    environment = scrubbed(os.environ)
    environment[DATA_VARIABLE] = str(folder)
    output = _open_private(log, os.O_WRONLY | os.O_APPEND)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    except OSError as error:
        raise HubError(f"The hub cannot be started: {error}.") from error
    finally:
        os.close(output)
    # Its end is waited for, so that a hub that ends before its starter leaves no zombie.
    threading.Thread(target=process.wait, name="zoe-hub-wait", daemon=True).start()
    return process


_NOT_THE_HUBS = re.compile(
    r"^(JUPYTER|JUPYTERHUB|JPY|KG|EG|CONFIGPROXY)_|^ZOE_(HUB_URL|HUB_TOKEN|HUB_USER|WEB_PREFIX|HOST|BIND|FOLDER|EXECUTION|PROCESS|PORT_.*|ADDRESS_.*|PATH_.*)$|^(MPLBACKEND|PYTHONSTARTUP|COLUMNS|LINES)$"
)
_HARMLESS = re.compile(r"^JUPYTER_((CONFIG|DATA|RUNTIME)_DIR|(CONFIG_)?PATH|PREFER_ENV_PATH|PLATFORM_DIRS|NO_CONFIG)$")


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without what belongs to the starting Jupyter server or kernel: its tokens, session and sizes."""
    return {
        name: value for name, value in environment.items() if _HARMLESS.match(name) or not _NOT_THE_HUBS.match(name)
    }


def _tail(log: Path, begin: int) -> str:
    """What a hub has written to its log since ``begin``, the end of it, after a line break; empty if nothing."""
    try:
        with open(log, "rb") as file:
            file.seek(max(begin, file.seek(0, os.SEEK_END) - _LOG_TAIL))
            text = file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
    return f" Its last words:\n{text}" if text else ""
