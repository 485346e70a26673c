"""Which hub a client talks to, and how it is found again when it has moved. Blocking; asyncio calls it in a thread."""

from __future__ import annotations

import threading

from jupyter_zoe.client.problems import ZoeProblem, problem_of_hub
from jupyter_zoe.client.requests import Request, rebased
from jupyter_zoe.hub.info import HubError, HubInfo
from jupyter_zoe.hub.variables import DATA_VARIABLE


class Connection:
    """One hub: a given one, or the one of the environment, or the user's own, which is looked for when it is needed.

    :param start: whether to start the user's own hub if it does not run
    """

    def __init__(self, info: HubInfo | None, *, start: bool) -> None:
        self._info, self.given, self._start = info, info, start
        self._lock = threading.Lock()

    @property
    def info(self) -> HubInfo:
        """Where the hub is, which may have to be started first. :raises ZoeProblem: ``hub-unreachable``"""
        with self._lock:
            if self._info is None:
                self._info = self._look()
            return self._info

    def renewed(self, request: Request) -> Request:
        """The request for the hub as it is now: an embedded one may have ended for want of work, and starts again.

        The next one may have the same address, but never the same token.
        """
        with self._lock:
            if self.given is None and (self._info is None or self._info.embedded):
                self._info = self._look()
                return rebased(request, self._info)
            return request

    def _look(self) -> HubInfo:
        from jupyter_zoe.hub import finding  # noqa: PLC0415 - urllib.request takes a while, and help needs no hub

        try:
            found = finding.ensure() if self._start else finding.find()
        except HubError as error:
            raise problem_of_hub(error) from None
        except OSError as error:
            raise ZoeProblem(
                "hub-unreachable",
                f"The hub cannot be started: {error}.",
                f"Set {DATA_VARIABLE} to a folder you may write to.",
            ) from None
        if found is None:
            raise ZoeProblem(
                "hub-unreachable", "No hub is running.", "Start one with 'zoe hub start'; JupyterLab does it by itself."
            )
        return found
