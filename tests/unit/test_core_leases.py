"""Leases and idleness: what each rule says by itself, and what holds over any course of events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from zoe_hub.core.attachments.leases import Outlook, Terms, Use, outlook
from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.executions.model import Execution, Phase
from zoe_hub.core.executions.spec import Activity, ExecutionSpec, Group
from zoe_hub.core.reasons import because

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
TERMS = Terms(ttl=120, shrink_after=1800, end_after=7200, quiet=60)


def at(seconds: float) -> datetime:
    return BEGUN + timedelta(seconds=seconds)


def execution(*, workers: int = 4, activity: bool = False, **fields: Any) -> Execution:
    worker = Group(
        name="worker",
        framework="f",
        image="i",
        command=("w",),
        count=2,
        essential=1,
        maximum=8,
        activity=Activity(port="ui", busy="body") if activity else None,
    )
    spec = ExecutionSpec(
        zapp="cluster",
        title="Cluster",
        version="1",
        kind="engine",
        groups=(worker,),
        protected=fields.pop("protected", False),
    )
    known: dict[str, Any] = {
        "phase": Phase.RUNNING,
        "running_since": BEGUN,
        "counts": {"worker": workers},
        "granted": {"worker": workers},
    }
    return Execution(
        id="e1", owner="ada", name="c", spec=spec, created=BEGUN, reason=because("running"), **{**known, **fields}
    )


def attachment(name: str = "a1", **fields: Any) -> Attachment:
    known: dict[str, Any] = {
        "key": f"/home/{name}.ipynb",
        "zapp": "cluster",
        "created": BEGUN,
        "renewed": BEGUN,
        "expires": True,
        "policy": "shrink",
    }
    return Attachment(id=name, owner="ada", execution="e1", **{**known, **fields})


def use(*attachments: Attachment, of: Execution | None = None, **fields: Any) -> Use:
    known: dict[str, Any] = {"used": BEGUN, "resumed": BEGUN}
    return Use(execution=of or execution(), attachments=attachments, **{**known, **fields})


def test_what_is_done_soon_is_told_before_it_is_done():
    terms = replace(TERMS, shrink_after=20)
    before = outlook(use(attachment()), terms, at(9.9))
    assert (before.idle, before.wake) == (None, at(10))
    told = outlook(use(attachment()), terms, at(10))
    assert told.idle is not None
    assert (told.idle.action, told.idle.at, told.due) == ("shrink", at(20), None)


# --- leases --------------------------------------------------------------------------------------------------------


def test_a_lease_holds_as_long_as_it_is_renewed_and_one_ttl_more():
    alive = use(attachment(), renewed={"a1": at(100)})
    assert outlook(alive, TERMS, at(219.9)).gone == ()
    assert outlook(alive, TERMS, at(219.9)).wake == at(220)
    assert outlook(alive, TERMS, at(220)).gone == ("a1",)


@pytest.mark.parametrize(("policy", "due"), [("shrink", "shrink"), ("terminate", "end"), ("keep", None)])
def test_the_wish_of_the_last_holder_is_carried_out_when_it_is_gone(policy, due):
    found = outlook(use(attachment(policy=policy)), TERMS, at(120))
    assert (found.gone, found.due) == (("a1",), due)
    assert found.reason == (because("holders-gone", holders=("/home/a1.ipynb",)) if due else None)


def test_a_wish_is_carried_out_once():
    assert outlook(use(attachment(policy="shrink", gone=at(120))), TERMS, at(500)).due is None


def test_as_long_as_one_holder_is_there_the_wishes_of_the_others_wait():
    first, second = attachment("a1", policy="terminate"), attachment("a2", policy="keep")
    found = outlook(use(first, second, renewed={"a2": at(100)}), TERMS, at(121))
    assert (found.gone, found.due) == (("a1",), None)
    found = outlook(use(replace(first, gone=at(121)), replace(second, policy="terminate")), TERMS, at(230))
    assert (found.gone, found.due) == (("a2",), "end")


def test_of_several_that_go_at_once_the_mildest_wish_counts():
    both = [attachment("a1", policy="terminate"), attachment("a2", policy="shrink")]
    assert outlook(use(*both), TERMS, at(130)).due == "shrink"
    assert outlook(use(*both, attachment("a3", policy="keep")), TERMS, at(130)).due is None


def test_what_is_protected_is_never_ended_by_a_lease_and_what_is_small_is_not_shrunk():
    guarded = execution(protected=True)
    assert outlook(use(attachment(policy="terminate"), of=guarded), TERMS, at(130)).due is None
    assert outlook(use(attachment(policy="shrink"), of=execution(workers=1)), TERMS, at(130)).due is None


def test_a_holder_that_comes_back_has_lost_nothing():
    gone = attachment(policy="keep", gone=at(120))
    assert outlook(use(gone, renewed={"a1": at(300)}), TERMS, at(310)).back == ("a1",)


def test_no_lease_runs_out_while_nobody_could_renew_it():
    """A night without a hub, or a laptop that was suspended: every lease has a whole TTL again."""
    morning = use(attachment(), resumed=at(28800))
    assert outlook(morning, TERMS, at(28801)).gone == ()
    assert outlook(morning, TERMS, at(28920)).gone == ("a1",)


def test_a_holder_that_is_gone_is_not_back_because_the_hub_is():
    """Or its wish would be carried out a second time, against what somebody has asked for since then."""
    found = outlook(use(attachment(gone=at(120)), resumed=at(28800)), TERMS, at(28801))
    assert (found.back, found.gone, found.due) == ((), (), None)
    assert outlook(use(attachment(gone=at(120)), resumed=at(28800)), TERMS, at(28930)).due is None


def test_a_lease_that_nobody_can_renew_does_not_run_out():
    assert outlook(use(attachment(expires=False)), TERMS, at(10**6)).gone == ()


# --- idleness ------------------------------------------------------------------------------------------------------


def test_idleness_is_told_after_a_quiet_while_with_what_follows_and_when():
    used = use(attachment(expires=False), used=at(1000))
    assert outlook(used, TERMS, at(1059)).idle is None
    assert outlook(used, TERMS, at(1059)).wake == at(1060)
    told = outlook(used, TERMS, at(1060))
    assert told.idle is not None
    assert (told.idle.since, told.idle.action, told.idle.at) == (at(1000), "shrink", at(2800))
    assert told.due is None
    assert told.wake == at(2800)
    assert outlook(used, TERMS, at(2800)).due == "shrink"


def test_what_was_shrunk_is_ended_after_as_long_again():
    used = use(attachment(expires=False), of=execution(workers=1))
    assert outlook(used, TERMS, at(8999)).due is None
    assert outlook(used, TERMS, at(9000)).due == "end"


def test_a_cell_of_three_hours_is_use_however_silent():
    works = use(attachment(), renewed={"a1": at(10**5)}, working=frozenset({"a1"}))
    assert outlook(works, TERMS, at(10**5)) == Outlook(wake=at(10**5 + 120))


def test_the_work_of_a_holder_that_is_gone_does_not_count():
    found = outlook(use(attachment(policy="keep", gone=at(120)), working=frozenset({"a1"})), TERMS, at(2000))
    assert found.due == "shrink"


def test_keep_starts_the_clock_anew():
    kept = use(attachment(expires=False), of=execution(kept_until=at(5000)))
    assert outlook(kept, TERMS, at(6799)).due is None
    assert outlook(kept, TERMS, at(6800)).due == "shrink"


def test_what_somebody_keeps_and_what_is_protected_shrinks_and_does_not_end():
    for of, policy in ((execution(workers=1), "keep"), (execution(workers=1, protected=True), "shrink")):
        assert outlook(use(attachment(policy=policy, expires=False), of=of), TERMS, at(10**6)).due is None
    assert outlook(use(attachment(policy="keep", expires=False)), TERMS, at(10**6)).due == "shrink"


def test_zero_stands_for_never():
    for terms, of in ((Terms(shrink_after=0, end_after=0), execution()), (Terms(end_after=0), execution(workers=1))):
        assert outlook(use(attachment(expires=False), of=of), terms, at(10**7)).idle is None
    only_end = Terms(shrink_after=0, end_after=600)
    assert outlook(use(attachment(expires=False)), only_end, at(600)).due == "end"


def test_before_anything_is_done_the_execution_itself_is_asked():
    used = {"of": execution(activity=True)}
    assert outlook(use(attachment(expires=False), **used), TERMS, at(1800)).ask
    assert outlook(use(attachment(expires=False), **used), TERMS, at(1800)).due is None
    assert outlook(use(attachment(expires=False), **used, denied=at(1700)), TERMS, at(1800)).ask, "that was before"
    assert outlook(use(attachment(expires=False), **used, denied=at(1801)), TERMS, at(1801)).due == "shrink"


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.STARTING, Phase.STOPPING])
def test_only_what_runs_can_be_idle(phase):
    of = execution(phase=phase)
    assert outlook(use(attachment(expires=False), of=of), TERMS, at(10**5)).idle is None


# --- any course of events ------------------------------------------------------------------------------------------


class Leases(RuleBasedStateMachine):
    """Two holders that renew, work, vanish and come back; a hub that sleeps; a shell that carries out what is due."""

    @initialize(policies=st.tuples(*[st.sampled_from(["keep", "shrink", "terminate"])] * 2), protected=st.booleans())
    def begin(self, policies: tuple[str, str], protected: bool) -> None:
        self.now = self.used = self.resumed = BEGUN
        self.execution = execution(protected=protected)
        self.attachments = {
            name: attachment(name, policy=policy) for name, policy in zip(("a1", "a2"), policies, strict=True)
        }
        self.renewed = dict.fromkeys(self.attachments, BEGUN)
        self.alive = set(self.attachments)
        self.working: set[str] = set()
        self.ended = False

    def look(self) -> Outlook:
        found = outlook(self.seen(), TERMS, self.now)
        for name in found.gone:
            assert (self.now - max(self.renewed[name], self.resumed)).total_seconds() >= TERMS.ttl, "gone too early"
            self.attachments[name] = replace(self.attachments[name], gone=self.now)
        for name in found.back:
            assert self.renewed[name] >= self.attachments[name].gone, "back without a sign of life"
            self.attachments[name] = replace(self.attachments[name], gone=None)
        present = [name for name, each in self.attachments.items() if each.gone is None]
        if found.due:
            assert not self.working.intersection(present), "somebody works with it"
        if found.due == "shrink":
            self.execution = replace(self.execution, counts={"worker": 1})
        elif found.due == "end":
            assert not self.execution.spec.protected
            assert all(each.policy != "keep" for each in self.attachments.values() if each.gone is None)
            self.ended = True
        assert found.wake is None or found.wake > self.now, "a look at a time that has passed"
        return found

    def seen(self) -> Use:
        return Use(
            execution=self.execution,
            attachments=tuple(self.attachments.values()),
            renewed=self.renewed,
            working=frozenset(self.working),
            used=self.used,
            denied=self.now,
            resumed=self.resumed,
        )

    @precondition(lambda self: not self.ended)
    @rule(seconds=st.sampled_from([1, 30, 119, 121, 1800, 7200, 9000]))
    def time_passes(self, seconds: int) -> None:
        """Those that live renew; the shell looks when it was told to."""
        until = self.now + timedelta(seconds=seconds)
        while self.now < until and not self.ended:
            self.now = min(until, self.now + timedelta(seconds=40))
            for name in self.alive:
                self.renewed[name] = self.now
            if self.working & self.alive:
                self.used = self.now
            self.look()

    @precondition(lambda self: not self.ended)
    @rule(hours=st.integers(1, 12))
    def the_hub_sleeps(self, hours: int) -> None:
        before = {name for name, each in self.attachments.items() if each.gone is None}
        self.now += timedelta(hours=hours)
        self.resumed = self.now
        assert not set(self.look().gone) & before, "a lease has run out while nobody could renew it"
        assert not self.ended

    @rule(name=st.sampled_from(["a1", "a2"]), alive=st.booleans(), works=st.booleans())
    def a_holder_changes(self, name: str, alive: bool, works: bool) -> None:
        (self.alive.add if alive else self.alive.discard)(name)
        (self.working.add if works and alive else self.working.discard)(name)

    @invariant()
    def those_that_renew_are_there(self) -> None:
        for name in self.alive:
            if not self.ended and self.renewed[name] == self.now:
                assert name not in outlook(self.seen(), TERMS, self.now).gone


Leases.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLeases = Leases.TestCase


def test_a_terminal_that_nobody_hears_of_any_more_works_no_longer_though_its_lease_stays():
    """Its server was killed, or the terminal closed: nobody says that its program has ended."""
    folder = use(attachment(expires=False), renewed={"a1": at(1000)}, working=frozenset({"a1"}), used=at(1000))
    assert outlook(folder, TERMS, at(1119)) == Outlook(wake=at(1120))
    silent = outlook(folder, TERMS, at(1120))
    assert (silent.gone, silent.idle.since if silent.idle else None) == ((), at(1000))
