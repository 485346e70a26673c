"""What ``%zoe attach``, ``scale`` and ``detach`` tell a program that reads their output: JSON beside the text and HTML.

JupyterLab's panel runs these verbs in the kernel and shows what this says; ``docs/decisions/attachment-output.md`` is
the protocol. Nothing secret is in it: outputs are saved with the notebook.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from jupyter_zoe.client import ZoeProblem

MIME = "application/vnd.zoe.attachment+json"
VERSION = 1

State = Literal["working", "done", "failed"]


class Named(TypedDict):
    """An execution, as far as an output names it; everything else about it is the hub's to tell."""

    id: str
    name: str


class Problem(TypedDict):
    """Why a verb failed: a stable code, what happened, what to do, and wrong places."""

    code: str
    detail: str
    remedy: str
    errors: list[dict[str, Any]]


class Report(TypedDict):
    """One bundle. A later one with the same display id replaces it."""

    version: int
    verb: str  # attach, scale or detach
    state: State
    message: str  # for people: what text/plain says, in lines; of a failure what the kernel's error says
    seconds: NotRequired[float]  # since the wait began
    share: NotRequired[float]  # of the wanted processes that are ready, 0 to 1
    execution: NotRequired[Named]
    attachment: NotRequired[str]  # its id
    variable: NotRequired[str]  # the session's name in the kernel
    session: NotRequired[Literal["new", "same"]]  # attached: whether the variable is another object than before
    problem: NotRequired[Problem]  # failed


def problem_of(problem: ZoeProblem) -> Problem:
    """A problem as JSON."""
    return {
        "code": problem.code,
        "detail": problem.detail,
        "remedy": problem.remedy,
        "errors": [{"path": each.get("path", ""), "message": each.get("message", "")} for each in problem.errors],
    }
