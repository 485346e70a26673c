"""What ``%zoe`` in a notebook and ``zoe`` in a terminal have in common: the arguments of each verb, and what it does.

The magics render results for notebooks, the command line for terminals; neither is known here.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_zoe import options, words
from jupyter_zoe.client import Client, Progress, ZoeProblem
from jupyter_zoe.client.operations import ExecutionView, ZAppView
from jupyter_zoe.options import Parser

TAIL = 50  # lines of a log
_NO_ROOM = 5.0  # seconds that processes may lack room before that is said


@dataclass
class Call:
    """A verb with its arguments. ``parameters`` are those of a ZApp."""

    verb: str
    given: argparse.Namespace
    parameters: dict[str, Any] = field(default_factory=dict)


class Verbs:
    """The parser of one frontend.

    :param prog: how the frontend is called, ``%zoe`` or ``zoe``
    :param zapp: looks a ZApp up by its name, to know its parameters; the flag says whether for attaching
    """

    def __init__(self, prog: str, description: str, zapp: Callable[[str, bool], ZAppView], epilog: str = "") -> None:
        self.prog, self._zapp = prog, zapp
        self._parser = Parser(prog=prog, description=description, epilog=epilog, add_help=False)
        self._subparsers = self._parser.add_subparsers(title="verbs", dest="verb", metavar="VERB", parser_class=Parser)
        self.verbs: dict[str, Parser] = {}
        self._with_parameters: set[str] = set()

    def add(self, name: str, summary: str, *, parameters: bool = False, epilog: str = "") -> Parser:
        """A verb. ``parameters``: it takes a ZApp and that ZApp's parameters."""
        parser: Parser = self._subparsers.add_parser(
            name, help=summary, description=f"{summary}.", add_help=not parameters, epilog=epilog
        )
        self.verbs[name] = parser
        if parameters:
            self._with_parameters.add(name)
            parser.add_argument("-h", "--help", action="store_true", help="show this help, with a ZApp its options too")
        return parser

    def help(self) -> str:
        """All verbs."""
        return self._parser.format_help().rstrip()

    def option_strings(self, verb: str) -> list[str]:
        """The options of a verb, without those of a ZApp."""
        parser = self.verbs.get(verb)
        return sorted(option for option in parser._option_string_actions if option.startswith("--")) if parser else []

    def parse(self, tokens: Sequence[str]) -> Call:
        """:raises ZoeProblem: ``usage``, or what the hub says about a ZApp; :raises Help: it was asked for"""
        if not tokens or tokens[0] in ("help", "-h", "--help"):
            if len(tokens) > 1 and tokens[1] in self.verbs:
                return self.parse([tokens[1], "--help"])
            raise options.Help(self.help())
        verb = tokens[0]
        if verb not in self.verbs:
            raise ZoeProblem(
                "usage", f"There is no verb {verb!r}.", f"Verbs: {', '.join(self.verbs)}. See {self.prog} --help."
            )
        if verb not in self._with_parameters:
            return Call(verb, self.verbs[verb].parse_args(list(tokens[1:])))
        return self._parse_with_parameters(verb, list(tokens[1:]))

    def _parse_with_parameters(self, verb: str, tokens: list[str]) -> Call:
        tokens, arguments = options.split_arguments(tokens)
        parser = self.verbs[verb]
        known, rest = parser.parse_known_args(tokens)
        if known.zapp is None:
            if known.help:
                parser.print_help()
            if rest:
                parser.error(f"name the ZApp before its options: {self.prog} {verb} ZAPP {' '.join(rest)}")
            return Call(verb, known)
        before = tokens[tokens.index(known.zapp) - 1] if tokens.index(known.zapp) else ""
        if before.startswith("--") and before in rest:  # then what was taken for the ZApp is that option's value
            parser.error(f"name the ZApp before its options: {self.prog} {verb} ZAPP {' '.join(tokens)}")
        zapp = self._zapp(known.zapp, verb == "attach")
        full = Parser(
            prog=f"{self.prog} {verb} {known.zapp}",
            description=f"{zapp['title']}: {zapp['description']}",
            parents=[parser],
            add_help=False,
            conflict_handler="resolve",
        )
        options.add_parameters(full, zapp["parameters"])
        if known.help:
            full.print_help()
        given = full.parse_args(tokens)
        parameters = options.collect(given, zapp["parameters"])
        if arguments is not None:
            if "arguments" not in zapp["parameters"].get("properties", {}):
                parser.error(f"{known.zapp} takes no arguments after '--'")
            parameters["arguments"] = [*parameters.get("arguments", []), *arguments]
        return Call(verb, given, parameters)


def find_zapp(client: Client, name: str, attach: bool) -> ZAppView:
    """A ZApp by its name; to attach, also by the name of the framework that it offers alone, such as ``spark``."""
    try:
        return client.get_zapp(name)
    except ZoeProblem as problem:
        if problem.code not in ("unknown-zapp", "not-found"):
            raise
        zapps = client.list_zapps()["items"]
        offers = [zapp for zapp in zapps if zapp["frameworks"] == [name] and zapp["attach"]] if attach else []
        if offers:  # chosen as the hub chooses
            return min(offers, key=lambda zapp: (not zapp["name"].startswith(name), len(zapp["name"]), zapp["name"]))
        near = _near(name, [zapp["name"] for zapp in zapps])
        raise ZoeProblem(
            problem.code,
            f"The shop has no ZApp {name!r}{near}.",
            "List the shop with 'zoe apps' or '%zoe apps'.",
            status=problem.status,
        ) from None


def _near(name: str, names: list[str]) -> str:
    import difflib  # noqa: PLC0415 - only for this message

    found = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {found[0]!r}" if found else ""


def web_prefix() -> str:
    """The path in front of the proxy as this user's browser sees it, if JupyterLab has said so; else empty."""
    return os.environ.get("ZOE_WEB_PREFIX", "")


def folder_key() -> str:
    """The key under which the current folder is attached: for terminals and scripts, which are no notebook."""
    return f"folder:{os.path.realpath(os.curdir)}"[:1024]


def wait_running(
    client: Client, view: ExecutionView, *, timeout: float | None, progress: Progress, tick: float | None = 0.5
) -> ExecutionView:
    """Wait until all processes that were asked for are ready, or those that there is room for.

    :raises ZoeProblem: ``start-failed`` with the end of the log of what failed; ``timeout``
    """
    room = _Room(None)
    view = client.wait(
        view["id"],
        lambda now: now["phase"] in ("ended", "stopping") or (now["phase"] == "running" and room.settled(now)),
        timeout=timeout,
        progress=progress,
        tick=tick,
    )
    if view["phase"] in ("ended", "stopping"):
        raise _failed(client, view)
    return view


def _failed(client: Client, view: ExecutionView) -> ZoeProblem:
    detail = f"{view['name']} has {view['outcome'] or 'ended'}: {words.sentence(view['reason'])}"
    process = words.failed_process(view)
    if process is not None and "\n" not in view["reason"]:  # otherwise it quotes the log itself
        try:
            lines = tail(client, view["id"], process["id"], 8)
        except ZoeProblem:
            lines = []
        if lines:
            detail += "\n" + "\n".join([f"The end of the log of {process['id']}:", *(f"  {line}" for line in lines)])
    return ZoeProblem("start-failed", detail, "Correct what the log says and start it again.")


class _Room:
    """Tells when a group, or every group, has the processes it should have, or has waited long enough for room."""

    def __init__(self, group: str | None) -> None:
        self._group = group
        self._short_since: float | None = None

    def settled(self, view: ExecutionView) -> bool:
        groups = [group for group in view["groups"] if self._group in (None, group["name"])]
        if all(group["ready"] == group["live"] == group["count"] for group in groups):
            return True
        can = all(
            group["ready"]
            == group["live"]
            == (group["count"] if group["granted"] is None else min(group["granted"], group["count"]))
            for group in groups
        )
        if not can:
            self._short_since = None
        elif self._short_since is None:
            self._short_since = time.monotonic()
        return can and self._short_since is not None and time.monotonic() - self._short_since >= _NO_ROOM


def missing(view: ExecutionView) -> str:
    """What could not be started for want of room; empty if nothing."""
    short = [
        f"{group['count'] - group['ready']} of {words.plural(group['count'], group['name'])}"
        for group in view["groups"]
        if group["ready"] < group["count"]
    ]
    return f"{' and '.join(short)} still to come: {words.sentence(view['reason'])}" if short else ""


def scale(
    client: Client,
    view: ExecutionView,
    group: str | None,
    count: int,
    *,
    timeout: float | None,
    progress: Progress,
    tick: float | None = 0.5,
) -> ExecutionView:
    """Ask for another number of processes and wait until they are there, or until there is no room for more."""
    asked = client.scale_execution(view["id"], count=count, group=group)
    name = group or next((each["name"] for each in asked["groups"] if each["scalable"]), None)
    room = _Room(name)
    done = client.wait(
        view["id"],
        lambda now: now["phase"] in ("ended", "stopping") or room.settled(now),
        timeout=timeout,
        progress=progress,
        tick=tick,
    )
    if done["phase"] in ("ended", "stopping"):
        raise _failed(client, done)
    return done


def tail(client: Client, execution: str, process: str, lines: int = TAIL) -> list[str]:
    """The last lines of a process's log; of one without a log, none."""
    try:
        data, _ = client.tail(execution, process, lines)
    except ZoeProblem as problem:
        if problem.code == "no-log":
            return []
        raise
    return data.decode("utf-8", "replace").splitlines()
