"""``logs``: what processes have written."""

from __future__ import annotations

import sys

from jupyter_zoe.attaching.waiting import tail
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.showing.parts import LogsPart
from jupyter_zoe.verbs.target import execution_and_part
from jupyter_zoe.verbs.verb import ANOTHER, MEANT, Frontend, Invocation, Result, Verb, argument, count

TAIL = 50  # lines


def _run(front: Frontend, call: Invocation) -> Result:
    given = call.given
    view, process = execution_and_part(
        front, call, lambda attached: [each["id"] for each in attached["processes"]], "process"
    )
    chosen = [process] if process else [each["id"] for each in view["processes"]]
    if not chosen:
        raise ZoeProblem("no-log", f"{view['name']} has no processes yet.", "Wait until it has started.")
    if given.follow:
        if len(chosen) > 1:
            raise ZoeProblem(
                "usage",
                f"Say which process to follow: {', '.join(chosen)}.",
                f"For example: {front.prog} logs {view['name']} {chosen[0]} -f",
            )
        return _follow(front, view["id"], chosen[0], given.lines)
    lines = TAIL if given.lines is None else given.lines or sys.maxsize
    logs = [(each, tail(front.client, view["id"], each, lines)) for each in chosen]
    return Result((LogsPart(logs),), dict(logs))


def _follow(front: Frontend, execution: str, process: str, lines: int | None) -> Result:
    """Write what there is and what comes, until the process has ended."""
    seen = 0
    if lines:
        last, seen = front.client.tail(execution, process, lines)
        front.write(last)
    for data in front.client.get_logs(execution, process, offset=seen, follow=True):
        front.write(data)
    return Result()


VERB = Verb(
    "logs",
    "Show the output of an execution's processes",
    _run,
    (
        argument("where", nargs="?", metavar="EXECUTION", completes="process", help=MEANT),
        argument("process", nargs="?", metavar="PROCESS", help="such as worker-0; left out: all"),
        ANOTHER,
        argument("-f", "--follow", action="store_true", help="stay until the process has ended"),
        argument(
            "-n",
            "--lines",
            type=count,
            metavar="N",
            help=f"the last N lines; 0: everything (default {TAIL}; with --follow everything)",
        ),
    ),
)
