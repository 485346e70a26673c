# ruff: noqa: D102 - the names of the tests say what must hold
"""What every store must do with what has ended and with events: the second half of ``store_contract.StoreContract``."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import EVERYONE, Event
from zoe_hub.core.executions.model import Execution, Phase
from zoe_hub.store.base import Batch, Filter, Ref, Remains, Reply, Store
from zoe_hub.testing.store_records import NOW, attachment, ended, event, execution, mark_of, refused, replace, reply

MakeStore = Callable[[], Store]


async def listed(store: Store, wanted: Filter, limit: int) -> list[str]:
    """The ids of all executions that are wanted, read a page at a time."""
    found: list[str] = []
    before = None
    while True:
        page = await store.page(Execution, wanted, before=before, limit=limit)
        assert len(page.items) == limit or page.next is None
        found += [each.id for each in page.items]
        if (before := page.next) is None:
            return found


def mixture(count: int) -> list[Execution]:
    """Executions of two owners, with two ZApps, some names and labels; two of three have ended."""
    made = []
    for n in range(count):
        first = execution(
            f"e{n}",
            owner=("ann", "bob")[n % 2],
            zapp=("spark", "job")[n % 5 == 0],
            name=f"n{n % 7}",
            labels={"team": "ab"[n % 4 < 2], **({"night": "yes=1"} if n % 3 == 0 else {})},
        )
        made.append(ended(first, version=1) if n % 3 else first)
    return made


class HistoryContract:
    """The tests. See ``store_contract``."""

    # -- what has ended -----------------------------------------------------------------------------------------

    async def test_what_has_ended_is_not_active_and_is_found_nevertheless(self, store: Store) -> None:
        await store.commit(Batch(put=tuple(execution(f"e{n}") for n in range(4))))
        over = ended(store.executions["e1"])
        await store.commit(Batch(put=(over,)))
        assert list(store.executions) == [each.id for each in store.active()] == ["e0", "e2", "e3"]
        assert await store.execution("e1") == over
        assert await store.execution("e2") == execution("e2")
        assert await store.execution("e9") is None
        assert await listed(store, Filter(), 3) == ["e3", "e2", "e1", "e0"]

    async def test_what_has_ended_is_final(self, store: Store) -> None:
        await store.commit(Batch(put=(execution("e1"),)))
        over = ended(execution("e1"))
        both = (Batch(put=(over,)), Batch(put=(replace(over, version=3),)))
        results = await asyncio.gather(*map(store.commit, both), return_exceptions=True)
        assert [getattr(each, "code", "") for each in results] == ["", "conflict"]
        for version in (1, 2, 3):
            await refused(store, Batch(put=(execution("e1", version=version), execution("e2"))))
        assert await store.execution("e1") == over

    async def test_what_was_begun_and_ended_together_is_found(self, store: Store) -> None:
        await asyncio.gather(
            store.commit(Batch(put=(execution("e1"),))),
            store.commit(Batch(put=(execution("e1", version=2),))),
            store.commit(Batch(put=(ended(execution("e1", version=2)), execution("e2"), ended(execution("e2"))))),
        )
        assert not store.executions
        assert await listed(store, Filter(active=False), 10) == ["e2", "e1"]
        assert await store.count(Execution) == 2

    async def test_only_what_has_ended_is_dropped(self, store: Store) -> None:
        await store.commit(Batch(put=tuple(mixture(4))))
        await refused(store, Batch(drop=(Ref(Execution, "e1"), Ref(Execution, "e0"))))
        await store.commit(Batch(drop=(Ref(Execution, "e1"), Ref(Execution, "never-was"))))
        assert await store.execution("e1") is None
        assert await listed(store, Filter(), 10) == ["e3", "e2", "e0"]
        assert await listed(store, Filter(label="team"), 10) == ["e3", "e2", "e0"]
        assert await store.count(Execution) == 3
        await store.commit(Batch(put=(execution("e1", name="another"),)))
        assert await listed(store, Filter(), 10) == ["e1", "e3", "e2", "e0"]

    @pytest.mark.parametrize("limit", [1, 2, 7, 100])
    async def test_every_filter_is_the_same_over_memory_and_disk(
        self, make_store: MakeStore, store: Store, limit: int
    ) -> None:
        made = mixture(60)
        for n in range(0, 60, 10):
            await store.commit(Batch(put=tuple(made[n : n + 10])))
        filters: list[tuple[Filter, Callable[[Execution], bool]]] = [
            (Filter(), lambda e: True),
            (Filter(active=True), lambda e: e.active),
            (Filter(active=False), lambda e: not e.active),
            (Filter(equal={"owner": "bob"}), lambda e: e.owner == "bob"),
            (Filter(equal={"zapp": "job"}), lambda e: e.spec.zapp == "job"),
            (Filter(equal={"name": "n3"}), lambda e: e.name == "n3"),
            (Filter(equal={"phase": "ended"}), lambda e: e.phase is Phase.ENDED),
            (Filter(equal={"phase": "queued"}, active=True), lambda e: e.phase is Phase.QUEUED),
            (Filter(label="night"), lambda e: "night" in e.labels),
            (Filter(label="night=yes=1"), lambda e: "night" in e.labels),
            (Filter(label="night=no"), lambda e: False),
            (Filter(label="team=b"), lambda e: e.labels["team"] == "b"),
            (
                Filter(active=False, label="team=a", equal={"owner": "ann", "zapp": "job"}),
                lambda e: not e.active and e.labels["team"] == "a" and e.owner == "ann" and e.spec.zapp == "job",
            ),
            (Filter(equal={"owner": "ann", "name": "n2"}), lambda e: e.owner == "ann" and e.name == "n2"),
            (Filter(equal={"owner": "nobody"}), lambda e: False),
        ]
        for reopened in (False, True):
            for wanted, match in filters:
                expected = [each.id for each in reversed(made) if match(each)]
                assert await listed(store, wanted, limit) == expected, wanted
                assert await store.count(Execution, wanted) == len(expected), wanted
            if not reopened:
                await store.close()
                store = make_store()
                await store.open()
        await store.close()

    async def test_pages_neither_repeat_nor_miss_what_ends_meanwhile(self, store: Store) -> None:
        """Whoever was there during the whole walk is seen once, whatever else begins, ends and goes."""
        chance = random.Random(7)  # noqa: S311 - no secret
        await store.commit(Batch(put=tuple(execution(f"e{n}") for n in range(120))))

        async def disturb() -> None:
            for n in range(200):
                active = [each for each in store.active() if int(each.id[1:]) < 120]
                if not active:
                    return
                over = [ended(each) for each in chance.sample(active, min(3, len(active)))]
                await store.commit(Batch(put=(*over, execution(f"e{1000 + n}"))))

        for _ in range(3):
            disturbing = asyncio.ensure_future(disturb())
            while not disturbing.done():
                await asyncio.sleep(0)  # a list of what is active alone does not wait for anything
                seen = await listed(store, Filter(), chance.choice((3, 11, 50)))
                old = [ident for ident in seen if int(ident[1:]) < 120]
                assert old == [f"e{n}" for n in reversed(range(120))]
            await disturbing

    async def test_dropping_what_is_wholly_in_memory_needs_no_end(self, store: Store) -> None:
        await store.commit(Batch(put=(execution("e1"), attachment("a1"))))
        await store.commit(Batch(drop=(Ref(Attachment, "a1"),)))
        assert await store.find(Attachment, "a1") is None
        assert await store.count(Attachment) == 0

    async def test_what_ended_first_is_the_oldest(self, store: Store) -> None:
        made = mixture(30)
        late = [replace(each, ended=each.ended and each.ended + timedelta(days=n % 7)) for n, each in enumerate(made)]
        await store.commit(Batch(put=tuple(late)))
        over = sorted((each for each in late if each.ended), key=lambda each: (each.ended, int(each.id[1:])))
        found = await store.oldest(Execution, 10)
        assert [each.record for each in found] == over[:10]
        everything = await store.oldest(Execution, 100)
        assert [each.record for each in everything] == over
        assert sum(each.size for each in everything) == await store.size(Execution) > 20 * 200
        assert await store.oldest(Execution, 0) == ()

    async def test_the_oldest_replies(self, store: Store) -> None:
        made = [reply(f"k{n}", created=NOW + timedelta(hours=n * 5 % 7)) for n in range(7)]
        await store.commit(Batch(put=tuple(made)))
        found = await store.oldest(Reply, 3)
        assert [each.record.created for each in found] == [NOW + timedelta(hours=n) for n in range(3)]
        assert await store.size(Reply) == sum(each.size for each in await store.oldest(Reply, 100)) > 7 * 256

    # -- the old end of the history -----------------------------------------------------------------------------

    async def test_events_are_forgotten_from_the_old_end(self, make_store: MakeStore, store: Store) -> None:
        await store.commit(Batch(events=tuple(event(str(n)) for n in range(1, 3001))))
        for first_seq in (2, 1500, 1400, 2995):  # what is forgotten does not come back
            await store.commit(Batch(first_seq=first_seq))
        assert (store.first_seq, store.last_seq) == (2995, 3000)
        for reopened in (False, True):
            assert [each.seq for each in await store.events()] == list(range(2995, 3001))
            assert [each.seq for each in await store.events(since=2994, limit=2)] == [2995, 2996]
            assert [each.record.seq for each in await store.oldest(Event, 2)] == [2995, 2996]
            for since in (0, 1, 2993):
                with pytest.raises(ZoeError, match="from number 2995 on") as raised:
                    await store.events(since=since)
                assert (raised.value.code, raised.value.extra) == ("history-pruned", {"first_seq": 2995})
            await refused(store, Batch(put=(execution("e1"),), first_seq=3001))
            if not reopened:
                await store.close()
                store = make_store()
                await store.open()
        await asyncio.gather(
            store.commit(Batch(events=(event(),))), store.commit(Batch(first_seq=2998)), store.commit(Batch())
        )
        assert [each.seq for each in await store.events()] == [2998, 2999, 3000, 3001]
        await store.commit(Batch(first_seq=3001))
        assert [each.seq for each in await store.events()] == [3001]
        assert [each.seq for each in await store.commit(Batch(events=(event(),)))] == [3002]
        await store.close()

    async def test_a_new_history_has_nothing_to_forget(self, store: Store) -> None:
        await store.commit(Batch(first_seq=1))
        await refused(store, Batch(first_seq=2))
        assert (store.first_seq, store.last_seq) == (1, 0)

    @pytest.mark.parametrize("more", [0, 3000])
    async def test_events_of_what_has_gone_go_from_among_the_others(
        self, make_store: MakeStore, store: Store, more: int
    ) -> None:
        """``more`` events are more than a store may want to keep in memory."""
        await store.commit(Batch(put=(execution("e1"), ended(execution("e2"), version=1))))
        await store.commit(Batch(events=tuple(event(execution=f"e{1 + n % 2}") for n in range(10))))
        await store.commit(Batch(events=tuple(event() for _ in range(more))))
        await store.commit(
            Batch(drop=(Ref(Execution, "e2"),), put=(Remains(execution="e2", since=NOW),), events=(event("gone"),))
        )
        await store.commit(Batch(drop=(Ref(Event, 2), Ref(Event, 4), Ref(Event, 10**6), Ref(Remains, "e1"))))
        for reopened in (False, True):
            assert [each.seq for each in await store.events(limit=8)] == [1, 3, 5, 6, 7, 8, 9, 10]
            assert [each.seq for each in await store.events(since=2, limit=3)] == [3, 5, 6]
            assert [each.seq for each in await store.events(execution="e2")] == [6, 8, 10]
            assert (store.first_seq, store.last_seq) == (1, 11 + more)
            assert list(store.records(Remains)) == ["e2"]
            if not reopened:
                await store.close()
                store = make_store()
                await store.open()
        await store.commit(Batch(drop=(Ref(Remains, "e2"),)))
        assert not store.records(Remains)
        await store.close()

    # -- events -------------------------------------------------------------------------------------------------

    async def test_events_are_numbered_without_gaps(self, store: Store) -> None:
        batches = [Batch(events=tuple(event(f"{n}.{m}") for m in range(n % 4))) for n in range(40)]
        bad = Batch(put=(execution("e1", version=7),), events=(event("bad"), event("bad")))
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
            return [int(mark_of(e)) for e in await store.events(**which)]

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
        assert [int(mark_of(e)) for e in pages] == list(range(5000))
        assert all(b.seq == a.seq + 1 for a, b in pairwise(pages))
        assert [e.seq for e in await store.events(owner="user1", since=10, limit=2)] == [12, 14]

    async def test_what_concerns_everyone_is_among_the_events_of_each(self, store: Store) -> None:
        """In memory, and on the disk once others have followed."""
        await store.commit(Batch(events=(event(owner="a"), event(owner=EVERYONE), event(owner="b"))))
        assert [e.seq for e in await store.events(owner="a")] == [1, 2]
        for _ in range(10):  # more than is kept in memory
            await store.commit(Batch(events=(event(owner="b"),) * 500))
        assert [e.seq for e in await store.events(owner="a")] == [1, 2]

    async def test_changed_answers_at_once_if_there_is_news(self, store: Store) -> None:
        await store.commit(Batch(events=(event(), event())))
        assert await store.changed(0) == await store.changed(1) == 2

    async def test_changed_waits_for_an_event(self, store: Store) -> None:
        waiting = [asyncio.ensure_future(store.changed(since)) for since in (0, 0, 1)]
        await store.commit(Batch(put=(execution("e1"),)))  # no event
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
            return [mark_of(e) for e in seen]

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
