"""``keep``: go on with a cluster that nobody uses."""

from __future__ import annotations

import re

from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.client.operations import KeepRequest
from jupyter_zoe.verbs.verb import ANOTHER, Frontend, Invocation, Result, Verb, argument, said

_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)")


def _run(front: Frontend, call: Invocation) -> Result:
    given = call.given
    view = front.attaching.current(given.execution)
    body: KeepRequest = {} if given.duration is None else {"seconds": seconds(given.duration)}
    view = front.client.keep_execution(view["id"], **body)
    how = f"is kept for {given.duration}" if given.duration is not None else "counts as used from now on"
    return said(f"{view['name']} {how}, whether anybody uses it or not.", view)


def seconds(duration: str) -> float:
    """Seconds of a duration such as ``30min``. :raises ZoeProblem: ``bad-parameter``"""
    found = _DURATION.fullmatch(duration.strip())
    if found is None:
        raise ZoeProblem("bad-parameter", f"{duration!r} is no duration.", "Write it like 30min, 4h or 2d.")
    return float(found[1]) * _UNITS[found[2]]


VERB = Verb(
    "keep",
    "Keep a cluster that nobody uses from being shrunk or ended",
    _run,
    (
        argument(
            "duration", nargs="?", metavar="DURATION", help="such as 30min, 4h or 2d; left out: its clock begins anew"
        ),
        ANOTHER,
    ),
)
