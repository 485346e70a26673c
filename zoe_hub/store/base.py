"""The contract of a store: the state in memory as immutable records, written through in one transaction a batch.

Reads never touch the disk. There is one writer; batches that wait for it are committed together (group commit), and a
batch is applied wholly or not at all. ``commit`` checks the version of every record it replaces, so a decision made on
an old record is refused with ``conflict`` instead of undoing another's change. Implemented by ``store.sql``, used by
``controllers`` and ``web``; ``zoe_hub.testing.store_contract`` proves it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime

from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.record import Record


class Reply(Record, kw_only=True):
    """What an Idempotency-Key was answered with, so that the same request gets the same answer."""

    key: str
    owner: str
    request: str  # hash of method, path and body
    status: int
    body: bytes
    created: datetime


class Token(Record, kw_only=True):
    """A token that the hub gave out. Only its SHA-256 is kept."""

    digest: str  # hexadecimal
    owner: str
    scopes: tuple[str, ...]
    note: str = ""
    execution: str = ""  # revoked when this execution ends
    created: datetime
    expires: datetime | None = None


class Batch(Record, kw_only=True):
    """What is committed together. A record with version n+1 replaces the one with version n; version 1 is new."""

    executions: tuple[Execution, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    detached: tuple[str, ...] = ()  # ids of attachments to drop
    events: tuple[Event, ...] = ()  # ``seq`` is given by the commit
    replies: tuple[Reply, ...] = ()
    tokens: tuple[Token, ...] = ()
    revoked: tuple[str, ...] = ()  # digests of tokens to drop
    secrets: Mapping[str, Mapping[str, str]] = {}  # execution -> name -> value, added
    forgotten: tuple[str, ...] = ()  # executions whose secrets are dropped


class Store(ABC):
    """What the hub remembers of one deployment."""

    @abstractmethod
    async def open(self) -> None:
        """Read everything into memory, migrating first. ``ZoeError`` ``storage-locked``, ``storage-corrupt`` or
        ``storage-newer`` before anything was changed."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was handed to ``commit`` and let go of the database."""

    @abstractmethod
    async def commit(self, batch: Batch) -> tuple[Event, ...]:
        """Write a batch durably, then show it to readers and subscribers.

        :return: the events with their sequence numbers
        :raises ZoeError: ``conflict`` (a version does not fit), ``storage-full``; nothing of the batch was kept
        """

    @property
    @abstractmethod
    def executions(self) -> Mapping[str, Execution]:
        """All executions by id, in order of creation."""

    @abstractmethod
    def active(self) -> Iterable[Execution]:
        """The executions that have not ended, in order of creation; costs no more than their number."""

    @property
    @abstractmethod
    def attachments(self) -> Mapping[str, Attachment]:
        """All attachments by id."""

    @abstractmethod
    def reply(self, owner: str, key: str) -> Reply | None:
        """What this key was answered with, for at least a day."""

    @abstractmethod
    def token(self, digest: str) -> Token | None:
        """The token with this digest, if it was given out and not revoked. The caller checks the expiry."""

    @abstractmethod
    def secrets(self, execution: str) -> Mapping[str, str]:
        """The secrets of an execution by name."""

    @property
    @abstractmethod
    def last_seq(self) -> int:
        """Sequence number of the newest event, 0 if there is none."""

    @abstractmethod
    async def events(
        self, *, since: int = 0, limit: int = 1000, owner: str | None = None, execution: str | None = None
    ) -> tuple[Event, ...]:
        """Events with ``seq`` > ``since``, oldest first. May read the disk (not on the event loop's thread)."""

    @abstractmethod
    async def changed(self, since: int) -> int:
        """Wait until ``last_seq`` > ``since``; the new ``last_seq``."""
