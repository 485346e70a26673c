"""Tickets and sessions with which browsers look at pages, in memory; only hashes of the secrets are kept.

A ticket stands in an address, works once and for a minute; redeeming it begins a session, a *visit*. A visit is bound
to one place and to one execution there, so that a secret of one kind opens nothing of another. Used by hub and server
extension, each with its own.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

from zoe_proxy.pages.confinement import Place

TICKET_LIFE = 60.0
"""Seconds."""

_MOST = 1000  # kept at a time in one vault, so that nobody fills the memory

Content = TypeVar("Content")


class _Kept(NamedTuple):
    content: object
    expires: float


class Vault(Generic[Content]):
    """What secrets stand for, for a while."""

    def __init__(
        self, life: float, now: Callable[[], float], valid: Callable[[Content], bool] = lambda _: True
    ) -> None:
        """:param life: seconds; :param now: the time in seconds
        :param valid: whether what was put in still holds, asked each time
        """
        self._life, self._now, self._valid = life, now, valid
        self._kept: dict[bytes, _Kept] = {}

    def put(self, content: Content) -> tuple[str, float]:
        """A new secret for ``content`` (hexadecimal: it spells no word), and until when it works."""
        if len(self._kept) >= _MOST:
            now = self._now()
            for key in [key for key, each in self._kept.items() if each.expires <= now] or [next(iter(self._kept))]:
                del self._kept[key]
        secret, expires = secrets.token_hex(24), self._now() + self._life
        self._kept[_digest(secret)] = _Kept(content, expires)
        return secret, expires

    def get(self, secret: str) -> Content | None:
        """What it stands for, if it works."""
        kept = self._kept.get(_digest(secret))
        return self._checked(kept)

    def take(self, secret: str) -> Content | None:
        """The same, for the last time."""
        return self._checked(self._kept.pop(_digest(secret), None))

    def _checked(self, kept: _Kept | None) -> Content | None:
        if kept is None or kept.expires <= self._now():
            return None
        content: Content = kept.content  # type: ignore[assignment] # put in as such
        return content if self._valid(content) else None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


@dataclass(frozen=True)
class Visit:
    """What a ticket begins and a session allows."""

    place: Place
    execution: str
    prefix: str  # path in front of the execution as the browser sees it; in the sandbox without the secret
    start: str  # path below ``prefix``, without a slash before it: where it begins
    scope: str = ""  # path below ``prefix``, with slashes around it: nothing else is shown
    ancestors: tuple[str, ...] = ()  # origins of the pages that may show it in a frame
    framed: bool = False  # it is shown in a frame of another site
    holder: object = None  # in whose name; the server in front knows what it is

    def covers(self, path: str) -> bool:
        """Whether a path of the browser's belongs to it."""
        return path.startswith(self.prefix + (self.scope or f"/{self.execution}/"))


class Visits:
    """The tickets and sessions of one server."""

    def __init__(self, life: float, now: Callable[[], float], valid: Callable[[Visit], bool] = lambda _: True) -> None:
        """:param life: seconds that a session lasts; the others as for ``Vault``"""
        self._tickets: Vault[Visit] = Vault(TICKET_LIFE, now, valid)
        self._sessions: Vault[Visit] = Vault(life, now, valid)

    def ticket(self, visit: Visit) -> str:
        """A ticket that begins the visit, once."""
        return self._tickets.put(visit)[0]

    def begin(self, ticket: str, *, framed: bool) -> tuple[str, Visit] | None:
        """Redeem a ticket: the session's secret and the visit; ``None`` if it was used or is too old."""
        visit = self._tickets.take(ticket)
        if visit is None:
            return None
        visit = replace(visit, framed=framed)
        return self._sessions.put(visit)[0], visit

    def find(self, secret: str, place: Place) -> Visit | None:
        """The visit of a session, if it is for this place."""
        visit = self._sessions.get(secret)
        return visit if visit is not None and visit.place == place else None

    def of_cookies(self, values: list[str], place: Place, path: str) -> Visit | None:
        """The visit for ``path`` among the cookies of a request. Several may be sent, with one name even.

        :param values: of the ``Cookie`` headers
        """
        for value in values:
            for part in value.split(";"):
                name, _, secret = part.strip().partition("=")
                if name.startswith(cookie_name(place)):
                    visit = self.find(secret, place)
                    if visit is not None and visit.covers(path):
                        return visit
        return None


def cookie_name(place: Place, execution: str = "", port: int = 0) -> str:
    """Name of the cookie of a session; without an execution, what all such names begin with. Browsers do not tell ports
    apart, so the name does.
    """
    return f"zoe-{place}-" + (f"{execution}-{port}" if execution else "")
