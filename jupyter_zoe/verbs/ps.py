"""``ps``: what runs."""

from __future__ import annotations

from jupyter_zoe import words
from jupyter_zoe.client.operations import ExecutionView
from jupyter_zoe.showing.parts import Table
from jupyter_zoe.verbs.verb import Frontend, Invocation, Result, Verb, argument

_PAGE = 500  # executions of one request


def _run(front: Frontend, call: Invocation) -> Result:
    items: list[ExecutionView] = []
    cursor: str | None = None
    while True:
        page = (
            front.client.list_executions(limit=_PAGE, cursor=cursor)
            if call.given.all
            else front.client.list_executions(limit=_PAGE, cursor=cursor, active=True)
        )
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    nothing = f"Nothing is running. Start something with `{front.prog} run ZAPP` or `{front.prog} attach spark`."
    rows = words.execution_rows(items, front.client.now())
    return Result((Table(words.EXECUTION_HEAD, rows, nothing),), items)


VERB = Verb("ps", "Show what runs", _run, (argument("--all", action="store_true", help="what has ended, too"),))
