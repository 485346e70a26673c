"""A JupyterLab that the hub runs, in a tab of the one the user sits in: behind two proxies, with the same hub and owner."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

Window = Any  # conftest.Window, which cannot be imported
LONG = 90_000  # milliseconds: a JupyterLab and a kernel start on a busy machine


def test_a_jupyterlab_of_the_hub_works_in_a_tab_and_its_kernels_use_the_same_hub(window: Window) -> None:
    made = window.lab.api("POST", "/executions", {"zapp": "notebook", "name": "mine", "parameters": {"kernels": ["python3"], "root": str(window.lab.root)}})
    running = window.section("running")
    link = running.get_by_role("button", name="JupyterLab").first
    expect(link).to_be_enabled(timeout=LONG)
    link.click()
    inner = window.page.frame_locator(f'.jp-MainAreaWidget:not(.lm-mod-hidden) iframe[src*="/pages/{made["id"]}/"]')
    inner.locator('.jp-LauncherCard[data-category="Notebook"]').first.click(timeout=LONG)
    cell = inner.locator(".jp-Notebook .jp-CodeCell").first
    expect(inner.locator('.jp-NotebookPanel .jp-Notebook-ExecutionIndicator').first).to_be_visible(timeout=LONG)
    editor = cell.locator(".cm-content")
    editor.click()
    editor.press_sequentially("%zoe ps ")
    expect(editor).to_contain_text("%zoe ps")
    editor.press("Shift+Enter")
    expect(cell.locator(".jp-OutputArea")).to_contain_text("mine", timeout=LONG)
    expect(cell.locator(".jp-OutputArea")).to_contain_text("running")
    window.shot("inner-jupyterlab")
