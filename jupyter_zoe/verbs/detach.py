"""``detach``: let go of a cluster."""

from __future__ import annotations

import argparse

from jupyter_zoe.attaching import wording
from jupyter_zoe.verbs.verb import Frontend, Invocation, Of, Result, Verb, argument, said


def _run(front: Frontend, call: Invocation) -> Result:
    given = call.given
    with front.live("detach") as live:
        done = front.attaching.detach(given.execution, keep=given.keep, waits=given.wait, steps=live)
        return said(wording.detached(done, front.prog), done.view)


VERB = Verb(
    "detach",
    "Close the session and end the cluster, unless something else uses it",
    _run,
    (
        argument(
            "execution",
            nargs="?",
            metavar="EXECUTION",
            completes="execution",
            help="which, if there are several; left out: the one that was attached last",
        ),
        argument("--keep", action="store_true", help="leave the cluster running"),
        argument(
            "--wait",
            action=argparse.BooleanOptionalAction,
            default=Of("waits"),
            help="stay until the cluster has ended",
        ),
    ),
)
