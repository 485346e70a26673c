"""Completion of ``%zoe`` lines: verbs, ZApps, options, names of executions. Never starts a hub, never takes long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from jupyter_zoe import options
from jupyter_zoe.client import ZoeProblem

if TYPE_CHECKING:
    from jupyter_zoe.client import Client
    from jupyter_zoe.magics.zoe import Zoe

_FRESH = 10.0  # seconds that the shop and the executions are remembered
_NAMES = {"status": "execution", "stop": "execution", "detach": "execution", "logs": "process"}


class Completer:
    """A hook of IPython's for the command ``%zoe``."""

    def __init__(self, zoe: Zoe) -> None:
        self._zoe = zoe
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
        verbs = self._zoe.verbs
        if not words or words == ["help"]:
            return list(verbs.verbs)
        verb, rest = words[0], words[1:]
        if verb not in verbs.verbs:
            return []
        if rest and rest[-1] == "--execution":
            return self._executions()
        if begun.startswith("-"):
            return [
                *verbs.option_strings(verb),
                *(self._parameters(rest[0], verb) if rest and verb in ("attach", "run") else []),
            ]
        if rest:
            return []
        if verb in ("attach", "run"):
            return self._zapps(verb == "attach")
        if verb in _NAMES:
            return self._executions() if _NAMES[verb] == "execution" else self._processes()
        return []

    def _zapps(self, attach: bool) -> list[str]:
        items = self._remember("zapps", lambda client: client.list_zapps()["items"])
        names = [each["name"] for each in items if each["attach"] or not attach]
        alone = {each["frameworks"][0] for each in items if attach and each["attach"] and len(each["frameworks"]) == 1}
        return sorted({*names, *alone})

    def _parameters(self, zapp: str, verb: str) -> list[str]:
        for each in self._remember("zapps", lambda client: client.list_zapps()["items"]):
            if each["name"] == zapp or (verb == "attach" and each["frameworks"] == [zapp] and each["attach"]):
                return sorted(options.flag(name) for name in each["parameters"].get("properties", {}))
        return []

    def _executions(self) -> list[str]:
        return [
            each["name"]
            for each in self._remember("executions", lambda client: client.list_executions(active=True)["items"])
        ]

    def _processes(self) -> list[str]:
        if not self._zoe.sessions:
            return []
        execution = self._zoe.sessions[-1].execution
        return [
            each["id"]
            for each in self._remember(
                f"processes {execution}", lambda client: client.list_processes(execution)["items"]
            )
        ]

    def _remember(self, what: str, ask: Any) -> list[Any]:
        at, known = self._kept.get(what, (-_FRESH, []))
        if time.monotonic() - at > _FRESH:
            try:
                known = ask(self._client())
            except ZoeProblem:
                known = []
            self._kept[what] = (time.monotonic(), known)
        return known

    def _client(self) -> Client:
        from jupyter_zoe import hub  # noqa: PLC0415
        from jupyter_zoe.client import Client  # noqa: PLC0415

        if self._zoe._client is not None:
            return self._zoe._client
        found = hub.find(timeout=1.0)
        if found is None:
            raise ZoeProblem("hub-unreachable", "No hub is running.")
        self._zoe._client = Client()
        return self._zoe._client
