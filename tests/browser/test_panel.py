"""The panel in JupyterLab, used as a person would: what can be started, what runs, what it prints, how it looks."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

Window = Any  # conftest.Window, which cannot be imported

TALK = """
import sys, time
for number in range(30):
    print(f"\\033[32mstep\\033[0m {number} of 30")
print("a needle in the hay")
sys.exit(3)
"""
SLEEP = "import time\nprint('asleep')\ntime.sleep(600)\n"


def start_job(window: Window, code: str, name: str) -> None:
    """Fill in the form of python-job and send it."""
    page = window.page
    window.unfold("shop").get_by_role("button", name="Start Python job").click()
    dialog = page.locator(".jp-zoe-StartDialog")
    dialog.locator("textarea").first.fill(code)
    dialog.locator("input[name=zoe-name]").fill(name)
    dialog.get_by_role("button", name="Start", exact=True).click()
    expect(dialog).to_have_count(0)


def test_nothing_runs_and_the_panel_says_what_to_do(window: Window) -> None:
    page = window.page
    expect(window.section("running")).to_contain_text("Nothing runs")
    expect(window.section("notebook")).to_contain_text("Open a notebook")
    expect(window.section("shop")).to_contain_text("Python job")
    expect(window.section("ended").locator("[aria-expanded=false]")).to_be_visible()
    frameworks = window.section("shop").locator("details", has_text="frameworks")
    frameworks.locator("summary").click()
    expect(frameworks.locator("dd", has_text="spark-notebook").first).to_contain_text("used by")
    frameworks.locator("summary").click()
    window.shot("empty-light")
    # The launcher offers what people work in.
    expect(page.locator(".jp-Launcher .jp-LauncherCard", has_text="Spark cluster")).to_be_visible()


def test_a_wrong_form_says_so_at_its_fields_and_starts_nothing(window: Window) -> None:
    page = window.page
    window.section("shop").get_by_role("button", name="Start Python job").click()
    dialog = page.locator(".jp-zoe-StartDialog")
    expect(dialog.locator("textarea").first).to_be_focused()
    send = dialog.get_by_role("button", name="Start", exact=True)
    dialog.get_by_label("Memory").fill("a lot")
    send.click()
    expect(dialog.locator(".jp-zoe-Field", has=page.get_by_label("Memory")).last).to_contain_text("512MiB")
    window.shot("form-errors")
    dialog.get_by_label("Memory").fill("256MiB")
    send.click()
    expect(dialog.locator(".jp-zoe-Field", has=page.get_by_label("Program")).last).to_contain_text(
        "exactly one of code, file and module"
    )
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert window.lab.active() == []


def test_a_job_is_started_through_the_form_and_its_result_and_logs_stay(window: Window) -> None:
    page = window.page
    start_job(window, TALK, "talker")
    ended = window.unfold("ended")
    row = ended.locator(".jp-zoe-Execution", has_text="talker").first
    expect(row).to_contain_text("Failed", timeout=60_000)
    expect(row).to_contain_text("exit code 3")
    expect(page.locator(".Toastify__toast", has_text="talker has failed")).to_be_visible()
    row.get_by_role("button", name="Logs of talker").click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("a needle in the hay")
    expect(log.locator(".ansi-green-fg").first).to_have_text("step")
    expect(page.locator(".jp-zoe-Logs-status")).to_contain_text("exit code 3")
    assert log.evaluate("node => node.scrollHeight - node.scrollTop - node.clientHeight") < 30, "the end is shown"
    # JupyterLab's own search finds in it.
    window.command("documentsearch:start")
    page.locator(".jp-DocumentSearch-input").first.fill("needle")
    expect(page.locator(".jp-DocumentSearch-index-counter")).to_contain_text("1/1")
    window.shot("logs")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the whole output").click()
    assert download.value.suggested_filename == "talker-job-0.log"
    assert "needle" in download.value.path().read_text()


def test_logs_are_followed_and_keep_their_place_when_scrolled_up(window: Window) -> None:
    page = window.page
    go = window.lab.root / "go"
    code = f"""
import pathlib, time
for n in range(6000): print("line", n)
while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.05)
for n in range(300): print("more", n)
time.sleep(600)
"""
    start_job(window, code, "writer")
    window.section("running").get_by_role("button", name="Logs of writer").click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("line 5999", timeout=60_000)
    assert log.locator("pre > div").count() <= 5000, "the page holds the last lines only"
    log.evaluate("node => { node.scrollTop = node.scrollHeight / 2; }")
    first = (
        "node => { const top = node.getBoundingClientRect().top; return [...node.querySelectorAll('pre >"
        " div')].find(line => line.getBoundingClientRect().top >= top).textContent; }"
    )
    before = log.evaluate(first)
    go.touch()
    expect(log).to_contain_text("more 299")
    assert log.evaluate(first) == before, "the place that was being read stays"
    page.get_by_role("button", name="Go to the end and follow").click()
    window.wait_for(
        "the end is shown", lambda: log.evaluate("node => node.scrollHeight - node.scrollTop - node.clientHeight") < 30
    )


def test_what_runs_is_shown_live_without_polling_and_can_be_stopped(window: Window) -> None:
    page = window.page
    window.lab.api("POST", "/executions", {"zapp": "python-job", "name": "elsewhere", "parameters": {"code": SLEEP}})
    row = window.section("running").locator(".jp-zoe-Execution", has_text="elsewhere")
    expect(row).to_contain_text("Running", timeout=60_000)
    expect(row).to_contain_text("1 of 1 ready")
    for _ in range(20):  # an event that came during the last look is looked at once more
        window.requests.clear()
        page.wait_for_timeout(500)
        if not window.requests:
            break
    page.wait_for_timeout(3000)  # the subject of the test: what happens while nothing happens
    assert [url for url in window.requests if "/zoe/" in url] == []
    row.get_by_role("button", name="Stop elsewhere").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("Stop elsewhere?")
    dialog.get_by_role("button", name="Stop").click()
    expect(row).to_have_count(0, timeout=60_000)
    over = window.unfold("ended").locator(".jp-zoe-Execution", has_text="elsewhere").first
    expect(over).to_contain_text("Stopped")
    assert [item["outcome"] for item in window.lab.api("GET", "/executions?name=elsewhere")["items"]] == ["cancelled"]


def test_the_log_of_what_ended_long_ago_says_how_it_ended(window: Window) -> None:
    job = {"zapp": "python-job", "parameters": {"code": "print('long ago')"}}
    made = [window.lab.api("POST", "/executions", job) for _ in range(25)]  # more than the panel lists
    window.wait_for("all have ended", lambda: not window.lab.active(), 120)
    oldest = made[0]["id"]
    expect(window.unfold("ended").locator(f"[data-execution={made[-1]['id']}]")).to_be_visible(timeout=60_000)
    expect(window.unfold("ended").locator(f"[data-execution={oldest}]")).to_have_count(0)
    window.command("zoe:logs", execution=oldest)
    expect(window.page.get_by_role("log")).to_contain_text("long ago", timeout=60_000)
    expect(window.page.locator(".jp-zoe-Logs-status")).to_contain_text("The process has ended: exit code 0")


def test_places_in_the_queue_are_live(window: Window) -> None:
    cores = sum(node["cores"] for node in window.lab.api("GET", "/nodes")["items"])
    names = ("takes-all", "waits-next", "waits-second", "waits-third")
    made = [
        window.lab.api(
            "POST", "/executions", {"zapp": "python-job", "name": name, "parameters": {"code": SLEEP, "cores": cores}}
        )
        for name in names
    ]
    rows = [window.section("running").locator(f"[data-execution={each['id']}]") for each in made]
    expect(rows[0]).to_contain_text("Running", timeout=60_000)
    expect(rows[1]).to_contain_text("queued at position 1:")
    expect(rows[3]).to_contain_text("queued at position 3: waits behind waits-next")
    rows[0].get_by_role("button", name="Stop takes-all").click()
    window.page.locator(".jp-Dialog").get_by_role("button", name="Stop").click()
    expect(rows[1]).to_contain_text("Running", timeout=60_000)
    expect(rows[3]).to_contain_text("queued at position 2: waits behind waits-second")


def test_the_hub_is_killed_and_the_panel_goes_on_by_itself(window: Window) -> None:
    window.lab.api("POST", "/executions", {"zapp": "python-job", "name": "survivor", "parameters": {"code": SLEEP}})
    running = window.section("running")
    expect(running.locator(".jp-zoe-Execution", has_text="survivor")).to_contain_text("Running", timeout=60_000)
    runtime = window.lab.folder / "data/hub.json"
    before = json.loads(runtime.read_text())["pid"]
    os.kill(before, signal.SIGKILL)
    window.wait_for(
        "another hub runs",
        lambda: window.page.wait_for_timeout(100) or json.loads(runtime.read_text())["pid"] != before,
        60,
    )
    window.lab.api("POST", "/executions", {"zapp": "python-job", "name": "newcomer", "parameters": {"code": SLEEP}})
    expect(running.locator(".jp-zoe-Execution", has_text="newcomer")).to_contain_text("Running", timeout=60_000)
    expect(running.locator(".jp-zoe-Execution", has_text="survivor")).to_contain_text("Running")
    expect(window.page.locator(".jp-zoe-View > .jp-zoe-Problem")).to_have_count(0)


def test_the_page_comes_back_with_its_logs_and_needs_no_second_login(window: Window) -> None:
    page = window.page
    start_job(window, SLEEP, "sleeper")
    with page.expect_request(
        lambda request: (
            request.method == "PUT"
            and "/lab/api/workspaces" in request.url
            and "jupyter-zoe-logs" in (request.post_data or "")
        )
    ):
        window.section("running").get_by_role("button", name="Logs of sleeper").click()
        expect(page.get_by_role("log")).to_contain_text("asleep", timeout=60_000)
    page.goto(f"{window.lab.url}lab")
    expect(page.get_by_role("log")).to_contain_text("asleep", timeout=60_000)


def test_everything_can_be_reached_by_keyboard_and_is_named(window: Window) -> None:
    page = window.page
    window.lab.api("POST", "/executions", {"zapp": "python-job", "name": "named", "parameters": {"code": SLEEP}})
    expect(window.section("running")).to_contain_text("named", timeout=60_000)
    panel = page.locator("#jupyter-zoe-panel")
    names = panel.locator("button, input, select").evaluate_all(
        "nodes => nodes.map(node => [node.outerHTML.slice(0, 120), (node.getAttribute('aria-label') || node.textContent"
        " || node.closest('label')?.textContent || '').trim()])"
    )
    assert [html for html, name in names if not name] == []
    window.section("notebook").locator(".jp-zoe-Section-title button").focus()
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent")
        )
    assert any("Logs of named" in name for name in seen), seen
    assert any("Stop named" in name for name in seen), seen


def test_who_types_before_the_browser_is_idle_keeps_the_focus(window: Window) -> None:
    """JupyterLab gives a dialog its focus at that moment, which on a busy machine is much later than people begin."""
    page = window.page
    page.evaluate("() => { window.held = []; window.requestIdleCallback = call => window.held.push(call); }")
    window.unfold("shop").get_by_role("button", name="Start Python job").click()
    dialog = page.locator(".jp-zoe-StartDialog")
    expect(dialog.locator("textarea").first).to_be_focused()
    name = dialog.locator("input[name=zoe-name]")
    name.press_sequentially("ab")
    assert page.evaluate("() => window.held.splice(0).map(call => call()).length") > 0
    page.keyboard.type("cd")
    expect(name).to_have_value("abcd")
    page.keyboard.press("Escape")


FOCUSED = "document.activeElement.closest('.jp-zoe-Section')?.dataset.section"


def test_the_keyboard_stays_where_it_was_when_the_panel_is_drawn_anew(window: Window) -> None:
    page = window.page
    for name in ("first", "second"):
        window.lab.api("POST", "/executions", {"zapp": "python-job", "name": name, "parameters": {"code": SLEEP}})
    running = window.section("running")
    expect(running.get_by_role("button", name="Stop first")).to_be_enabled(timeout=60_000)
    running.get_by_role("button", name="Stop first").focus()
    window.lab.api("POST", "/executions", {"zapp": "python-job", "name": "third", "parameters": {"code": SLEEP}})
    expect(running.get_by_role("button", name="Stop third")).to_be_visible(timeout=60_000)
    expect(running.get_by_role("button", name="Stop first")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Dialog")).to_contain_text("Stop first?")
    page.keyboard.press("Enter")
    expect(running.locator(".jp-zoe-Execution", has_text="first")).to_have_count(0, timeout=60_000)
    # What had the focus is gone; it is at another control of this section, not at the beginning of the page.
    assert page.evaluate(FOCUSED) == "running"


def test_a_dialog_gives_the_keyboard_back_to_the_panel_also_when_the_control_is_gone(window: Window) -> None:
    page = window.page
    body = {"zapp": "python-job", "parameters": {"code": SLEEP}}
    first, _ = (window.lab.api("POST", "/executions", {**body, "name": name}) for name in ("first", "second"))
    running = window.section("running")
    running.get_by_role("button", name="Stop first").press("Enter", timeout=60_000)
    expect(page.locator(".jp-Dialog")).to_contain_text("Stop first?")
    window.lab.api("POST", f"/executions/{first['id']}/terminate")
    expect(running.locator(".jp-zoe-Execution", has_text="first")).to_have_count(0, timeout=60_000)
    page.keyboard.press("Escape")
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    page.wait_for_function(f"() => ({FOCUSED}) === 'running'")


@pytest.mark.parametrize(("theme", "name"), [("JupyterLab Light", "light"), ("JupyterLab Dark", "dark")])
def test_how_it_looks(window: Window, theme: str, name: str) -> None:
    page = window.page
    page.evaluate(
        "() => window.jupyterapp.commands.execute('notebook:create-new', {kernelName: 'python3'}).then(() => undefined)"
    )
    window.theme(theme)
    start_job(window, SLEEP, "nightly-report")
    expect(window.section("running").locator(".jp-zoe-Execution")).to_contain_text("Running", timeout=60_000)
    expect(window.section("notebook").get_by_role("button", name="Attach")).to_be_enabled(timeout=60_000)
    page.locator("#jupyter-zoe-panel .jp-SidePanel-content").evaluate("node => { node.scrollTop = 0; }")
    picture = window.shot(f"panel-{name}")
    if name == "light":
        window.publish(picture, "panel")
    window.section("shop").get_by_role("button", name="Start Spark cluster").click()
    expect(page.locator(".jp-zoe-StartDialog")).to_be_visible()
    window.shot(f"form-{name}")
    page.keyboard.press("Escape")
    # Narrow: nothing is cut off at 200 pixels, for those whose style lets a sidebar be that small.
    page.add_style_tag(content="body { --jp-sidebar-min-width: 180px; }")
    panel = page.locator("#jupyter-zoe-panel")
    for visible in (False, True):  # JupyterLab looks at the style again
        window.command("application:toggle-left-area")
        expect(panel).to_be_visible(visible=visible)
    edge = panel.bounding_box()
    page.mouse.move(edge["x"] + edge["width"] + 1, 600)
    page.mouse.down()
    page.mouse.move(edge["x"] + 200, 600, steps=5)
    page.mouse.up()
    window.wait_for("the panel is narrow", lambda: 150 <= panel.bounding_box()["width"] <= 230)
    assert panel.locator(".jp-SidePanel-content").evaluate("node => node.scrollWidth <= node.clientWidth")
    cut = panel.locator("button").evaluate_all(
        "nodes => nodes.filter(node => node.offsetParent && node.getBoundingClientRect().right >"
        " document.querySelector('#jupyter-zoe-panel').getBoundingClientRect().right + 1).map(node =>"
        " node.outerHTML.slice(0, 100))"
    )
    assert cut == []
    window.shot(f"narrow-{name}")
