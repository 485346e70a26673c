"""Runs a real hub as a process of its own, for tests: starts it, kills it, starts it again, talks to it.

Used by the integration and performance tests, and by authors of backends who want to try theirs under a real hub.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

_PAUSE = 0.01  # seconds between two looks


class RunningHub:
    """A hub process over one data folder."""

    def __init__(
        self,
        data: Path,
        *,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = ("-m", "zoe_hub"),
    ) -> None:
        """:param data: made with mode 0700; survives the hub
        :param options: further options of ``zoe-hub``
        :param program: what Python runs
        """
        self.data = data
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._program, self._options = tuple(program), tuple(options)
        self._environment = {**os.environ, **(environment or {}), "ZOE_DATA": str(data)}
        self._process: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None

    @property
    def pid(self) -> int:
        """Process id of the running hub."""
        assert self._process is not None
        return self._process.pid

    @property
    def token(self) -> str:
        """The root token of the running hub."""
        return str(json.loads((self.data / "hub.json").read_text())["token"])

    @property
    def url(self) -> str:
        """Address of the running hub."""
        return str(json.loads((self.data / "hub.json").read_text())["url"])

    def start(self, timeout: float = 60.0) -> float:
        """Start it and wait until it answers; the seconds that took.

        :raises TimeoutError: with the end of its log
        """
        begun = time.monotonic()
        runtime = self.data / "hub.json"
        with (self.data / "hub.out").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *self._program, "--embedded", *self._options],
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while time.monotonic() - begun < timeout and self._process.poll() is None:
            with contextlib.suppress(OSError, ValueError, KeyError, httpx.HTTPError):
                about = json.loads(runtime.read_text())
                if about["pid"] == self._process.pid:
                    client = httpx.Client(
                        base_url=about["url"] + "/api/v1",
                        headers={"Authorization": f"Bearer {about['token']}"},
                        timeout=30,
                    )
                    if client.get("/health").status_code == 200:
                        self._client = client
                        return time.monotonic() - begun
                    client.close()
            time.sleep(_PAUSE)
        self.kill()
        raise TimeoutError(f"the hub did not start:\n{self.log()[-4000:]}")

    def log(self) -> str:
        """What it wrote."""
        return "".join(
            path.read_text(errors="replace") for path in (self.data / "hub.out", self.data / "hub.log") if path.exists()
        )

    def kill(self) -> None:
        """SIGKILL: no clean-up, no farewell."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait until it has gone."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            try:
                self._process.wait(30)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
            self._process = None

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """One request below ``/api/v1``."""
        assert self._client is not None
        return (
            self._client.request(method, path, json=body, **options)
            if body is not None
            else self._client.request(method, path, **options)
        )

    def get(self, path: str) -> Any:
        """The decoded answer to a GET."""
        return self.call("GET", path).raise_for_status().json()

    def post(self, path: str, body: Any) -> Any:
        """The decoded answer to a POST."""
        return self.call("POST", path, body).raise_for_status().json()

    def wait(self, execution: str, condition: Callable[[Any], bool], timeout: float = 60.0) -> Any:
        """Wait until ``condition`` holds for an execution; the execution.

        :raises TimeoutError: with its reason
        """
        deadline = time.monotonic() + timeout
        while True:
            seen = self.get(f"/executions/{execution}")
            if condition(seen):
                return seen
            if time.monotonic() > deadline:
                raise TimeoutError(f"{seen['name']} is {seen['phase']}: {seen['reason']['words']}")
            time.sleep(_PAUSE)

    def executions(self, *, active: bool | None = None) -> list[Any]:
        """All executions, newest first, however many pages they fill; ``active``: only those that have not ended (or
        have).
        """
        found: list[Any] = []
        query = {"limit": "1000"} | ({} if active is None else {"active": str(active).lower()})
        while True:
            page = self.call("GET", "/executions", params=query).raise_for_status().json()
            found += page["items"]
            if page["next"] is None:
                return found
            query["cursor"] = page["next"]

    def end_all(self, timeout: float = 60.0) -> None:
        """Terminate every execution and wait until all have ended."""
        for each in self.executions(active=True):
            self.post(f"/executions/{each['id']}/terminate", {"confirm": each["name"]})
        for each in self.executions(active=True):
            self.wait(each["id"], lambda seen: seen["phase"] == "ended", timeout)


@contextlib.contextmanager
def running_hub(
    data: Path, *, options: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Iterator[RunningHub]:
    """A hub that is started, and at the end stopped with everything that it runs."""
    hub = RunningHub(data, options=options, environment=environment)
    hub.start()
    try:
        yield hub
        hub.end_all()
    finally:
        hub.stop()
