"""Completion of ``%zoe`` lines: verbs, ZApps, options, names of executions. Never starts a hub, never takes long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from jupyter_zoe.attaching.session import SESSIONS
from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.verbs import options

if TYPE_CHECKING:
    from jupyter_zoe.verbs.parser import Verbs

_FRESH = 10.0  # seconds that the shop and the executions are remembered
_LOOKING = 1.0  # seconds that a hub may take to be found


class Completer:
    """A hook of IPython's for the command ``%zoe``."""

    def __init__(self, verbs: Verbs) -> None:
        self._verbs = verbs
        self._client: Client | None = None
        self._kept: dict[str, tuple[float, list[Any]]] = {}

    def __call__(self, shell: Any, event: Any) -> list[str]:
        """What can stand where the cursor is."""
        text: str = getattr(event, "text_until_cursor", event.line)
        words = text.split()[1:]
        begun = "" if text[-1:].isspace() else words.pop() if words else ""
        try:
            return [each for each in self.candidates(words, begun) if each.startswith(begun)]
        except Exception:  # a completion that fails is no completion
            return []

    def candidates(self, words: list[str], begun: str) -> list[str]:
        """What may follow ``words``; ``begun`` is the word that is being written."""
        if not words or words == ["help"]:
            return [*self._verbs.verbs, *([] if words else ["help"])]
        verb, rest = self._verbs.verbs.get(words[0]), words[1:]
        if verb is None:
            return []
        if rest and rest[-1] == "--execution":
            return self._executions()
        if begun.startswith("-"):
            parameters = self._parameters(rest[0], verb.zapp == "attach") if rest and verb.zapp else []
            return [*self._verbs.option_strings(verb.name), *parameters]
        match self._verbs.completes(verb.name, len(rest)):
            case "zapp":
                return self._zapps(verb.zapp == "attach")
            case "execution":
                return self._executions()
            case "process":
                return [*self._processes(), *self._executions()]
        return []

    def _zapps(self, attach: bool) -> list[str]:
        shop = self._shop()
        return sorted({name for each in shop for name in (each["attach_as"] if attach else [each["name"]])})

    def _parameters(self, zapp: str, attach: bool) -> list[str]:
        for each in self._shop():
            if each["name"] == zapp or (attach and zapp in each["attach_as"]):
                return sorted(options.flag(name) for name in each["parameters"].get("properties", {}))
        return []

    def _shop(self) -> list[Any]:
        return self._remember("zapps", lambda client: client.list_zapps()["items"])

    def _executions(self) -> list[str]:
        running = self._remember("executions", lambda client: client.list_executions(active=True)["items"])
        return [each["name"] for each in running]

    def _processes(self) -> list[str]:
        if SESSIONS.current is None:
            return []
        execution = SESSIONS.current.execution
        processes = self._remember(f"processes {execution}", lambda client: client.list_processes(execution)["items"])
        return [each["id"] for each in processes]

    def _remember(self, what: str, ask: Any) -> list[Any]:
        at, known = self._kept.get(what, (-_FRESH, []))
        if time.monotonic() - at > _FRESH:
            try:
                known = ask(self._open())
            except ZoeProblem:
                known = []
            self._kept[what] = (time.monotonic(), known)
        return known

    def _open(self) -> Client:
        from jupyter_zoe.hub import finding  # noqa: PLC0415 - urllib.request takes a while

        if self._client is None:
            found = finding.find(timeout=_LOOKING)
            if found is None:
                raise ZoeProblem("hub-unreachable", "No hub is running.")
            self._client = Client(start=False)
        return self._client
