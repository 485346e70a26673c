# ruff: noqa: D102 - the names of the tests say what must hold
"""What every store must do, as tests. Derive a test class from ``StoreContract`` and give it a fixture ``make_store``.

    class TestMyStore(StoreContract):
        @pytest.fixture
        def make_store(self, tmp_path):
            return lambda: MyStore(tmp_path / "zoe.db")

``make_store()`` gives a store that is not open yet; each call one over the same data. Uses pytest and pytest-asyncio.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Address, Execution, Outcome, Phase, Process, ProcessState
from zoe_hub.core.executions.spec import ExecutionSpec, Group
from zoe_hub.core.reasons import because
from zoe_hub.core.words import words
from zoe_hub.store.base import Batch, Reply, Store, Token

MakeStore = Callable[[], Store]

replace = msgspec.structs.replace

NOW = datetime.now(UTC)  # replies age by the machine's clock
TRICKY = "näme 'x' \"y\" \\ \u2028 \u27e6 \U0001f680 %s {} ; DROP TABLE events"


def execution(ident: str, **changes: Any) -> Execution:
    """A small execution with one group and one process."""
    group = Group(
        name="worker", framework="spark", image="zoe/spark:4", command=("run", TRICKY), environment={"A": TRICKY}
    )
    spec = ExecutionSpec(
        zapp="spark-cluster",
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


def attachment(ident: str, **changes: Any) -> Attachment:
    """An attachment of ann's notebook ``<id>.ipynb``."""
    known: dict[str, Any] = {
        "id": ident,
        "owner": "ann",
        "execution": "e1",
        "key": f"{ident}.ipynb",
        "created": NOW,
        "renewed": NOW,
    }
    return Attachment(**known | changes)


def event(words: str = TRICKY, **changes: Any) -> Event:
    """An event about execution e1 of ann, with these words as its reason."""
    known: dict[str, Any] = {
        "time": NOW,
        "kind": "execution.phase",
        "owner": "ann",
        "execution": "e1",
        "reason": because("told", words=words),
        "data": {"n": [1, None, "x"]},
    }
    return Event(**known | changes)


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


def batch_of_everything(number: int) -> Batch:
    """A batch in which every member adds something under names with ``number``."""
    return Batch(
        executions=(execution(f"e{number}"),),
        attachments=(attachment(f"a{number}", execution=f"e{number}"),),
        events=(event(execution=f"e{number}"), event(execution=f"e{number}")),
        replies=(reply(f"k{number}"),),
        tokens=(token(f"t{number}", execution=f"e{number}"),),
        secrets={f"e{number}": {"rpc": TRICKY, "token": f"s{number}"}},
    )


async def contents(store: Store) -> dict[str, Any]:
    """All that can be asked of a store about the names that ``batch_of_everything`` uses."""
    names = range(20)
    return {
        "executions": list(store.executions.values()),
        "active": list(store.active()),
        "attachments": dict(store.attachments),
        "replies": [store.reply("ann", f"k{n}") for n in names],
        "tokens": [store.token(f"t{n}") for n in names],
        "secrets": [dict(store.secrets(f"e{n}")) for n in names],
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


@pytest.mark.asyncio
class StoreContract:
    """The tests. See the module's documentation."""

    @pytest.fixture
    def make_store(self) -> MakeStore:
        """To be replaced: makes a closed store; each call one over the same data."""
        raise NotImplementedError

    @pytest_asyncio.fixture
    async def store(self, make_store: MakeStore) -> AsyncIterator[Store]:
        """An open store without content."""
        store = make_store()
        await store.open()
        yield store
        await store.close()

    # -- batches ------------------------------------------------------------------------------------------------

    async def test_a_new_store_is_empty(self, store: Store) -> None:
        assert await contents(store) == {
            "executions": [],
            "active": [],
            "attachments": {},
            "replies": [None] * 20,
            "tokens": [None] * 20,
            "secrets": [{}] * 20,
            "last_seq": 0,
            "events": (),
        }

    async def test_a_batch_is_seen_when_the_commit_returns(self, store: Store) -> None:
        batch = batch_of_everything(1)
        events = await store.commit(batch)
        assert [e.seq for e in events] == [1, 2]
        assert tuple(replace(e, seq=0) for e in events) == batch.events
        assert store.executions == {"e1": batch.executions[0]}
        assert tuple(store.active()) == batch.executions
        assert store.attachments == {"a1": batch.attachments[0]}
        assert store.reply("ann", "k1") == batch.replies[0]
        assert store.token("t1") == batch.tokens[0]
        assert store.secrets("e1") == batch.secrets["e1"]
        assert await store.events() == events

    async def test_an_empty_batch_changes_nothing(self, store: Store) -> None:
        assert await store.commit(Batch()) == ()
        assert store.last_seq == 0

    @pytest.mark.parametrize("version", [0, 1, 3])
    async def test_a_version_must_follow_the_one_before(self, store: Store, version: int) -> None:
        await store.commit(batch_of_everything(1))
        error = await refused(
            store, replace(batch_of_everything(2), executions=(execution("e2"), execution("e1", version=version)))
        )
        assert "e1" in error.detail
        await refused(
            store, replace(batch_of_everything(2), attachments=(attachment("a2"), attachment("a1", version=version)))
        )
        await store.commit(Batch(executions=(execution("e1", version=2),), attachments=(attachment("a1", version=2),)))
        assert store.executions["e1"].version == store.attachments["a1"].version == 2

    async def test_a_new_record_begins_with_version_1(self, store: Store) -> None:
        await refused(store, Batch(executions=(execution("e1", version=2),)))
        await refused(store, Batch(attachments=(attachment("a1", version=2),)))

    async def test_of_two_decisions_on_one_record_one_wins(self, store: Store) -> None:
        await store.commit(Batch(executions=(execution("e1"),)))
        rivals = [
            Batch(
                executions=(execution("e1", version=2, reason=because("told", words=str(n))),), events=(event(str(n)),)
            )
            for n in range(10)
        ]
        results = await asyncio.gather(*map(store.commit, rivals), return_exceptions=True)
        winners = [n for n, result in enumerate(results) if not isinstance(result, BaseException)]
        assert winners == [0]
        assert all(isinstance(result, ZoeError) and result.code == "conflict" for result in results[1:])
        assert words(store.executions["e1"].reason) == "0"
        assert [words(e.reason) for e in await store.events()] == ["0"]

    async def test_batches_at_once_follow_each_other_in_order(self, store: Store) -> None:
        """Each is decided on what the ones before leave, though none of them has returned yet."""
        batches = [Batch(executions=(execution("e1", version=n),), events=(event(str(n)),)) for n in range(1, 51)]
        await asyncio.gather(*map(store.commit, batches))
        assert store.executions["e1"].version == 50
        assert [(e.seq, words(e.reason)) for e in await store.events()] == [(n, str(n)) for n in range(1, 51)]

    async def test_a_conflict_fails_no_other_batch(self, store: Store) -> None:
        good = [batch_of_everything(n) for n in range(5)]
        bad = [replace(batch_of_everything(10 + n), executions=(execution(f"e{n}", version=5),)) for n in range(5)]
        results = await asyncio.gather(
            *(store.commit(b) for pair in zip(good, bad, strict=True) for b in pair), return_exceptions=True
        )
        assert [isinstance(result, ZoeError) for result in results] == [False, True] * 5
        assert list(store.executions) == [f"e{n}" for n in range(5)]
        assert not store.secrets("e10")
        assert store.token("t10") is None
        assert [e.seq for e in await store.events()] == list(range(1, 11))

    async def test_who_is_cancelled_does_not_tear_a_batch(self, store: Store) -> None:
        tasks = [asyncio.ensure_future(store.commit(batch_of_everything(n))) for n in range(10)]
        await asyncio.sleep(0)
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await store.commit(batch_of_everything(15))  # whatever was handed over before is done now
        for n in (*range(10), 15):
            seen = [
                f"e{n}" in store.executions,
                f"a{n}" in store.attachments,
                store.token(f"t{n}") is not None,
                bool(store.secrets(f"e{n}")),
            ]
            assert len(set(seen)) == 1, f"batch {n} was kept in part: {seen}"
        assert [e.seq for e in await store.events()] == list(range(1, store.last_seq + 1))

    # -- executions ---------------------------------------------------------------------------------------------

    async def test_executions_keep_the_order_of_creation(self, store: Store) -> None:
        for n in (3, 1, 2):  # neither sorted by id nor by the clock
            await store.commit(Batch(executions=(execution(f"e{n}", created=NOW - timedelta(seconds=n)),)))
        await store.commit(Batch(executions=(execution("e3", version=2),)))
        assert list(store.executions) == [e.id for e in store.active()] == ["e3", "e1", "e2"]

    async def test_ended_executions_are_not_active(self, store: Store) -> None:
        await store.commit(Batch(executions=tuple(execution(f"e{n}") for n in range(4))))
        await store.commit(
            Batch(executions=(execution("e1", version=2, phase=Phase.ENDED, outcome=Outcome.COMPLETED),))
        )
        assert [e.id for e in store.active()] == ["e0", "e2", "e3"]
        assert list(store.executions) == ["e0", "e1", "e2", "e3"]

    async def test_the_state_may_change_while_the_active_ones_are_walked(self, store: Store) -> None:
        await store.commit(Batch(executions=tuple(execution(f"e{n}") for n in range(3))))
        seen = []
        for each in store.active():
            await store.commit(Batch(executions=(replace(each, version=2, phase=Phase.ENDED),)))
            seen.append(each.id)
        assert seen == ["e0", "e1", "e2"]
        assert not tuple(store.active())

    async def test_readers_cannot_change_the_state(self, store: Store) -> None:
        await store.commit(batch_of_everything(1))
        for mapping in (store.executions, store.attachments, store.secrets("e1")):
            with pytest.raises(TypeError):
                mapping["x"] = "y"  # type: ignore[index]

    async def test_the_state_does_not_change_with_what_was_handed_in(self, store: Store) -> None:
        secrets = {"e1": {"a": "1"}}
        await store.commit(Batch(secrets=secrets))
        secrets["e1"]["b"] = "2"
        assert store.secrets("e1") == {"a": "1"}

    # -- attachments --------------------------------------------------------------------------------------------

    async def test_a_dropped_attachment_is_gone_and_may_come_again(self, store: Store) -> None:
        await store.commit(Batch(attachments=(attachment("a1"),)))
        await store.commit(Batch(attachments=(attachment("a1", version=2, kernel="k"),)))
        await store.commit(Batch(detached=("a1", "never-was")))
        assert not store.attachments
        await refused(store, Batch(attachments=(attachment("a1", version=3),)))
        await store.commit(Batch(attachments=(attachment("a1"),)))
        assert store.attachments == {"a1": attachment("a1")}

    async def test_a_key_has_one_attachment_for_each_zapp(self, store: Store) -> None:
        await store.commit(Batch(attachments=(attachment("a1", key="n.ipynb"),)))
        await refused(store, Batch(attachments=(attachment("a2", key="n.ipynb"),)))
        await refused(store, Batch(attachments=(attachment("a2", key="m.ipynb"), attachment("a3", key="m.ipynb"))))
        await store.commit(Batch(attachments=(attachment("a2", key="n.ipynb", owner="bob"),)))
        await store.commit(Batch(attachments=(attachment("a3", key="n.ipynb"),), detached=("a1",)))
        assert set(store.attachments) == {"a2", "a3"}
        await store.commit(Batch(attachments=(attachment("a6", key="n.ipynb", zapp="other"),)))
        await store.commit(Batch(detached=("a6",)))
        both = await asyncio.gather(
            *(store.commit(Batch(attachments=(attachment(f"a{n}", key="o.ipynb"),))) for n in (4, 5)),
            return_exceptions=True,
        )
        assert [isinstance(each, ZoeError) for each in both] == [False, True]

    # -- events -------------------------------------------------------------------------------------------------

    async def test_events_are_numbered_without_gaps(self, store: Store) -> None:
        batches = [Batch(events=tuple(event(f"{n}.{m}") for m in range(n % 4))) for n in range(40)]
        bad = Batch(executions=(execution("e1", version=7),), events=(event("bad"), event("bad")))
        results = await asyncio.gather(
            *(store.commit(b) for n, b in enumerate(batches) for b in ([b, bad] if n % 5 == 0 else [b])),
            return_exceptions=True,
        )
        given = [e for result in results if isinstance(result, tuple) for e in result]
        assert [e.seq for e in given] == list(range(1, len(given) + 1))
        assert store.last_seq == len(given) == 60
        assert list(await store.events()) == given

    async def test_events_can_be_chosen(self, store: Store) -> None:
        made = [event(str(n), owner=f"user{n % 2}", execution=f"e{n % 3}") for n in range(12)]
        await store.commit(Batch(events=tuple(made)))

        async def numbers(**which: Any) -> list[int]:
            return [int(words(e.reason)) for e in await store.events(**which)]

        assert await numbers() == list(range(12))
        assert await numbers(since=9) == [9, 10, 11]
        assert await numbers(since=12) == await numbers(since=99) == []
        assert await numbers(limit=3) == [0, 1, 2]
        assert await numbers(since=2, limit=3) == [2, 3, 4]
        assert await numbers(owner="user1") == [1, 3, 5, 7, 9, 11]
        assert await numbers(owner="user1", limit=2, since=2) == [3, 5]
        assert await numbers(execution="e0") == [0, 3, 6, 9]
        assert await numbers(owner="user0", execution="e0") == [0, 6]
        assert await numbers(owner="nobody") == []

    async def test_old_events_stay_readable(self, make_store: MakeStore, store: Store) -> None:
        """Also when more came than a store may want to keep in memory."""
        for first in range(0, 5000, 500):
            await store.commit(
                Batch(events=tuple(event(str(n), owner=f"user{n % 2}") for n in range(first, first + 500)))
            )
        pages: list[Event] = []
        while page := await store.events(since=pages[-1].seq if pages else 0, limit=700):
            pages += page
        assert [int(words(e.reason)) for e in pages] == list(range(5000))
        assert all(b.seq == a.seq + 1 for a, b in pairwise(pages))
        assert [e.seq for e in await store.events(owner="user1", since=10, limit=2)] == [12, 14]

    async def test_changed_answers_at_once_if_there_is_news(self, store: Store) -> None:
        await store.commit(Batch(events=(event(), event())))
        assert await store.changed(0) == await store.changed(1) == 2

    async def test_changed_waits_for_an_event(self, store: Store) -> None:
        waiting = [asyncio.ensure_future(store.changed(since)) for since in (0, 0, 1)]
        await store.commit(Batch(executions=(execution("e1"),)))  # no event
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        await store.commit(Batch(events=(event(),)))
        assert await asyncio.wait_for(asyncio.gather(*waiting[:2]), 5) == [1, 1]
        assert not waiting[2].done()
        await store.commit(Batch(events=(event(),)))
        assert await asyncio.wait_for(waiting[2], 5) == 2

    async def test_what_changed_announces_can_be_read(self, store: Store) -> None:
        async def follow() -> list[str]:
            seen: list[Event] = []
            while len(seen) < 100:
                await store.changed(len(seen))
                seen += await store.events(since=len(seen))
            return [words(e.reason) for e in seen]

        followers = [asyncio.ensure_future(follow()) for _ in range(3)]
        for n in range(0, 100, 2):
            await asyncio.gather(*(store.commit(Batch(events=(event(str(m)),))) for m in (n, n + 1)))
        for seen in await asyncio.wait_for(asyncio.gather(*followers), 10):
            assert seen == [str(n) for n in range(100)]

    async def test_a_waiter_may_give_up(self, store: Store) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.changed(0), 0.01)
        await store.commit(Batch(events=(event(),)))
        assert await store.changed(0) == 1

    async def test_waiters_are_told_when_the_store_closes(self, make_store: MakeStore) -> None:
        store = make_store()
        await store.open()
        waiting = asyncio.ensure_future(store.changed(0))
        await asyncio.sleep(0)
        await store.close()
        with pytest.raises(RuntimeError):
            await asyncio.wait_for(waiting, 5)

    # -- replies, tokens, secrets -------------------------------------------------------------------------------

    async def test_a_key_is_answered_once(self, store: Store) -> None:
        """So two requests with one Idempotency-Key at the same time do not start two executions."""
        first, second = (replace(batch_of_everything(n), replies=(reply("k1", status=n),)) for n in (1, 2))
        results = await asyncio.gather(store.commit(first), store.commit(second), return_exceptions=True)
        assert [isinstance(result, ZoeError) for result in results] == [False, True]
        assert list(store.executions) == ["e1"]
        await refused(store, Batch(replies=(reply("k1"),)))
        await store.commit(Batch(replies=(reply("k1", owner="bob"),)))
        assert store.reply("bob", "k1") != store.reply("ann", "k1")
        assert store.reply("ann", "k2") is None

    async def test_replies_are_kept_for_a_day_and_then_dropped(self, make_store: MakeStore, store: Store) -> None:
        await store.commit(
            Batch(
                replies=(
                    reply("old", created=NOW - timedelta(days=1, seconds=1)),
                    reply("young", created=NOW - timedelta(hours=23)),
                )
            )
        )
        await store.commit(Batch(replies=(reply("new"),)))
        assert store.reply("ann", "old") is None
        assert store.reply("ann", "young")
        await store.commit(Batch(replies=(reply("old"),)))  # the key is free again
        assert store.reply("ann", "old") == reply("old")

    async def test_tokens_are_replaced_and_revoked(self, store: Store) -> None:
        await store.commit(Batch(tokens=(token("t1"), token("t2", expires=None, note=TRICKY))))
        await store.commit(Batch(tokens=(token("t1", scopes=()),), revoked=("t2", "never-was")))
        assert store.token("t1") == token("t1", scopes=())
        assert store.token("t2") is None
        await store.commit(Batch(tokens=(token("t2"),)))
        assert store.token("t2") == token("t2")

    async def test_the_end_of_an_execution_revokes_its_tokens(self, store: Store) -> None:
        await store.commit(batch_of_everything(1))
        await store.commit(
            replace(
                batch_of_everything(2), tokens=(token("t2", execution="e1"), token("t3", execution="e2"), token("t4"))
            )
        )
        ended = execution("e1", version=2, phase=Phase.ENDED)
        await store.commit(Batch(executions=(ended,), tokens=(token("t5", execution="e1"),)))
        assert [n for n in range(1, 6) if store.token(f"t{n}")] == [3, 4]

    async def test_secrets_are_added_and_forgotten(self, store: Store) -> None:
        await store.commit(Batch(secrets={"e1": {"a": "1", "b": "2"}, "e2": {"a": "9"}}))
        await store.commit(Batch(secrets={"e1": {"b": "3", "c": "4"}}))
        assert store.secrets("e1") == {"a": "1", "b": "3", "c": "4"}
        await store.commit(Batch(forgotten=("e1", "never-was")))
        assert store.secrets("e1") == {}
        assert store.secrets("e2") == {"a": "9"}
        await asyncio.gather(
            store.commit(Batch(secrets={"e1": {"a": "5"}})),
            store.commit(Batch(forgotten=("e1",))),
            store.commit(Batch(secrets={"e1": {"b": "6"}})),
        )
        assert store.secrets("e1") == {"b": "6"}

    # -- closing and opening ------------------------------------------------------------------------------------

    async def test_everything_is_there_after_a_restart(self, make_store: MakeStore) -> None:
        store = make_store()
        await store.open()
        await asyncio.gather(*(store.commit(batch_of_everything(n)) for n in (7, 3, 5, 1)))
        drained = replace(
            store.executions["e3"].processes[0],
            state=ProcessState.ENDED,
            ended=NOW,
            exit_code=-15,
            reason=because("told", words=TRICKY),
        )
        await store.commit(
            Batch(
                executions=(
                    execution("e3", version=2, phase=Phase.ENDED, exit_code=1, ended=NOW, processes=(drained,)),
                )
            )
        )
        await store.commit(
            Batch(
                attachments=(attachment("a5", execution="e7", version=2),),
                detached=("a1",),
                revoked=("t5",),
                forgotten=("e7",),
                secrets={"e1": {"rpc": "x"}},
            )
        )
        before = await contents(store)
        for _ in range(2):
            await store.close()
            store = make_store()
            await store.open()
            assert await contents(store) == before
        assert [e.seq for e in await store.commit(Batch(events=(event(),)))] == [9]
        await refused(store, Batch(executions=(execution("e7"),)))
        await refused(store, Batch(replies=(reply("k7"),)))
        await store.commit(Batch(executions=(execution("e0"),)))
        assert list(store.executions) == ["e7", "e3", "e5", "e1", "e0"]
        await store.close()

    async def test_close_finishes_what_was_handed_over(self, make_store: MakeStore) -> None:
        store = make_store()
        await store.open()
        tasks = [asyncio.ensure_future(store.commit(batch_of_everything(n))) for n in range(10)]
        await asyncio.sleep(0)
        await store.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        done = [n for n, result in enumerate(results) if not isinstance(result, BaseException)]
        again = make_store()
        await again.open()
        assert list(again.executions) == [f"e{n}" for n in done] == [f"e{n}" for n in range(10)]
        await again.close()

    async def test_a_closed_store_refuses(self, make_store: MakeStore) -> None:
        store = make_store()
        with pytest.raises(RuntimeError):
            await store.commit(Batch(events=(event(),)))
        await store.open()
        await store.close()
        await store.close()  # again does no harm
        with pytest.raises(RuntimeError):
            await store.commit(Batch(events=(event(),)))
        with pytest.raises(RuntimeError):
            await store.changed(0)

    async def test_large_records_are_kept(self, make_store: MakeStore, store: Store) -> None:
        large = execution("e1", labels={"x": "y" * 2_000_000})
        await store.commit(Batch(executions=(large,), replies=(reply("k1", body=b"\0\xff" * 1_000_000),)))
        await store.close()
        again = make_store()
        await again.open()
        assert again.executions["e1"] == large
        kept = again.reply("ann", "k1")
        assert kept is not None
        assert len(kept.body) == 2_000_000
        await again.close()
