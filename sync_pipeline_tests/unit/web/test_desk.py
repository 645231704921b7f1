"""Who is worked for at once: in turn, few together, and nobody waits for what takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync_pipeline.web.desk import Desk

SECONDS = 1.0


class Jumping(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next moment at which anything is to be done."""

    _now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self._now = max(self._now, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=Jumping) as runner:
        runner.run(work)


@dataclass(slots=True)
class Day:
    """Visitors of a desk; of each, when it had its turn."""

    desk: Desk
    begun: dict[str, float] = field(default_factory=dict)
    at_work: set[str] = field(default_factory=set)

    async def visit(self, name: str, comes: float, takes: float, stays: float = 1000.0) -> None:
        """Come, wait no longer than until `stays`, and be at work for some seconds."""
        await asyncio.sleep(comes)
        try:
            async with asyncio.timeout(max(stays - comes, 0)), self.desk.place():
                self.begun[name] = asyncio.get_running_loop().time()
                self.at_work.add(name)
                try:
                    await asyncio.sleep(takes)
                finally:
                    self.at_work.discard(name)
        except TimeoutError:
            pass

    async def all(self, *visits: tuple[str, float, float]) -> None:
        await asyncio.gather(*(self.visit(*item) for item in visits))


def test_they_have_their_turns_as_they_came() -> None:
    day = Day(Desk(1, SECONDS))
    run(day.all(("a", 0, 0.5), ("b", 0.1, 0.25), ("c", 0.2, 0.25), ("d", 2, 0.5)))
    assert day.begun == pytest.approx({"a": 0, "b": 0.5, "c": 0.75, "d": 2})


def test_who_takes_long_is_waited_for_no_longer_than_that() -> None:
    day = Day(Desk(1, SECONDS))
    run(day.all(("long", 0, 50), ("longer", 0, 60), ("short", 0, 0.5), ("last", 0, 0.5)))
    assert day.begun == pytest.approx({"long": 0, "longer": 1, "short": 2, "last": 2.5})


def test_as_many_as_there_are_places_are_at_work_together() -> None:
    day = Day(Desk(2, SECONDS))
    run(day.all(("a", 0, 0.5), ("b", 0, 0.75), ("c", 0, 0.5), ("d", 0, 0.5)))
    assert day.begun == pytest.approx({"a": 0, "b": 0, "c": 0.5, "d": 0.75})


def test_who_left_keeps_nobody_waiting() -> None:
    day = Day(Desk(1, SECONDS))

    async def come() -> None:
        await asyncio.gather(
            day.visit("a", 0, 0.5),
            day.visit("left", 0.1, 0.5, stays=0.25),
            # At the moment at which it would have its turn.
            day.visit("leaves", 0.2, 0.5, stays=0.5),
            day.visit("b", 0.3, 0.5),
        )

    run(come())
    assert day.begun["b"] == pytest.approx(0.5)
    assert "left" not in day.begun


def test_one_that_fails_gives_its_place_back() -> None:
    day = Day(Desk(1, SECONDS))

    async def come() -> None:
        with pytest.raises(LookupError):
            async with day.desk.place():
                raise LookupError
        await day.visit("next", 0, 0.5)

    run(come())
    assert day.begun == {"next": 0}


MOMENTS = st.integers(0, 12).map(lambda quarters: quarters / 4)


@given(st.integers(1, 3), st.lists(st.tuples(MOMENTS, MOMENTS, MOMENTS), min_size=1, max_size=12))
@example(1, [(0.0, 0.5, 3.0), (0.0, 0.5, 0.5), (0.0, 0.5, 3.0)])
def test_whatever_happens_no_place_is_lost_and_none_is_given_twice(
    places: int, visits: list[tuple[float, float, float]]
) -> None:
    """Of those at work, no more than there are places began less than a second ago."""
    day = Day(Desk(places, SECONDS))

    async def watch(stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            young = [name for name in day.at_work if loop.time() - day.begun[name] < SECONDS]
            assert len(young) <= places
            # Between the quarters of a second, at which all happens.
            await asyncio.sleep(0.125)

    async def come() -> None:
        stop = asyncio.Event()
        watching = asyncio.create_task(watch(stop))
        await asyncio.gather(*(day.visit(str(n), *item) for n, item in enumerate(visits)))
        await asyncio.sleep(10)
        stop.set()
        await watching
        # All places are there again.
        late = Day(day.desk)
        now = asyncio.get_running_loop().time()
        await late.all(*((str(n), 0, 0.5) for n in range(places)))
        assert set(late.begun.values()) == {now}

    run(come())
