"""``hub``: the user's own hub on this machine."""

from __future__ import annotations

import os
import signal
import time

from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.client.problems import problem_of_hub
from jupyter_zoe.hub import settings
from jupyter_zoe.hub.info import HubError
from jupyter_zoe.hub.runtime import alive
from jupyter_zoe.hub.variables import URL_VARIABLE
from jupyter_zoe.verbs.verb import Call, Frontend, Result, Verb, argument, said

_ENDING = 30.0  # seconds that a hub may take to end


def _run(front: Frontend, call: Call) -> Result:
    return {"start": _start, "stop": _stop, "status": _status}[call.given.action]()


def _start() -> Result:
    """Start it if it does not run."""
    from jupyter_zoe.hub import finding  # noqa: PLC0415 - urllib.request takes a while

    try:
        finding.ensure()
    except HubError as error:
        raise problem_of_hub(error) from None
    return _status()


def _status() -> Result:
    """How it is. :raises ZoeProblem: ``hub-unreachable``"""
    with Client(start=False) as client:
        health = client.get_health()
        info = client.info
    data = {**health, "url": info.url, "pid": info.pid or None, "embedded": info.embedded}
    place = f"process {info.pid}" if info.embedded else "of the environment"
    return said(
        f"The hub at {info.url} ({place}, version {health['version']}, backend {health['backend']}) is"
        f" {health['status']}{': ' + health['reason']['words'] if health['reason'] else ''}; active executions:"
        f" {health['active']}.",
        data,
    )


def _stop() -> Result:
    """End it and wait until it is gone. What it runs goes on."""
    from jupyter_zoe.hub import finding  # noqa: PLC0415 - urllib.request takes a while

    try:
        if settings.configured() is not None:
            raise ZoeProblem(
                "not-allowed",
                f"The hub of {URL_VARIABLE} is not yours to stop from here.",
                f"Unset {URL_VARIABLE} to mean your own hub.",
            )
    except HubError as error:
        raise problem_of_hub(error) from None
    info = finding.find()
    if info is None:
        return said("No hub is running.", {"stopped": False})
    os.kill(info.pid, signal.SIGTERM)
    deadline = time.monotonic() + _ENDING
    while alive(info):
        if time.monotonic() > deadline:
            raise ZoeProblem(
                "timeout",
                f"The hub (process {info.pid}) has not ended after {_ENDING:g} s.",
                f"See {settings.data_folder() / 'hub.log'}; end it with: kill -9 {info.pid}",
            )
        time.sleep(0.02)
    return said(
        "The hub has ended. What it ran goes on; the next hub finds it again.", {"stopped": True, "pid": info.pid}
    )


VERB = Verb(
    "hub",
    "Start, stop or see your own hub",
    _run,
    (
        argument(
            "action",
            choices=("start", "stop", "status"),
            help="stop: what it runs goes on, and is found again by the next hub",
        ),
    ),
    only="zoe",
)
