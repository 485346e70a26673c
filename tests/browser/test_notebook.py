"""What the panel does for the open notebook beside the main path: few requests, a restarted kernel, errors, detaching
by mouse.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.spark, pytest.mark.timeout(600)]

Window = Any  # conftest.Window, which cannot be imported


def open_notebook(window: Window) -> Any:
    """A new notebook with an idle kernel; its section of the panel."""
    window.page.evaluate(
        "() => window.jupyterapp.commands.execute('notebook:create-new', {kernelName: 'python3'}).then(() => undefined)"
    )
    section = window.section("notebook")
    expect(section.get_by_role("button", name="Attach", exact=True)).to_be_enabled(timeout=60_000)
    return section


def run_cell(window: Window, code: str, result: str) -> None:
    """Write into the last cell, run it and wait for its result."""
    page = window.page
    page.locator(".jp-NotebookPanel:visible .jp-CodeCell .cm-content").last.click()
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-NotebookPanel:visible .jp-OutputArea-output", has_text=result).last).to_be_visible(
        timeout=120_000
    )


def test_a_notebook_is_attached_grown_reconnected_and_detached_by_mouse(window: Window) -> None:
    page = window.page
    section = open_notebook(window)
    progress = section.locator(".jp-zoe-Progress")
    workers = section.get_by_label("Workers")
    workers.click()
    workers.press("End")
    workers.press("Backspace")
    expect(workers).to_have_value("")  # while another number is typed
    workers.press("1")
    expect(workers).to_have_value("1")
    section.get_by_role("button", name="Attach", exact=True).click()
    cluster = section.locator(".jp-zoe-Execution")
    expect(cluster).to_be_visible(timeout=60_000)
    expect(progress).to_contain_text("Attaching to spark-cluster-")
    expect(page.locator(".jp-zoe-StatusItem")).to_contain_text("Attaching to spark-cluster-")
    window.shot("attaching")
    expect(progress).to_have_count(0, timeout=180_000)
    expect(section.get_by_role("alert")).to_have_count(0)
    window.requests.clear()
    more = section.get_by_role("button", name="One worker more")
    more.evaluate("button => { button.click(); button.click(); }")  # at once, however slow the machine is
    expect(section.locator(".jp-zoe-Scale-ready")).to_have_text("3 ready", timeout=120_000)
    assert len([request for request in window.requests if request.endswith("/scale")]) == 1, (
        "two clicks are one request"
    )
    # A restarted kernel has lost its session; the panel still knows the cluster and gives it a new one.
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(cluster).to_be_visible()
    again = section.get_by_role("button", name="Reconnect")
    expect(again).to_be_enabled(timeout=60_000)
    again.click()
    expect(progress).to_be_visible()
    expect(progress).to_have_count(0, timeout=60_000)
    expect(section.get_by_role("alert")).to_have_count(0)
    (execution,) = window.lab.active()
    run_cell(window, "print('restarted:', spark.range(3000).count())", "restarted: 3000")
    window.shot("reconnected")
    # The cluster stands in the panel once, and beside the panel in the status bar and the notebook's toolbar.
    expect(page.locator(f"#jupyter-zoe-panel [data-execution={execution['id']}]")).to_have_count(1)
    expect(window.section("running")).to_contain_text("Nothing else runs.")
    words = f"{execution['name']} · 3 workers"
    expect(page.locator(".jp-zoe-StatusItem")).to_have_text(words)
    tool = page.locator(".jp-zoe-ToolbarItem")
    button = tool.locator(".jp-ToolbarButtonComponent")
    expect(tool.get_by_role("button", name=words)).to_be_visible()
    button.click()
    menu = page.locator(".lm-Menu")
    for item in ("Scale…", "Show Logs", "Spark master", "Connect the Kernel Again", "Detach this Notebook…"):
        expect(menu.get_by_text(item, exact=True)).to_be_visible()
    window.shot("menu")
    menu.get_by_text("Scale…").click()
    page.locator(".jp-Dialog input").fill("2")
    page.locator(".jp-Dialog").get_by_role("button", name="Ok").click()
    expect(tool.get_by_role("button", name=f"{execution['name']} · 2 workers")).to_be_visible(timeout=60_000)
    expect(button).to_be_focused()
    title = section.locator(".jp-zoe-Section-title button")
    title.click()
    expect(title).to_have_attribute("aria-expanded", "false")
    window.command("filebrowser:activate")
    page.locator(".jp-zoe-StatusItem").click()
    expect(title).to_be_focused()
    expect(title).to_have_attribute("aria-expanded", "true")
    section.get_by_role("button", name="Detach").click()
    page.locator(".jp-Dialog").get_by_role("button", name="Detach").click()
    expect(section.get_by_role("button", name="Attach", exact=True)).to_be_visible(timeout=120_000)
    expect(page.locator(".jp-zoe-StatusItem")).to_be_hidden()
    expect(tool.get_by_role("button", name="Attach", exact=True)).to_be_visible()
    window.wait_for("the cluster ends", lambda: not window.lab.active(), 60)


def test_what_goes_wrong_in_the_kernel_is_told_in_the_panel(window: Window) -> None:
    section = open_notebook(window)
    window.command("zoe:attach", zapp="spark-cluster", workers=1_000_000)
    alert = section.get_by_role("alert")
    expect(alert).to_contain_text("workers must be at most", timeout=60_000)
    expect(alert).not_to_contain_text("Traceback")
    alert.get_by_role("button", name="Dismiss").click()
    expect(alert).to_have_count(0)
    assert window.lab.active() == []


def test_the_worker_control_is_the_shown_notebooks(window: Window) -> None:
    page = window.page
    sections = []
    for _ in range(2):
        open_notebook(window)
        path = page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
        made = window.lab.api(
            "POST", "/attachments", {"zapp": "spark-cluster", "key": path, "parameters": {"workers": 1}}
        )
        sections.append((path, made["execution"]["id"]))
    (first, one), (_, other) = sections
    section = window.section("notebook")
    number = section.locator(".jp-zoe-Scale-number")
    expect(number).to_have_value("1", timeout=60_000)
    # A click that is not sent yet is meant for the notebook that was shown, also if another one is shown at once.
    shown = page.evaluate(
        """async path => {
            document.querySelector('[data-section="notebook"] button[aria-label="One worker more"]').click();
            await window.jupyterapp.commands.execute('docmanager:open', { path });
            const name = document.querySelector('[data-section="notebook"] .jp-zoe-Notebook-name');
            while (name.title !== path) {
                await new Promise(resolve => requestAnimationFrame(resolve));
            }
            return document.querySelector('[data-section="notebook"] .jp-zoe-Scale-number').value;
        }""",
        first,
    )
    assert shown == "1", "not the number that was asked for the other one"

    def count(identifier: str) -> int:
        return next(
            group["count"]
            for group in window.lab.api("GET", f"/executions/{identifier}")["groups"]
            if group["name"] == "worker"
        )

    window.wait_for("the other notebook's cluster grows", lambda: count(other) == 2)
    expect(section).to_contain_text(first.rpartition("/")[2])
    expect(number).to_have_value("1")
    assert count(one) == 1
