# ruff: noqa: D102 - the names of the tests say what must hold
"""What every store must do, as tests. Derive a test class from ``StoreContract`` and give it a fixture ``make_store``::

    class TestMyStore(StoreContract):
        @pytest.fixture
        def make_store(self, tmp_path):
            return lambda: MyStore(tmp_path / "zoe.db")

``make_store()`` gives a store that is not open yet; each call one over the same data. Uses pytest and pytest-asyncio.
This module has the tests of batches and of what is active; ``store_history`` those of what has ended and of events.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
import pytest_asyncio

from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import ProcessState
from zoe_hub.store.base import Batch, Ref, Reply, SecretValue, Store, Token
from zoe_hub.testing.store_history import HistoryContract
from zoe_hub.testing.store_records import (
    NOW,
    TRICKY,
    attachment,
    batch_of_everything,
    contents,
    ended,
    event,
    execution,
    mark_of,
    refused,
    replace,
    reply,
    secrets,
    token,
)

MakeStore = Callable[[], Store]


@pytest.mark.asyncio
class StoreContract(HistoryContract):
    """The tests. See the module's documentation."""

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
            "executions": {},
            "active": [],
            "listed": (),
            "count": 0,
            "attachments": {},
            "replies": [None] * 20,
            "tokens": [None] * 20,
            "secrets": [{}] * 20,
            "first_seq": 1,
            "last_seq": 0,
            "events": (),
        }

    async def test_a_batch_is_seen_when_the_commit_returns(self, store: Store) -> None:
        batch = batch_of_everything(1)
        events = await store.commit(batch)
        assert [e.seq for e in events] == [1, 2]
        assert tuple(replace(e, seq=0) for e in events) == batch.events
        made, bound, answered, granted, *_ = batch.put
        assert store.executions == {"e1": made}
        assert store.active() == (made,)
        assert store.attachments == {"a1": bound}
        assert await store.reply("ann", "k1") == answered
        assert store.token("t1") == granted
        assert store.secrets("e1") == {"rpc": TRICKY, "token": "s1"}
        assert await store.events() == events

    async def test_an_empty_batch_changes_nothing(self, store: Store) -> None:
        assert await store.commit(Batch()) == ()
        assert store.last_seq == 0

    @pytest.mark.parametrize("version", [0, 1, 3])
    async def test_a_version_must_follow_the_one_before(self, store: Store, version: int) -> None:
        await store.commit(batch_of_everything(1))
        for wrong in (execution("e1", version=version), attachment("a1", version=version)):
            other = batch_of_everything(2)
            error = await refused(store, replace(other, put=(*other.put, wrong)))
            assert wrong.id in error.detail
        await store.commit(Batch(put=(execution("e1", version=2), attachment("a1", version=2))))
        assert store.executions["e1"].version == store.attachments["a1"].version == 2

    async def test_a_new_record_begins_with_version_1(self, store: Store) -> None:
        await refused(store, Batch(put=(execution("e1", version=2),)))
        await refused(store, Batch(put=(execution("e1"), attachment("a1", version=2))))

    async def test_of_two_decisions_on_one_record_one_wins(self, store: Store) -> None:
        await store.commit(Batch(put=(execution("e1"),)))
        rivals = [Batch(put=(execution("e1", version=2, name=str(n)),), events=(event(str(n)),)) for n in range(10)]
        results = await asyncio.gather(*map(store.commit, rivals), return_exceptions=True)
        winners = [n for n, result in enumerate(results) if not isinstance(result, BaseException)]
        assert winners == [0]
        assert all(isinstance(result, ZoeError) and result.code == "conflict" for result in results[1:])
        assert store.executions["e1"].name == "0"
        assert [mark_of(e) for e in await store.events()] == ["0"]

    async def test_batches_at_once_follow_each_other_in_order(self, store: Store) -> None:
        """Each is decided on what the ones before leave, though none of them has returned yet."""
        batches = [Batch(put=(execution("e1", version=n),), events=(event(str(n)),)) for n in range(1, 51)]
        await asyncio.gather(*map(store.commit, batches))
        assert store.executions["e1"].version == 50
        assert [(e.seq, mark_of(e)) for e in await store.events()] == [(n, str(n)) for n in range(1, 51)]

    async def test_a_conflict_fails_no_other_batch(self, store: Store) -> None:
        good = [batch_of_everything(n) for n in range(5)]
        bad = [Batch(put=(*batch_of_everything(10 + n).put, execution(f"e{n}", version=5))) for n in range(5)]
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

    # -- what is active -----------------------------------------------------------------------------------------

    async def test_executions_keep_the_order_of_creation(self, store: Store) -> None:
        for n in (3, 1, 2):  # neither sorted by id nor by the clock
            await store.commit(Batch(put=(execution(f"e{n}", created=NOW - timedelta(seconds=n)),)))
        await store.commit(Batch(put=(execution("e3", version=2),)))
        assert list(store.executions) == [e.id for e in store.active()] == ["e3", "e1", "e2"]

    async def test_the_state_may_change_while_the_active_ones_are_walked(self, store: Store) -> None:
        await store.commit(Batch(put=tuple(execution(f"e{n}") for n in range(3))))
        seen = []
        for each in store.active():
            await store.commit(Batch(put=(ended(each),)))
            seen.append(each.id)
        assert seen == ["e0", "e1", "e2"]
        assert not store.active()

    async def test_readers_cannot_change_the_state(self, store: Store) -> None:
        await store.commit(batch_of_everything(1))
        for mapping in (store.executions, store.attachments, store.secrets("e1")):
            with pytest.raises(TypeError):
                mapping["x"] = "y"  # type: ignore[index]

    # -- attachments --------------------------------------------------------------------------------------------

    async def test_a_dropped_attachment_is_gone_and_may_come_again(self, store: Store) -> None:
        await store.commit(Batch(put=(execution("e1"), attachment("a1"))))
        await store.commit(Batch(put=(attachment("a1", version=2, kernel="k"),)))
        await store.commit(Batch(drop=(Ref(Attachment, "a1"), Ref(Attachment, "never-was"))))
        assert not store.attachments
        await refused(store, Batch(put=(attachment("a1", version=3),)))
        await store.commit(Batch(put=(attachment("a1"),)))
        assert store.attachments == {"a1": attachment("a1")}

    async def test_a_key_has_one_attachment_for_each_zapp(self, store: Store) -> None:
        await store.commit(Batch(put=(execution("e1"), attachment("a1", key="n.ipynb"))))
        await refused(store, Batch(put=(attachment("a2", key="n.ipynb"),)))
        await refused(store, Batch(put=(attachment("a2", key="m.ipynb"), attachment("a3", key="m.ipynb"))))
        await store.commit(Batch(put=(attachment("a2", key="n.ipynb", owner="bob"),)))
        await store.commit(Batch(put=(attachment("a3", key="n.ipynb"),), drop=(Ref(Attachment, "a1"),)))
        assert set(store.attachments) == {"a2", "a3"}
        await store.commit(Batch(put=(attachment("a6", key="n.ipynb", zapp="other"),)))
        await store.commit(Batch(drop=(Ref(Attachment, "a6"),)))
        both = await asyncio.gather(
            *(store.commit(Batch(put=(attachment(f"a{n}", key="o.ipynb"),))) for n in (4, 5)),
            return_exceptions=True,
        )
        assert [isinstance(each, ZoeError) for each in both] == [False, True]

    # -- replies, tokens, secrets -------------------------------------------------------------------------------

    async def test_a_key_is_answered_once(self, store: Store) -> None:
        """So two requests with one Idempotency-Key at the same time do not start two executions."""
        both = [Batch(put=(execution(f"e{n}"), reply("k1", status=n)), events=(event(),)) for n in (1, 2)]
        results = await asyncio.gather(*map(store.commit, both), return_exceptions=True)
        assert [isinstance(result, ZoeError) for result in results] == [False, True]
        assert list(store.executions) == ["e1"]
        for drop in ((), (Ref(Reply, ("ann", "k1")),)):
            await refused(store, Batch(put=(execution("e3"), reply("k1")), drop=drop, events=(event(),)))
        await store.commit(Batch(put=(reply("k1", owner="bob"),)))
        assert await store.reply("bob", "k1") == reply("k1", owner="bob")
        assert await store.reply("ann", "k1") == reply("k1", status=1)
        assert await store.reply("ann", "k2") is None

    async def test_a_key_is_free_again_when_its_reply_was_dropped(self, store: Store) -> None:
        await store.commit(Batch(put=(reply("k1"), reply("k2"))))
        assert await store.count(Reply) == 2
        await store.commit(Batch(drop=(Ref(Reply, ("ann", "k1")), Ref(Reply, ("ann", "never-was")))))
        assert await store.reply("ann", "k1") is None
        await store.commit(Batch(put=(reply("k1", status=409),)))
        assert await store.reply("ann", "k1") == reply("k1", status=409)
        assert await store.count(Reply) == 2

    async def test_tokens_are_replaced_and_revoked(self, store: Store) -> None:
        await store.commit(Batch(put=(token("t1"), token("t2", expires=None, note=TRICKY))))
        await store.commit(Batch(put=(token("t1", scopes=()),), drop=(Ref(Token, "t2"), Ref(Token, "never-was"))))
        assert store.token("t1") == token("t1", scopes=())
        assert store.token("t2") is None
        await store.commit(Batch(put=(token("t2"),)))
        assert store.token("t2") == token("t2")

    async def test_secrets_are_added_and_dropped(self, store: Store) -> None:
        await store.commit(Batch(put=(execution("e1"), execution("e2"), *secrets("e2", a="9"))))
        await store.commit(Batch(put=secrets("e1", a="1", b="2")))
        await store.commit(Batch(put=secrets("e1", b="3", c="4")))
        assert store.secrets("e1") == {"a": "1", "b": "3", "c": "4"}
        await asyncio.gather(
            store.commit(Batch(drop=(Ref(SecretValue, ("e1", "a")), Ref(SecretValue, ("e1", "never-was"))))),
            store.commit(Batch(put=secrets("e1", a="5"), drop=(Ref(SecretValue, ("e1", "c")),))),
            store.commit(Batch(put=secrets("e1", b="6"))),
        )
        assert store.secrets("e1") == {"a": "5", "b": "6"}
        assert store.secrets("e2") == {"a": "9"}

    async def test_a_secret_is_not_shown_by_its_record(self) -> None:
        assert "geheim" not in repr(secrets("e1", a="geheim"))

    # -- what belongs to an execution ---------------------------------------------------------------------------

    async def test_what_belongs_to_an_execution_goes_with_its_end(self, store: Store) -> None:
        await store.commit(batch_of_everything(1))
        await store.commit(batch_of_everything(2))
        await store.commit(Batch(put=(token("t3", execution="e2"), token("t4"))))
        last = Batch(put=(ended(execution("e1")), token("t5", execution="e1"), attachment("a5"), *secrets("e1", x="1")))
        await store.commit(last)
        assert [n for n in range(1, 6) if store.token(f"t{n}")] == [2, 3, 4]
        assert set(store.attachments) == {"a2"}
        assert (dict(store.secrets("e1")), len(store.secrets("e2"))) == ({}, 2)
        await store.commit(Batch(put=(attachment("a6", execution="e2", key="a1.ipynb"),)))  # its key is free

    async def test_nothing_joins_an_execution_that_has_ended(self, store: Store) -> None:
        await store.commit(Batch(put=(execution("e1"),)))
        belongings = (attachment("a1"), token("t1", execution="e1"), *secrets("e1", a="b"))
        results = await asyncio.gather(
            store.commit(Batch(put=(ended(execution("e1")),))),
            *(store.commit(Batch(put=(each,))) for each in belongings),
            return_exceptions=True,
        )
        assert [getattr(each, "code", "") for each in results] == ["", "conflict", "conflict", "conflict"]
        for each in (*belongings, attachment("a2", execution="never-was")):
            assert "belongs" in (await refused(store, Batch(put=(each,)))).detail

    # -- closing and opening ------------------------------------------------------------------------------------

    async def test_everything_is_there_after_a_restart(self, make_store: MakeStore) -> None:
        store = make_store()
        await store.open()
        await asyncio.gather(*(store.commit(batch_of_everything(n)) for n in (7, 3, 5, 1)))
        drained = replace(
            store.executions["e3"].processes[0], state=ProcessState.ENDED, ended=NOW, exit_code=-15, started=NOW
        )
        await store.commit(Batch(put=(ended(execution("e3"), exit_code=1, processes=(drained,)),)))
        await store.commit(
            Batch(
                put=(attachment("a5", execution="e7", version=2), *secrets("e1", rpc="x")),
                drop=(
                    Ref(Attachment, "a1"),
                    Ref(Token, "t5"),
                    *(Ref(SecretValue, ("e7", n)) for n in ("rpc", "token")),
                ),
            )
        )
        before = await contents(store)
        for _ in range(2):
            await store.close()
            store = make_store()
            await store.open()
            assert await contents(store) == before
        assert [e.seq for e in await store.commit(Batch(events=(event(),)))] == [9]
        await refused(store, Batch(put=(execution("e7"),)))
        await refused(store, Batch(put=(execution("e3"),)))
        await refused(store, Batch(put=(reply("k7"),)))
        await store.commit(Batch(put=(execution("e0"),)))
        assert list(store.executions) == ["e7", "e5", "e1", "e0"]
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
        for refuses in (store.commit(Batch(events=(event(),))), store.changed(0), store.execution("e1")):
            with pytest.raises(RuntimeError):
                await refuses

    async def test_large_records_are_kept(self, make_store: MakeStore, store: Store) -> None:
        large = execution("e1", labels={"x": "y" * 2_000_000})
        await store.commit(Batch(put=(large, reply("k1", body=b"\0\xff" * 1_000_000))))
        await store.close()
        again = make_store()
        await again.open()
        assert again.executions["e1"] == large
        kept = await again.reply("ann", "k1")
        assert kept is not None
        assert len(kept.body) == 2_000_000
        await again.close()
