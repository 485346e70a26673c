"""Who sends a request: principals and authenticators. Called by ``web.handler`` and, through ``web.access.tickets``, by
the proxy.

An authenticator is found by the entry point group ``zoe.authenticators``. It gets the request's headers and says whose
they are, or nothing; what that person may do is decided by scopes and ownership, never here.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime

from tornado.httputil import HTTPServerRequest
from traitlets import Unicode
from traitlets.config import LoggingConfigurable

import zoe_loopback
from zoe_hub.controllers.kit.tokens import digest
from zoe_hub.core.access import Principal
from zoe_hub.store.base import Store


def bearer(request: HTTPServerRequest) -> str | None:
    """The token of the ``Authorization: Bearer`` header, or None. Several such headers are none."""
    values = request.headers.get_list("Authorization")
    if len(values) != 1:
        return None
    scheme, _, token = values[0].partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token else None


class Authenticator(LoggingConfigurable):
    """Says who sends a request. Subclasses implement ``authenticate``."""

    def __init__(self, *, store: Store, now: Callable[[], datetime], **kwargs: object) -> None:
        """:param store: knows the tokens that the hub gave out
        :param now: the hub's clock
        """
        super().__init__(**kwargs)
        self.store = store
        self.now = now

    async def authenticate(self, request: HTTPServerRequest) -> Principal | None:
        """Whose request it is; None: nobody's that is known."""
        token = bearer(request)
        return None if token is None else self.of_token(digest(token))

    def of_token(self, digested: str) -> Principal | None:
        """Whose token has this digest, if it is valid now. Asked again for long streams and sessions."""
        found = self.store.token(digested)
        if found is None or (found.expires is not None and found.expires <= self.now()):
            return None
        return Principal(name=found.owner, scopes=found.scopes, digest=digested)


class EmbeddedAuthenticator(Authenticator):
    """One user, who may do everything: the one whose runtime file holds the hub's own token."""

    user = Unicode(help="Name of the only user. Empty: the name of the system's user who runs the hub.").tag(
        config=True
    )

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.user = self.user or zoe_loopback.login()
        self._root = ""

    def accept(self, token: str) -> None:
        """Take ``token`` for the user's own, with all scopes. Only its hash is kept."""
        self._root = digest(token)

    def of_token(self, digested: str) -> Principal | None:
        """The user, if it is the own token; otherwise whom the store names."""
        if self._root and hmac.compare_digest(digested, self._root):
            return Principal(name=self.user, scopes=("admin", "read", "write"), digest=digested)
        return super().of_token(digested)
