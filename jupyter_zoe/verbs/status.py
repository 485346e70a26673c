"""``status``: an execution with its processes and pages."""

from __future__ import annotations

from jupyter_zoe.showing.parts import ExecutionPart
from jupyter_zoe.showing.story import StoryLines
from jupyter_zoe.verbs.verb import MEANT, Frontend, Invocation, Result, Verb, argument


def _run(front: Frontend, call: Invocation) -> Result:
    view = front.attaching.current(call.given.execution)
    if call.given.story:
        story = front.client.get_story(view["id"])
        return Result((StoryLines(view["name"], story["items"]),), story)
    return Result((ExecutionPart(view, front.client.now()),), view)


VERB = Verb(
    "status",
    "Show what is attached here, or another execution, with its processes and pages",
    _run,
    (
        argument("execution", nargs="?", metavar="EXECUTION", completes="execution", help=MEANT),
        argument("--story", action="store_true", help="all that led to its state, in order, with reasons and logs"),
    ),
)
