"""A small Spark cluster of this machine, made of the three roles as separate processes on loopback.

Called by `appcds.py` to make archives, by the integration test and by the benchmark. Not by the hub: there the backend
starts every process itself. Everything it starts is in a session of its own and gone after `stop()`.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

LAUNCH = Path(__file__).resolve().with_name("launch.py")


class TooLate(Exception):
    """Something did not happen in time; the message says what, and shows the end of the logs."""


@dataclass
class Member:
    """One process of the cluster, with what a backend would know of it."""

    role: str
    folder: Path
    ports: dict[str, int]
    log: Path
    process: subprocess.Popen[bytes]

    def text(self) -> str:
        """Its log so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


class LocalCluster:
    """Processes are started one by one with `start`; leaving the context stops all of them."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        *,
        command: Callable[[str, Mapping[str, str]], list[str]] | None = None,
    ) -> None:
        self.folder = folder
        self.rpc_secret = secrets.token_hex(32)
        self.pages_secret = secrets.token_urlsafe(32)
        self.token = secrets.token_urlsafe(32)
        self.members: list[Member] = []
        self._started = 0
        self._environment = dict(os.environ if environment is None else environment)
        self._command = command or (lambda role, environment: [sys.executable, str(LAUNCH), role])
        # All ports of master and connect are chosen before anything starts, so that all may start at once.
        self._ports = {"master": _free_ports("RPC", "UI"), "connect": _free_ports("GRPC", "UI", "DRIVER", "BLOCKS")}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def __enter__(self) -> LocalCluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def master_url(self) -> str:
        """The master's pages, and its state under `/json/`."""
        return f"http://127.0.0.1:{self._ports['master']['UI']}"

    @property
    def connect_url(self) -> str:
        """The pages of the session."""
        return f"http://127.0.0.1:{self.connect_ports['UI']}"

    @property
    def connect_ports(self) -> dict[str, int]:
        """GRPC, UI, DRIVER and BLOCKS of the Connect server."""
        return self._ports["connect"]

    @property
    def remote(self) -> str:
        """The address for a client. The host is literally `localhost`: for any other the client insists on TLS."""
        return f"sc://localhost:{self.connect_ports['GRPC']}/;token={self.token}"

    def start(self, role: str, **extra: str) -> Member:
        """Starts one process with the environment a backend would give it, and `extra`; waits for nothing."""
        ports = self._ports.get(role) or _free_ports("RPC", "UI")
        name = f"{role}-{self._started}"
        self._started += 1
        environment = self._environment | {f"ZOE_PORT_{port}": str(number) for port, number in ports.items()}
        environment |= {
            "ZOE_SPARK_WITH_PARENT": "1",
            "ZOE_HOST": "127.0.0.1",
            "ZOE_BIND": "127.0.0.1",
            "ZOE_FOLDER": str(self.folder / name),
            "ZOE_ADDRESS_MASTER_RPC": f"127.0.0.1:{self._ports['master']['RPC']}",
            "ZOE_SECRET_RPC": self.rpc_secret,
            "ZOE_SECRET_PAGES": self.pages_secret,
        }
        if role == "connect":
            environment["SPARK_CONNECT_AUTHENTICATE_TOKEN"] = self.token
        environment |= extra
        log = self.folder / f"{name}.log"
        with open(os.open(log, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as stream:
            process = subprocess.Popen(
                self._command(role, environment),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        member = Member(role, self.folder / name, ports, log, process)
        self.members.append(member)
        return member

    def state(self) -> dict[str, Any]:
        """The master's own view; empty while it does not answer."""
        return self._json(self.master_url)

    @property
    def login(self) -> dict[str, str]:
        """The header that opens the pages of all members, as the hub's proxy adds it: a JWS (RFC 7515, HS256)."""
        key = base64.urlsafe_b64decode(self.pages_secret + "=")
        signed = ".".join(_base64url(part) for part in (b'{"alg":"HS256"}', b'{"iss":"zoe"}'))
        return {"Authorization": f"Bearer {signed}.{_base64url(hmac.digest(key, signed.encode(), 'sha256'))}"}

    def page(self, url: str) -> bytes:
        """One page of a member; OSError when it does not answer."""
        asked = urllib.request.Request(f"{url}/", headers=self.login)  # noqa: S310 (always an address made here)
        with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310
            body: bytes = answer.read()
            return body

    def _json(self, url: str) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads(self.page(f"{url}/json"))
        except (OSError, ValueError):
            return {}
        return state

    def workers(self, status: str = "ALIVE") -> list[dict[str, Any]]:
        """The workers that the master sees in this state."""
        return [worker for worker in self.state().get("workers", []) if worker["state"] == status]

    def wait(self, what: str, reached: Callable[[], object], timeout: float = 90.0, every: float = 0.05) -> float:
        """Seconds until `reached()` is true; TooLate when that takes longer, or when a process has died meanwhile."""
        begin = time.monotonic()
        while not reached():
            dead = [m for m in self.members if m.process.poll() not in (None, 0, 143, -signal.SIGTERM)]
            if dead or time.monotonic() - begin > timeout:
                ends = "\n".join(f"--- {m.log.name}\n{m.text()[-1500:]}" for m in dead or self.members)
                reason = f"{dead[0].log.stem} ended" if dead else f"not within {timeout:.0f} s"
                raise TooLate(f"waited for {what}: {reason}\n{ends}")
            time.sleep(every)
        return time.monotonic() - begin

    def connect_open(self) -> bool:
        """Whether the Connect server takes connections."""
        try:
            socket.create_connection(("127.0.0.1", self.connect_ports["GRPC"]), timeout=1).close()
        except OSError:
            return False
        return True

    def drained(self, worker: Member) -> bool:
        """What the framework's `drain.until` says, asked of the worker itself: no executor is left on it.

        The master is no help: it forgets a decommissioned executor at once and never gives back the worker's cores.
        """
        return self._json(f"http://127.0.0.1:{worker.ports['UI']}").get("executors") == []

    def stop(self, grace: float = 20.0) -> None:
        """TERM to all, connect first so that it says goodbye to the others, KILL after the grace."""
        for role in ("connect", "worker", "master"):
            for member in self.members:
                if member.role == role and member.process.poll() is None:
                    member.process.terminate()
        deadline = time.monotonic() + grace
        for member in self.members:
            with contextlib.suppress(subprocess.TimeoutExpired):
                member.process.wait(max(0.1, deadline - time.monotonic()))
            # Executors and Python workers are in the session of their worker.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(member.process.pid, signal.SIGKILL)
            member.process.wait()
        self.members.clear()


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _free_ports(*names: str) -> dict[str, int]:
    """Ports that are free now, all held at once while being chosen so that they differ."""
    held = [socket.socket() for _ in names]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, held, strict=True)}
    finally:
        for one in held:
            one.close()
