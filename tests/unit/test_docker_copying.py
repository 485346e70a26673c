"""The kept log of a container is exact, whatever stops the copy in between."""

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoe_hub.backends.docker.copying import LOST, NANO, LogCopy, nanoseconds

BEGIN = 1_700_000_000


def stamp(time: int) -> bytes:
    whole = datetime.fromtimestamp(time // NANO, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{time % NANO:09d}Z".encode()


class Log:
    """The engine's log of a container: messages with times, given from a second on, as the engine does."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, bytes]] = []

    def add(self, seconds: float, data: bytes) -> None:
        self.messages.append((BEGIN * NANO + int(seconds * NANO), data))

    def read(self, since: int, broken_after: int | None = None):
        for count, (time, data) in enumerate(m for m in self.messages if m[0] >= since * NANO):
            if count == broken_after:
                raise ConnectionError("the connection broke")
            yield stamp(time) + b" " + data

    @property
    def bytes(self) -> bytes:
        return b"".join(data for _, data in self.messages)


def copy_in(folder, part_size=1 << 20, parts=3) -> LogCopy:
    return LogCopy(folder / "logs", "zoe-d-e-worker-0", part_size=part_size, parts=parts)


def everything(kept: LogCopy, offset: int = 0) -> bytes:
    result = b""
    while (chunk := kept.journal.read(offset)) is not None:
        result += chunk.data
        offset = chunk.offset + len(chunk.data)
    return result


@settings(max_examples=60, deadline=None)
@given(st.integers(), st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_copies_each_byte_once_over_breaks_and_restarts(tmp_path_factory, seed, steps):
    folder = tmp_path_factory.mktemp("copy")
    dice = random.Random(seed)
    log, kept, now = Log(), copy_in(folder), 0.0
    for count, broken, restarted in steps:
        for number in range(count):
            now += dice.choice([0, 0, 0.0001, 0.3, 1.7])
            # Output and errors are stamped by two hands, so times are not quite in order.
            log.add(now - dice.choice([0, 0, 0.002]), f"{len(log.messages)}-{number}\n".encode())
        if restarted:
            kept = copy_in(folder)
        try:
            kept.update("c1", lambda since: log.read(since, dice.randrange(5) if broken else None), exited=False)  # noqa: B023
        except ConnectionError:
            assert log.bytes.startswith(everything(kept))
    kept.update("c1", log.read, exited=True)
    assert everything(kept) == log.bytes
    kept.update("c1", lambda _: pytest.fail("a complete log was asked for again"), exited=True)


def test_what_a_killed_hub_had_not_noted_is_copied_again_in_its_place(tmp_path):
    log, kept = Log(), copy_in(tmp_path)
    log.add(1, b"one\n")
    kept.update("c1", log.read, exited=False)
    (part,) = (tmp_path / "logs").glob("*.log")
    part.write_bytes(b"one\ntw")  # written, and killed before the position was saved
    log.add(2, b"two\n")
    again = copy_in(tmp_path)
    again.update("c1", log.read, exited=True)
    assert everything(again) == b"one\ntwo\n"


def test_incarnations_follow_each_other(tmp_path):
    kept = copy_in(tmp_path)
    for number, container in enumerate(["c1", "c2"]):
        log = Log()
        log.add(number * 100, f"from {container}\n".encode())
        kept.update(container, log.read, exited=True)
    assert everything(kept) == b"from c1\nfrom c2\n"


def test_what_a_killed_hub_had_not_noted_stays_when_its_container_is_gone(tmp_path):
    log, kept = Log(), copy_in(tmp_path)
    log.add(1, b"one\n")
    kept.update("c1", log.read, exited=False)
    (part,) = (tmp_path / "logs").glob("*.log")
    part.write_bytes(b"one\nthe traceback\n")  # written, and killed before the position was saved
    second, again = Log(), copy_in(tmp_path)
    second.add(100, b"second life\n")
    again.update("c2", second.read, exited=False)
    second.add(101, b"goes on\n")
    copy_in(tmp_path).update("c2", second.read, exited=True)
    assert everything(again) == b"one\nthe traceback\nsecond life\ngoes on\n"


def test_offsets_stay_true_when_old_parts_are_deleted(tmp_path):
    log, kept = Log(), copy_in(tmp_path, part_size=100, parts=2)
    for number in range(40):
        log.add(number * 3, f"{number:019d}\n".encode())
        kept.update("c1", log.read, exited=False)
    chunk = kept.journal.read(0)
    assert chunk is not None
    assert chunk.offset >= 40 * 20 - 2 * 120
    assert everything(kept) == log.bytes[chunk.offset :]
    assert everything(kept, 790) == log.bytes[790:]
    assert kept.journal.end() == 800


def test_says_so_when_the_engine_dropped_what_was_not_copied(tmp_path):
    log, kept = Log(), copy_in(tmp_path)
    log.add(10, b"seen\n")
    kept.update("c1", log.read, exited=False)
    log.add(11, b"dropped\n")
    log.add(12, b"new\n")
    del log.messages[:2]
    kept.update("c1", log.read, exited=True)
    assert everything(kept) == b"seen\n" + LOST + b"new\n"


def test_files_are_private(tmp_path):
    log, kept = Log(), copy_in(tmp_path)
    log.add(1, b"x")
    kept.update("c1", log.read, exited=True)
    folder = tmp_path / "logs"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


def test_a_damaged_position_loses_nothing(tmp_path):
    log, kept = Log(), copy_in(tmp_path)
    log.add(1, b"one\n")
    kept.update("c1", log.read, exited=False)
    (state,) = (tmp_path / "logs").glob("*.json")
    state.write_bytes(b"{")
    log.add(2, b"two\n")
    again = copy_in(tmp_path)
    again.update("c1", log.read, exited=True)
    assert everything(again).startswith(b"one\n")
    assert everything(again).endswith(b"two\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"2023-11-14T22:13:20.000000001Z", BEGIN * NANO + 1),
        (b"2023-11-14T22:13:20Z", BEGIN * NANO),
        (b"2023-11-14T22:13:20.5Z", BEGIN * NANO + NANO // 2),
    ],
)
def test_times(text, expected):
    assert nanoseconds(text) == expected
