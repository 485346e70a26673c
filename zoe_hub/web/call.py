"""One request that has passed every check, and the binding of operations to the coroutines that do them.

``web.perform`` makes a ``Call`` of each request; the modules in ``web.operations`` ``bind`` what they do to the table
of operations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from zoe_hub.contract.operations import BY_ID
from zoe_hub.contract.table import Operation
from zoe_hub.core.access import Principal
from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Execution
from zoe_hub.store.base import Reply
from zoe_hub.web.context import WebHub
from zoe_hub.web.transport import Transport

T = TypeVar("T")

REPLAYED = {"Idempotency-Replayed": "true"}
"""Headers of the answer to a request that was answered before."""


class Answer(NamedTuple):
    """What an operation answers, encoded already."""

    body: bytes
    status: int | None = None  # None: the operation's
    headers: Mapping[str, str] = {}
    media: str | None = None  # None: the operation's


class Call:
    """One request that has passed every check."""

    def __init__(
        self,
        hub: WebHub,
        operation: Operation,
        principal: Principal,
        transport: Transport,
        *,
        path: Mapping[str, str],
        query: Any = None,
        body: Any = None,
        raw: bytes = b"",
        key: str = "",
        version: int | None = None,
    ) -> None:
        """:param path: parameters of the path
        :param query: a wire type, as is ``body``; ``raw``: the body as it came
        :param key: of Idempotency-Key; empty: none
        :param version: of If-Match; None: any
        """
        self.hub = hub
        self.operation = operation
        self.principal = principal
        self.transport = transport
        self.path = path
        self.query = query
        self.body = body
        self.raw = raw
        self.key = key
        self.version = version
        self._execution: Execution | None = None
        self._attachment: Attachment | None = None

    @property
    def execution(self) -> Execution:
        """The execution that the path names, as it was when the request came."""
        assert self._execution is not None, f"{self.operation.id} has no execution in its path"
        return self._execution

    @property
    def attachment(self) -> Attachment:
        """The attachment that the path names, as it was when the request came."""
        assert self._attachment is not None, f"{self.operation.id} has no attachment in its path"
        return self._attachment

    async def find_owned(self) -> None:
        """Find what the path names. :raises ZoeError: there is none that the caller may touch"""
        if self.operation.owns == "execution":
            self._execution = await self.own_execution(self.path["execution"])
        elif self.operation.owns == "attachment":
            self._attachment = await self.own_attachment(self.path["attachment"])

    async def own_execution(self, identifier: str) -> Execution:
        """The execution, if the caller may touch it.

        :raises ZoeError: ``unknown-execution``, the same for another user's as for none
        """
        found = await self.hub.store.execution(identifier)
        if found is None or not await self._may(found.owner, found.id):
            raise ZoeError("unknown-execution", f"There is no execution {identifier!r}.")
        return found

    async def own_attachment(self, identifier: str) -> Attachment:
        """The attachment, if the caller may touch it.

        :raises ZoeError: ``unknown-attachment``, the same for another user's as for none
        """
        found = self.hub.store.attachments.get(identifier)
        if found is None or not await self._may(found.owner, found.execution):
            raise ZoeError("unknown-attachment", f"There is no attachment {identifier!r}.")
        return found

    async def _may(self, owner: str, execution: str) -> bool:
        operation = self.operation
        return await self.hub.gate.admits(
            self.principal, operation.scope, owner=owner, execution=execution, operation=operation.id
        )

    def reply(self, body: bytes) -> Reply:
        """What the Idempotency-Key of this request is answered with from now on."""
        return Reply(
            key=self.key,
            owner=self.principal.name,
            request=self._fingerprint(),
            status=self.operation.status,
            body=body,
            created=self.hub.now(),
        )

    def _fingerprint(self) -> str:
        return hashlib.sha256(b"\0".join((self.operation.id.encode(), self.raw))).hexdigest()

    async def replied(self) -> Reply | None:
        """The earlier answer to this request, if its key has been used.

        :raises ZoeError: ``key-reused``
        """
        earlier = await self.hub.store.reply(self.principal.name, self.key) if self.key else None
        if earlier is not None and earlier.request != self._fingerprint():
            raise ZoeError("key-reused")
        return earlier


def whole(body: Any, kind: type[T]) -> T:
    """A wire request as the value of the core that has the same members: it goes on as one."""
    return msgspec.convert(body, kind, from_attributes=True)


Run = Callable[[Call], Awaitable[Any]]


class Bound(NamedTuple):
    """An operation and the coroutine that does it."""

    operation: Operation
    run: Run


BOUND: dict[str, Bound] = {}


def bind(identifier: str) -> Callable[[Run], Run]:
    """Bind a coroutine to an operation of the table. It returns a wire type, a ``dict`` or an ``Answer``, or writes
    to the call's transport itself and returns None.
    """

    def register(run: Run) -> Run:
        BOUND[identifier] = Bound(BY_ID[identifier], run)
        return run

    return register
