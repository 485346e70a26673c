"""What a row of the table of operations says. Each module of a capability gives its rows; ``operations`` collects them.

OpenAPI, TypeScript types, client, handlers and the authorization test come from the table. ``web`` binds a coroutine to
each operation by its ``id``; a test fails if one has none.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from zoe_hub.core.record import Record

PREFIX = "/api/v1"

Scope = Literal["read", "write", "admin"]


class Header(NamedTuple):
    """A header of a request or an answer."""

    name: str
    description: str
    type: Literal["string", "integer"] = "string"
    longest: int | None = None  # characters

    @property
    def option(self) -> str:
        """Its name in the clients: ``Last-Event-ID`` is ``last_event_id``."""
        return self.name.lower().replace("-", "_")


class Operation(Record, kw_only=True):
    """One operation of the REST interface. Who may call it: ``scope`` is what a token needs, ``owns`` names the
    resource in the path that must belong to the caller (admins excepted).
    """

    id: str  # snake_case: the name of the client's method and of the handler
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str  # below PREFIX, with {parameters}
    summary: str
    scope: Scope
    tag: str = ""  # the capability's
    status: int = 200
    input: type | None = None
    query: type | None = None
    output: type | None = None
    media: str = "application/json"  # of the output
    streams: Literal["bytes", "events", ""] = ""  # the answer goes on, and clients take it piece by piece
    owns: Literal["execution", "attachment", ""] = ""
    errors: tuple[str, ...] = ()  # beside those that every operation has
    creates: bool = False  # takes an Idempotency-Key
    versioned: bool = False  # takes If-Match, answers an ETag
    takes: tuple[Header, ...] = ()  # further headers of the request
    gives: tuple[Header, ...] = ()  # further headers of the answer
    also: tuple[tuple[int, str], ...] = ()  # further statuses that are no problems, and what they mean

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in the path, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def headers(self) -> tuple[Header, ...]:
        """What a request may have beside its body: what the row says in other words, then what it names."""
        changes = self.versioned and self.method != "GET"
        return (*((IDEMPOTENCY_KEY,) if self.creates else ()), *((IF_MATCH,) if changes else ()), *self.takes)


IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    "The same key with the same request gets the same answer, for at least a day.",
    longest=255,
)
IF_MATCH = Header("If-Match", "The ETag that was read; 'conflict' if the resource has changed since.", "integer")

COMMON_ERRORS = ("not-authenticated", "not-allowed", "foreign-origin", "internal")
INPUT_ERRORS = ("bad-request", "bad-parameter", "too-large")
BACKEND_ERRORS = ("backend-unavailable",)


def capability(tag: str, *operations: Operation) -> tuple[Operation, ...]:
    """The rows of a capability."""
    return tuple(msgspec.structs.replace(operation, tag=tag) for operation in operations)
