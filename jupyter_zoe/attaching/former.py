"""What is said where nothing is attached: also what became of the cluster that was, and how to have one again. Pure."""

from __future__ import annotations

from datetime import datetime

from jupyter_zoe import words
from jupyter_zoe.attaching.holder import Holder
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.client.operations import ExecutionView


def nothing_attached(holder: Holder, former: ExecutionView | None, now: datetime) -> ZoeProblem:
    """That a holder is attached to nothing.

    :param former: what it was attached to last, which has ended
    :param now: at the hub
    """
    nothing = f"{holder.title} is attached to nothing."
    if former is None:
        return ZoeProblem(
            "not-attached",
            nothing,
            "Attach it, for example with '%zoe attach spark --workers 2' or 'zoe attach spark', or name an execution;"
            " 'zoe ps' shows what runs.",
        )
    name, zapp = former["name"], former["zapp"]
    ended = f"ended {words.age(former['ended'], now)} ago ({words.state_words(former)})"
    return ZoeProblem(
        "not-attached",
        f"{nothing} It was attached to {name}, which {ended}: {words.reason_lines(former)}",
        f"Attach again with '%zoe attach {zapp}' or 'zoe attach {zapp}'; 'zoe status {name} --story' tells all that led"
        " to its end.",
    )
