"""The parser of one frontend, made of the verbs' declarations. Called by ``cli`` and ``magics``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.client.operations import ZAppView
from jupyter_zoe.verbs import VERBS, options
from jupyter_zoe.verbs.options import Parser
from jupyter_zoe.verbs.verb import Argument, Completes, Frontend, Invocation, Of, Verb

ZAppOf = Callable[[str, bool], ZAppView]
"""Looks up a ZApp by its name, to know its parameters; the flag says whether for attaching."""


class Verbs:
    """The verbs of one frontend.

    :param zapp_of: looks up a ZApp by its name, to know its parameters
    :param common: arguments that each verb has here
    """

    def __init__(
        self, front: Frontend, zapp_of: ZAppOf, *, description: str, epilog: str = "", common: Sequence[Argument] = ()
    ) -> None:
        self._front, self._zapp_of, self._common = front, zapp_of, tuple(common)
        self.verbs = {verb.name: verb for verb in VERBS if verb.only in (None, front.prog)}
        self._parser = Parser(prog=front.prog, description=description, epilog=epilog, add_help=False)
        subparsers = self._parser.add_subparsers(title="verbs", dest="verb", metavar="VERB", parser_class=Parser)
        self._parsers: dict[str, Parser] = {}
        for verb in self.verbs.values():
            parser: Parser = subparsers.add_parser(
                verb.name,
                help=verb.summary,
                description=f"{verb.summary}.",
                add_help=not verb.zapp,
                epilog=verb.epilog,
            )
            if verb.zapp:
                parser.add_argument(
                    "-h", "--help", action="store_true", help="show this help, with a ZApp its options too"
                )
            for each in (*verb.arguments, *self._common):
                parser.add_argument(*each.names, **self._resolved(each.options))
            self._parsers[verb.name] = parser

    def _resolved(self, options_: Any) -> dict[str, Any]:
        """The options of an argument as this frontend has them, its default told."""
        resolved = dict(options_)
        default = resolved.get("default")
        if isinstance(default, Of):
            value = resolved["default"] = getattr(self._front, default.attribute)
            shown = "for ever" if value is None else {True: "yes", False: "no"}.get(value, f"{value:g}")
            resolved["help"] = f"{resolved['help']} (default {shown})"
        return resolved

    def help(self) -> str:
        """All verbs."""
        return self._parser.format_help().rstrip()

    def option_strings(self, verb: str) -> list[str]:
        """The options of a verb, without those of a ZApp."""
        parser = self._parsers.get(verb)
        return sorted(option for option in parser._option_string_actions if option.startswith("--")) if parser else []

    def completes(self, verb: str, position: int) -> Completes:
        """What Tab offers for the positional argument at this place, from 0."""
        positional = [each for each in self.verbs[verb].arguments if not each.names[0].startswith("-")]
        return positional[position].completes if position < len(positional) else ""

    def parse(self, tokens: Sequence[str]) -> Invocation:
        """:raises ZoeProblem: ``usage``, or what the hub says about a ZApp; :raises Help: it was asked for"""
        if not tokens or tokens[0] in ("help", "-h", "--help"):
            if len(tokens) > 1 and tokens[1] in self.verbs:
                return self.parse([tokens[1], "--help"])
            raise options.Help(self.help())
        verb = self.verbs.get(tokens[0])
        if verb is None:
            raise ZoeProblem(
                "usage",
                f"There is no verb {tokens[0]!r}.",
                f"Verbs: {', '.join(self.verbs)}. See {self._front.prog} help.",
            )
        if not verb.zapp:
            return Invocation(verb, self._parsers[verb.name].parse_args(list(tokens[1:])))
        return self._parse_with_parameters(verb, list(tokens[1:]))

    def _parse_with_parameters(self, verb: Verb, tokens: list[str]) -> Invocation:
        tokens, arguments = options.split_arguments(tokens)
        parser, command = self._parsers[verb.name], f"{self._front.prog} {verb.name}"
        known, rest = parser.parse_known_args(tokens)
        if known.zapp is None:
            if known.help:
                parser.print_help()
            if rest:
                parser.error(f"name the ZApp before its options: {command} ZAPP {' '.join(rest)}")
            return Invocation(verb, known)
        before = tokens[tokens.index(known.zapp) - 1] if tokens.index(known.zapp) else ""
        if before.startswith("--") and before in rest:  # then what was taken for the ZApp is that option's value
            parser.error(f"name the ZApp before its options: {command} ZAPP {' '.join(tokens)}")
        zapp = self._zapp_of(known.zapp, verb.zapp == "attach")
        full = Parser(
            prog=f"{command} {known.zapp}",
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
        return Invocation(verb, given, parameters)


def zapp_of(client: Client, name: str, attach: bool) -> ZAppView:
    """A ZApp by its name; to attach, also by another name under which the hub attaches to it, such as ``spark``.

    :raises ZoeProblem: ``unknown-zapp``, ``framework-alone``; ``not-found`` for what cannot be a name
    """
    try:
        return client.get_zapp(name)
    except ZoeProblem as problem:
        if problem.code not in ("unknown-zapp", "framework-alone", "not-found"):
            raise
        for zapp in client.list_zapps()["items"] if attach else ():
            if name in zapp["attach_as"]:
                return zapp
        raise
