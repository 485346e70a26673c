"""Pages of processes in a real browser, at origins of their own and in the sandbox: what people use works, and a
hostile page gets nowhere. As trusted it gets everywhere, which shows what trust means and that the attacks are real.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Frame, FrameLocator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

Window = Any  # conftest.Window, which cannot be imported
LONG = 90_000  # milliseconds
PAGES = Path(__file__).parent / "pages"
FRAMEWORK = """
framework: {name}
version: "1.0"
kind: notebook
title: {title}
processes:
  web:
    image: "zoe/{name}:1"
    command: {command}
    ports:
      web: {{port: 80, protocol: http, show: true, title: {title}, start: "{start}", needs_origin: {needs}}}
    ready: {{tcp: web, timeout: 120s}}
    resources: {{memory: 512MiB}}
    grace: 2s
"""
COMMANDS = {
    "hostile": ["python", "{{ folder }}/hostile.py"],
    "needy": ["python", "-m", "http.server", "{{ port.web }}", "--bind", "{{ bind }}"],
    "plain": ["python", "-m", "http.server", "{{ port.web }}", "--bind", "{{ bind }}"],
    "dask": [
        *("python", "-m", "distributed.cli.dask_scheduler", "--host", "{{ bind }}", "--port", "0"),
        *("--dashboard-address", "{{ bind }}:{{ port.web }}"),
    ],
    "streamlit": [
        *("python", "-m", "streamlit", "run", "{{ folder }}/app.py", "--server.port", "{{ port.web }}"),
        *("--server.address", "{{ bind }}", "--server.headless", "true", "--browser.gatherUsageStats", "false"),
    ],
}
APP = """
import streamlit
streamlit.title("Counting")
if "count" not in streamlit.session_state:
    streamlit.session_state.count = 0
if streamlit.button("Count"):
    streamlit.session_state.count += 1
streamlit.write(f"counted {streamlit.session_state.count} times")
"""


def definitions() -> dict[str, str]:
    """Frameworks, each also a ZApp, and the files beside them."""
    files = {
        "streamlit/app.py": APP,
        "hostile/hostile.py": (PAGES / "hostile.py").read_text(),
        "hostile/hostile.html": (PAGES / "hostile.html").read_text(),
    }
    for name, command in COMMANDS.items():
        start = "/status" if name == "dask" else "/"
        files[f"{name}/framework.yaml"] = FRAMEWORK.format(
            name=name, title=name.capitalize(), command=command, start=start, needs=str(name == "needy").lower()
        )
        files[f"{name}/zapp.yaml"] = f'zapp: {name}\nversion: "1.0"\ntitle: {name}\nframeworks:\n  {name}: {{}}\n'
    return files


def shown_in(*places: str) -> pytest.MarkDecorator:
    """Where the pages of a test are shown."""
    return pytest.mark.parametrize("place", places, indirect=True, scope="module")


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest) -> str:
    """Where pages are shown."""
    return str(request.param)


@pytest.fixture(scope="module")
def setup(place: str) -> dict[str, Any]:
    """JupyterLab and hub that show them there."""
    nowhere = place != "own"
    trusted = ["--ZoeHub.trusted_frameworks=hostile"] if place == "trusted" else []
    return {
        "definitions": definitions(),
        "options": ["--ZoeExtension.pages_origin=sandbox"] if nowhere else [],
        "hub": [*(["--ZoeHub.pages_origin=sandbox"] if nowhere else []), *trusted],
    }


def start(window: Window, zapp: str, **body: Any) -> dict[str, Any]:
    """Start and wait until it runs."""
    made = window.lab.api("POST", "/executions", {"zapp": zapp, **body})

    def running() -> Any:
        found = window.lab.api("GET", f"/executions/{made['id']}")
        assert found["phase"] != "ended", found["reason"]
        return found if found["phase"] == "running" else None

    return window.wait_for(f"{zapp} runs", running, 180)  # type: ignore[no-any-return]


def open_tab(window: Window, execution: dict[str, Any], title: str) -> tuple[FrameLocator, Frame]:
    """Open a page from the panel; what is in its tab."""
    row = window.section("running").locator(f"[data-execution={execution['id']}]")
    row.get_by_role("button", name=title, exact=True).click(timeout=LONG)
    shown = ".jp-MainAreaWidget:not(.lm-mod-hidden) .jp-zoe-Endpoint iframe"
    expect(window.page.locator(shown)).to_be_visible(timeout=LONG)
    frame = window.page.locator(shown).element_handle().content_frame()
    assert frame
    frame.wait_for_url(re.compile(rf"/{execution['id']}/"), timeout=LONG)
    return window.page.frame_locator(shown), frame


def origin_of(frame: Frame | Page) -> str:
    """The origin of a document, as its scripts see it."""
    return str(frame.wait_for_function("() => document.readyState === 'complete' && self.origin").json_value())


def expect_place(window: Window, frame: Frame | Page, execution: dict[str, Any], place: str) -> None:
    """The page is where it is to be."""
    if place == "own":
        assert re.fullmatch(rf"http://{execution['id']}\.localhost:\d+", origin_of(frame))
    else:
        assert origin_of(frame) == "null"
        assert frame.url.startswith(f"{window.lab.url}zoe/pages/~")


def results_of(frame: Frame | Page) -> dict[str, str]:
    """What the hostile page reached, when it has tried everything."""
    frame.wait_for_function("() => window.finished", timeout=LONG)
    return frame.evaluate("() => results")  # type: ignore[no-any-return]


def jupyter(window: Window, path: str) -> Any:
    """What Jupyter says."""
    answer = httpx.get(f"{window.lab.url}{path}", headers={"Authorization": f"token {window.lab.token}"}, timeout=30)
    return answer.json()


def expect_nothing_happened(window: Window, results: dict[str, str]) -> None:
    """No attempt got anywhere, and none left a trace in Jupyter or in what the browser holds for it."""
    assert [f"{name}: {found}" for name, found in results.items() if not found.startswith("failed")] == []
    assert len(results) >= 20
    assert jupyter(window, "api/terminals") == []
    assert {each["zapp"] for each in window.lab.active()} == {"hostile"}
    assert all(each["name"] != "made-by-a-page" for each in window.lab.active())
    for_jupyter = window.page.context.cookies([window.lab.url, f"{window.lab.url}api/terminals"])
    assert for_jupyter
    assert not [cookie for cookie in for_jupyter if "evil" in cookie["value"]]
    assert window.page.context.service_workers == []
    assert window.page.url.startswith(f"{window.lab.url}lab"), "the window was not navigated away"
    assert window.page.evaluate("() => document.cookie.includes('_xsrf=') && !document.cookie.includes('evil')")
    # and whoever looked at it goes on working
    name = window.page.evaluate(
        "async () => (await window.jupyterapp.serviceManager.contents.newUntitled({type: 'directory'})).name"
    )
    assert name.startswith("Untitled")


STORE = """() => {
  const seen = {};
  for (const name of ['localStorage', 'sessionStorage']) {
    const storage = window[name];
    const before = [storage.getItem('a'), storage.length];
    storage.setItem('a', 1);
    storage.b = 'two';
    storage.removeItem('c');
    seen[name] = [before, storage.a, storage.getItem('b'), storage.key(1), Object.keys(storage), 'a' in storage,
                  storage.c === undefined, storage instanceof Storage];
    delete storage.a;
    seen[name].push(storage.getItem('a'), storage.length);
    storage.clear();
    seen[name].push(storage.length);
  }
  document.cookie = 'one=1; path=/';
  document.cookie = 'two=2; max-age=60';
  document.cookie = 'one=; expires=Thu, 01 Jan 1970 00:00:00 GMT';
  document.cookie = 'three=3';
  document.cookie = 'three=; max-age=0';
  seen.cookie = document.cookie;
  return seen;
}"""


@shown_in("own", "sandbox")
def test_pages_have_a_storage_of_their_own_or_one_in_memory(window: Window, place: str) -> None:
    execution = start(window, "plain")
    shown, frame = open_tab(window, execution, "Plain")
    expect_place(window, frame, execution, place)
    expect(shown.get_by_role("heading", name="Directory listing for /")).to_be_visible(timeout=LONG)
    assert frame.evaluate("() => document.compatMode") == "CSS1Compat", "the type of the document still comes first"
    storage = [[None, 0], "1", "two", "b", ["a", "b"], True, True, True, None, 1, 0]
    seen = frame.evaluate(STORE)
    assert (seen["localStorage"], seen["sessionStorage"]) == (storage, storage)
    if place == "sandbox":  # at its own origin it is the browser that says which cookies a frame may keep
        assert seen["cookie"] == "two=2"
        assert window.page.evaluate("() => [localStorage.getItem('b'), document.cookie.includes('two')]") == [
            None,
            False,
        ]


@pytest.fixture
def strict(window: Window) -> Iterator[Window]:
    """A window whose pages may complain: the hostile one fails a lot."""
    yield window
    own = [error for error in window.errors if "sandboxed" not in error]
    window.errors[:] = own


@shown_in("own", "sandbox")
def test_a_hostile_page_in_a_tab_gets_nowhere(strict: Window, place: str) -> None:
    execution = start(strict, "hostile")
    _, frame = open_tab(strict, execution, "Hostile")
    expect_place(strict, frame, execution, place)
    results = results_of(frame)
    strict.shot(f"hostile-{place}")
    expect_nothing_happened(strict, results)


@shown_in("own", "sandbox")
def test_a_hostile_page_in_a_window_of_its_own_gets_nowhere(strict: Window, place: str) -> None:
    execution = start(strict, "hostile")
    (endpoint,) = execution["endpoints"]
    page = strict.page.context.new_page()
    page.goto(f"{strict.lab.url.removesuffix('/user/me/')}{endpoint['path']}?lab={strict.lab.url}")
    page.wait_for_url(re.compile(rf"/{execution['id']}/web-0/web/\?lab="), timeout=LONG)
    page.wait_for_function("() => window.attack", timeout=LONG)
    expect_place(strict, page, execution, place)
    expect_nothing_happened(strict, results_of(page))


@shown_in("trusted")
def test_what_trusting_a_framework_means(strict: Window, place: str) -> None:
    assert place == "trusted"
    execution = start(strict, "hostile")
    _, frame = open_tab(strict, execution, "Hostile")
    assert origin_of(frame) == strict.lab.url.removesuffix("/user/me/")
    results = results_of(frame)
    for attempt in (
        "read the parent",
        "read the xsrf token",
        "open a terminal with the xsrf token",
        "list executions",
        "start an execution",
        "open JupyterLab in a window",
        "open JupyterLab in a frame",
        "talk to Jupyter",
    ):
        assert results[attempt].startswith("DONE"), (attempt, results[attempt])
    assert jupyter(strict, "api/terminals") != []
    # Even so it may not take over other paths, nor set Jupyter's cookies by its answers.
    assert results["register /sw.js for everything"].startswith("failed")
    assert results["register sw.js for everything"].startswith("failed")


@shown_in("own", "sandbox")
def test_streamlit(window: Window, place: str) -> None:
    execution = start(window, "streamlit")
    shown, frame = open_tab(window, execution, "Streamlit")
    expect_place(window, frame, execution, place)
    expect(shown.locator("body")).to_contain_text("counted 0 times", timeout=LONG)
    for number in (1, 2):  # over its WebSocket
        shown.get_by_role("button", name="Count").click()
        expect(shown.locator("body")).to_contain_text(f"counted {number} times", timeout=LONG)
    window.shot(f"streamlit-{place}")


@shown_in("own", "sandbox")
def test_dask(window: Window, place: str) -> None:
    execution = start(window, "dask")
    shown, frame = open_tab(window, execution, "Dask")
    expect_place(window, frame, execution, place)
    expect(shown.locator(".bk-Figure").first).to_be_visible(timeout=LONG)  # drawn from what its WebSocket says
    window.shot(f"dask-{place}")
    shown.get_by_role("link", name="Info", exact=True).click()
    expect(shown.locator("body")).to_contain_text("Scheduler", timeout=LONG)
    assert "/info/main/workers.html" in frame.url


@pytest.mark.spark
@shown_in("sandbox")  # at an origin of its own: test_attach
def test_spark(window: Window, place: str) -> None:
    execution = start(window, "spark-cluster", parameters={"workers": 1})
    shown, frame = open_tab(window, execution, "Spark master")
    expect_place(window, frame, execution, place)
    shown.get_by_role("link", name=re.compile(r"^worker-")).first.click(timeout=LONG)
    expect(shown.locator("body")).to_contain_text(re.compile(r"Running Executors \(\d"), timeout=LONG)
    assert re.search(r"/~[0-9a-f]+/[^/]+/worker-0/ui/$", frame.url)
    shown, frame = open_tab(window, execution, "Spark UI")
    shown.get_by_role("link", name="Executors").click(timeout=LONG)
    executors = shown.locator("#active-executors-table")
    expect(executors).to_contain_text("driver", timeout=LONG)  # fetched by a script, from an origin that is none
    window.shot("spark-sandbox")
    shown.get_by_role("link", name="stdout").first.click(timeout=LONG)  # which is a page of a worker
    expect(shown.locator("body")).to_contain_text("Back to Master", timeout=LONG)


@shown_in("own", "sandbox")
def test_zoe_open_in_a_terminal(window: Window, place: str) -> None:
    execution = start(window, "streamlit")
    environment = {**os.environ, "ZOE_DATA": str(window.lab.folder / "data")}
    command = [sys.executable, "-m", "jupyter_zoe.cli", "open", execution["name"], "--print"]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout
    page = window.page.context.browser.new_context().new_page()  # nobody is logged in to Jupyter there
    page.goto(printed.strip())
    expect(page.locator("body")).to_contain_text("counted 0 times", timeout=LONG)
    if place == "own":
        assert re.fullmatch(rf"http://{execution['id']}\.localhost:\d+", origin_of(page))
    else:
        assert page.url.startswith(f"{window.lab.hub['url']}/zoe/pages/~")
        assert origin_of(page) == "null"
    page.get_by_role("button", name="Count").click()
    expect(page.locator("body")).to_contain_text("counted 1 times", timeout=LONG)
    page.context.close()


@shown_in("own")
def test_a_window_that_a_page_opens_finds_its_way(window: Window, place: str) -> None:
    """What the browser keeps for a frame it does not use in a window."""
    execution = start(window, "streamlit")
    shown, frame = open_tab(window, execution, "Streamlit")
    expect_place(window, frame, execution, place)
    expect(shown.locator("body")).to_contain_text("counted 0 times", timeout=LONG)
    with window.page.context.expect_page() as opened:
        frame.evaluate("() => { window.open(location.href); }")
    expect(opened.value.locator("body")).to_contain_text("counted 0 times", timeout=LONG)
    assert origin_of(opened.value) == origin_of(frame)


@shown_in("own")
def test_jupyterlab(window: Window, place: str) -> None:
    execution = start(window, "notebook")
    shown, frame = open_tab(window, execution, "JupyterLab")
    expect_place(window, frame, execution, place)
    shown.locator(".jp-LauncherCard", has_text="Python 3").nth(1).click(timeout=LONG)
    prompt = shown.locator(".jp-CodeConsole-input .cm-content")
    expect(shown.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=LONG)
    prompt.click(position={"x": 5, "y": 5})  # its middle may lie under a question about news
    prompt.press_sequentially("6 * 7")
    prompt.press("Shift+Enter")
    expect(shown.locator(".jp-CodeConsole-content .jp-OutputArea")).to_contain_text("42", timeout=LONG)
    window.shot("jupyterlab-own")


@shown_in("sandbox")
def test_a_page_that_needs_an_origin_says_why_it_is_not_shown(window: Window, place: str) -> None:
    assert place == "sandbox"
    execution = start(window, "needy")
    row = window.section("running").locator(f"[data-execution={execution['id']}]")
    row.get_by_role("button", name="Needy", exact=True).click(timeout=LONG)
    told = window.page.locator(".Toastify__toast", has_text="needs an origin of its own")
    expect(told).to_contain_text("does not work in the sandbox.")
    told.get_by_role("button", name="More").click()
    dialog = window.page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("trusted_frameworks of the hub).")
    window.shot("page-needs-origin")
    dialog.get_by_role("button", name="Ok").click()
    expect(window.page.locator(".jp-zoe-Endpoint")).to_have_count(0)
    page = window.page.context.new_page()
    page.goto(f"{window.lab.url.removesuffix('/user/me/')}{execution['endpoints'][0]['path']}")
    expect(page.locator("main")).to_contain_text("trusted_frameworks")
