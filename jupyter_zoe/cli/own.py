"""``zoe hub``: the user's own hub on this machine. Each function returns what is for programs, and what is for
people.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from jupyter_zoe import hub
from jupyter_zoe.client import Client
from jupyter_zoe.client.problems import ZoeProblem, problem_of_hub
from jupyter_zoe.hub import HubError

_ENDING = 30.0  # seconds that a hub may take to end


def start() -> tuple[dict[str, Any], str]:
    """Start it if it does not run."""
    try:
        hub.ensure()
    except HubError as error:
        raise problem_of_hub(error) from None
    return status()


def status() -> tuple[dict[str, Any], str]:
    """How it is. :raises ZoeProblem: ``hub-unreachable``"""
    with Client(start=False) as client:
        health = client.get_health()
        info = client.info
    told = {**health, "url": info.url, "pid": info.pid or None, "embedded": info.embedded}
    place = f"process {info.pid}" if info.embedded else "of the environment"
    text = (
        f"The hub at {info.url} ({place}, version {health['version']}, backend {health['backend']}) is"
        f" {health['status']}{': ' + health['reason'] if health['reason'] else ''}; active executions:"
        f" {health['active']}."
    )
    return told, text


def stop() -> tuple[dict[str, Any], str]:
    """End it and wait until it is gone. What it runs goes on."""
    try:
        if hub.configured() is not None:
            raise ZoeProblem(
                "not-allowed",
                f"The hub of {hub.URL_VARIABLE} is not yours to stop from here.",
                f"Unset {hub.URL_VARIABLE} to mean your own hub.",
            )
    except HubError as error:
        raise problem_of_hub(error) from None
    info = hub.find()
    if info is None:
        return {"stopped": False}, "No hub is running."
    os.kill(info.pid, signal.SIGTERM)
    deadline = time.monotonic() + _ENDING
    while hub.alive(info):
        if time.monotonic() > deadline:
            raise ZoeProblem(
                "timeout",
                f"The hub (process {info.pid}) has not ended after {_ENDING:g} s.",
                f"See {hub.data_folder() / 'hub.log'}; end it with: kill -9 {info.pid}",
            )
        time.sleep(0.02)
    return {"stopped": True, "pid": info.pid}, "The hub has ended. What it ran goes on; the next hub finds it again."
