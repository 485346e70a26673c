"""A cluster that nobody uses: its countdown and the reason in panel and status bar, the button that keeps it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.spark, pytest.mark.timeout(600)]

Window = Any  # conftest.Window, which cannot be imported


@pytest.fixture(scope="module")
def setup() -> dict[str, str]:
    """Time enough to click, and no more."""
    return {"config": "c.Leases.ttl = 15\nc.Leases.shrink_after = 40\nc.Leases.end_after = 3600\n"}


def test_what_nobody_uses_is_counted_down_and_kept_by_a_button(window: Window) -> None:
    page = window.page
    page.evaluate(
        "() => window.jupyterapp.commands.execute('notebook:create-new', {kernelName: 'python3'}).then(() => undefined)"
    )
    section = window.section("notebook")
    expect(section.get_by_role("button", name="Attach", exact=True)).to_be_enabled(timeout=60_000)
    path, kernel = page.evaluate(
        "() => { const { context, sessionContext } = window.jupyterapp.shell.currentWidget;"
        " return [context.path, sessionContext.session.kernel.id]; }"
    )
    key = str(window.lab.root / path)
    asked = {"zapp": "spark-cluster", "key": key, "kernel": kernel, "parameters": {"workers": 2}}
    made = window.lab.api("POST", "/attachments", asked)
    name = made["execution"]["name"]
    card = section.locator(f"[data-execution={made['execution']['id']}]")
    countdown = card.locator(".jp-zoe-Idle")
    expect(countdown).to_contain_text("shrinks in", timeout=120_000)
    expect(countdown).to_have_attribute(
        "title",
        re.compile(f"No kernel, query, job or terminal has used {name} for .* it keeps its essential processes"),
    )
    item = page.locator("#jp-main-statusbar .jp-zoe-Idle")
    expect(item).to_contain_text("shrinks in")
    window.publish(window.shot("countdown"), "countdown")
    item.get_by_role("button", name=f"Keep {name}").click()
    expect(countdown).to_have_count(0)
    expect(item).to_be_hidden()
    assert [each["idle"] for each in window.lab.active()] == [None]
    # Its clock begins anew; whoever does nothing sees it shrink, and what follows then.
    expect(countdown).to_contain_text("shrinks in", timeout=60_000)
    expect(card.locator(".jp-zoe-Scale-number")).to_have_value("1", timeout=60_000)
    expect(countdown).to_contain_text("ends in", timeout=120_000)
