"""A real JupyterLab with the real extension and the user's embedded hub, and a real browser that looks at it.

Everything lives in a temporary folder; whatever was started is ended by its pid.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
IMAGES = ROOT / "docs" / "images"
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Instead of Playwright's own list, which has ThirdPartyStoragePartitioning as well: browsers keep the storage of a
    # frame apart by the site around it, and without that Debian's Chromium, which blocks cookies of other sites, denies
    # such a frame all storage.
    "--disable-features="
    + ",".join(
        (
            "AvoidUnnecessaryBeforeUnloadCheckSync",
            "DestroyProfileOnBrowserClose",
            "HttpsFirstBalancedModeAutoEnable",
            "HttpsUpgrades",
            "MediaRouter",
            "OptimizationHints",
            "PaintHolding",
        )
    ),
]

expect.set_options(timeout=30_000)  # a busy machine is slow, not wrong


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)


@dataclass
class Lab:
    """A running JupyterLab."""

    url: str  # with a slash at the end
    token: str
    folder: Path
    process: subprocess.Popen[bytes]
    log: Path
    hub: dict[str, Any] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The folder that it shows."""
        return self.folder / "work"

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call the hub as the page does, but with Jupyter's token; such a call appears in the panel as another's
        would.
        """
        answer = httpx.request(
            method,
            f"{self.url}zoe/api/v1{path}",
            json=body,
            headers={"Authorization": f"token {self.token}"},
            timeout=60,
        )
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def active(self) -> list[dict[str, Any]]:
        """The executions that have not ended."""
        return self.api("GET", "/executions?active=true")["items"]

    def end_all(self) -> None:
        """End everything and wait for it."""
        for execution in self.active():
            confirm = {"confirm": execution["name"]} if execution["protected"] else {}
            self.api("POST", f"/executions/{execution['id']}/terminate", confirm)
        wait_for("all executions end", lambda: not self.active())


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _end(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.terminate()
        try:
            process.wait(20)
        except psutil.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium.

    For a module, not for the session: as long as Playwright's synchronous API is in use, an event loop runs in this
    thread, and no asynchronous test can run after it.
    """
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "No Chromium was found. 'make browser-tools' says what to install."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def setup() -> dict[str, Any]:
    """What is different in the JupyterLab of a module, which overrides this: ``options`` of JupyterLab, options of the
    ``hub``, lines of its configuration (``config``), and ``definitions`` for the shop (file -> text).
    """
    return {}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, setup: dict[str, Any]) -> Iterator[Lab]:
    """JupyterLab with an embedded hub of its own, below a base URL that is not the root."""
    built = ROOT / "jupyter_zoe" / "labextension"
    assert (built / "package.json").is_file(), "The labextension is not built: run 'make setup'."
    folder = tmp_path_factory.mktemp("lab")
    for name in (
        "definitions",
        "work",
        "home",
        "data",
        "runtime",
        "config/lab/user-settings/@jupyterlab/apputils-extension",
        "share/labextensions",
    ):
        (folder / name).mkdir(parents=True)
    (folder / "share/labextensions/jupyter-zoe").symlink_to(built)
    (folder / "data").chmod(0o700)
    (folder / "data/zoe_hub_config.py").write_text(setup.get("config", ""))
    quiet = folder / "config/lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    quiet.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    for name, text in setup.get("definitions", {}).items():
        file = folder / "definitions" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    port, token = _free_port(), secrets.token_hex(16)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ZOE_", "JUPYTER", "JPY_"))},
        "HOME": str(folder / "home"),
        "ZOE_DATA": str(folder / "data"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_PATH": str(folder / "share"),
        "JUPYTER_TOKEN": token,
        "IPYTHONDIR": str(folder / "home/.ipython"),
        "PYTHONPATH": str(ROOT),
        "ZOE_HUB_OPTIONS": shlex.join([f"--ZoeHub.catalog_folders={folder / 'definitions'}", *setup.get("hub", [])]),
    }
    log = folder / "jupyter.log"
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.base_url=/user/me/",
        f"--ServerApp.root_dir={folder / 'work'}",
        "--ServerApp.jpserver_extensions=jupyter_zoe.extension=True",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.expose_app_in_browser=True",
        *setup.get("options", []),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder / "work",
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = Lab(url=f"http://127.0.0.1:{port}/user/me/", token=token, folder=folder, process=process, log=log)
    runtime = folder / "data/hub.json"
    try:
        wait_for("JupyterLab answers", lambda: _answers(running))
        running.api("GET", "/health")
        running.hub = json.loads(runtime.read_text())
        yield running
        running.end_all()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        if runtime.is_file():
            _end(json.loads(runtime.read_text())["pid"])


def _answers(lab: Lab) -> bool:
    assert lab.process.poll() is None, lab.log.read_text()
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{lab.url}api/status", headers={"Authorization": f"token {lab.token}"}).is_success
    return False


@dataclass
class Window:
    """JupyterLab in a browser window."""

    lab: Lab
    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def command(self, name: str, **arguments: Any) -> None:
        """Execute one of JupyterLab's commands, without waiting for what it opens."""
        self.page.evaluate(
            "([name, args]) => { void window.jupyterapp.commands.execute(name, args); }", [name, arguments]
        )

    def section(self, name: str) -> Any:
        """A section of the panel."""
        return self.page.locator(f'.jp-zoe-Section[data-section="{name}"]')

    def unfold(self, name: str) -> Any:
        """A section of the panel, opened."""
        section = self.section(name)
        title = section.locator(".jp-zoe-Section-title button")
        if title.get_attribute("aria-expanded") == "false":
            title.click()
        return section

    def theme(self, name: str) -> None:
        """Change the theme and wait until it is there."""
        self.command("apputils:change-theme", theme=name)
        expect(self.page.locator(f'body[data-jp-theme-name="{name}"]')).to_be_attached(timeout=30_000)

    def publish(self, picture: Path, name: str) -> None:
        """Use a picture in the documentation: if there is none yet, or with ZOE_PUBLISH=1 in the environment."""
        IMAGES.mkdir(parents=True, exist_ok=True)
        place = IMAGES / f"{name}.png"
        if not place.exists() or os.environ.get("ZOE_PUBLISH") == "1":
            shutil.copyfile(picture, place)

    wait_for = staticmethod(wait_for)

    def shot(self, name: str) -> Path:
        """Save a picture."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.mouse.move(700, 5)
        place = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=place)
        return place


@pytest.fixture
def window(lab: Lab, chromium: Browser) -> Iterator[Window]:
    """A fresh browser profile that has logged in, with the panel open. Errors of the page fail the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(30_000)
    opened = Window(lab=lab, page=page)
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("request", lambda request: opened.requests.append(f"{request.method} {request.url}"))
    page.goto(f"{lab.url}lab?reset&token={lab.token}")
    page.wait_for_function("() => window.jupyterapp && window.jupyterapp.restored.then(() => true)")
    # JupyterLab takes the focus once more when it opens its launcher, which is long after it says that it is ready.
    page.wait_for_function("() => document.activeElement.matches('.jp-Launcher')")
    opened.command("zoe:show")
    expect(page.locator(".jp-zoe-Card").first).to_be_visible(timeout=60_000)
    yield opened
    context.close()
    assert not opened.errors
    lab.end_all()
