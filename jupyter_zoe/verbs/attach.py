"""``attach``: a cluster for this notebook or folder."""

from __future__ import annotations

from jupyter_zoe.attaching import Attached, wording
from jupyter_zoe.attaching.asking import Wish
from jupyter_zoe.verbs.verb import Frontend, Invocation, Result, Verb, argument, interruptible, said


def _run(front: Frontend, call: Invocation) -> Result:
    given = call.given
    wish = Wish(given.zapp, given.execution, call.parameters, given.when_gone)
    with (
        front.live("attach") as live,
        interruptible(
            "The cluster goes on starting.",
            f"Run '{front.prog} attach' again to go on, or '{front.prog} detach' to end it.",
        ),
    ):
        done = front.attaching.attach(wish, timeout=given.timeout, steps=live)
        if done.session is not None:
            return said(wording.attached(done), done.view)
        return _found(front, done)


def _found(front: Frontend, done: Attached) -> Result:
    """For a folder: how to connect."""
    connection = front.client.get_connection(done.attachment["id"])
    connection["secrets"].clear()  # for a program alone
    lines = [
        wording.found(done),
        *(f"  {name} = {value}" for name, value in connection["outputs"].items()),
        "Connect from Python in this folder:",
        "  import jupyter_zoe",
        f"  {connection['variable']} = jupyter_zoe.attach()",
        f"End it with '{front.prog} detach'.",
    ]
    data = {"execution": done.view, "outputs": connection["outputs"], "requires": connection["requires"]}
    return said("\n".join(lines), data)


VERB = Verb(
    "attach",
    "Find or start a cluster for this notebook or folder, and connect to it",
    _run,
    (
        argument(
            "zapp",
            nargs="?",
            metavar="ZAPP",
            completes="zapp",
            help="what to attach to, such as spark; left out: what there was before",
        ),
        argument(
            "--execution", metavar="NAME", completes="execution", help="attach to this execution, which runs already"
        ),
        argument(
            "--when-gone",
            choices=("keep", "shrink", "terminate"),
            help="what becomes of the cluster when the last notebook or program that is attached to it is gone",
        ),
        argument(
            "--timeout",
            type=float,
            default=600.0,
            metavar="SECONDS",
            help="how long to wait for it; it goes on by itself after that (default 600)",
        ),
    ),
    zapp="attach",
    epilog="What was attached is found again, after a restart of the kernel too.",
)
