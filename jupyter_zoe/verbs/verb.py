"""What a verb is: its declaration, what it is given, what it gives back."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from jupyter_zoe.attaching import Attaching
from jupyter_zoe.attaching.steps import Steps
from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.showing.parts import ResultPart, Said

Completes = Literal["", "zapp", "execution", "process"]
Prog = Literal["%zoe", "zoe"]


@dataclass
class Invocation:
    """A verb with its arguments. ``parameters`` are those of a ZApp."""

    verb: Verb
    given: argparse.Namespace
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What a verb came to.

    :param parts: for people
    :param data: for programs, as JSON
    :param exit_code: of a command that did what it was to do
    :param problem: told after the parts: what was done, and did not go well
    """

    parts: tuple[ResultPart, ...] = ()
    data: Any = None
    exit_code: int = 0
    problem: ZoeProblem | None = None


def said(text: str, data: Any) -> Result:
    """A result of some sentences."""
    return Result((Said(text),), data)


class Frontend(Protocol):
    """Where a verb was given: a notebook or a terminal."""

    prog: Prog  # how its commands begin
    waits: bool  # verbs that change something stay until it is done, unless they are told otherwise
    patience: float | None  # seconds that they stay, unless they are told otherwise; None: for ever
    streams: bool  # the output of what runs is written as it comes, not at the end
    for_program: bool  # the result is JSON: nothing is to pop up

    @property
    def client(self) -> Client:
        """The hub, started if it is the user's own and does not run."""

    @property
    def attaching(self) -> Attaching:
        """The attachments of whoever gave the verb."""

    def live(self, verb: str) -> AbstractContextManager[Steps]:
        """Something that shows how far the verb is. An error within clears it; the result takes its place."""

    def write(self, data: bytes) -> None:
        """Output of a process; may be called by any thread."""


class Of(NamedTuple):
    """A default that is the frontend's: the name of one of its attributes."""

    attribute: str


@dataclass(frozen=True)
class Argument:
    """One argument, as for ``argparse.ArgumentParser.add_argument``. A default may be ``Of`` the frontend.

    :param completes: what Tab offers for it
    """

    names: tuple[str, ...]
    options: Mapping[str, Any]
    completes: Completes = ""


def argument(*names: str, completes: Completes = "", **options: Any) -> Argument:
    """An argument of a verb."""
    return Argument(names, options, completes)


@dataclass(frozen=True)
class Verb:
    """A verb.

    :param run: does it. :raises ZoeProblem: it cannot be done
    :param zapp: it takes a ZApp and that ZApp's parameters; ``attach``: only what kernels connect to
    :param only: the frontend that has it; ``None``: both
    """

    name: str
    summary: str
    run: Callable[[Frontend, Invocation], Result]
    arguments: tuple[Argument, ...] = ()
    zapp: Literal["", "attach", "run"] = ""
    epilog: str = ""
    only: Prog | None = None


# --- arguments and habits of several verbs --------------------------------------------------------------------------

ANOTHER = argument("--execution", metavar="NAME", completes="execution", help="another one than the attached one")
"""For verbs about what is attached here."""

MEANT = "name or id; left out: what is attached here"


def waiting(until: str) -> tuple[Argument, Argument]:
    """Whether to stay until something is so, and how long."""
    return (
        argument(
            "--wait",
            action=argparse.BooleanOptionalAction,
            default=Of("waits"),
            help=f"stay until {until}",
        ),
        argument(
            "--timeout",
            type=float,
            default=Of("patience"),
            metavar="SECONDS",
            help="how long to stay; it goes on by itself after that",
        ),
    )


def count(text: str) -> int:
    """A number of processes or lines. :raises argparse.ArgumentTypeError: it is none"""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"must be a whole number of 0 or more, not {text!r}")
    return int(text)


@contextlib.contextmanager
def interruptible(what_goes_on: str, remedy: str) -> Iterator[None]:
    """An interrupt within becomes a message. :raises ZoeProblem: ``interrupted``"""
    try:
        yield
    except KeyboardInterrupt:
        raise ZoeProblem("interrupted", f"Interrupted. {what_goes_on}", remedy) from None
