"""Who may do what with what is whose: one decision, asked everywhere. Pure.

``may`` is asked by ``web.access.gate`` for every request, and by lists for every record.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from zoe_hub.core.record import Record

Action = Literal["read", "write", "admin"]
"""Looking, changing, and what only admins do. What a token needs is the scope of the same name."""

_IMPLIED_BY: dict[Action, frozenset[str]] = {
    "read": frozenset({"read", "write", "admin"}),
    "write": frozenset({"write", "admin"}),
    "admin": frozenset({"admin"}),
}


class Principal(Record, kw_only=True):
    """A person (or a program in a person's name) and what the token allows."""

    name: str
    scopes: tuple[str, ...]
    digest: str = ""  # of the token, so that what was opened with it ends with it


class Grounds(StrEnum):
    """Why somebody may or may not."""

    OWN = "own"  # it is the principal's, or nobody's in particular
    ADMIN = "admin"  # it is another's, and the principal an admin: goes on record
    SCOPE = "scope"  # the token lacks the scope
    FOREIGN = "foreign"  # it is another's: told like what does not exist


class Permission(Record, kw_only=True):
    """What ``may`` decides."""

    allowed: bool
    grounds: Grounds


_OWN = Permission(allowed=True, grounds=Grounds.OWN)
_ADMIN = Permission(allowed=True, grounds=Grounds.ADMIN)
_SCOPE = Permission(allowed=False, grounds=Grounds.SCOPE)
_FOREIGN = Permission(allowed=False, grounds=Grounds.FOREIGN)


def may(principal: Principal, action: Action, owner: str | None = None) -> Permission:
    """Whether somebody may do something, and on which grounds.

    :param owner: whose it is that is looked at or changed; None: it has no owner, such as the shop
    """
    if _IMPLIED_BY[action].isdisjoint(principal.scopes):
        return _SCOPE
    if owner is None or owner == principal.name:
        return _OWN
    return _ADMIN if "admin" in principal.scopes else _FOREIGN


def sees_only(principal: Principal) -> str | None:
    """The owner to whose records lists and streams of this principal are confined; None: to nobody's."""
    return None if "admin" in principal.scopes else principal.name
