"""The notebook as a frontend: results are outputs of the cell. One for each IPython shell."""

from __future__ import annotations

import sys
from typing import Any

from jupyter_zoe.attaching import Attaching
from jupyter_zoe.attaching.holder import notebook
from jupyter_zoe.attaching.session import SESSIONS
from jupyter_zoe.client import Client
from jupyter_zoe.harmless import LogCleaner
from jupyter_zoe.magics.live import Live
from jupyter_zoe.verbs.verb import Invocation, Prog


class Notebook:
    """Where ``%zoe`` runs."""

    prog: Prog = "%zoe"
    waits = True
    patience: float | None = 600.0
    streams = False
    for_program = False

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._client: Client | None = None
        self._live: Live | None = None
        self._cleaner = LogCleaner()
        self.attaching = Attaching(lambda: self.client, notebook, SESSIONS)
        SESSIONS.show_in(shell.user_ns)
        SESSIONS.live = lambda: Live(shell, "renew", vanishes=True)

    @property
    def client(self) -> Client:
        """The hub, started if need be."""
        if self._client is None:
            self._client = Client()
        return self._client

    def close(self) -> None:
        """Close the connection to the hub."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def live(self, verb: str) -> Live:
        """The output of the verb that runs."""
        self._live = Live(self._shell, verb)
        return self._live

    def write(self, data: bytes) -> None:
        """Output of a process."""
        sys.stdout.write(self._cleaner.feed(data).decode())
        sys.stdout.flush()

    def run(self, call: Invocation) -> None:
        """Do what a verb says, and show the result. :raises ZoeProblem: it cannot be done"""
        self._live, self._cleaner = None, LogCleaner()
        result = call.verb.run(self, call)
        sys.stdout.write(self._cleaner.end().decode())
        if result.parts:
            (self._live or self.live(call.verb.name)).done(result.parts)
        for session in SESSIONS:  # what a startup file has made is hidden from '%who' otherwise
            self._shell.user_ns_hidden.pop(session.variable, None)
        if result.problem is not None:
            raise result.problem
