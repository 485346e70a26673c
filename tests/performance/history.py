"""Data folders of hubs that have been at work for long, for the benchmarks: many ended executions with their events.

Copied within the database, since to run 100,000 jobs would take an hour: the one that a hub has really run is the model
of all. Made once for each number in a run of the benchmarks.
"""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

import shop

from zoe_hub.testing.hub import RunningHub

NAMES = 100  # different names of executions

_FRAMEWORK = """
framework: short
version: "1"
kind: job
title: Short
processes:
  main: {image: any, command: [do, "print done", "exit 0"], decides_result: true}
"""
_ZAPP = """
zapp: short
version: "1"
kind: job
title: Short
ends: true
frameworks:
  short: {framework: short}
"""


@cache
def _folder() -> Path:
    """Where the databases of this run of the benchmarks are."""
    folder = Path(tempfile.mkdtemp(prefix="zoe-history-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    catalog = shop.catalog(folder / "shop")
    (catalog / "short").mkdir()
    (catalog / "short" / "framework.yaml").write_text(_FRAMEWORK)
    (catalog / "short" / "zapp.yaml").write_text(_ZAPP)
    return folder


def hub(data: Path, ended: int) -> RunningHub:
    """A hub on the fake backend, not started, that remembers so many ended executions."""
    made = _hub(data)
    shutil.copyfile(_database(ended), data / "zoe.db")
    return made


def _hub(data: Path) -> RunningHub:
    options = ["--backend=fake", f"--ZoeHub.catalog_folders={_folder() / 'shop'}", "--ZoeHub.idle_timeout=0"]
    return RunningHub(data, options=options)


@cache
def _database(ended: int) -> Path:
    data = _folder() / f"model-{ended}"
    made = _hub(data)
    made.start()
    try:
        if ended:
            first = made.post("/executions", {"zapp": "short", "name": "job-0"})
            made.wait(first["id"], lambda seen: seen["phase"] == "ended")
    finally:
        made.stop()
    with closing(sqlite3.connect(data / "zoe.db")) as database:
        database.execute("PRAGMA synchronous = OFF")
        if ended:
            _multiply(database, ended)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return data / "zoe.db"


def _multiply(database: sqlite3.Connection, count: int) -> None:
    """Copy the only execution, with its events, until there are ``count``. By the database itself, which is quick."""
    (ident,) = database.execute("SELECT id FROM executions").fetchone()
    numbers = f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count - 1})"
    new_id, new_name = "printf('e%08d', n)", f"'job-' || (n % {NAMES})"
    new_seq = "(SELECT max(seq) FROM model) + (n - 1) * (SELECT count(*) FROM model) + place"
    new_payload = f"replace(payload, :id, {new_id})"
    copies = {
        "executions": {
            "id": new_id,
            "name": new_name,
            "ordinal": "ordinal + n",
            "ended": "ended + n",
            "payload": f"""replace({new_payload}, '"job-0"', '"' || {new_name} || '"')""",
        },
        "events": {
            "seq": new_seq,
            "execution": new_id,
            "payload": f"""replace({new_payload}, '{{"seq":' || seq || ',', '{{"seq":' || ({new_seq}) || ',')""",
        },
    }
    with database:
        for table, changed in copies.items():
            key = "execution" if table == "events" else "id"
            database.execute(
                f"CREATE TEMP TABLE model AS SELECT *, row_number() OVER (ORDER BY rowid) AS place FROM {table}"
                f" WHERE {key} = :id",
                {"id": ident},
            )
            names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            database.execute(
                f"INSERT INTO {table} {numbers} SELECT {', '.join(changed.get(name, name) for name in names)}"
                " FROM numbers CROSS JOIN model ORDER BY n, place",
                {"id": ident},
            )
            database.execute("DROP TABLE model")
