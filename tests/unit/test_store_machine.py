"""Random batches, alone and at once, against a model that is too simple to be wrong; with restarts in between."""

import asyncio
import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Phase
from zoe_hub.store.base import Batch
from zoe_hub.store.memory import MemoryStore
from zoe_hub.store.sql import SQLStore
from zoe_hub.testing.store_contract import attachment, event, execution, reply, token

NAMES = st.sampled_from("abcd")
VERSIONS = st.integers(1, 4)
DAY = timedelta(days=1)
START = datetime(2031, 5, 1, tzinfo=UTC)


class Model:
    """What a store shall hold, in plain dicts."""

    def __init__(self):
        self.executions, self.attachments, self.replies, self.tokens, self.secrets, self.events = {}, {}, {}, {}, {}, []

    def copy(self):
        other = Model()
        for name, value in vars(self).items():
            setattr(other, name, value.copy())
        return other

    def fits(self, batch, now):
        """The model after ``batch``, or None."""
        new = self.copy()
        new.replies = {key: each for key, each in new.replies.items() if each.created >= now - DAY}
        for known, given in ((new.executions, batch.executions), (new.attachments, batch.attachments)):
            for each in given:
                if each.version != (known[each.id].version + 1 if each.id in known else 1):
                    return None
                known[each.id] = each
        for ident in batch.detached:
            new.attachments.pop(ident, None)
        keys = [(each.owner, each.key, each.zapp) for each in new.attachments.values()]
        if len(set(keys)) < len(keys):
            return None
        for each in batch.replies:
            if each.key in new.replies:
                return None
            new.replies[each.key] = each
        for each in batch.tokens:
            new.tokens[each.digest] = each
        ended = {each.id for each in batch.executions if not each.active}
        new.tokens = {
            key: each for key, each in new.tokens.items() if key not in batch.revoked and each.execution not in ended
        }
        for ident, values in batch.secrets.items():
            new.secrets[ident] = {**new.secrets.get(ident, {}), **values}
        for ident in batch.forgotten:
            new.secrets.pop(ident, None)
        new.secrets = {ident: values for ident, values in new.secrets.items() if values}
        new.events += batch.events
        return new


@st.composite
def batches(draw):
    def several(strategy):
        return tuple(draw(st.lists(strategy, max_size=3)))

    return Batch(
        executions=several(
            st.builds(lambda i, v, p: execution(i, version=v, phase=p), NAMES, VERSIONS, st.sampled_from(Phase))
        ),
        attachments=several(st.builds(lambda i, v, k: attachment(i, version=v, key=k), NAMES, VERSIONS, NAMES)),
        detached=several(NAMES),
        events=several(st.builds(event, st.text(st.characters(codec="utf-8"), max_size=5))),
        replies=several(st.builds(reply, NAMES)),
        tokens=several(st.builds(lambda d, e: token(d, execution=e), NAMES, NAMES | st.just(""))),
        revoked=several(NAMES),
        secrets=draw(
            st.dictionaries(NAMES, st.dictionaries(NAMES, st.text("xyz", max_size=2), max_size=2), max_size=2)
        ),
        forgotten=several(NAMES),
    )


class Machine(RuleBasedStateMachine):
    """Drives one store."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="zoe-store-"))
        self.now = START
        self.model = Model()
        self.runner = asyncio.Runner()
        self.store = self.make()
        self.runner.run(self.store.open())

    def make(self):
        return SQLStore(self.folder / "zoe.db", clock=lambda: self.now)

    def dated(self, batch):
        return msgspec.structs.replace(
            batch, replies=tuple(msgspec.structs.replace(each, created=self.now) for each in batch.replies)
        )

    def expect(self, batch, result):
        after = self.model.fits(batch, self.now)
        if after is None:
            assert isinstance(result, ZoeError)
            assert result.code == "conflict"
            return
        assert not isinstance(result, BaseException), result
        first = len(self.model.events) + 1
        assert [each.seq for each in result] == list(range(first, first + len(batch.events)))
        self.model = after

    @rule(given=st.lists(batches(), min_size=1, max_size=5))
    def commit_at_once(self, given):
        given = [self.dated(batch) for batch in given]

        async def commit():
            return await asyncio.gather(*map(self.store.commit, given), return_exceptions=True)

        for batch, result in zip(given, self.runner.run(commit()), strict=True):
            self.expect(batch, result)

    @rule(ident=NAMES, phase=st.sampled_from(Phase))
    def follow_up(self, ident, phase):
        """A change that fits, so that long chains happen as well."""
        known = self.model.executions.get(ident)
        batch = Batch(
            executions=(execution(ident, version=known.version + 1 if known else 1, phase=phase),),
            events=(event(phase),),
        )
        self.expect(batch, self.runner.run(self.store.commit(batch)))

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours):
        self.now += timedelta(hours=hours)

    @rule()
    def restart(self):
        self.runner.run(self.store.close())
        self.store = self.make()
        self.runner.run(self.store.open())

    @invariant()
    def same(self):
        store, model = self.store, self.model
        assert list(store.executions.items()) == list(model.executions.items())
        assert list(store.active()) == [each for each in model.executions.values() if each.active]
        assert store.attachments == model.attachments
        for name in "abcd":
            assert store.token(name) == model.tokens.get(name)
            assert store.secrets(name) == model.secrets.get(name, {})
            kept = model.replies.get(name)
            if kept is None or kept.created >= self.now - DAY:  # older ones may be gone or not
                assert store.reply("ann", name) == kept
        assert store.last_seq == len(model.events)

    @precondition(lambda self: self.model.events)
    @rule(data=st.data())
    def read_events(self, data):
        since = data.draw(st.integers(0, len(self.model.events)))
        seen = self.runner.run(self.store.events(since=since))
        assert [each.seq for each in seen] == list(range(since + 1, len(self.model.events) + 1))
        assert [msgspec.structs.replace(each, seq=0) for each in seen] == self.model.events[since:]

    def teardown(self):
        self.runner.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)


class MemoryMachine(Machine):
    def make(self):
        return MemoryStore(clock=lambda: self.now)

    def restart(self):
        self.runner.run(self.store.close())
        self.runner.run(self.store.open())


EXAMPLES = int(os.environ.get("ZOE_EXAMPLES", "8"))  # of each store; 8 take some seconds, a change here deserves 500


@pytest.mark.parametrize("machine", [Machine, MemoryMachine])
def test_random_batches(machine):
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    case = machine.TestCase
    case.settings = settings(
        max_examples=EXAMPLES, stateful_step_count=25, deadline=None, suppress_health_check=checks, database=None
    )
    case("runTest").runTest()
