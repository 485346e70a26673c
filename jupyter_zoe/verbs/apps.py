"""``apps``: the shop."""

from __future__ import annotations

from jupyter_zoe.showing.parts import ResultPart, Said, Table
from jupyter_zoe.verbs.verb import Frontend, Invocation, Result, Verb

_HEAD = ("ZAPP", "TITLE", "KIND", "USE", "DESCRIPTION")


def _run(front: Frontend, call: Invocation) -> Result:
    shop = front.client.list_zapps()
    rows = [
        (each["name"], each["title"], each["kind"], "attach" if each["attach"] else "run", each["description"])
        for each in shop["items"]
    ]
    parts: list[ResultPart] = [Table(_HEAD, rows, "The shop is empty.")]
    if shop["problems"]:
        wrong = [f"{each['file']}:{each['line']}: {each['message']}" for each in shop["problems"]]
        parts.append(Said("\n".join(["Definitions that cannot be read:", *wrong]), muted=True))
    return Result(tuple(parts), shop)


VERB = Verb("apps", "Show what can be started", _run)
