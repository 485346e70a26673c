"""Databases that earlier versions wrote, as they wrote them (``tests/data``), read by this one."""

import json
import sqlite3
from pathlib import Path

import pytest

from zoe_hub.core.reasons import Reason, because
from zoe_hub.core.words import words
from zoe_hub.store.sql import SQLStore

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
    by_name = {execution.name: execution for execution in store.executions.values()}
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
    kept = json.loads(store.reply("ada", "k1").body)
    assert kept["reason"] == {
        "code": "told",
        "facts": {"words": "waits for admission"},
        "words": "waits for admission",
        "tail": [],
    }
    await store.close()


async def test_the_history_is_as_firmly_closed_as_before(written):
    path = written("0001")
    before = sqlite3.connect(path).execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    store = SQLStore(path)
    await store.open()
    await store.close()
    assert sqlite3.connect(path).execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == before
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        sqlite3.connect(path).execute("UPDATE events SET payload = ''")


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
