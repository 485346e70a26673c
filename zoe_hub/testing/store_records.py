"""Records and batches to try a store with. Used by ``store_contract``, ``store_history`` and the tests of stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Address, Execution, Outcome, Phase, Process
from zoe_hub.core.executions.spec import ExecutionSpec, Group
from zoe_hub.core.reasons import because
from zoe_hub.store.base import Batch, Filter, Reply, SecretValue, Store, Token

replace = msgspec.structs.replace

NOW = datetime.now(UTC)
TRICKY = "näme 'x' \"y\" \\ \u2028 \u27e6 \U0001f680 %s {} ; DROP TABLE events"


def execution(ident: str, *, zapp: str = "spark-cluster", **changes: Any) -> Execution:
    """A small execution with one group and one process."""
    group = Group(
        name="worker", framework="spark", image="zoe/spark:4", command=("run", TRICKY), environment={"A": TRICKY}
    )
    spec = ExecutionSpec(
        zapp=zapp,
        title=TRICKY,
        version="4.3.0",
        kind="engine",
        groups=(group,),
        parameters={"workers": 2, "f": 0.1, "x": [None]},
    )
    address = Address(number=7077, host="127.0.0.1", port=7077, endpoint_host="127.0.0.1", endpoint_port=7077)
    process = Process(
        name=f"zoe-test-{ident}-worker-0",
        group="worker",
        index=0,
        addresses={"rpc": address},
        since=NOW,
        reason=because("wanted"),
    )
    known: dict[str, Any] = {
        "id": ident,
        "owner": "ann",
        "name": f"name-{ident}",
        "spec": spec,
        "created": NOW,
        "reason": because("told", words=TRICKY),
        "processes": (process,),
    }
    return Execution(**known | changes)


def ended(before: Execution, **changes: Any) -> Execution:
    """What became of an execution."""
    end: dict[str, Any] = {
        "phase": Phase.ENDED,
        "desired": "ended",
        "outcome": Outcome.COMPLETED,
        "ended": NOW,
        "version": before.version + 1,
    }
    return replace(before, **end | changes)


def attachment(ident: str, **changes: Any) -> Attachment:
    """An attachment of ann's notebook ``<id>.ipynb`` to e1."""
    known: dict[str, Any] = {
        "id": ident,
        "owner": "ann",
        "execution": "e1",
        "key": f"{ident}.ipynb",
        "created": NOW,
        "renewed": NOW,
    }
    return Attachment(**known | changes)


def event(mark: str = TRICKY, **changes: Any) -> Event:
    """An event about execution e1 of ann, which ``mark_of`` tells from others."""
    known: dict[str, Any] = {
        "time": NOW,
        "kind": "execution.phase",
        "owner": "ann",
        "execution": "e1",
        "reason": because("told", words=TRICKY),
        "data": {"mark": mark, "n": [1, None, "x"]},
    }
    return Event(**known | changes)


def mark_of(made: Event) -> str:
    """What ``event`` was given."""
    return str(made.data["mark"])


def reply(key: str, **changes: Any) -> Reply:
    """The answer 202 to ann's request with this Idempotency-Key."""
    known: dict[str, Any] = {
        "key": key,
        "owner": "ann",
        "request": "r",
        "status": 202,
        "body": bytes(range(256)),
        "created": NOW,
    }
    return Reply(**known | changes)


def token(digest: str, **changes: Any) -> Token:
    """A token of ann that expires in an hour."""
    known: dict[str, Any] = {
        "digest": digest,
        "owner": "ann",
        "scopes": ("read", "write"),
        "created": NOW,
        "expires": NOW + timedelta(hours=1),
    }
    return Token(**known | changes)


def secrets(owner: str, **values: str) -> tuple[SecretValue, ...]:
    """Secrets of the execution ``owner``."""
    return tuple(SecretValue(execution=owner, name=name, value=value) for name, value in values.items())


def batch_of_everything(number: int) -> Batch:
    """A batch with a new record of every kind, under names with ``number``, and two events."""
    name = f"e{number}"
    return Batch(
        put=(
            execution(name),
            attachment(f"a{number}", execution=name),
            reply(f"k{number}"),
            token(f"t{number}", execution=name),
            *secrets(name, rpc=TRICKY, token=f"s{number}"),
        ),
        events=(event(execution=name), event(execution=name)),
    )


async def contents(store: Store) -> dict[str, Any]:
    """All that can be asked of a store about the names that ``batch_of_everything`` uses."""
    names = range(20)
    listed = await store.page(Execution, Filter(), limit=1000)
    return {
        "executions": dict(store.executions),
        "active": list(store.active()),
        "listed": listed.items,
        "count": await store.count(Execution),
        "attachments": dict(store.attachments),
        "replies": [await store.reply("ann", f"k{n}") for n in names],
        "tokens": [store.token(f"t{n}") for n in names],
        "secrets": [dict(store.secrets(f"e{n}")) for n in names],
        "first_seq": store.first_seq,
        "last_seq": store.last_seq,
        "events": await store.events(),
    }


async def refused(store: Store, batch: Batch, code: str = "conflict") -> ZoeError:
    """Commit what must be refused, and see that nothing changed."""
    before = await contents(store)
    with pytest.raises(ZoeError) as raised:
        await store.commit(batch)
    assert raised.value.code == code
    assert await contents(store) == before
    return raised.value
