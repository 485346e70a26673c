"""Whatever stands in a path, a query, a header or a body: the hub answers it, or says what is wrong. It never fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_type_hints
from urllib.parse import quote

import httpx
import msgspec
import pytest

from zoe_hub.contract.operations import OPERATIONS
from zoe_hub.contract.table import PREFIX, Operation
from zoe_hub.store.sql import SQLStore

TEXTS = [
    "",
    "-1",
    "0",
    "1e400",
    "nan",
    "9" * 19,  # beyond 64 bits with a sign
    str(2**63),
    str(2**64),
    "-" + "9" * 30,
    "9" * 5000,  # which Python refuses to read
    "1." + "9" * 5000,
    "٣",  # a digit to str.isdigit, not to HTTP
    "²",
    "a\0b",
    "line\nbreak",
    "\u2028",
    "\x85",
    "é",
    "💩",
    "\u202etxt.exe",
    "\x1b[31m",
    "⟦secret:inner⟧",
    "..",
    "%",
    "x" * 3000,
]
DEEP = "[" * 900 + "]" * 900
SENT = [  # JSON as it stands in a body: some of it no library would write
    *map(json.dumps, ("", "9" * 5000, "1." + "9" * 5000, "a\0b", "\u2028", "\u202e⟦secret:inner⟧\x1b[31m", "x" * 3000)),
    '"\\ud800"',
    '"\\udc00\\ud800"',
    "1" * 5000,
    "-" + "1" * 5000,
    "1e999",
    "1e308",
    "-1",
    str(2**63),
    str(2**64),
    "null",
    DEEP,
    '{"a":' * 900 + "1" + "}" * 900,
    "{}",
    "[]",
    '{"":""}',
    '{"\\ud800":1}',
    json.dumps({"a\0\u2028": "\u2028"}),
]
FULL: dict[str, dict[str, Any]] = {
    "start_execution": {"zapp": "cluster", "parameters": {}, "labels": {}},
    "scale_execution": {"count": 2},
    "terminate_execution": {"confirm": "not its name"},
    "attach": {"key": "a.ipynb", "execution": "EXECUTION", "versions": {"simpy": "4.1"}},
    "plan": {"start": {"zapp": "cluster"}},
    "create_ticket": {"path": "/zoe/pages/EXECUTION/main-0/web/"},
    "report_holders": {"holders": [{"kernel": "k", "kind": "notebook", "key": "a.ipynb"}]},
}


class Walk:
    """Asks one operation in all ways."""

    def __init__(self, client: httpx.AsyncClient, operation: Operation, execution: str, attachment: str) -> None:
        self.client, self.operation = client, operation
        values = {"execution": execution, "attachment": attachment, "process": "main-0", "zapp": "cluster"}
        self.values = {name: values.get(name, "sim") for name in operation.parameters}
        self.body = json.loads(json.dumps(FULL.get(operation.id, {})).replace("EXECUTION", execution))
        self.failures: list[str] = []
        self.asked = 0

    async def ask(self, what: str, *, query: str = "", body: str | None = None, **given: Any) -> None:
        """Send one request. What a server's own log would call an incident is noted."""
        path = self.operation.path.format(**given.pop("path", self.values))
        headers = {"Content-Type": "application/json", **given.pop("headers", {})}
        content = (json.dumps(self.body) if body is None else body).encode() if self.operation.input else None
        url = f"{PREFIX}{path}{'?' + query if query else ''}"
        try:
            async with self.client.stream(
                self.operation.method, url, content=content, headers=headers, timeout=10
            ) as answer:
                self.asked += 1
                if answer.status_code >= 500:
                    await answer.aread()
                    self.failures.append(f"{self.operation.id}: {what}: {answer.status_code} {answer.text}")
        except httpx.HTTPError as error:
            self.failures.append(f"{self.operation.id}: {what}: {error!r}")

    async def paths(self) -> None:
        """Each name in the path."""
        for name in self.values:
            for text in TEXTS:
                if text:
                    await self.ask(f"{name} {text[:30]!r}", path={**self.values, name: quote(text, safe="")})

    async def queries(self) -> None:
        """Each parameter of the query."""
        for name in get_type_hints(self.operation.query) if self.operation.query else ():
            for text in TEXTS:
                await self.ask(f"?{name}={text[:30]!r}", query=f"{name}={quote(text, safe='')}")
        await self.ask("a query that is no UTF-8", query="%ff=%ff")

    async def headers(self) -> None:
        """Each header that says something to the hub."""
        for name in ("If-None-Match", "Content-Type", "Origin", *(header.name for header in self.operation.headers)):
            for text in TEXTS:
                value = text.encode()
                if not any(byte < 32 or byte == 127 for byte in value):  # which the client would not send
                    await self.ask(f"{name}: {text[:30]!r}", headers={name: value})
        await self.ask("Range", headers={"Range": f"bytes={'9' * 18}-{'9' * 18}"})

    async def bodies(self) -> None:
        """Each member of the body, each member of what is in it, and each place of a mapping or list."""
        if self.operation.input is None:
            return
        for text in SENT:
            await self.ask(f"body {text[:30]}", body=text)
        for template in _templates(self.operation.input, self.body):
            for text in SENT:
                await self.ask(f"{template} {text[:30]}", body=template.replace('"@"', text))


def _templates(kind: type[msgspec.Struct], body: dict[str, Any]) -> Iterator[str]:
    """Bodies with ``"@"`` at each place in turn."""
    for name, hint in get_type_hints(kind).items():
        rest = {key: value for key, value in body.items() if key != name}
        yield json.dumps({**rest, name: "@"})
        if "dict" in str(hint):
            yield json.dumps({**rest, name: {"@": "x"}})  # as a key
            yield json.dumps({**rest, name: {"line": "@"}})
            yield json.dumps({**rest, name: {"workers": "@", "simpy": "@"}})
        if "tuple" in str(hint):
            yield json.dumps({**rest, name: ["@"]})
        inner = [each for each in (hint, *getattr(hint, "__args__", ())) if isinstance(each, type)]
        for struct in inner:
            if issubclass(struct, msgspec.Struct):
                known = body.get(name)
                first = known[0] if isinstance(known, list) and known else known if isinstance(known, dict) else {}
                for template in _templates(struct, first):
                    value = json.loads(template)
                    yield json.dumps({**rest, name: [value] if isinstance(known, list) else value})


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
async def test_nothing_that_is_sent_makes_the_hub_fail(make_world, tmp_path, operation, caplog):
    world = make_world(make_store=lambda: SQLStore(tmp_path / "zoe.db"))
    await world.start()
    try:
        client = await world.client("root")
        execution = (await world.running(client))["id"]
        attached = (await client.post("/attachments", json={"key": "a.ipynb", "execution": execution})).json()["id"]
        await world.stop()
        await world.start()  # of what happened before, memory holds nothing
        client = await world.client("root")
        client.base_url = world.url
        walk = Walk(client, operation, execution, attached)
        if operation.id == "detach":
            walk.values["attachment"] = "another"
        await walk.paths()
        await walk.queries()
        await walk.headers()
        await walk.bodies()
        assert walk.asked
        assert not walk.failures, "\n".join(walk.failures)
        assert not [record for record in caplog.records if record.exc_info], caplog.text
    finally:
        await world.close()
