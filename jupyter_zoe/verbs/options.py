"""Command-line options out of a ZApp's JSON Schema, and a parser that raises instead of ending the program.

Used by ``verbs`` for ``%zoe`` and ``zoe`` alike. What a value may be is for the hub to judge: a text that is no number
goes there as a text and comes back as a problem that says what is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from jupyter_zoe.client import ZoeProblem

LONGEST_FILE = 2**20  # bytes of a program that a request may hold


class Help(Exception):
    """Somebody asked for help; the argument is the text."""


class Parser(argparse.ArgumentParser):
    """Raises ``Help`` for ``--help`` and ``ZoeProblem`` with the code ``usage`` for what it does not understand."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)

    def print_help(self, file: Any = None) -> NoReturn:
        """:raises Help: always"""
        raise Help(self.format_help().rstrip())

    def error(self, message: str) -> NoReturn:
        """:raises ZoeProblem: always"""
        raise ZoeProblem("usage", f"{message[:1].upper()}{message[1:].rstrip('.')}.", f"See {self.prog} --help.")


def flag(name: str) -> str:
    """The option of a parameter: ``worker_memory`` becomes ``--worker-memory``."""
    return "--" + name.replace("_", "-")


def add_parameters(parser: argparse.ArgumentParser, schema: Mapping[str, Any]) -> None:
    """An option for each parameter. Those that are not given stay out of the result of ``collect``."""
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    if not properties:
        return
    group = parser.add_argument_group(f"options of {schema.get('title') or 'the application'}")
    for name, each in properties.items():
        names = [flag(name)]
        if names[0] in parser._option_string_actions:  # an option of the verb itself comes first
            names = [flag(f"param_{name}")]
        common: dict[str, Any] = {
            "dest": f"parameter {name}",
            "default": argparse.SUPPRESS,
            "help": _help(name, each, name in schema.get("required", ())),
        }
        match each.get("type"):
            case "boolean":
                group.add_argument(*names, action=argparse.BooleanOptionalAction, **common)
            case "array":
                group.add_argument(*names, action="append", metavar="VALUE", **common)
            case "object":
                group.add_argument(*names, action="append", metavar="NAME=VALUE", **common)
            case _:
                group.add_argument(*names, metavar=_metavar(each), choices=None, **common)


def _metavar(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "{" + ",".join(map(str, schema["enum"])) + "}"
    if _from_file(schema):
        return "FILE"
    return {"integer": "N", "number": "NUMBER"}.get(
        schema.get("type", ""), {"memory": "MEMORY", "duration": "DURATION"}.get(schema.get("format", ""), "TEXT")
    )


def _from_file(schema: Mapping[str, Any]) -> bool:
    """Whether an option names a file with the value: programs, which are long, and secrets, which arguments would show
    to all.
    """
    return schema.get("format") == "textarea" or schema.get("writeOnly") is True


def _help(name: str, schema: Mapping[str, Any], required: bool) -> str:
    words = [str(schema.get("description") or schema.get("title") or name)]
    if schema.get("writeOnly"):
        words.append("a file that holds it, '-' for the standard input, or env:NAME")
    elif _from_file(schema):
        words.append("a file that holds it, or '-' for the standard input")
    if schema.get("type") in ("array", "object"):
        words.append("may be given several times")
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        words.append(f"{low} to {high}")
    default = schema.get("default")
    if required:
        words.append("must be given")
    elif default not in (None, "", [], {}):
        words.append(f"default {default}")
    return "; ".join(words).replace("%", "%%")


def collect(given: argparse.Namespace, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that were given, as JSON values. :raises ZoeProblem: a file cannot be read, or a pair is none"""
    properties = schema.get("properties", {})
    values: dict[str, Any] = {}
    for key, value in vars(given).items():
        word, _, name = key.partition(" ")
        if word == "parameter":
            values[name] = _value(name, properties[name], value)
    return values


def _value(name: str, schema: Mapping[str, Any], value: Any) -> Any:
    match schema.get("type"):
        case "array":
            items = schema.get("items", {})
            return [_scalar(items.get("type", "string"), each) for each in value]
        case "object":
            return dict(_pair(name, schema, each) for each in value)
        case _ if _from_file(schema):
            return read_text(value, flag(name), secret=schema.get("writeOnly") is True)
    return _scalar(schema.get("type", "string"), value)


def _pair(name: str, schema: Mapping[str, Any], text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ZoeProblem(
            "usage",
            f"{flag(name)} wants NAME=VALUE, not {text!r}.",
            f"For example {flag(name)} spark.sql.shuffle.partitions=8.",
        )
    inner = schema.get("additionalProperties")
    return key, _scalar(inner.get("type", "string") if isinstance(inner, Mapping) else "string", value)


def _scalar(kind: str, value: Any) -> Any:
    """A text as a value of the kind, or as it is if it is none."""
    if not isinstance(value, str):
        return value
    try:
        match kind:
            case "integer":
                return int(value)
            case "number":
                return float(value)
            case "boolean":
                return {"true": True, "false": False}.get(value.lower(), value)
            case "object" | "array":
                return json.loads(value)
    except ValueError:
        pass
    return value


def read_text(source: str, option: str, *, secret: bool = False) -> str:
    """What the file ``source`` holds; ``-``: the standard input; ``env:NAME``, for secrets: a variable of the
    environment.
    """
    if secret and source.startswith("env:"):
        name = source.removeprefix("env:")
        if name not in os.environ:
            raise ZoeProblem(
                "usage", f"{option}: there is no variable {name} in the environment.", f"Set {name}, or name a file."
            )
        return os.environ[name]
    try:
        data = sys.stdin.buffer.read(LONGEST_FILE + 1) if source == "-" else _head(Path(source).expanduser())
        text = data.decode("utf-8")
    except OSError as error:
        hint = (
            "The value of a secret is not given itself: arguments can be seen by others."
            if secret
            else "Correct the name of the file."
        )
        # the name may be the secret itself
        raise ZoeProblem(
            "usage", f"{option}: the file {'' if secret else repr(source) + ' '}cannot be read: {error.strerror}.", hint
        ) from None
    except UnicodeDecodeError:
        raise ZoeProblem("usage", f"{option}: the file is not a text in UTF-8.", "Save it as UTF-8.") from None
    if len(data) > LONGEST_FILE:
        raise ZoeProblem(
            "usage",
            f"{option}: the file has more than {LONGEST_FILE} bytes.",
            "Put it where the application can read it and pass its place.",
        )
    return text.rstrip("\r\n") if secret else text


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LONGEST_FILE + 1)


def split_arguments(tokens: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """The tokens before ``--``, and those after it: arguments of the program that is started."""
    if "--" not in tokens:
        return list(tokens), None
    at = list(tokens).index("--")
    return list(tokens[:at]), list(tokens[at + 1 :])
