"""A shop that changes under a hub that runs: what an admin writes works within moments, and whoever listens is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from zoe_hub.testing.hub import RunningHub, running_hub

FRAMEWORK = """
framework: hello
version: "1"
kind: job
title: Hello
processes:
  main:
    image: any
    command: [echo, hello]
    decides_result: true
"""
ZAPP = "zapp: hello\nversion: '1'\ntitle: Hello\nends: true\nframeworks:\n  hello: {}\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


@pytest.fixture
def hub(tmp_path: Path, shop: Path) -> Iterator[RunningHub]:
    options = ["--backend=fake", f"--ZoeHub.catalog_folders={shop}", "--ShopWatch.interval=0.05"]
    with running_hub(tmp_path / "data", options=options) as hub:
        yield hub


def changes(hub: RunningHub, since: int) -> Iterator[dict[str, int]]:
    """Facts of the events about the shop, as they come."""
    headers = {"Authorization": f"Bearer {hub.token}"}
    with httpx.stream("GET", f"{hub.url}/api/v1/events?since={since}", headers=headers, timeout=30) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                event = json.loads(line.removeprefix("data:"))
                if event["kind"] == "catalog.changed":
                    yield event["reason"]["facts"]


def test_what_is_written_into_the_shop_works_and_is_told(hub: RunningHub, shop: Path) -> None:
    before = len(hub.get("/zapps")["items"])
    news = changes(hub, 0)
    (shop / "hello").mkdir()
    (shop / "hello" / "framework.yaml").write_text(FRAMEWORK)
    (shop / "hello" / "zapp.yaml").write_text(ZAPP)
    assert any(facts["zapps"] == before + 1 for facts in news)
    made = hub.post("/executions", {"zapp": "hello"})
    hub.wait(made["id"], lambda seen: seen["phase"] != "queued")

    (shop / "hello" / "zapp.yaml").write_text("zapp: [")  # a mistake costs this one alone, and is shown
    assert any((facts["zapps"], facts["problems"]) == (before, 1) for facts in news)
    assert hub.get("/zapps")["problems"][0]["file"].endswith("hello/zapp.yaml")
    assert hub.get(f"/executions/{made['id']}")["title"] == "Hello", "what was started stays what it was"

    (shop / "hello" / "zapp.yaml").unlink()
    assert any((facts["zapps"], facts["problems"]) == (before, 0) for facts in news)
