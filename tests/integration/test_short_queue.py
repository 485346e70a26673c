"""A page has many parts, and some servers let hardly a connection wait (Spark's let two): all parts come all the same.

What does not fit into the queue the kernel answers by SYN cookies: the connection stands for the proxy and not yet for
the server, so that nobody can say whose it is.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from zoe_hub.testing.hub import RunningHub, running_hub

PARTS = 12
SERVE = """
import http.server, os, time
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'part')
class Slow(http.server.ThreadingHTTPServer):
    request_queue_size = 1
    def get_request(self):
        time.sleep(0.01)
        return super().get_request()
Slow((os.environ['ZOE_BIND'], int(os.environ['PORT'])), Page).serve_forever()
"""
FRAMEWORK = f"""
framework: short
version: "1"
kind: engine
title: short
processes:
  web:
    image: any
    command: [python3, -I, -c, {json.dumps(SERVE)}]
    environment: {{ZOE_BIND: "{{{{ bind }}}}", PORT: "{{{{ port.ui }}}}"}}
    ports: {{ui: {{port: 80, protocol: http}}}}
    ready: {{http: ui, timeout: 60s}}
    resources: {{cores: 0.05, memory: 32MiB}}
    grace: 1s
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    place = tmp_path_factory.mktemp("short")
    (place / "shop").mkdir()
    (place / "shop/framework.yaml").write_text(FRAMEWORK)
    (place / "shop/zapp.yaml").write_text('zapp: short\nversion: "1"\ntitle: short\nframeworks: {short: {}}\n')
    options = [f"--ZoeHub.catalog_folders={place / 'shop'}", "--ZoeHub.idle_timeout=0"]
    with running_hub(place / "data", options=options) as hub:
        yield hub


async def test_every_part_of_a_page_comes_though_its_server_lets_hardly_a_connection_wait(hub: RunningHub) -> None:
    made = hub.post("/executions", {"zapp": "short"})
    hub.wait(made["id"], lambda seen: seen["phase"] == "running")
    client = AsyncHTTPClient(force_instance=True, max_clients=PARTS)
    headers = {"Authorization": f"Bearer {hub.token}"}
    parts = [HTTPRequest(f"{hub.url}/zoe/pages/{made['id']}/web-0/ui/{part}", headers=headers) for part in range(PARTS)]
    answers = await asyncio.gather(*(client.fetch(part, raise_error=False) for part in parts))
    assert [(answer.code, answer.body) for answer in answers] == [(200, b"part")] * PARTS
