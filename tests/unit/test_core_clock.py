"""The hub's time over any course of the system's clocks, and what waits meanwhile: never too early, never for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from zoe_hub.controllers.kit.clock import Clock
from zoe_hub.core.attachments.leases import Terms, Use, outlook
from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.clock import EVENING, NOTICED, Jump, Reading, past, reasons, rebased
from zoe_hub.core.executions.decide import decide
from zoe_hub.core.executions.facts import Facts
from zoe_hub.core.executions.model import Execution, Idle, Observed, Phase, Process, ProcessState
from zoe_hub.core.executions.spec import ExecutionSpec, Group, Ready, Restart
from zoe_hub.core.reasons import because

LOOK = 5.0
FASTEST, SLOWEST = 1 + NOTICED / EVENING, 1 - NOTICED / EVENING  # of the hub's time
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


class System:
    """The clocks of a machine, and a hub's clock that looks at them as often as the timekeeper does."""

    def __init__(self, newest: datetime | None = None) -> None:
        self.wall, self.awake, self.passed = BEGUN.timestamp(), 50.0, 70.0
        self.clock = Clock(lambda: Reading(wall=self.wall, awake=self.awake, passed=self.passed))
        self.jumped = self.awake  # when the last jump was noticed
        self.jumps: list[Jump] = []
        self.clock.noticed = self.notice
        self.clock.begin(newest)
        self.clock.look(LOOK)

    def notice(self, jump: Jump) -> None:
        self.jumped = self.awake
        self.jumps.append(jump)

    def run(self, seconds: float) -> Iterator[datetime]:
        """The times at which the hub looks, and the last moment."""
        until = self.awake + seconds
        while self.awake < until:
            step = min(LOOK, until - self.awake)
            self.wall, self.awake, self.passed = self.wall + step, self.awake + step, self.passed + step
            yield self.look()

    def look(self) -> datetime:
        now, noticed = self.clock.now(), len(self.jumps)  # whoever asks notices a jump, not only who looks for one
        self.clock.look(LOOK)
        assert len(self.jumps) == noticed, "a jump that is noticed only later"
        return now

    def set_clock(self, by: float) -> None:
        self.wall += by

    def suspend(self, seconds: float) -> None:
        self.wall, self.passed = self.wall + seconds, self.passed + seconds

    def stand(self, seconds: float) -> None:
        self.suspend(seconds)
        self.awake += seconds


SMALL, GREAT = st.floats(-9, 9), st.floats(-200_000, 200_000)
COURSES = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.floats(0, 400)),
        st.tuples(st.just("set_clock"), SMALL | GREAT),
        st.tuples(st.just("suspend"), st.floats(0, 9) | st.floats(0, 100_000)),
        st.tuples(st.just("stand"), st.floats(0, 9) | st.floats(0, 1_000)),
    ),
    max_size=30,
)


def go(system: System, course: list[tuple[str, float]], at: Callable[[datetime], None] = lambda now: None) -> None:
    """Have a course happen, looking as it does."""
    for what, much in course:
        if what == "run":
            for now in system.run(much):
                at(now)
        else:
            getattr(system, what)(much)
            at(system.look())


# --- the hub's time ------------------------------------------------------------------------------------------------


@given(COURSES)
@example([("suspend", 12.0), ("set_clock", -9.0)])
@example([("suspend", 6.0), ("set_clock", 6.0)])
def test_the_hubs_time_is_that_of_the_system_and_goes_back_only_where_that_was_set_back(course):
    system = System()
    last = system.look()

    def at(now: datetime) -> None:
        nonlocal last
        assert abs(now.timestamp() - system.wall) <= NOTICED + 1e-3
        if now < last:
            assert system.jumped == system.awake, "back without a jump"
            assert system.jumps[-1].stepped < -NOTICED, "a jump that does not say so"
        last = now

    go(system, course, at)


@given(st.lists(st.tuples(st.floats(100, 400), st.floats(-5, 5)), max_size=30))
def test_what_ntp_corrects_from_time_to_time_is_no_jump_and_nothing_goes_back(course):
    system = System()
    times = [system.look()]
    for seconds, by in course:
        times += system.run(seconds)
        system.set_clock(by)
        times.append(system.look())
    assert times == sorted(times)
    assert not system.jumps


@pytest.mark.parametrize(
    ("happens", "jump", "codes"),
    [
        (lambda system: system.suspend(28_800), Jump(slept=28_800), ["machine-slept"]),
        (lambda system: system.stand(600), Jump(stood=595), ["hub-stood-still"]),
        (lambda system: system.set_clock(3600), Jump(stepped=3600), ["clock-set-forwards"]),
        (lambda system: system.set_clock(-86_400), Jump(stepped=-86_400), ["clock-set-back"]),
    ],
)
def test_what_has_happened_is_told_apart(happens, jump, codes):
    system = System()
    before = system.look()
    happens(system)
    now = system.look()
    (found,) = system.jumps
    assert [round(each) for each in (found.slept, found.stood, found.stepped)] == [
        round(each) for each in (jump.slept, jump.stood, jump.stepped)
    ]
    assert [each.code for each in reasons(found)] == codes
    assert now.timestamp() == pytest.approx(system.wall)
    assert system.clock.resumed == now != before


def test_a_machine_that_slept_while_its_clock_was_set_says_both():
    system = System()
    system.suspend(600)
    system.set_clock(-7200)
    system.look()
    assert [each.code for each in reasons(system.jumps[0])] == ["machine-slept", "clock-set-back"]


@pytest.mark.parametrize("ahead", [1.0, 9.0, 3600.0, -3600.0])
def test_a_hub_goes_on_behind_what_is_on_record_unless_that_is_far_ahead(ahead):
    newest = BEGUN + timedelta(seconds=ahead)
    system = System(newest)
    assert (system.look() >= newest) == (ahead < NOTICED)
    assert [round(each.stepped) for each in system.jumps] == ([-3600] if ahead == 3600.0 else [])


# --- the two rules -------------------------------------------------------------------------------------------------

moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


@given(moments, st.floats(0, 10**6), moments, moments)
def test_what_is_rebased_is_due_within_its_period_and_not_before_its_time(moment, period, now, resumed):
    whole, found = timedelta(seconds=period), rebased(moment, period, now, resumed)
    assert found <= now + whole
    if resumed <= now:
        assert found >= min(moment, now + whole)
        assert found >= resumed + whole
        assert rebased(found, period, now + timedelta(seconds=1), resumed) == found, "settles"
    assert rebased(moment, period, now) == min(moment, now + whole)


@given(moments, moments, moments)
def test_nothing_on_record_is_still_to_come(moment, now, resumed):
    assert past(moment, now, resumed) <= now
    assert moment > now or past(moment, now, resumed) == moment


# --- what waits, over any course -----------------------------------------------------------------------------------

READY, DELAY = 120.0, 40.0
GROUP = Group(
    name="main",
    framework="f",
    image="i",
    command=("x",),
    ready=Ready(kind="log", pattern="up", timeout=READY),
    restart=Restart(delay=DELAY, longest=DELAY, limit=10**6),
)
SPEC = ExecutionSpec(zapp="z", title="Z", version="1", kind="engine", groups=(GROUP,))


def execution(now: datetime, **process: object) -> Execution:
    known = {"name": "zoe-t-e1-main-0", "group": "main", "index": 0, "addresses": {}, "reason": because("wanted")}
    return Execution(
        id="e1",
        owner="ada",
        name="e",
        spec=SPEC,
        created=now,
        counts={"main": 1},
        granted={"main": 1},
        phase=Phase.STARTING,
        reason=because("wanted"),
        processes=(Process(**{**known, "since": now, **process}),),
    )


def decided(record: Execution, system: System, now: datetime, *, runs: bool) -> Execution:
    (process,) = record.processes
    seen = Observed(
        name=process.name, execution="e1", group="main", index=0, incarnation=process.incarnation, state="running"
    )
    facts = Facts(deployment="t", observed={process.name: seen} if runs else {}, resumed=system.clock.resumed)
    return decide(record, facts, now).execution


def first_change(
    system: System, course: list[tuple[str, float]], look: Callable[[datetime], bool]
) -> tuple[float, float]:
    """Awake seconds until a look says yes, at the latest long after the course is over; those since the last jump."""
    begun, found = system.awake, list[tuple[float, float]]()

    def at(now: datetime) -> None:
        if not found and look(now):
            found.append((system.awake - begun, system.awake - system.jumped))

    go(system, course, at)
    go(system, [("run", 2 * READY + 200)], at)
    assert found, "never"
    return found[0]


@given(COURSES)
@example([("set_clock", -86_400.0)])
@example([("run", 60.0), ("set_clock", 86_400.0)])
@example([("run", 119.0), ("suspend", 3600.0)])
def test_a_process_has_all_its_time_to_get_ready_and_not_for_ever(course):
    system = System()
    now = system.look()
    record = execution(now, state=ProcessState.STARTING, deadline=now + timedelta(seconds=READY))

    def late(now: datetime) -> bool:
        nonlocal record
        record = decided(record, system, now, runs=True)
        return record.processes[0].state is ProcessState.STOPPING

    after, since_jump = first_change(system, course, late)
    assert after >= READY / FASTEST
    assert since_jump <= READY / SLOWEST + 2 * LOOK + sum(much for what, much in course if what == "stand")


@given(COURSES)
@example([("set_clock", -86_400.0)])
@example([("suspend", 3600.0)])
def test_a_restart_comes_within_its_delay_after_the_last_jump(course):
    system = System()
    now = system.look()
    ended = {"state": ProcessState.ENDED, "failures": 1, "ended": now, "not_before": now + timedelta(seconds=DELAY)}
    record = execution(now, **ended)

    def restarted(now: datetime) -> bool:
        nonlocal record
        record = decided(record, system, now, runs=False)
        return record.processes[0].incarnation > 0

    _, since_jump = first_change(system, course, restarted)
    assert since_jump <= DELAY / SLOWEST + 2 * LOOK + sum(much for what, much in course if what == "stand")


def test_what_ran_for_long_is_not_taken_for_what_fails_at_once_because_the_clock_was_set_back():
    system = System()
    now = system.look()
    record = execution(now, state=ProcessState.READY, since=now + timedelta(days=1), failures=3)
    for now in system.run(DELAY + 1):
        record = decided(record, system, now, runs=True)
    (process,) = decided(record, system, now, runs=False).processes
    assert (process.state, process.failures) == (ProcessState.ENDED, 1)


TERMS = Terms(ttl=120, shrink_after=100, end_after=100, longest_keep=60)


def use(system: System, of: Execution, made: datetime) -> Use:
    held = Attachment(
        id="a1", owner="ada", execution="e1", key="/n.ipynb", created=made, renewed=made, expires=True, policy="keep"
    )
    resumed = system.clock.resumed
    return Use(execution=of, attachments=(held,), used=resumed, resumed=resumed)


@given(COURSES)
@example([("set_clock", -86_400.0)])
@example([("run", 100.0), ("suspend", 28_800.0)])
def test_a_lease_lasts_its_whole_ttl_after_each_jump_and_not_for_ever(course):
    system = System()
    made = system.look()
    of = execution(made)

    def gone(now: datetime) -> bool:
        return bool(outlook(use(system, of, made), TERMS, now).gone)

    after, since_jump = first_change(system, course, gone)
    assert after >= since_jump
    assert TERMS.ttl / FASTEST <= since_jump <= TERMS.ttl / SLOWEST + 2 * LOOK + NOTICED * len(course)


@given(COURSES, st.booleans())
@example([("set_clock", -86_400.0)], True)
def test_what_nobody_uses_is_ended_in_the_end_also_if_it_was_kept(course, kept):
    system = System()
    made = system.look()
    of = replace(execution(made), phase=Phase.RUNNING, running_since=made)
    of = replace(of, kept_until=made + timedelta(seconds=TERMS.longest_keep)) if kept else of
    wanted = TERMS.shrink_after + TERMS.end_after
    told: list[Idle] = []

    def due(now: datetime) -> bool:
        nonlocal of
        seen = replace(use(system, of, made), attachments=())
        found = outlook(seen, TERMS, now)
        if found.kept is not None:
            of = replace(of, kept_until=found.kept)
        told.extend([found.idle] if found.idle else [])
        return found.due == "end"

    after, since_jump = first_change(system, course, due)
    assert wanted / FASTEST <= since_jump
    assert after <= sum(much for what, much in course if what in ("run", "stand")) + 1.2 * (wanted + 60) + 2 * LOOK
    assert told, "it was told before it was done"
