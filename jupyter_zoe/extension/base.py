"""What the handlers of the extension share: errors as problem documents, and who may ask.

Used by ``relay`` and ``pages``.
"""

from __future__ import annotations

import json
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError, RequestHandler

from jupyter_zoe.client.problems import ZoeProblem
from jupyter_zoe.extension.keeper import Keeper
from jupyter_zoe.hub.info import HubError
from zoe_proxy.pages.handlers import write_refusal

_PROBLEMS = {
    400: ("bad-request", "The request cannot be understood", "Correct what the message names and send it again."),
    401: ("not-authenticated", "You are not logged in to this Jupyter server", "Log in again: reload the page."),
    403: (
        "not-allowed",
        "This Jupyter server does not allow this",
        "Reload the page, so that it gets a new cookie against forged requests.",
    ),
    404: ("not-found", "There is nothing under this address", "Check the address."),
    405: ("method-not-allowed", "This address does not take this method", "Check the address."),
    408: ("request-timeout", "The request did not come in time", "Send it again; see ZoeExtension.body_timeout."),
    502: ("hub-unreachable", "The hub does not answer as it should", "Try again; see the hub's log."),
    503: ("hub-unreachable", "The hub does not answer", "Start JupyterLab again or run 'zoe-hub'; see the hub's log."),
    504: ("hub-unreachable", "The hub did not answer in time", "Try again; see the hub's log."),
}


class ProblemHandler(RequestHandler):
    """Answers errors as problem documents."""

    @property
    def keeper(self) -> Keeper:
        """The hub of this server."""
        keeper: Keeper = self.settings["zoe_keeper"]
        return keeper

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A problem document."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, HubError):
            self.write_problem(503, error.detail, error.remedy)
            return
        self.write_problem(status_code, str(getattr(error, "log_message", None) or ""))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Without a trace when the hub is away: the keeper has said why."""
        if not isinstance(value, HubError):
            super().log_exception(typ, value, tb)

    def write_problem_of_hub(self, problem: ZoeProblem) -> None:
        """Finish with what the hub said, or why it could not be asked: in words for a person, else as a problem."""
        write_refusal(
            self,
            problem.status or 503,
            problem.code,
            title="The page cannot be opened",
            detail=problem.detail,
            remedy=problem.remedy,
        )

    def write_problem(self, status: int, detail: str = "", remedy: str = "") -> None:
        """Finish with a problem (RFC 9457)."""
        code, title, usual = _PROBLEMS.get(
            status, ("internal", "The Jupyter server made a mistake", "Try again; see the Jupyter server's log.")
        )
        self.set_status(status)
        self.set_header("Content-Type", "application/problem+json")
        self.set_header("Cache-Control", "no-store")
        if status == 405:
            self.set_header("Allow", ", ".join(self.SUPPORTED_METHODS))
        if status == 503:
            self.set_header("Retry-After", "2")
        self.finish(
            json.dumps(
                {
                    "type": f"urn:zoe:problem:{code}",
                    "title": title,
                    "status": status,
                    "detail": detail or title,
                    "code": code,
                    "remedy": remedy or usual,
                }
            )
        )


class UserHandler(ProblemHandler, JupyterHandler):
    """For users of this Jupyter server."""

    auth_resource = "zoe"

    async def may(self, action: str) -> bool:
        """Whether the user may do ``action`` (read, write or execute) with ``zoe``."""
        return bool(
            await ensure_async(self.authorizer.is_authorized(self, self.current_user, action, self.auth_resource))
        )

    async def require_user(self, action: str) -> None:
        """A user of this server who may do ``action``.

        :raises tornado.web.HTTPError: 401, 403
        """
        if not self.current_user:
            raise HTTPError(401)
        if not await self.may(action):
            raise HTTPError(403, f"You are not authorized to {action} on {self.auth_resource}.")
