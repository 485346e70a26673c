"""Problems: what the hub refuses, and what keeps a client from reaching it, as one exception.

Raised by both clients and by everything on the Jupyter side; ``jupyter_zoe.codes`` declares the codes that arise there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_zoe.harmless import harmless
from jupyter_zoe.hub.info import HubError, HubInfo, HubStranger

_USUAL = frozenset({"type", "title", "status", "detail", "code", "remedy", "errors", "incident"})


class ZoeProblem(Exception):
    """Zoe says no, or cannot be reached.

    ``code`` is stable (see docs/errors.md), ``detail`` says what happened, ``remedy`` what to do, ``errors`` names
    wrong places (dictionaries with ``path`` and ``message``), ``status`` is the HTTP status (0 when there was no
    answer), ``members`` are what the hub says beside that.
    """

    def __init__(  # noqa: PLR0917
        self,
        code: str,
        detail: str,
        remedy: str = "",
        errors: Iterable[Mapping[str, Any]] = (),
        status: int = 0,
        incident: str = "",
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.code, self.detail, self.remedy, self.status, self.incident = code, detail, remedy, status, incident
        self.errors = tuple(dict(error) for error in errors)
        self.members = dict(members or {})

    def __str__(self) -> str:
        return " ".join(self.lines())

    def _render_traceback_(self) -> list[str]:
        """IPython shows this instead of a traceback."""
        head, *rest = self.lines()
        return [f"Zoe: {head} [{self.code}]", *rest]

    def lines(self) -> list[str]:
        """The message for people, a line for each thing: what happened, wrong places, what to do."""
        lines = [self.detail]
        for error in self.errors:
            path, message = str(error.get("path", "")).strip("/").replace("/", "."), str(error.get("message", ""))
            if message not in self.detail:
                lines.append(f"  {path}: {message}" if path else f"  {message}")
        if self.incident and self.incident not in self.detail:
            lines.append(f"Incident {self.incident}.")
        if self.remedy and self.remedy not in self.detail and not (self.code == "bad-parameter" and len(lines) == 1):
            lines.append(self.remedy)  # (a detail that names the parameter itself needs no hint at 'errors')
        return [harmless(line) for line in lines]


def problem_of_hub(error: HubError) -> ZoeProblem:
    """The problem of a hub that cannot be found or started."""
    return ZoeProblem(error.code, error.detail, error.remedy)


def unreachable(info: HubInfo, error: Exception) -> ZoeProblem:
    """The problem of a hub that does not answer."""
    words = str(error).strip().rstrip(".") or type(error).__name__
    from jupyter_zoe.client.transport import NotTheHub  # noqa: PLC0415 - httpx: 0.1 s that '--help' does not need

    if isinstance(error.__cause__, NotTheHub):
        found = HubStranger(info, words)
        return ZoeProblem("hub-stranger", found.detail, found.remedy)
    return ZoeProblem(
        "hub-unreachable",
        f"The hub at {info.url} does not answer: {words}.",
        "Start JupyterLab again or run 'zoe hub start'; see the hub's log.",
    )


def pruned(first_seq: int) -> ZoeProblem:
    """The problem of who reads events and has missed some that are not kept any more."""
    return ZoeProblem(
        "history-pruned",
        f"Events before number {first_seq} are not kept any more, and some of them have not been read.",
        "Read the present state and what is left of the history again, from the beginning.",
        members={"first_seq": first_seq},
    )


def problem_of_answer(status: int, body: bytes) -> ZoeProblem:
    """The problem that an answer holds; of anything else, one that says what came."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("code"), str):
        return ZoeProblem(
            found["code"],
            str(found.get("detail") or found.get("title") or found["code"]),
            str(found.get("remedy", "")),
            found.get("errors") or (),
            status,
            str(found.get("incident", "")),
            {name: value for name, value in found.items() if name not in _USUAL},
        )
    return ZoeProblem(
        "bad-answer",
        f"The hub answered {status} in a way that Zoe does not know.",
        "Check that the hub's address is right and that its version fits.",
        status=status,
    )
