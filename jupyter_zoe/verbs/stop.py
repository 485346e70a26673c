"""``stop``: end an execution."""

from __future__ import annotations

from jupyter_zoe import words
from jupyter_zoe.attaching.waiting import TICK
from jupyter_zoe.verbs.verb import Frontend, Invocation, Result, Verb, argument, interruptible, said, waiting


def _run(front: Frontend, call: Invocation) -> Result:
    given = call.given
    view = front.client.terminate_execution(front.client.find(given.execution)["id"], confirm=given.confirm)
    if given.wait:
        with (
            front.live("stop") as live,
            interruptible(f"{view['name']} goes on ending.", f"See how far it is with '{front.prog} status'."),
        ):
            view = front.client.wait(view["id"], "ended", timeout=given.timeout, progress=live.progress, tick=TICK)
        front.attaching.forget(view["id"])
    how = "has ended" if view["phase"] == "ended" else "is ending"
    return said(f"{view['name']} {how}: {words.reason_lines(view)}", view)


VERB = Verb(
    "stop",
    "End an execution",
    _run,
    (
        argument("execution", metavar="EXECUTION", completes="execution", help="name or id"),
        argument("--confirm", metavar="NAME", help="its name again, if it is protected"),
        *waiting("it has ended"),
    ),
)
