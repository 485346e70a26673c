"""Databases that earlier versions wrote, as they wrote them (``tests/data``), read by this one."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from zoe_hub.core.executions.model import Execution
from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.words import words
from zoe_hub.store.base import Batch, Filter
from zoe_hub.store.sql import SQLStore
from zoe_hub.testing.store_records import TRICKY, batch_of_everything, contents, execution, refused

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def written(tmp_path):
    """Makes the database of a revision; its path."""

    def write(revision: str) -> Path:
        path = tmp_path / "zoe.db"
        connection = sqlite3.connect(path)
        connection.executescript((DATA / f"revision-{revision}.sql").read_text())
        connection.close()
        return path

    return write


async def test_texts_of_revision_0001_become_reasons(written):
    path = written("0001")
    store = SQLStore(path)
    await store.open()
    everything = await store.page(Execution, Filter())
    by_name = {execution.name: execution for execution in reversed(everything.items)}
    assert list(by_name) == ["failed", "done", "running", "late", "queued-0", "queued-1", "queued-2"]
    last = "job-0 is essential and ended 1 times in a row; the last time: ended with exit code 3"
    quoted = ("one", "ValueError: 'no'")
    assert by_name["failed"].reason == because("told", words=last, tail=quoted)
    assert by_name["failed"].processes[0].reason == because("told", words="ended with exit code 3", tail=quoted)
    assert words(by_name["running"].reason) == "all essential processes are ready"
    assert all(isinstance(process.reason, Reason) for each in by_name.values() for process in each.processes)
    events = await store.events(limit=10_000)
    assert len(events) == store.last_seq > 20
    assert {event.reason.code for event in events} == {"told"}
    assert "ada asked to start cluster" in {words(event.reason) for event in events}
    kept = json.loads((await store.reply("ada", "k1")).body)
    assert kept["reason"] == {
        "code": "told",
        "facts": {"words": "waits for admission"},
        "words": "waits for admission",
        "tail": [],
    }
    await store.close()


async def test_the_history_is_as_firmly_closed_as_before(written):
    path = written("0001")
    store = SQLStore(path)
    await store.open()
    await store.close()
    for statement in ("UPDATE events SET payload = ''", "DELETE FROM events", "UPDATE kept_events SET first_seq = 999"):
        with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)


async def test_many_rows_are_rewritten_in_pieces(written):
    path = written("0001")
    connection = sqlite3.connect(path)
    ((seq, payload),) = connection.execute("SELECT seq, payload FROM events ORDER BY seq DESC LIMIT 1").fetchall()
    with connection:
        connection.executemany(
            "INSERT INTO events SELECT ?, time, kind, owner, execution, ? FROM events WHERE seq = 1",
            [(seq + n, json.dumps(json.loads(payload) | {"seq": seq + n})) for n in range(1, 2501)],
        )
    connection.close()
    store = SQLStore(path)
    await store.open()
    events = await store.events(limit=10_000)
    assert [event.seq for event in events] == list(range(1, seq + 2501))
    assert {event.reason.code for event in events} == {"told"}
    await store.close()


async def test_what_has_ended_moves_to_its_place_and_what_belonged_to_it_goes(written):
    """Written were four times ``batch_of_everything``, two ends of executions, and a token of none."""
    path = written("0001-ends")
    store = SQLStore(path)
    await store.open()
    assert list(store.executions) == ["e7", "e1"]
    page = await store.page(Execution, Filter())
    assert [each.id for each in page.items] == ["e1", "e5", "e3", "e7"]
    page = await store.page(Execution, Filter(label="team=ä=b", equal={"owner": "ann", "zapp": "spark-cluster"}))
    assert [each.id for each in page.items] == ["e1", "e5", "e3", "e7"]
    over = await store.execution("e3")
    assert (over.version, over.exit_code, over.name) == (2, 3, "name-e3")
    assert over.ended == datetime(2026, 3, 1, 12, 0, 3, 7, tzinfo=UTC)
    assert store.executions["e7"].processes[0].addresses["rpc"].port == 7077
    assert words(store.executions["e7"].processes[0].reason) == ""
    assert {words(each.reason) for each in await store.events()} == {TRICKY, "ended 3", "ended 5"}
    assert await store.count(Execution, Filter(active=False)) == 2
    assert set(store.attachments) == {"a7", "a1"}, "what belonged to an execution that has ended goes"
    assert [n for n in range(9) if store.token(f"t{n}")] == [1, 7]
    assert store.token("free")
    assert [dict(store.secrets(f"e{n}")) for n in (1, 3)] == [{"rpc": TRICKY, "token": "s1"}, {}]
    for n in (1, 3, 5, 7):
        answered = await store.reply("ann", f"k{n}")
        assert (answered.status, answered.body, answered.created.year) == (202, bytes(range(256)), 2026)
    assert [each.seq for each in await store.events()] == list(range(1, 11))
    assert [each.execution for each in await store.events(since=8)] == ["e3", "e5"]
    await store.commit(batch_of_everything(8))
    await refused(store, Batch(put=(execution("e5"),)))
    before = await contents(store)
    await store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA auto_vacuum").fetchall() == [(2,)]
    found = connection.execute("SELECT id, ended, ordinal FROM executions WHERE active = 0 ORDER BY ordinal").fetchall()
    assert found == [("e3", 1772366403000007, 2), ("e5", 1772366405000007, 3)]
    connection.close()
    await store.open()
    assert await contents(store) == before
    await store.close()
