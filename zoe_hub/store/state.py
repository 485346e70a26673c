"""The state in memory and the drafts that change it: which batch fits, what a group of batches amounts to.

``State`` is what readers see. A ``Draft`` collects batches that shall be written together: it checks each against the
state and the batches before it, and holds the net effect. Once that is durable, ``State.apply`` shows it.
Pure bookkeeping, no I/O. Used by ``store.sql`` and ``store.memory`` on the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice

import msgspec

from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Execution, Phase
from zoe_hub.store.base import Batch, Reply, Token

Key = tuple[str, str]
"""Owner and the key of a reply."""

_NOTHING: Mapping[str, str] = {}


class State:
    """Everything that is remembered, by key.

    :param tail: how many of the newest events are kept at least; None: all
    """

    def __init__(self, *, tail: int | None = 1000) -> None:
        self.executions: dict[str, Execution] = {}
        self.active: dict[str, Execution] = {}  # the same order
        self.ordinal = 0  # of the newest execution
        self.attachments: dict[str, Attachment] = {}
        self.attachment_keys: dict[tuple[str, str, str], str] = {}  # -> id
        self.replies: dict[Key, Reply] = {}  # oldest first
        self.tokens: dict[str, Token] = {}
        self.tokens_of: dict[str, set[str]] = {}  # execution -> digests
        self.secrets: dict[str, Mapping[str, str]] = {}  # the inner mappings are replaced, never changed
        self.last_seq = 0
        self._tail: list[Event] = []
        self._tail_limit = tail
        self._before_tail = 0  # sequence number of the newest event that is not in the tail

    # -- filling ------------------------------------------------------------------------------------------------

    def put_execution(self, execution: Execution) -> None:
        """Add or replace an execution."""
        known = execution.id in self.executions
        self.executions[execution.id] = execution
        if not execution.active:
            self.active.pop(execution.id, None)
        elif execution.id in self.active or not known:
            self.active[execution.id] = execution
        else:  # came back to life, which no command does: the order has to be made anew
            self.active = {each.id: each for each in self.executions.values() if each.active}

    def put_attachment(self, attachment: Attachment) -> None:
        """Add or replace an attachment."""
        self.drop_attachment(attachment.id)
        self.attachments[attachment.id] = attachment
        self.attachment_keys[attachment.owner, attachment.key, attachment.zapp] = attachment.id

    def drop_attachment(self, ident: str) -> None:
        """Forget an attachment, if there is one."""
        if attachment := self.attachments.pop(ident, None):
            del self.attachment_keys[attachment.owner, attachment.key, attachment.zapp]

    def put_token(self, token: Token) -> None:
        """Add or replace a token."""
        self.drop_token(token.digest)
        self.tokens[token.digest] = token
        if token.execution:
            self.tokens_of.setdefault(token.execution, set()).add(token.digest)

    def drop_token(self, digest: str) -> None:
        """Forget a token, if there is one."""
        token = self.tokens.pop(digest, None)
        if token is None or not token.execution:
            return
        digests = self.tokens_of[token.execution]
        digests.discard(digest)
        if not digests:
            del self.tokens_of[token.execution]

    def begin_after(self, seq: int) -> None:
        """Say what the newest event is when the events themselves are not loaded."""
        self.last_seq = self._before_tail = seq

    # -- changing -----------------------------------------------------------------------------------------------

    def apply(self, draft: Draft) -> None:
        """Show what ``draft`` amounts to."""
        self.ordinal += len(draft.created)
        for execution in draft.executions.values():
            self.put_execution(execution)
        # Drops come first: a key may have moved from a dropped attachment to a new one.
        for ident in draft.attachments:
            self.drop_attachment(ident)
        for attachment in draft.attachments.values():
            if attachment is not None:
                self.put_attachment(attachment)
        for key in draft.expired:
            self.replies.pop(key, None)
        self.replies.update(draft.replies)
        for digest, token in draft.tokens.items():
            if token is None:
                self.drop_token(digest)
            else:
                self.put_token(token)
        for execution_id, values in draft.secrets.items():
            if values:
                self.secrets[execution_id] = values
            else:
                self.secrets.pop(execution_id, None)
        self._append(draft.events)

    def _append(self, events: list[Event]) -> None:
        if not events:
            return
        self.last_seq = events[-1].seq
        self._tail += events
        if self._tail_limit is not None and len(self._tail) > 2 * self._tail_limit:
            del self._tail[: -self._tail_limit]
            self._before_tail = self._tail[0].seq - 1

    # -- reading ------------------------------------------------------------------------------------------------

    def recent(self, since: int, limit: int, owner: str | None, execution: str | None) -> tuple[Event, ...] | None:
        """What ``Store.events`` answers, or None if that begins before the tail."""
        since = max(since, 0)
        if since < self._before_tail:
            return None
        found = (
            event
            for event in islice(self._tail, since - self._before_tail, None)
            if (owner is None or event.owner == owner) and (execution is None or event.execution == execution)
        )
        return tuple(islice(found, max(limit, 0)))


class Draft:
    """The net effect of batches that are written together. ``None`` stands for *dropped*.

    :param state: what the batches change; it must not change until the draft is applied or thrown away
    :param cutoff: replies made before this are dropped on the occasion
    """

    def __init__(self, state: State, cutoff: datetime) -> None:
        self.state = state
        self.executions: dict[str, Execution] = {}
        self.created: list[str] = []  # ids of the new ones among them, in order
        self.attachments: dict[str, Attachment | None] = {}
        self.replies: dict[Key, Reply] = {}
        self.expired: list[Key] = []
        self.tokens: dict[str, Token | None] = {}
        self.secrets: dict[str, Mapping[str, str]] = {}  # all that the execution has afterwards
        self.events: list[Event] = []
        for key, reply in state.replies.items():
            if reply.created >= cutoff:
                break
            self.expired.append(key)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (
            self.executions
            or self.attachments
            or self.replies
            or self.expired
            or self.tokens
            or self.secrets
            or self.events
        )

    def add(self, batch: Batch) -> tuple[Event, ...]:
        """Take a batch in, or raise ``conflict`` and stay as before.

        :return: its events, numbered
        """
        executions, created = self._fitting_executions(batch.executions)
        attachments = self._fitting_attachments(batch)
        replies = self._fitting_replies(batch.replies)
        # Nothing below can fail.
        first = self.state.last_seq + len(self.events) + 1
        events = tuple(msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(batch.events, first))
        self.executions |= executions
        self.created += created
        self.attachments |= attachments
        self.replies |= replies
        self._add_tokens(batch, executions)
        for execution_id, values in batch.secrets.items():
            if values:
                self.secrets[execution_id] = {**self._secrets(execution_id), **values}
        for execution_id in batch.forgotten:
            if self._secrets(execution_id):
                self.secrets[execution_id] = _NOTHING
        self.events += events
        return events

    def _fitting_executions(self, batch: Iterable[Execution]) -> tuple[dict[str, Execution], list[str]]:
        found: dict[str, Execution] = {}
        created: list[str] = []
        for execution in batch:
            known = (
                found.get(execution.id) or self.executions.get(execution.id) or self.state.executions.get(execution.id)
            )
            _check_version("execution", execution.id, known.version if known else 0, execution.version)
            if known is None:
                created.append(execution.id)
            found[execution.id] = execution
        return found, created

    def _fitting_attachments(self, batch: Batch) -> dict[str, Attachment | None]:
        found: dict[str, Attachment | None] = {}

        def current(ident: str) -> Attachment | None:
            for layer in (found, self.attachments):
                if ident in layer:
                    return layer[ident]
            return self.state.attachments.get(ident)

        for attachment in batch.attachments:
            known = current(attachment.id)
            _check_version("attachment", attachment.id, known.version if known else 0, attachment.version)
            found[attachment.id] = attachment
        for ident in batch.detached:
            if current(ident) is not None:
                found[ident] = None
        for kept in found.values():
            if kept is not None and (holder := self._key_holder(kept, found)):
                raise ZoeError("conflict", f"{kept.key} of {kept.owner} has the attachment {holder} already.")
        return found

    def _key_holder(self, attachment: Attachment, found: Mapping[str, Attachment | None]) -> str | None:
        """The id of another attachment with the same owner, key and ZApp, as things stand with ``found``."""
        key = attachment.owner, attachment.key, attachment.zapp
        layers = {**self.attachments, **found}
        for other in layers.values():
            if other is not None and other.id != attachment.id and (other.owner, other.key, other.zapp) == key:
                return other.id
        holder = self.state.attachment_keys.get(key)
        return holder if holder != attachment.id and holder not in layers else None

    def _fitting_replies(self, batch: Iterable[Reply]) -> dict[Key, Reply]:
        found: dict[Key, Reply] = {}
        for reply in batch:
            key = reply.owner, reply.key
            if key in found or key in self.replies or (key in self.state.replies and key not in self.expired):
                raise ZoeError("conflict", f"The Idempotency-Key {reply.key} was answered in the meantime.")
            found[key] = reply
        return found

    def _add_tokens(self, batch: Batch, executions: Mapping[str, Execution]) -> None:
        for token in batch.tokens:
            self.tokens[token.digest] = token
        revoked = set(batch.revoked)
        for execution in executions.values():
            if execution.phase is Phase.ENDED:
                revoked |= self.state.tokens_of.get(execution.id, set())
                revoked |= {token.digest for token in self.tokens.values() if token and token.execution == execution.id}
        for digest in revoked:
            if digest in self.tokens or digest in self.state.tokens:
                self.tokens[digest] = None

    def _secrets(self, execution: str) -> Mapping[str, str]:
        known = self.secrets.get(execution)
        return self.state.secrets.get(execution, _NOTHING) if known is None else known


def _check_version(what: str, ident: str, known: int, given: int) -> None:
    if given != known + 1:
        seen = f"has version {known}" if known else "does not exist"
        raise ZoeError("conflict", f"The {what} {ident} {seen}; version {given} does not follow.")
