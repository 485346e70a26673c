"""What is said of a process that does not become ready: what it answered when it was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoe_hub.testing.hub import running_hub

FRAMEWORK = """
framework: slow
version: "1"
kind: engine
title: Slow
parameters:
  program: {type: string}
processes:
  main:
    image: any
    command: [python, -c, "{{ program }}", "{{ port.web }}"]
    ports:
      web: {port: 8000, protocol: http}
    ready: {http: web, path: /health, timeout: 3s}
    restart: {limit: 0}
    grace: 1s
"""
ZAPP = "zapp: slow\nversion: '1'\ntitle: Slow\nframeworks:\n  slow: {ask: [program]}\n"
SERVER = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    connection.recv(10000)
    connection.sendall({answer!r})
    connection.close()
"""
NEVER = "import time\ntime.sleep(60)\n"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (SERVER.format(answer=b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), "answered 503"),
        (SERVER.format(answer=b"SSH-2.0-OpenSSH\r\n\r\n"), "answered something that is not HTTP"),
        (SERVER.format(answer=b""), "ended the connection before it had answered"),
        (NEVER, "did not accept a connection"),
    ],
    ids=["status", "no-http", "nothing", "nobody"],
)
def test_the_reason_says_what_the_process_answered(tmp_path: Path, program: str, said: str) -> None:
    folder = tmp_path / "shop" / "slow"
    folder.mkdir(parents=True)
    (folder / "framework.yaml").write_text(FRAMEWORK)
    (folder / "zapp.yaml").write_text(ZAPP)
    with running_hub(tmp_path / "data", options=[f"--ZoeHub.catalog_folders={tmp_path / 'shop'}"]) as hub:
        made = hub.post("/executions", {"zapp": "slow", "parameters": {"program": program}})
        ended = hub.wait(made["id"], lambda seen: seen["phase"] == "ended")
    assert "was not ready within 3 s; waited for http page /health on port web" in ended["reason"]["words"]
    assert f"the last time it {said}" in ended["reason"]["words"]
