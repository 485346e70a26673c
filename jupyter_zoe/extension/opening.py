"""``POST zoe/open``: the ways to a page of a process, for the user of this server, who asks in the panel or comes to
its plain address. Used by ``pages`` and by ``page_relays``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import ClassVar
from urllib.parse import urlsplit

from tornado.web import HTTPError, authenticated

from jupyter_zoe.client.problems import ZoeProblem
from jupyter_zoe.extension.base import UserHandler
from zoe_proxy.pages.opening import Door, Opening, OwnOrigin, PageToOpen

AT_HUB = "/zoe/pages"
"""Path of pages at the hub."""

_ACTIONS = ("read", "write", "execute")
_MOST_ANCESTORS = 8


class Opener(UserHandler):
    """Finds the ways to a page, for the user of this server."""

    @property
    def door(self) -> Door:
        """Opens the pages of this server."""
        door: Door = self.settings["zoe_door"]
        return door

    async def find_ways(self, execution: str, rest: str, ancestors: Sequence[str] = ()) -> Opening:
        """Ask the hub about a page and plan how the browser opens it.

        :param rest: process, port and path
        :param ancestors: origins of the pages in whose frames it will be shown
        :raises ZoeProblem: what the hub says; :raises HubError: there is no hub
        """
        from jupyter_zoe.client import AsyncClient  # noqa: PLC0415 - only when the first page is opened

        info = await self.keeper.get()
        async with AsyncClient(info) as client:
            ticket = await client.create_ticket(path=f"{AT_HUB}/{execution}/{rest}", ancestors=list(ancestors))
        page = PageToOpen(
            execution=execution,
            prefix=ticket["prefix"],
            rest=rest,
            trusted=ticket["trusted"],
            needs_origin=ticket["needs_origin"],
        )
        own = ticket.get("own")
        return self.door.open(
            page,
            host=self.request.host,
            ancestors=ancestors,
            holder=frozenset([action for action in _ACTIONS if await self.may(action)]),
            others=[OwnOrigin(**own)] if own else [],
            home=self._origin(),
        )

    def _origin(self) -> str:
        """This server's origin as the browser sees it, also behind a proxy that ends its TLS."""
        given = self.request.headers.get("Origin", "")
        own = f"{self.request.protocol}://{self.request.host}"
        return given if urlsplit(given).netloc.lower() == self.request.host.lower() else own


class OpenHandler(Opener):
    """``POST zoe/open``: ``{"execution": "e1", "page": "master-0/ui/", "ancestors": ["http://..."]}`` is answered with
    the ways to the page: ``{"own": [{"url", "here", "proof"}], "fallback": "/path", "sandboxed": true, "refusal": ""}``
    (see ``zoe_proxy.pages.opening.Opening``).

    ``ancestors`` are the origins of the pages in whose frames it will be shown.
    """

    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = ("POST",)  # type: ignore[misc]

    @authenticated
    async def post(self) -> None:
        """Find the ways. The xsrf token was checked in ``prepare``."""
        await self.require_user("read")
        if not self.check_origin():
            raise HTTPError(403, "A page of another origin sent this request.")
        execution, page, ancestors = self._asked()
        try:
            opening = await self.find_ways(execution, page, ancestors)
        except ZoeProblem as problem:
            self.write_problem_of_hub(problem)
            return
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(asdict(opening)))

    def _asked(self) -> tuple[str, str, list[str]]:
        """:raises tornado.web.HTTPError: 400"""
        try:
            content = json.loads(self.request.body)
            execution, page, ancestors = content["execution"], content["page"], content.get("ancestors", [])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise HTTPError(400, 'Send {"execution": ..., "page": ...} as JSON.') from error
        if not isinstance(execution, str) or not isinstance(page, str) or "/" in execution:
            raise HTTPError(400, "'execution' is an id and 'page' a path: process, port and the rest.")
        if not isinstance(ancestors, list) or not all(isinstance(each, str) for each in ancestors):
            raise HTTPError(400, "'ancestors' is a list of origins.")
        return execution, page, ancestors[:_MOST_ANCESTORS]

    def get_login_url(self) -> str:
        """No redirect: programs ask."""
        raise HTTPError(401)
