"""A JupyterLab that the hub runs, in a tab of the one the user sits in: behind two proxies, with the same hub and
owner, and a Spark cluster for a notebook in there."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.spark, pytest.mark.timeout(600)]

Window = Any  # conftest.Window, which cannot be imported
LONG = 90_000  # milliseconds: a JupyterLab and a kernel start on a busy machine


def test_a_jupyterlab_of_the_hub_works_in_a_tab_and_its_kernels_use_the_same_hub(window: Window) -> None:
    made = window.lab.api(
        "POST",
        "/executions",
        {"zapp": "notebook", "name": "mine", "parameters": {"kernels": ["python3"], "root": str(window.lab.root)}},
    )
    running = window.section("running")
    link = running.get_by_role("button", name="JupyterLab").first
    expect(link).to_be_enabled(timeout=LONG)
    link.click()
    inner = window.page.frame_locator(".jp-MainAreaWidget:not(.lm-mod-hidden) .jp-zoe-Endpoint iframe")
    inner.locator('.jp-LauncherCard[data-category="Notebook"]').first.click(timeout=LONG)
    expect(inner.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(
        timeout=LONG
    )  # a cell that is run before runs nothing
    seen = run(inner, 0, "%zoe ps ")
    expect(seen).to_contain_text("mine", timeout=LONG)
    expect(seen).to_contain_text("running")
    window.shot("inner-jupyterlab")
    expect(run(inner, 1, "%zoe attach spark --workers 1 ")).to_contain_text("spark-cluster-", timeout=LONG)
    expect(run(inner, 2, "spark.range(1001).selectExpr('sum(id) AS total').toPandas()")).to_contain_text(
        "500500", timeout=LONG
    )
    window.shot("inner-jupyterlab-attached")
    assert {(each["zapp"], each["owner"]) for each in window.lab.active()} == {
        ("notebook", made["owner"]),
        ("spark-cluster", made["owner"]),
    }


def run(inner: FrameLocator, number: int, code: str) -> Locator:
    """Run code in a cell of the notebook, which makes the next one; what it answers."""
    cell = inner.locator(".jp-Notebook .jp-CodeCell").nth(number)
    editor = cell.locator(".cm-content")
    editor.click()
    editor.press_sequentially(code)
    expect(editor).to_contain_text(code.strip())
    editor.press("Shift+Enter")
    return cell.locator(".jp-OutputArea")
