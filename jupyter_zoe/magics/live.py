"""One output that changes while something happens. HTML in a notebook, text elsewhere.

For attaching, scaling and detaching its bundle holds JSON as well, for JupyterLab's panel, which runs these verbs in
the kernel: ``docs/decisions/attachment-output.md`` is the protocol. Nothing secret is in it: outputs are saved with the
notebook.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Literal, NotRequired, Self, TypedDict

from jupyter_zoe import words
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.client.operations import ExecutionView
from jupyter_zoe.harmless import harmless
from jupyter_zoe.showing import html
from jupyter_zoe.showing.parts import Progress, ResultPart, Said

MIME = "application/vnd.zoe.attachment+json"
VERSION = 1
TOLD = frozenset({"attach", "scale", "detach"})  # verbs whose output holds JSON
_SHORTEST = 0.2  # seconds between two updates of an output

State = Literal["working", "done", "failed"]


class Named(TypedDict):
    """An execution, as far as an output names it; everything else about it is the hub's to tell."""

    id: str
    name: str


class ReportedProblem(TypedDict):
    """Why a verb failed: a stable code, what happened, what to do, and wrong places."""

    code: str
    detail: str
    remedy: str
    errors: list[dict[str, Any]]


class ProgramReport(TypedDict):
    """What programs are told. A later one with the same display id replaces it."""

    version: int
    verb: str
    state: State
    message: str  # for people: what text/plain says, in lines; of a failure what the kernel's error says
    seconds: NotRequired[float]  # since the wait began
    share: NotRequired[float]  # of the wanted processes that are ready, 0 to 1
    execution: NotRequired[Named]
    attachment: NotRequired[str]  # its id
    variable: NotRequired[str]  # the session's name in the kernel
    session: NotRequired[Literal["new", "same"]]  # attached: whether the variable is another object than before
    problem: NotRequired[ReportedProblem]  # failed


class Live:
    """One output, changed in place. In a terminal: one line, written over. As a context: an error clears it.

    :param verb: what runs
    :param vanishes: nothing is left of it when it is over as a context
    """

    def __init__(self, shell: Any, verb: str, *, vanishes: bool = False) -> None:
        self._kernel = getattr(shell, "kernel", None) is not None
        self._terminal = not self._kernel and sys.stdout.isatty()
        self._verb, self._vanishes = verb, vanishes
        self._facts: dict[str, Any] = {}
        self._id: str | None = None
        self._shown_at = 0.0
        self._last: ResultPart | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None or self._vanishes:
            self._clear(error)

    def about(self, **facts: Any) -> None:
        """What is known from now on, for programs: members of a ``ProgramReport``."""
        self._facts |= facts

    def say(self, text: str) -> None:
        """What is being done."""
        self._update(Said(text, muted=True), at_once=True)

    def progress(self, view: ExecutionView, seconds: float) -> None:
        """How far an execution is; for ``Client.wait``."""
        is_first = "execution" not in self._facts
        self.about(
            execution={"id": view["id"], "name": view["name"]},
            seconds=round(seconds, 1),
            share=round(words.share(view), 3),
        )
        self._update(Progress(view, seconds), at_once=is_first)

    def _update(self, part: ResultPart, *, at_once: bool) -> None:
        """Show this now, or leave it out if the last change was a moment ago and it need not be shown ``at_once``."""
        if part != self._last and (at_once or time.monotonic() - self._shown_at >= _SHORTEST):
            self._last = part
            self._show(_text(part), html.block(part.html()), "working")

    def done(self, parts: Sequence[ResultPart]) -> None:
        """The last thing to show."""
        text = "\n\n".join(filter(None, map(_text, parts)))
        if self._kernel:
            self._facts.pop("share", None)
            self._show(text, html.block("".join(part.html() for part in parts)), "done")
        elif text:
            print(("\r\x1b[K" if self._terminal and self._id else "") + text, flush=True)

    def _clear(self, error: BaseException | None) -> None:
        """Leave nothing to read: an error says what happened instead."""
        if self._id is None:
            return
        if self._kernel:
            if isinstance(error, ZoeProblem):
                self.about(problem=_problem(error))
            self._show("", "", "failed", str(error or ""))
        elif self._terminal:
            print("\r\x1b[K", end="", flush=True)

    def _show(self, text: str, shown: str, state: State, message: str | None = None) -> None:
        self._shown_at = time.monotonic()
        if self._kernel:
            update = self._id is not None
            self._id = self._id or uuid.uuid4().hex
            data: dict[str, Any] = {"text/plain": text, "text/html": shown}
            if self._verb in TOLD:
                message = text.replace("`", "") if message is None else message
                told: ProgramReport = {"version": VERSION, "verb": self._verb, "state": state, "message": message}
                data[MIME] = {**told, **self._facts}
            publish(data, self._id, update=update)
        elif self._terminal:
            self._id = self._id or "line"
            print("\r\x1b[K" + text[:200], end="", flush=True)


def _text(part: ResultPart) -> str:
    return harmless(part.text(), colours=part.is_log)


def _problem(problem: ZoeProblem) -> ReportedProblem:
    return {
        "code": problem.code,
        "detail": problem.detail,
        "remedy": problem.remedy,
        "errors": [{"path": each.get("path", ""), "message": each.get("message", "")} for each in problem.errors],
    }


def publish(data: dict[str, Any], identifier: str, *, update: bool) -> None:
    """An output of the cell that runs, or the same one changed."""
    from IPython.display import publish_display_data  # noqa: PLC0415

    say: Any = publish_display_data  # has no types
    say(data=data, transient={"display_id": identifier}, update=update)
