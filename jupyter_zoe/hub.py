"""Finds the hub that this user works with, and starts the embedded one when there is none.

Used by the server extension (in a thread), the magics and the command line. Standard library only, so that it costs
nothing to import. The environment (``ZOE_HUB_URL``, ``ZOE_HUB_TOKEN``) wins; otherwise the embedded hub is the one that
the runtime file ``<data>/hub.json`` names, and it is trusted only after its process and its answer have been checked.
Starting is safe against several Jupyter servers, kernels and terminals that do it at once: one of them holds
``<data>/launch.lock`` while it starts the hub, and the living hub holds ``<data>/hub.lock``.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shlex
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from jupyter_zoe import recognise
from jupyter_zoe.opener import opener

if sys.platform == "win32":  # pragma: no cover - no embedded hub there; a remote one works
    fcntl = None
else:
    import fcntl

URL_VARIABLE = "ZOE_HUB_URL"
TOKEN_VARIABLE = "ZOE_HUB_TOKEN"  # noqa: S105 - the name of a variable
USER_VARIABLE = "ZOE_HUB_USER"
"""The user to whom a hub of ``ZOE_HUB_URL`` on this machine belongs, beside this one and root; ``*``: anybody."""
DATA_VARIABLE = "ZOE_DATA"
OPTIONS_VARIABLE = "ZOE_HUB_OPTIONS"
"""Further options of the embedded hub, as on a command line; read by whoever starts it."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25  # seconds between two looks
_LOG_TAIL = 2000  # bytes of the hub's log that an error shows


class HubError(RuntimeError):
    """The hub cannot be reached or started. ``code`` is the problem's code, ``remedy`` says what to do."""

    def __init__(self, detail: str, *, code: str = "hub-unreachable", remedy: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.remedy = remedy or "Start JupyterLab again or run 'zoe-hub --embedded'; see the hub's log."


class HubStranger(HubError):
    """What listens at a hub's address is not known to be the hub, so it was sent nothing."""

    def __init__(self, info: HubInfo, words: str) -> None:
        """:param words: whose it is"""
        super().__init__(
            f"What listens at {info.url} is not known to be the hub: {words.rstrip('.')}.",
            code="hub-stranger",
            remedy=(
                "Try again: a new hub is started."
                if info.embedded
                else f"If it is the hub's own user, name that user in {USER_VARIABLE} (or ZoeExtension.hub_user)."
            ),
        )


@dataclass(frozen=True)
class HubInfo:
    """Where a hub is and what opens it. The token is not shown."""

    url: str  # without a trailing slash
    token: str = field(repr=False)
    embedded: bool = False  # this user's own hub, on this machine
    pid: int = 0  # of an embedded hub
    started: int | None = None  # when that process began, in the kernel's count
    users: frozenset[int] | None = field(default_factory=partial(recognise.users, ""))
    """To whom the listener of a configured hub on this machine may belong; ``None``: anybody."""

    @property
    def is_on_this_machine(self) -> bool:
        """Whether it is reached without the network, so that no proxy of the environment may come between."""
        return self.embedded or urllib.parse.urlsplit(self.url).hostname in ("127.0.0.1", "localhost", "::1")


def data_folder() -> Path:
    """Where the embedded hub keeps its data: ``$ZOE_DATA``, or the platform's folder for a user's data."""
    chosen = os.environ.get(DATA_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "zoe"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "zoe"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "zoe"


def configured() -> HubInfo | None:
    """The hub that the environment names, unchecked. The URL alone, without a token, is an error."""
    url = os.environ.get(URL_VARIABLE, "").strip()
    if not url:
        return None
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise HubError(
            f"{URL_VARIABLE} is set, but {TOKEN_VARIABLE} is not.",
            remedy=f"Set {TOKEN_VARIABLE} as well, or unset {URL_VARIABLE}.",
        )
    user = os.environ.get(USER_VARIABLE, "").strip()
    return HubInfo(url=checked_url(url, URL_VARIABLE), token=token, users=checked_users(user, USER_VARIABLE))


def checked_url(url: str, name: str) -> str:
    """``url`` without a slash at its end. :raises HubError: it is no address of a hub; ``name`` is what was set to
    it
    """
    try:
        parts = urllib.parse.urlsplit(url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong:
        raise HubError(
            f"{name} is {url!r}, which is no address of a hub.",
            remedy="Set it to an address such as https://hub.example.org:8470, or unset it.",
        )
    return url.rstrip("/")


def checked_users(user: str, name: str) -> frozenset[int] | None:
    """``recognise.users``. :raises HubError: there is no such user; ``name`` is what was set to it"""
    try:
        return recognise.users(user)
    except ValueError as error:
        raise HubError(f"{name} is {user!r}: {error}.", remedy=f"Correct or unset {name}.") from None


def find(data: Path | None = None, *, timeout: float = 5.0) -> HubInfo | None:
    """The hub of the environment, or the embedded hub if it lives and answers; starts nothing.

    :param data: the embedded hub's folder; ``None``: ``data_folder()``, and the environment's hub wins
    :param timeout: seconds that its answer may take
    """
    if data is None and (remote := configured()) is not None:
        return remote
    info = _read(data or data_folder())
    return info if info is not None and healthy(info, timeout=timeout) else None


def ensure(timeout: float = 30.0, data: Path | None = None) -> HubInfo:
    """The hub of the environment, or the embedded hub, which is started if it does not live. Safe to call at the same
    time.

    :param timeout: seconds until it must answer
    :param data: the embedded hub's folder; ``None``: ``data_folder()``, and the environment's hub wins
    :raises HubError: it could not be started, or does not answer in time; the message says why
    """
    deadline = time.monotonic() + timeout
    if (info := find(data)) is not None:
        return info
    if fcntl is None:  # pragma: no cover
        raise HubError(
            "The embedded hub needs Linux or macOS.",
            remedy=f"Set {URL_VARIABLE} and {TOKEN_VARIABLE} to a hub elsewhere.",
        )
    folder = data or data_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HubError(
            f"The folder {folder} cannot be made: {error.strerror}.",
            remedy=f"Set {DATA_VARIABLE} to a folder you may write to.",
        ) from error
    with _launch_lock(folder, deadline):
        return _start(folder, deadline)


def alive(info: HubInfo) -> bool:
    """Whether the process of an embedded hub still lives, at the cost of reading one small file; a remote hub counts as
    alive.
    """
    return not info.embedded or _lives(info.pid, info.started)


def healthy(info: HubInfo, *, timeout: float = 5.0) -> bool:
    """Whether the hub answers an authenticated request for its health within ``timeout`` seconds."""
    return trouble(info, timeout=timeout) is None


def trouble(info: HubInfo, *, timeout: float = 5.0) -> HubError | None:
    """Why the hub does not answer an authenticated request for its health; ``None``: it does."""
    # own hub's URL
    request = urllib.request.Request(f"{info.url}/api/v1/health", headers={"Authorization": f"Bearer {info.token}"})  # noqa: S310
    try:
        with opener(info).open(request, timeout=timeout) as answer:
            if answer.status == 200 and json.load(answer).get("status") in ("ok", "degraded"):
                return None
            why: object = "it says that it is not well"
    except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
        why = getattr(error, "reason", None) or error
        if isinstance(why, recognise.Stranger):
            return HubStranger(info, str(why))
    return HubError(
        f"The hub at {info.url} does not answer as it should: {str(why).rstrip('.') or type(why).__name__}."
    )


def _read(folder: Path) -> HubInfo | None:
    """What the runtime file says, if it is the user's own, private, and of a process that still lives."""
    path = folder / "hub.json"
    try:
        with open(path, encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            if hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077):
                return None
            found = json.load(file)
        url, token, pid = str(found["url"]).rstrip("/"), str(found["token"]), int(found["pid"])
        started = None if found.get("started") is None else int(found["started"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if urllib.parse.urlsplit(url).hostname not in ("127.0.0.1", "::1", "localhost"):
        return None
    if not token or not _lives(pid, started):
        return None
    return HubInfo(url=url, token=token, embedded=True, pid=pid, started=started)


def _lives(pid: int, started: int | None) -> bool:
    """Whether process ``pid`` runs and is the one that began at ``started`` (field 22 of its stat), not a later one of
    that number.
    """
    if pid <= 0:
        return False
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        if os.path.exists("/proc/self/stat"):
            return False
        try:  # no /proc: the answer to the authenticated request decides
            os.kill(pid, 0)
        except OSError:
            return False
        return True
    state, begun = fields[0], int(fields[19])
    return state not in "ZX" and (started is None or begun == started)


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
    descriptor = os.open(folder / "launch.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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


def _start(folder: Path, deadline: float) -> HubInfo:
    """Wait for a hub that is already there but does not answer yet, or start one and wait for its answer."""
    log = folder / "hub.log"
    process: subprocess.Popen[bytes] | None = None
    begin = 0
    for _ in _pauses(deadline):
        info = _read(folder)
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
    command = [sys.executable, "-m", "zoe_hub", "--embedded", *further]
    environment = scrubbed(os.environ)
    environment[DATA_VARIABLE] = str(folder)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
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
