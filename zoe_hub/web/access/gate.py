"""Lets requests through or not: asks ``core.access``, and keeps the record of what admins do with what is another's.

Called by ``web.handler`` and ``web.call`` for operations, by ``web.pages.proxy`` for pages.
"""

from __future__ import annotations

from zoe_hub.core.access import Action, Grounds, Principal, may
from zoe_hub.core.errors import ZoeError
from zoe_hub.web.access.audit import Audit


class Gate:
    """Stands before everything that a request may reach."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def check_scope(self, principal: Principal, action: Action) -> None:
        """:raises ZoeError: ``not-allowed``, the token lacks the scope"""
        if not may(principal, action).allowed:
            raise ZoeError("not-allowed", f"This needs a token with the scope {action!r}.")

    async def admits(self, principal: Principal, action: Action, *, owner: str, execution: str, operation: str) -> bool:
        """Whether the principal may do this with what is ``owner``'s. Whoever gets False is told that it does not
        exist.

        :param execution: that it belongs to, for the record
        :param operation: what is done, for the record
        """
        permission = may(principal, action, owner)
        if permission.grounds is Grounds.ADMIN:
            await self._audit.record(
                principal.name, operation, owner=owner, execution=execution, only_reads=action == "read"
            )
        return permission.allowed
