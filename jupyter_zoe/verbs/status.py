"""``status``: an execution with its processes and pages."""

from __future__ import annotations

from jupyter_zoe.showing.parts import Execution
from jupyter_zoe.verbs.verb import MEANT, Call, Frontend, Result, Verb, argument


def _run(front: Frontend, call: Call) -> Result:
    view = front.attaching.current(call.given.execution)
    return Result((Execution(view),), view)


VERB = Verb(
    "status",
    "Show what is attached here, or another execution, with its processes and pages",
    _run,
    (argument("execution", nargs="?", metavar="EXECUTION", completes="execution", help=MEANT),),
)
