"""A real IPython kernel and a real embedded hub, for tests of what people do in notebooks and terminals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from tornado.httpclient import HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.websocket import websocket_connect

ROOT = Path(__file__).parents[2]


class CellOutcome:
    """What one cell did."""

    def __init__(self, status: str, messages: list[dict[str, Any]]) -> None:
        self.status, self.messages = status, messages

    def _of(self, *kinds: str) -> list[dict[str, Any]]:
        return [each["content"] for each in self.messages if each["msg_type"] in kinds]

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The outputs as they stand at the end: MIME bundles, changed ones in their last state."""
        found: dict[str, dict[str, Any]] = {}
        for index, content in enumerate(self._of("display_data", "update_display_data", "execute_result")):
            found[content.get("transient", {}).get("display_id") or str(index)] = content["data"]
        return list(found.values())

    @property
    def text(self) -> str:
        """What a person reads at the end, as plain text."""
        streams = "".join(each["text"] for each in self._of("stream"))
        return "\n".join(
            [
                *([streams.rstrip()] if streams else []),
                *(each["text/plain"] for each in self.shown if each["text/plain"]),
            ]
        )

    @property
    def updates(self) -> list[str]:
        """Everything that was shown in the meantime, as plain text."""
        return [each["data"]["text/plain"] for each in self._of("display_data", "update_display_data")]

    @property
    def error(self) -> str:
        """What is shown of an error, without colors; empty if there was none."""
        return "\n".join(line for each in self._of("error") for line in each["traceback"])


class NotebookKernel:
    """A kernel with ``%zoe``, as the notebook ``path`` has one."""

    def __init__(self, environment: Mapping[str, str], path: str) -> None:
        self._manager = KernelManager()
        self._environment = {**environment, "JPY_SESSION_NAME": path}
        self.everything: list[dict[str, Any]] = []  # all that it ever sent
        self._client: BlockingKernelClient | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._manager.start_kernel(env=self._environment, cwd=self._environment["HOME"])
        self._connect()

    def _connect(self) -> None:
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=120)
        assert self.run("%load_ext jupyter_zoe.magics").status == "ok"

    def restart(self) -> None:
        """Restart it, as a person does who has run out of patience or memory."""
        assert self._client is not None
        self._client.stop_channels()
        self._manager.restart_kernel(now=True)
        self._connect()

    def stop(self) -> None:
        """End it."""
        if self._client is not None:
            self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def interrupt(self) -> None:
        """Press the stop button."""
        self._manager.interrupt_kernel()

    def kill(self) -> None:
        """Have it die without a word, as for want of memory."""
        process = self._manager.provisioner.process  # type: ignore[union-attr]
        process.kill()
        process.wait()

    def send(self, code: str) -> None:
        """Begin a cell and wait for nothing."""
        assert self._client is not None
        self._client.execute(code)

    def run(self, code: str, timeout: float = 240.0) -> CellOutcome:
        """Run a cell. :param timeout: seconds"""
        assert self._client is not None
        messages: list[dict[str, Any]] = []
        reply = self._client.execute_interactive(code, output_hook=messages.append, timeout=timeout, allow_stdin=False)
        self.everything += [{"msg_type": each["msg_type"], "content": each["content"]} for each in [*messages, reply]]
        return CellOutcome(str(reply["content"]["status"]), messages)

    def ok(self, code: str, timeout: float = 240.0) -> CellOutcome:
        """Run a cell that must not fail."""
        outcome = self.run(code, timeout)
        assert outcome.status == "ok", f"{code}: {outcome.error or outcome.text}"
        return outcome

    def value(self, expression: str, timeout: float = 240.0) -> Any:
        """The value of an expression, through JSON."""
        printed = self.ok(f"import json as _json; print('value:', _json.dumps({expression}))", timeout)
        return json.loads(printed.text.rpartition("value: ")[2].partition("\n")[0])

    def complete(self, code: str) -> list[str]:
        """What completes a line."""
        assert self._client is not None
        reply = self._client.complete(code, len(code), reply=True, timeout=60)
        matches: list[str] = reply["content"]["matches"]
        return matches


async def run_in_new_kernel(url: str, headers: Mapping[str, str], code: str, seconds: float = 60.0) -> str:
    """What ``code`` prints in a new kernel of a Jupyter server, errors with it.

    :param url: of the server, with a slash at the end
    :param headers: what lets in
    :param seconds: for the cell
    """
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
        kernel = (await client.post("api/kernels", json={})).raise_for_status().json()["id"]
        address = url.replace("http", "ws", 1) + f"api/kernels/{kernel}/channels"
        connection = await websocket_connect(HTTPRequest(address, headers=HTTPHeaders(headers)))
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        header = {
            "msg_id": "m1",
            "msg_type": "execute_request",
            "username": "",
            "session": "s",
            "date": "",
            "version": "5.3",
        }
        await connection.write_message(
            json.dumps({"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content})
        )
        printed = ""
        async with asyncio.timeout(seconds):
            while True:
                message = json.loads(str(await connection.read_message()))
                if message["parent_header"].get("msg_id") != "m1":
                    continue
                if message["msg_type"] == "stream":
                    printed += message["content"]["text"]
                elif message["msg_type"] == "error":
                    printed += "\n".join(message["content"]["traceback"])
                elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    break
        connection.close()
        await client.delete(f"api/kernels/{kernel}")
        return printed


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """This environment without anything of Zoe's or Jupyter's, with folders of its own below ``home``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ZOE_", "JUPYTER", "JPY_", "SPARK_", "IPYTHON"))
    }
    folders = {
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "ZOE_DATA": str(home / "zoe"),
    }
    return {
        **kept,
        **folders,
        "PYTHONPATH": str(ROOT),
        "ZOE_MAGICS": "0",
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", ""))),
        **more,
    }


@contextlib.contextmanager
def own_hub(environment: Mapping[str, str]) -> Iterator[Path]:
    """The data folder of a hub that is started by whoever needs it; at the end it is ended, and everything that it
    ran.
    """
    data = Path(environment["ZOE_DATA"])
    try:
        yield data
    finally:
        left = belonging(data)
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        _, alive = psutil.wait_procs(left, timeout=20)
        for process in [*alive, *belonging(data)]:
            with contextlib.suppress(psutil.Error):
                process.kill()


def belonging(data: Path) -> list[psutil.Process]:
    """The hub of a data folder and the processes that it has started, as they live now."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            line = process.cmdline()
            mine = process.environ().get("ZOE_DATA") == str(data) and "zoe_hub" in line
            if (
                mine
                or any(str(data) in part for part in line)
                or process.cwd().startswith(str(data))
                or process.environ().get("ZOE_FOLDER", "").startswith(str(data))
            ):
                found.append(process)
    return found


def eventually(condition: Any, timeout: float = 30.0) -> Any:
    """What ``condition`` returns once that is true. :raises AssertionError: it is not after ``timeout`` seconds"""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
    return found
