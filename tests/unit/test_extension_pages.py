"""Sessions with which browsers look at pages through the Jupyter server end in time, also on a laptop that sleeps."""

from __future__ import annotations

import time

import pytest

from jupyter_zoe.extension.pages import Pages
from zoe_proxy.pages.origins import Origins
from zoe_proxy.pages.visits import TICKET_LIFE, Visit, Visits

LIFE = 3600.0
VISIT = Visit("sandbox", "e1", "/zoe/pages", "master-0/ui/")


class Laptop:
    """The clocks of a machine: one that goes on while it sleeps, and the others, which do not."""

    def __init__(self) -> None:
        self.awake = self.passed = 1000.0

    def works(self, seconds: float) -> None:
        self.awake += seconds
        self.passed += seconds

    def sleeps(self, seconds: float) -> None:
        self.passed += seconds


def begun(visits: Visits) -> str:
    """The secret of a session that has just begun."""
    found = visits.begin(visits.ticket(VISIT), framed=False)
    assert found is not None
    return found[0]


def test_a_session_ends_by_the_clock_that_is_given() -> None:
    laptop = Laptop()
    pages = Pages(origins=Origins(), life=LIFE, base="/zoe/pages", ip="", port=0, passed=lambda: laptop.passed)
    visits = pages.door.visits
    secret = begun(visits)
    laptop.works(LIFE - 1)
    assert visits.find(secret, "sandbox") is not None
    laptop.works(2)
    assert visits.find(secret, "sandbox") is None


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has one clock only")
def test_sessions_and_tickets_do_not_outlast_a_sleep_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    laptop = Laptop()
    monkeypatch.setattr(time, "monotonic", lambda: laptop.awake)
    monkeypatch.setattr(
        time, "clock_gettime", lambda clock: laptop.passed if clock == time.CLOCK_BOOTTIME else laptop.awake
    )
    visits = Pages(origins=Origins(), life=LIFE, base="/zoe/pages", ip="", port=0).door.visits
    secret, ticket = begun(visits), visits.ticket(VISIT)
    assert visits.find(secret, "sandbox") is not None
    laptop.sleeps(TICKET_LIFE + 1)
    assert visits.begin(ticket, framed=False) is None, "a ticket works for a minute of everybody's time"
    laptop.sleeps(LIFE)
    assert visits.find(secret, "sandbox") is None, "as long as was said, whatever the machine did meanwhile"
