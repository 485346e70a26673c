"""The arguments of ``zoe``. Called by ``commands``."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from jupyter_zoe.client.operations import ZAppView
from jupyter_zoe.options import Parser
from jupyter_zoe.verbs import TAIL, Verbs

DESCRIPTION = "Zoe: analytics applications on containers."
EPILOG = """exit codes: 0 done, 1 failed, 2 not understood, 3 refused by the hub (its problem code is on the standard
error), 4 the hub cannot be reached, 130 interrupted; 'run --wait' ends with the exit code of the job.
EXECUTION is a name or an id. Every verb takes --json. The hub: $ZOE_HUB_URL and $ZOE_HUB_TOKEN, else your own,
which is started when it is needed."""

_EXECUTION = "name or id"
_OR_FOLDER = f"{_EXECUTION}; left out: what is attached to this folder"


def make(zapp: Callable[[str, bool], ZAppView]) -> Verbs:
    """The parser. ``zapp`` looks up a ZApp, to know its parameters."""
    verbs = Verbs("zoe", DESCRIPTION, zapp, epilog=EPILOG)

    def add(name: str, summary: str, *, parameters: bool = False, epilog: str = "") -> Parser:
        parser = verbs.add(name, summary, parameters=parameters, epilog=epilog)
        parser.add_argument("--json", action="store_true", help="print JSON, errors too")
        return parser

    add("apps", "Show what can be started")
    run = add(
        "run",
        "Start an application",
        parameters=True,
        epilog=(
            "What stands after '--' are arguments of the program.\nFor example: zoe run python-job --code train.py"
            " --wait -- --epochs 3"
        ),
    )
    run.add_argument("zapp", nargs="?", metavar="ZAPP", help="what to start; see 'zoe apps'")
    run.add_argument("--name", metavar="NAME", help="what to call it")
    run.add_argument(
        "--wait",
        action="store_true",
        help=(
            "stay until it has ended, show its output, end with its exit code; of what does not end by itself: until it"
            " runs"
        ),
    )
    _timeout(run, "how long to stay with --wait")
    ps = add("ps", "Show what runs")
    ps.add_argument("--all", action="store_true", help="what has ended, too")
    status = add("status", "Show an execution with its processes and pages")
    status.add_argument("execution", nargs="?", metavar="EXECUTION", help=_OR_FOLDER)
    logs = add("logs", "Show the output of an execution's processes")
    logs.add_argument("execution", nargs="?", metavar="EXECUTION", help=_OR_FOLDER)
    logs.add_argument("process", nargs="?", metavar="PROCESS", help="such as worker-0; left out: all")
    logs.add_argument("-f", "--follow", action="store_true", help="stay until the process has ended")
    logs.add_argument(
        "-n",
        "--lines",
        type=_count,
        metavar="N",
        help=f"the last N lines; 0: everything (default {TAIL}; with --follow everything)",
    )
    scale = add("scale", "Change how many processes an execution has")
    scale.add_argument("execution", nargs="?", metavar="EXECUTION", help=_OR_FOLDER)
    scale.add_argument(
        "group", nargs="?", metavar="GROUP", help="which processes; may be left out if only one group can grow"
    )
    scale.add_argument("count", type=_count, metavar="N", help="how many there should be")
    scale.add_argument("--wait", action="store_true", help="stay until they are ready")
    _timeout(scale, "how long to stay with --wait")
    stop = add("stop", "End an execution")
    stop.add_argument("execution", metavar="EXECUTION", help=_EXECUTION)
    stop.add_argument("--confirm", metavar="NAME", help="its name again, if it is protected")
    stop.add_argument("--wait", action="store_true", help="stay until it has ended")
    _timeout(stop, "how long to stay with --wait")
    attach = add(
        "attach",
        "Find or start a cluster for this folder, and say how to connect",
        parameters=True,
        epilog="In a notebook: %zoe attach",
    )
    attach.add_argument(
        "zapp", nargs="?", metavar="ZAPP", help="such as spark; left out: what this folder was attached to"
    )
    attach.add_argument("--execution", metavar="EXECUTION", help="attach to this execution, which runs already")
    _timeout(attach, "how long to wait for it", 600.0)
    detach = add("detach", "End the cluster of this folder, unless something else uses it")
    detach.add_argument("--keep", action="store_true", help="leave the cluster running")
    page = add("open", "Open a page of an execution in the browser")
    page.add_argument("execution", metavar="EXECUTION", help=_EXECUTION)
    page.add_argument("--page", metavar="TITLE", help="which: its title, process or port (default: the first)")
    page.add_argument(
        "--print", action="store_true", dest="only_print", help="print the address instead; it works once, for a minute"
    )
    own = add("hub", "Start, stop or see your own hub")
    own.add_argument(
        "action",
        choices=("start", "stop", "status"),
        help="stop: what it runs goes on, and is found again by the next hub",
    )
    return verbs


def _timeout(parser: argparse.ArgumentParser, what: str, default: float | None = None) -> None:
    parser.add_argument(
        "--timeout",
        type=float,
        default=default,
        metavar="SECONDS",
        help=f"{what} (default {'for ever' if default is None else f'{default:g}'})",
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"must be a whole number of 0 or more, not {text!r}")
    return int(text)
