"""``apps``: the shop."""

from __future__ import annotations

from jupyter_zoe.client.operations import FrameworkView
from jupyter_zoe.showing.parts import ResultPart, Said, Table
from jupyter_zoe.verbs.verb import Frontend, Invocation, Result, Verb

_HEAD = ("ZAPP", "TITLE", "KIND", "USE", "DESCRIPTION")
_BLOCKS = ("FRAMEWORK", "TITLE", "KIND", "NEEDS", "USED BY")


def _run(front: Frontend, call: Invocation) -> Result:
    shop = front.client.list_zapps()
    frameworks = front.client.list_frameworks()["items"]
    rows = [
        (each["name"], each["title"], each["kind"], "attach" if each["attach"] else "run", each["description"])
        for each in shop["items"]
    ]
    parts: list[ResultPart] = [Table(_HEAD, rows, "The shop is empty.")]
    if frameworks:
        parts.append(Said("Frameworks, which ZApps are made of; none runs by itself:"))
        parts.append(Table(_BLOCKS, [_block(each) for each in frameworks]))
    if shop["problems"]:
        wrong = [f"{each['file']}:{each['line']}: {each['message']}" for each in shop["problems"]]
        parts.append(Said("\n".join(["Definitions that cannot be read:", *wrong]), muted=True))
    return Result(tuple(parts), {**shop, "frameworks": frameworks})


def _block(framework: FrameworkView) -> tuple[str, ...]:
    """A framework, the parameters that a ZApp has to give it, and the ZApps that do."""
    needs = ", ".join(framework["parameters"].get("required", ()))
    used = ", ".join(framework["zapps"]) or "none yet"
    return framework["name"], framework["title"], framework["kind"], needs, used


VERB = Verb("apps", "Show what can be started, and the frameworks that it is made of", _run)
