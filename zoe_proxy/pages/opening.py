"""Chooses where a page is shown: at an origin of its own, if the browser reaches it, else in the sandbox or as trusted.

Whether the browser reaches another host or port cannot be known here (a tunnel of one port, a proxy in front), so the
choice is a plan that the browser carries out: the panel, or the page of ``documents.gate``.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from zoe_proxy.pages.confinement import Place
from zoe_proxy.pages.origins import Origins, separate
from zoe_proxy.pages.visits import Visit, Visits

ENTER, HERE = "/zoe/enter", "/zoe/here"
"""Paths of a listener beside the pages: begins a session; tells the browser that it reached the right listener."""


@dataclass(frozen=True)
class PageToOpen:
    """What is to be opened."""

    execution: str
    prefix: str  # path in front of the execution that the process was told
    rest: str  # process, port and path: "notebook-0/web/lab?a=1"
    trusted: bool = False
    needs_origin: bool = False  # it does not work in the sandbox

    @property
    def scope(self) -> str:
        """Path of this page and what belongs to it, below the prefix."""
        return f"/{self.execution}/" + "".join(f"{part}/" for part in self.rest.split("/", 2)[:2])


@dataclass(frozen=True)
class OwnOrigin:
    """An origin to try: if ``here`` answers ``proof``, then ``url`` opens the page, once."""

    url: str
    here: str
    proof: str


@dataclass(frozen=True)
class Opening:
    """How a browser opens a page: the first origin that it reaches, else ``fallback``, else what ``refusal`` says."""

    own: tuple[OwnOrigin, ...]
    fallback: str  # path with a ticket; empty: there is none
    sandboxed: bool  # the fallback is the sandbox
    refusal: str  # for people


_MOST = 1000  # homes that are remembered

REFUSAL = (
    "This page needs an origin of its own: it uses cookies or storage, or knows only its own address, and does not work"
    " in the sandbox in which Zoe shows pages at the address of JupyterLab or of the hub. This browser reaches no such"
    " origin. An admin can give pages one (the option pages_origin: a URL; or pages_port: a port to forward beside the"
    " one in use, for browsers that come through a tunnel), or trust the framework to act as whoever opens it (the"
    " hub's option trusted_frameworks)."
)


@dataclass(frozen=True)
class Door:
    """Opens the pages of one server."""

    visits: Visits
    origins: Origins
    base: str  # path of pages at the server in front: "/user/me/zoe/pages"
    proof: str = field(default_factory=lambda: secrets.token_hex(16))
    _homes: dict[str, str] = field(default_factory=dict)  # execution -> address in front of its pages there

    def open(
        self,
        page: PageToOpen,
        *,
        host: str,
        ancestors: Sequence[str] = (),
        holder: object = None,
        others: Sequence[OwnOrigin] = (),
        home: str = "",
    ) -> Opening:
        """Plan how a browser opens a page.

        :param host: by which the browser reaches the server in front, with port
        :param ancestors: origins of the pages in whose frames it will be shown
        :param holder: in whose name
        :param others: origins of another server that shows the same page, tried after the own one
        :param home: origin of the server in front, if a browser can open pages there by their plain addresses
        """
        if home:
            self._homes.pop(page.execution, None)
            self._homes[page.execution] = home + self.base
            if len(self._homes) > _MOST:
                del self._homes[next(iter(self._homes))]
        own = self.own(page, ancestors=ancestors, holder=holder)
        offered = [each for each in (own, *others) if each is not None and separate(each.here, host)]
        place = self._shared_place(page)
        fallback = ""
        if place is not None:
            visit = Visit(
                place=place,
                execution=page.execution,
                prefix=self.base,
                start=f"{page.execution}/{page.rest}",
                scope=page.scope if place == "trusted" else "",
                ancestors=tuple(ancestors),
                holder=holder,
            )
            fallback = f"{self.base.removesuffix('/pages')}/enter?ticket={self.visits.ticket(visit)}"
        return Opening(tuple(offered), fallback, place == "sandbox", "" if place else REFUSAL)

    def _shared_place(self, page: PageToOpen) -> Place | None:
        """Where it is shown at the origin of the server in front, if it can be."""
        if not page.needs_origin:
            return "trusted" if page.trusted else "sandbox"
        # A page that keeps its prefix finds its parts there alone.
        return "trusted" if page.trusted and page.prefix == self.base else None

    def home(self, host: str, path: str) -> str:
        """Where a window goes that has no session for a page at an origin of its own: to the server in front, which
        knows who is there. Empty if that is not known.

        :param host: at which the window is; :param path: of the page
        """
        for execution, home in self._homes.items():
            _, found, rest = path.partition(f"/pages/{execution}/")
            if found and self.origins.at(host, execution):
                return f"{home}/{execution}/{rest}"
        return ""

    def own(self, page: PageToOpen, *, ancestors: Sequence[str] = (), holder: object = None) -> OwnOrigin | None:
        """The page at an origin of its own; ``None`` if this server has none."""
        origin = self.origins.of(page.execution)
        if not origin:
            return None
        visit = Visit(
            place="own",
            execution=page.execution,
            prefix=page.prefix,
            start=f"{page.execution}/{page.rest}",
            ancestors=tuple(ancestors),
            holder=holder,
        )
        return OwnOrigin(f"{origin}{ENTER}?ticket={self.visits.ticket(visit)}", f"{origin}{HERE}", self.proof)
