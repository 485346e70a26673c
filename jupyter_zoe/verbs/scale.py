"""``scale``: more or fewer processes."""

from __future__ import annotations

from jupyter_zoe import words
from jupyter_zoe.attaching import wording
from jupyter_zoe.verbs.target import execution_and_part
from jupyter_zoe.verbs.verb import (
    ANOTHER,
    MEANT,
    Frontend,
    Invocation,
    Result,
    Verb,
    argument,
    count,
    interruptible,
    said,
)
from jupyter_zoe.verbs.verb import waiting as waiting_arguments


def _run(front: Frontend, call: Invocation) -> Result:
    given = call.given
    with front.live("scale") as live:
        view, group = execution_and_part(
            front, call, lambda attached: [each["name"] for each in attached["groups"]], "group"
        )
        if not given.wait:
            view = front.client.scale_execution(view["id"], group=group, count=given.count)
            sizes = (words.plural(each["count"], each["name"]) for each in view["groups"] if each["scalable"])
            return said(f"{view['name']} will have {', '.join(sizes)}.", view)
        with interruptible(
            f"{view['name']} goes on changing its size.", f"See how far it is with '{front.prog} status'."
        ):
            done, seconds = front.attaching.scale(view, group, given.count, timeout=given.timeout, steps=live)
        return said(wording.scaled(done, seconds), done)


VERB = Verb(
    "scale",
    "Make the attached cluster bigger or smaller, or another execution",
    _run,
    (
        argument("where", nargs="?", metavar="EXECUTION", completes="execution", help=MEANT),
        argument(
            "group", nargs="?", metavar="GROUP", help="which processes; may be left out if only one group can grow"
        ),
        argument("count", type=count, metavar="N", help="how many there should be"),
        ANOTHER,
        *waiting_arguments("they are ready"),
    ),
)
