"""The supervised loop: nothing ends it but its owner, failures are told and tried again later, news is not lost."""

from __future__ import annotations

import asyncio
import logging

import pytest

from zoe_hub.backends.base import Temporary
from zoe_hub.controllers.kit.loop import Loop
from zoe_hub.core.reasons import because

pytestmark = pytest.mark.looptime
LOG = logging.getLogger("loop")


class Looks:
    """What a loop does, and when it did it."""

    def __init__(self, *outcomes: float | Exception | None) -> None:
        self.outcomes, self.times = list(outcomes), []

    async def __call__(self) -> float | None:
        self.times.append(round(asyncio.get_running_loop().time() - self.begun, 3))
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def run(self, **options) -> Loop:
        self.begun = asyncio.get_running_loop().time()
        return Loop("The thing", self, LOG, **options)


async def test_it_looks_at_once_then_as_each_look_says_then_only_when_there_is_news():
    looks = Looks(5.0, 7.0, None)
    loop = looks.run()
    loop.start()
    await asyncio.sleep(1000)
    assert looks.times == [0, 5, 12]
    loop.wake()
    loop.wake()
    await asyncio.sleep(1)
    assert looks.times == [0, 5, 12, 1000]
    await loop.stop()
    loop.wake()
    await asyncio.sleep(100)
    assert len(looks.times) == loop.rounds == 4


async def test_news_during_a_look_makes_one_more():
    looks = Looks()
    loop = looks.run()
    release = asyncio.Event()

    async def slow() -> float | None:
        looks.times.append(0)
        await release.wait()
        return None

    loop._round = slow
    loop.start()
    await asyncio.sleep(1)
    for _ in range(3):
        loop.wake()
    release.set()
    await asyncio.sleep(1)
    assert len(looks.times) == 2
    await loop.stop()


async def test_a_failure_is_told_and_repeated_after_pauses_that_double_and_news_waits_with_it():
    looks = Looks(*[ValueError("out of the blue")] * 5, None)
    loop = looks.run(shortest=1.0, longest=4.0)
    loop.start()
    await asyncio.sleep(0.5)
    assert loop.problem == because("unexpected", part="The thing", error="ValueError: out of the blue")
    loop.wake()
    await asyncio.sleep(100)
    assert looks.times[:6] == [0, 1, 3, 7, 11, 15]
    assert loop.problem is None
    await loop.stop()


async def test_an_error_that_knows_better_says_how_long_to_wait_and_what_works_again_begins_anew():
    away = Temporary("backend-unavailable", "not now", delay=10.0)
    looks = Looks(away, away, 1.0, away, None)
    loop = looks.run(shortest=1.0)
    loop.start()
    await asyncio.sleep(5)
    assert loop.problem == because("backend-unavailable", detail="not now")
    await asyncio.sleep(100)
    assert looks.times == [0, 10, 20, 21, 31]
    await loop.stop()


async def test_what_has_worked_before_it_failed_is_tried_again_soon():
    looks = Looks()
    loop = looks.run(shortest=1.0)

    async def stream() -> float | None:
        looks.times.append(round(asyncio.get_running_loop().time() - looks.begun, 3))
        await asyncio.sleep(1)
        loop.works()
        raise Temporary("backend-unavailable", "The stream has ended.", delay=0.0)

    loop._round = stream
    loop.start()
    await asyncio.sleep(7)
    assert looks.times == [0, 2, 4, 6]
    await loop.stop()
