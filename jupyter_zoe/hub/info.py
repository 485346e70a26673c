"""What a hub is to those who use it, and what they are told when there is none. Used by all that talks to a hub."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass, field
from functools import partial

import zoe_loopback
from jupyter_zoe.hub.variables import USER_VARIABLE

ANYBODY = "*"


def users(name: str) -> frozenset[int] | None:
    """The users to whom a configured hub on this machine may belong; ``None``: anybody.

    :param name: a user's name or number, empty, or ``*``
    :raises ValueError: there is no such user
    """
    if name == ANYBODY:
        return None
    further = (zoe_loopback.user_id(name),) if name else ()
    return frozenset({zoe_loopback.own(), zoe_loopback.ROOT, *further})


@dataclass(frozen=True)
class HubInfo:
    """Where a hub is and what opens it. The token is not shown."""

    url: str  # without a trailing slash
    token: str = field(repr=False)
    embedded: bool = False  # this user's own hub, on this machine
    pid: int = 0  # of an embedded hub
    started: int | None = None  # when that process began, in the kernel's count
    users: frozenset[int] | None = field(default_factory=partial(users, ""))
    """To whom the listener of a configured hub on this machine may belong; ``None``: anybody."""

    @property
    def is_on_this_machine(self) -> bool:
        """Whether it is reached without the network, so that no proxy of the environment may come between."""
        return self.embedded or zoe_loopback.is_own_address(urllib.parse.urlsplit(self.url).hostname or "")


class HubError(RuntimeError):
    """The hub cannot be reached or started. ``code`` is the problem's code, ``remedy`` says what to do."""

    def __init__(self, detail: str, *, code: str = "hub-unreachable", remedy: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.remedy = remedy or "Start JupyterLab again or run 'zoe-hub --embedded'; see the hub's log."


class HubStranger(HubError):
    """What listens at a hub's address is not known to be the hub, so it was sent nothing."""

    def __init__(self, info: HubInfo, words: str) -> None:
        """:param words: whose it is"""
        super().__init__(
            f"What listens at {info.url} is not known to be the hub: {words.rstrip('.')}.",
            code="hub-stranger",
            remedy=(
                "Try again: a new hub is started."
                if info.embedded
                else f"If it is the hub's own user, name that user in {USER_VARIABLE} (or ZoeExtension.hub_user)."
            ),
        )
