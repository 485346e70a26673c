"""The contract of a store: what is active in memory as immutable records, what has ended on disk.

``commit`` writes a batch through in one transaction. There is one writer; batches that wait for it are committed
together (group commit), and a batch is applied wholly or not at all. It checks the version of every record it replaces,
so a decision made on an old record is refused with ``conflict`` instead of undoing another's change.
Reads of what is active never touch the disk; reads of what has ended are coroutines, and cost the same however much
there is. ``store.kinds`` declares which kinds of records there are.
Implemented by ``store.sql``, used by ``controllers`` and ``web``; ``zoe_hub.testing.store_contract`` proves it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.record import Key, Record, Ref
from zoe_hub.store.kinds import Remains, Reply, SecretValue, Token

__all__ = ["Batch", "Filter", "Page", "Ref", "Remains", "Reply", "SecretValue", "Store", "Stored", "Token"]

R = TypeVar("R", bound=Record)


class Batch(Record, kw_only=True):
    """What is committed together.

    What belongs to a record (its attachments, tokens and secrets, in the case of an execution) goes when that ends or
    is dropped, without being named here.
    """

    put: tuple[Record, ...] = ()  # new ones and changed ones; version n+1 replaces version n, version 1 is new
    drop: tuple[Ref, ...] = ()  # afterwards; nothing happens if there is none
    events: tuple[Event, ...] = ()  # ``seq`` is given by the commit
    first_seq: int = 0  # events before it are forgotten; the newest one always stays


class Filter(Record, kw_only=True):
    """Which records a page or a count is about; several conditions are combined with *and*."""

    active: bool | None = None  # True: those that have not ended; False: the others
    equal: Mapping[str, str] = {}  # by the columns of the kind
    label: str | None = None  # KEY or KEY=VALUE


class Page(Record, Generic[R], kw_only=True):
    """A part of a list, newest first."""

    items: tuple[R, ...]
    next: int | None = None  # what the next page begins before; None: this is the last one


class Stored(NamedTuple, Generic[R]):
    """A record, and how much the store keeps of it."""

    record: R
    size: int  # bytes


class Store(ABC):
    """What the hub remembers of one deployment."""

    @abstractmethod
    async def open(self) -> None:
        """Read what is active into memory, migrating first. ``ZoeError`` ``storage-locked``, ``storage-corrupt`` or
        ``storage-newer`` before anything was changed."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was handed to ``commit`` and let go of the database."""

    @abstractmethod
    async def commit(self, batch: Batch) -> tuple[Event, ...]:
        """Write a batch durably, then show it to readers and subscribers.

        :return: the events with their sequence numbers
        :raises ZoeError: ``conflict`` (a version does not fit, a key is taken, what a record belongs to has ended),
            ``storage-full``; nothing of the batch was kept
        """

    async def tidy(self) -> bool:
        """Give space that was freed back to the machine, a bounded piece of it. Whether there is more to give back."""
        return False

    # -- what is active -----------------------------------------------------------------------------------------

    @abstractmethod
    def records(self, type_: type[R]) -> Mapping[Any, R]:
        """All active records of a type by key, in order of creation. A live view: copy it before an ``await`` in the
        middle of iterating.
        """

    @property
    def executions(self) -> Mapping[str, Execution]:
        """The executions that have not ended, by id."""
        return self.records(Execution)

    @property
    def attachments(self) -> Mapping[str, Attachment]:
        """All attachments by id; each one's execution is among ``executions``."""
        return self.records(Attachment)

    def active(self) -> tuple[Execution, ...]:
        """The executions that have not ended: a copy, safe to iterate over while the state changes."""
        return tuple(self.executions.values())

    def token(self, digest: str) -> Token | None:
        """The token with this digest, if it was given out and not revoked. The caller checks the expiry."""
        return self.records(Token).get(digest)

    @abstractmethod
    def secrets(self, execution: str) -> Mapping[str, str]:
        """The secrets of an execution by name."""

    # -- what may have ended ------------------------------------------------------------------------------------

    @abstractmethod
    async def find(self, type_: type[R], key: Key) -> R | None:
        """A record by its key, active or not."""

    async def execution(self, ident: str) -> Execution | None:
        """An execution by its id, active or not."""
        return await self.find(Execution, ident)

    async def reply(self, owner: str, key: str) -> Reply | None:
        """What this Idempotency-Key was answered with, as long as that is kept."""
        return await self.find(Reply, (owner, key))

    @abstractmethod
    async def page(self, type_: type[R], wanted: Filter, *, before: int | None = None, limit: int = 100) -> Page[R]:
        """Records of a type that ends, newest first. Nothing is shown twice or left out from one page to the next,
        whatever begins, ends or goes meanwhile.

        :param before: ``next`` of the page before
        """

    @abstractmethod
    async def count(self, type_: type[Record], wanted: Filter = Filter()) -> int:  # noqa: B008 - immutable
        """How many records there are."""

    @abstractmethod
    async def oldest(self, type_: type[R], limit: int) -> tuple[Stored[R], ...]:
        """Records of a type that has an age, the oldest first: those that ended first, if the type ends."""

    @abstractmethod
    async def size(self, type_: type[Record]) -> int:
        """Bytes that the records of a type take, without those in memory. Reads all of them, beside other readers."""

    # -- events -------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def last_seq(self) -> int:
        """Sequence number of the newest event, 0 if there never was one."""

    @property
    @abstractmethod
    def first_seq(self) -> int:
        """Sequence number of the oldest event that is kept; ``last_seq`` + 1 if there is none."""

    @abstractmethod
    async def events(
        self, *, since: int | None = None, limit: int = 1000, owner: str | None = None, execution: str | None = None
    ) -> tuple[Event, ...]:
        """Events with ``seq`` > ``since``, oldest first. May read the disk (not on the event loop's thread).

        The events of an execution that was forgotten are missing among them.

        :param since: None: from the beginning, whatever is kept
        :raises ZoeError: ``history-pruned``: events between ``since`` and ``first_seq`` are not kept any more
        """

    @abstractmethod
    async def changed(self, since: int) -> int:
        """Wait until ``last_seq`` > ``since``; the new ``last_seq``."""
