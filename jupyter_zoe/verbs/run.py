"""``run``: start anything from the shop."""

from __future__ import annotations

from jupyter_zoe import words
from jupyter_zoe.attaching import waiting
from jupyter_zoe.attaching.holder import web_prefix
from jupyter_zoe.attaching.steps import Steps
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.client.operations import ExecutionView, StartRequest
from jupyter_zoe.codes import FAILED
from jupyter_zoe.showing.parts import LogsPart, ResultPart, Said
from jupyter_zoe.verbs.following import Followers
from jupyter_zoe.verbs.logs import TAIL
from jupyter_zoe.verbs.verb import Frontend, Invocation, Result, Verb, argument, interruptible, said


def _run(front: Frontend, call: Invocation) -> Result:
    given = call.given
    if given.zapp is None:
        raise ZoeProblem("usage", "Say what to run.", f"See what there is with '{front.prog} apps'.")
    body: StartRequest = {"zapp": given.zapp, "parameters": call.parameters}
    if given.name is not None:
        body["name"] = given.name
    if prefix := web_prefix():
        body["web_prefix"] = prefix
    view = front.client.start_execution(**body)
    name = view["name"]
    if not given.wait:
        commands = f"See it with `{front.prog} status {name}`, end it with `{front.prog} stop {name}`."
        return said(f"Started {name} ({view['id']}). {commands}", view)
    with (
        front.live("run") as live,
        interruptible(f"{name} goes on.", f"End it with '{front.prog} stop {name}'."),
    ):
        if view["ends"]:
            return _stay(front, view, live, given.timeout)
        view = waiting.wait_running(front.client, view, timeout=given.timeout, progress=live.progress)
        return said(f"{name} runs: {words.ready_words(view)}.", view)


def _stay(front: Frontend, view: ExecutionView, live: Steps, timeout: float | None) -> Result:
    """Stay with what ends by itself; its output, and its exit code."""
    groups = _groups(front, view)
    followers = Followers(front, view["id"])

    def seen(now: ExecutionView, seconds: float) -> None:
        live.progress(now, seconds)
        if front.streams:
            followers.see(now, groups)

    view = front.client.wait(view["id"], "ended", timeout=timeout, progress=seen, tick=waiting.TICK)
    followers.finish()
    parts: tuple[ResultPart, ...] = ()
    if not front.streams:
        logs = [
            (each["id"], waiting.tail(front.client, view["id"], each["id"], TAIL))
            for each in view["processes"]
            if each["group"] in groups
        ]
        parts = (
            Said(f"{view['name']} has {words.state_words(view)}.", muted=True),
            *((LogsPart(logs),) if logs else ()),
        )
    if view["outcome"] == "completed":
        return Result(parts, view)
    why = words.sentence(words.reason_words(view))
    problem = ZoeProblem("failed", f"{view['name']} has {words.state_words(view)}: {why}", "Its output is above.")
    return Result(parts, view, _own_code(view["exit_code"]), problem)


def _own_code(code: int | None) -> int:
    """The exit code of ``run`` for that of a program that has failed: the same one, 128 + n for signal n as shells do,
    1 where there is none, or none that a program of this system can end with.
    """
    shown = 128 - code if code is not None and code < 0 else code
    return shown if shown and 0 < shown < 256 else FAILED


def _groups(front: Frontend, view: ExecutionView) -> list[str]:
    """The groups whose output is the application's: those of frameworks that are jobs; if there are none, all."""
    kinds = {each["name"]: each["kind"] for each in front.client.list_frameworks()["items"]}
    jobs = [group["name"] for group in view["groups"] if kinds.get(group["framework"]) == "job"]
    return jobs or [group["name"] for group in view["groups"]]


VERB = Verb(
    "run",
    "Start an application",
    _run,
    (
        argument("zapp", nargs="?", metavar="ZAPP", completes="zapp", help="what to start; see the verb apps"),
        argument("--name", metavar="NAME", help="what to call it"),
        argument(
            "--wait",
            action="store_true",
            help=(
                "stay until it has ended, show its output, end with its exit code; if it does not end by itself: until"
                " it runs"
            ),
        ),
        argument("--timeout", type=float, metavar="SECONDS", help="how long to stay with --wait (default for ever)"),
    ),
    zapp="run",
    epilog=(
        "What stands after '--' are arguments of the program.\nFor example: run python-job --code train.py --wait --"
        " --epochs 3"
    ),
)
