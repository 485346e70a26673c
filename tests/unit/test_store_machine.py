"""Random batches, alone and at once, against a model that is too simple to be wrong; with restarts in between."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Execution, Phase
from zoe_hub.store.base import Batch, Filter, Ref, Reply, SecretValue, Token
from zoe_hub.store.memory import MemoryStore
from zoe_hub.store.sql import SQLStore
from zoe_hub.testing.store_records import attachment, event, execution, reply, token

NAMES = st.sampled_from("abcd")
VERSIONS = st.integers(1, 4)


class Model:
    """What a store shall hold, in plain dicts."""

    def __init__(self):
        self.executions, self.attachments, self.replies, self.tokens, self.secrets, self.events = {}, {}, {}, {}, {}, []
        self.first_seq, self.dropped = 1, frozenset()

    @property
    def active(self):
        return {ident: each for ident, each in self.executions.items() if each.active}

    def copy(self):
        other = Model()
        for name, value in vars(self).items():
            setattr(other, name, value if isinstance(value, int) else value.copy())
        return other

    def fits(self, batch):
        """The model after ``batch``, or None."""
        new = self.copy()
        of = {Execution: new.executions, Attachment: new.attachments, Token: new.tokens, Reply: new.replies}
        for each in batch.put:
            if isinstance(each, SecretValue):
                new.secrets[each.execution, each.name] = each.value
                continue
            key = getattr(each, {Token: "digest", Reply: "key"}.get(type(each), "id"))
            known = of[type(each)].get(key)
            if isinstance(each, Execution | Attachment):
                if each.version != (known.version + 1 if known else 1):
                    return None
                if isinstance(known, Execution) and not known.active:
                    return None
            if isinstance(each, Reply) and known:
                return None
            of[type(each)][key] = each
        for type_, key in batch.drop:
            if type_ is Execution and key in new.active:
                return None
            if type_ is SecretValue:
                new.secrets.pop(key, None)
            else:
                of[type_].pop(key[1] if type_ is Reply else key, None)
        over = {each.id for each in batch.put if isinstance(each, Execution) and not each.active}
        over |= {key for type_, key in batch.drop if type_ is Execution}
        new.attachments = {ident: each for ident, each in new.attachments.items() if each.execution not in over}
        new.tokens = {ident: each for ident, each in new.tokens.items() if each.execution not in over}
        new.secrets = {place: value for place, value in new.secrets.items() if place[0] not in over}
        parents = {each.execution for each in (*new.attachments.values(), *new.tokens.values())}
        if not parents | {execution for execution, _ in new.secrets} <= {"", *new.active}:
            return None
        keys = [(each.owner, each.key, each.zapp) for each in new.attachments.values()]
        if len(set(keys)) < len(keys):
            return None
        new.events += batch.events
        return new


@st.composite
def batches(draw):
    def several(strategy):
        return tuple(draw(st.lists(strategy, max_size=3)))

    return Batch(
        put=(
            *several(
                st.builds(lambda i, v, p: execution(i, version=v, phase=p), NAMES, VERSIONS, st.sampled_from(Phase))
            ),
            *several(
                st.builds(
                    lambda i, v, k, e: attachment(i, version=v, key=k, execution=e), NAMES, VERSIONS, NAMES, NAMES
                )
            ),
            *several(st.builds(reply, NAMES)),
            *several(st.builds(lambda d, e: token(d, execution=e), NAMES, NAMES | st.just(""))),
            *several(st.builds(SecretValue, execution=NAMES, name=NAMES, value=st.text("xyz", max_size=2))),
        ),
        drop=several(
            st.builds(Ref, st.sampled_from((Execution, Attachment, Token)), NAMES)
            | st.builds(lambda key: Ref(Reply, ("ann", key)), NAMES)
            | st.builds(lambda e, n: Ref(SecretValue, (e, n)), NAMES, NAMES)
        ),
        events=several(st.builds(event, st.text(st.characters(codec="utf-8"), max_size=5))),
    )


class Machine(RuleBasedStateMachine):
    """Drives one store."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="zoe-store-"))
        self.model = Model()
        self.runner = asyncio.Runner()
        self.store = self.make()
        self.runner.run(self.store.open())

    def make(self):
        return SQLStore(self.folder / "zoe.db")

    def expect(self, batch, result):
        after = self.model.fits(batch)
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

        self.expect_all(given)

    def expect_all(self, given):
        async def commit():
            return await asyncio.gather(*map(self.store.commit, given), return_exceptions=True)

        for batch, result in zip(given, self.runner.run(commit()), strict=True):
            self.expect(batch, result)

    @rule(ident=NAMES, phase=st.sampled_from(Phase))
    def follow_up(self, ident, phase):
        """A change that fits unless the execution has ended, so that long chains happen as well."""
        known = self.model.executions.get(ident)
        batch = Batch(
            put=(execution(ident, version=known.version + 1 if known else 1, phase=phase),),
            events=(event(phase),),
        )
        self.expect_all([batch])

    @precondition(lambda self: self.model.events)
    @rule(data=st.data())
    def forget_events(self, data):
        """From the old end, and the others of an execution that is not on record."""
        self.model.first_seq = data.draw(st.integers(self.model.first_seq, len(self.model.events)))
        self.runner.run(self.store.commit(Batch(first_seq=self.model.first_seq)))
        if "e1" not in self.model.executions:
            some = data.draw(st.sets(st.integers(1, len(self.model.events)), max_size=5)) - {len(self.model.events)}
            self.runner.run(self.store.commit(Batch(drop=tuple(Ref(Event, seq) for seq in some))))
            self.model.dropped = self.model.dropped | some

    @rule()
    def restart(self):
        self.runner.run(self.store.close())
        self.store = self.make()
        self.runner.run(self.store.open())

    def listed(self, wanted):
        found, before = [], None
        while True:
            page = self.runner.run(self.store.page(Execution, wanted, before=before, limit=2))
            found += page.items
            if (before := page.next) is None:
                return found

    @invariant()
    def same(self):
        store, model = self.store, self.model
        assert list(store.executions.items()) == list(model.active.items())
        assert store.active() == tuple(model.active.values())
        assert store.attachments == model.attachments
        for name in "abcd":
            assert store.token(name) == model.tokens.get(name)
            assert store.secrets(name) == {key[1]: value for key, value in model.secrets.items() if key[0] == name}
            assert self.runner.run(store.reply("ann", name)) == model.replies.get(name)
            assert self.runner.run(store.execution(name)) == model.executions.get(name)
        for wanted in (Filter(), Filter(active=False)):
            expected = [each for each in model.executions.values() if wanted.active is None or not each.active]
            assert self.listed(wanted) == expected[::-1]
            assert self.runner.run(store.count(Execution, wanted)) == len(expected)
        assert (store.first_seq, store.last_seq) == (model.first_seq, len(model.events))

    @precondition(lambda self: self.model.events)
    @rule(data=st.data())
    def read_events(self, data):
        since = data.draw(st.integers(0, len(self.model.events)))
        first, last = self.model.first_seq, len(self.model.events)
        if since < first - 1:
            with pytest.raises(ZoeError, match="Events are kept from"):
                self.runner.run(self.store.events(since=since))
            return
        seen = self.runner.run(self.store.events(since=since))
        left = [seq for seq in range(max(since + 1, first), last + 1) if seq not in self.model.dropped]
        assert [each.seq for each in seen] == left
        assert [msgspec.structs.replace(each, seq=0) for each in seen] == [self.model.events[seq - 1] for seq in left]

    def teardown(self):
        self.runner.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)


class MemoryMachine(Machine):
    def make(self):
        return MemoryStore()

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
