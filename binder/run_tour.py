"""Runs the tour notebook headless, as a person would in JupyterLab, and says how long each step took. Called by ``make
run``.

It starts JupyterLab's server with the extension, opens the notebook in a session of that server, executes the cells in
that kernel, writes the executed notebook and an HTML page to ``build/tour``, and stops everything that it started.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import nbformat
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "tour"


class RunningKernel:
    """As much of a kernel manager as nbclient asks of a kernel that somebody else manages."""

    def __init__(self, client: AsyncKernelClient) -> None:
        self._client = client

    async def is_alive(self) -> bool:
        """Whether the kernel's heart beats."""
        return bool(await self._client.is_alive())


def main() -> int:
    """Run the tour; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="local", choices=("local", "docker"))
    parser.add_argument("--notebook", type=Path, default=ROOT / "binder" / "tour.ipynb")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # an orderly end then, too
    begun = time.monotonic()
    OUT.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(engine_for(options.backend))
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zoe-tour-")))
        environment = {
            **os.environ,
            **engine,
            "ZOE_DATA": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        }
        (home / "data").mkdir(mode=0o700)
        (home / "data" / "zoe_hub_config.py").write_text(f"c = get_config()\nc.ZoeHub.backend = {options.backend!r}\n")
        notebooks = home / "notebooks"
        notebooks.mkdir()
        shutil.copy(options.notebook, notebooks / "tour.ipynb")
        stack.callback(stop_hub, home / "data")
        url, token = stack.enter_context(lab_server(home, notebooks, environment))
        failed = asyncio.run(tour(url, token, notebooks / "tour.ipynb", home / "runtime"))
        if failed:
            for log in (home / "data" / "hub.log", home / "lab.log"):
                if log.exists():
                    shutil.copy(log, OUT / log.name)
                    print(f"the end of {log.name}:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-25:]))
    print(
        f"\n{'failed' if failed else 'done'} in {time.monotonic() - begun:.1f} s; notebook and page in"
        f" {OUT.relative_to(ROOT)}/"
    )
    return 1 if failed else 0


@contextlib.contextmanager
def engine_for(backend: str) -> Iterator[dict[str, str]]:
    """What the backend needs to run, as environment variables."""
    if backend != "docker":
        yield {}
        return
    from zoe_hub.images.building import Builder, connect  # noqa: PLC0415 - only with this backend
    from zoe_hub.testing.dockerd import engine  # noqa: PLC0415

    step = Step("Docker engine")
    with engine() as url:
        step.done()
        step = Step("container images")
        builder = Builder(connect(url), say=lambda line: print(f"    {line}", flush=True))
        try:
            builder.build(["spark"], [ROOT / "frameworks"])
        finally:
            builder.close()
        step.done()
        yield {"DOCKER_HOST": url}


@contextlib.contextmanager
def lab_server(home: Path, notebooks: Path, environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    """JupyterLab's server on a free port; its address and token."""
    step = Step("JupyterLab's server with the Zoe extension")
    token, port = secrets.token_hex(24), free_port()
    command = [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={notebooks}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    with (home / "lab.log").open("wb") as log:
        server = subprocess.Popen(
            command,
            env={**environment, "JUPYTER_TOKEN": token},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, token, server, home / "lab.log")
        step.done()
        yield url, token
    finally:
        stop(server)


def wait_for(url: str, token: str, server: subprocess.Popen[bytes], log: Path, timeout: float = 60.0) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        with contextlib.suppress(httpx.HTTPError):
            if (
                httpx.get(f"{url}/api/status", headers={"Authorization": f"token {token}"}, timeout=5).status_code
                == 200
            ):
                return
        time.sleep(0.05)
    raise SystemExit(f"JupyterLab's server did not start:\n{log.read_text(errors='replace')[-4000:]}")


async def tour(url: str, token: str, path: Path, runtime: Path) -> bool:
    """Execute the notebook in a session of the server; whether it failed."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    async with kernel_of(url, token, path.name, runtime) as kernel:
        client = NotebookClient(notebook, timeout=300)
        client.kc = kernel
        client.km = cast("KernelManager", RunningKernel(kernel))
        client.reset_execution_trackers()
        failed = False
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            step = Step(cell.metadata["zoe"]["step"])
            try:
                await client.async_execute_cell(cell, index)
            except CellExecutionError:
                failed = True
            step.done("failed" if failed else "")
            show(cell.outputs)
            if failed:
                break
    nbformat.write(notebook, OUT / "tour.ipynb")  # type: ignore[no-untyped-call]
    page, _ = HTMLExporter().from_notebook_node(notebook)  # type: ignore[no-untyped-call]
    (OUT / "tour.html").write_text(page, encoding="utf-8")
    return failed


@contextlib.asynccontextmanager
async def kernel_of(url: str, token: str, name: str, runtime: Path) -> AsyncIterator[AsyncKernelClient]:
    """A kernel of the server, started through a session for the notebook as JupyterLab does it."""
    step = Step("kernel")
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"token {token}"}, timeout=60) as http:
        body = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        session = (await http.post("/api/sessions", json=body)).raise_for_status().json()
        kernel = session["kernel"]["id"]
        client = AsyncKernelClient(connection_file=str(runtime / f"kernel-{kernel}.json"))
        client.load_connection_file()
        client.start_channels()
        try:
            await ready(client)
            step.done()
            yield client
        finally:
            client.stop_channels()
            await http.delete(f"/api/sessions/{session['id']}")


async def ready(client: AsyncKernelClient, timeout: float = 90.0) -> None:
    """Wait until the kernel answers. Its heart counts as dead while it is still starting, hence more than one try."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return await client.wait_for_ready(timeout=deadline - time.monotonic())
        except RuntimeError:
            if time.monotonic() > deadline:
                raise


def show(outputs: list[Any]) -> None:
    """The text of a cell's outputs, indented."""
    for output in outputs:
        if output.output_type == "stream":
            content = output.text
        elif output.output_type == "error":
            content = "\n".join(output.traceback)
        else:
            content = output.data.get("text/plain", "")
            if "image/png" in output.data:
                content = "(a plot; see the page)"
        for line in content.rstrip().splitlines():
            print(f"    {line}")
    sys.stdout.flush()


class Step:
    """One line of progress with its time."""

    def __init__(self, what: str) -> None:
        self._what, self._begun = what, time.monotonic()
        print(f"  {what} ...", flush=True)

    def done(self, note: str = "") -> None:
        """Say how long it took."""
        print(f"  {time.monotonic() - self._begun:6.1f} s  {self._what}{f' ({note})' if note else ''}", flush=True)


def stop_hub(data: Path) -> None:
    """End what a failed or interrupted tour left running, then the embedded hub of the data folder."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        about = json.loads((data / "hub.json").read_text())
        with (
            contextlib.suppress(httpx.HTTPError),
            httpx.Client(
                base_url=f"{about['url']}/api/v1", headers={"Authorization": f"Bearer {about['token']}"}, timeout=20
            ) as hub,
        ):
            for each in hub.get("/executions?active=true").json()["items"]:
                hub.post(f"/executions/{each['id']}/terminate", json={"confirm": each["name"]})
            within(60, lambda: not hub.get("/executions?active=true").json()["items"])
        os.kill(about["pid"], signal.SIGTERM)
        within(20, lambda: not Path(f"/proc/{about['pid']}").exists())


def within(seconds: float, condition: Callable[[], bool]) -> None:
    """Wait for something, but not for ever."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not condition():
        time.sleep(0.02)


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server with its kernels."""
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(10)


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
