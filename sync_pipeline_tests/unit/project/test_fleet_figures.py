"""The figures of the fleet benchmark mean what its help says."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.fleet.figures import Comparison, Measured
from workbench.fleet.limits import Means, Waits
from workbench.fleet.measured import Usage
from workbench.fleet.runners import Outcome, Runner
from workbench.fleet.steady import steady_targets

SECONDS = st.floats(0.01, 1000)
NO_WAITS = Waits(0, 0)


def measured(
    ended: int, cpu: float, *, wall: float = 1, means: Means | None = None, is_cut: bool = False
) -> Measured:
    usage = Usage(wall, cpu, 10**6, is_cut)
    return Measured(Outcome(usage, Counter(completed=ended), 0), means or Means(1, 1), 0, 0)


@given(start=SECONDS, each=SECONDS, runs=st.integers(1, 8), more=st.integers(1, 10_000))
def test_one_more_instance_costs_what_each_adds(
    start: float, each: float, runs: int, more: int
) -> None:
    """However many runs share the fleet, each of which has to start."""
    count = runs + more
    run = measured(count, runs * start + count * each, means=Means(runs, runs, runs))
    found = Comparison(count, "sqlite", NO_WAITS, {Runner.THREADED: run}, {
        Runner.THREADED: start + each
    })  # fmt: skip
    assert found.marginal_milliseconds(Runner.THREADED) == pytest.approx(each * 1000, rel=1e-3)


@given(own=SECONDS, other=SECONDS, interpreters=st.integers(1, 64))
def test_the_limit_is_what_the_cores_can_do(own: float, other: float, interpreters: int) -> None:
    cores = os.cpu_count() or 1
    limit = Means(interpreters, interpreters).limit_seconds(own, other, NO_WAITS)
    assert limit >= (own + other) / cores
    assert limit >= own / min(interpreters, cores)
    assert limit <= own / min(interpreters, cores) + other / cores


def test_waiting_can_be_the_limit() -> None:
    assert Means(4, 2).limit_seconds(1, 1, Waits(together=80, longest=5)) == 20
    assert Means(40, 2).limit_seconds(1, 1, Waits(together=80, longest=5)) == 5


def test_a_run_that_was_cut_counts_what_had_ended() -> None:
    runs = {
        Runner.MULTIPROCESS: measured(100, 90, wall=50, is_cut=True),
        Runner.THREADED: measured(1000, 60, wall=40),
    }
    found = Comparison(1000, "sqlite", NO_WAITS, runs, {})
    shown = found.shown(Runner.MULTIPROCESS)
    assert (shown["cut after seconds"], shown["instances a second"]) == (50, 2)
    assert shown["CPU ms an instance"] == 900
    assert found.shown(Runner.THREADED)["throughput to multiprocess"] == 12.5
    assert found.targets(Runner.MULTIPROCESS) == {}
    assert "12.5: yes" in found.targets(Runner.THREADED).values()


def test_a_second_sync_is_held_to_what_reading_alone_takes() -> None:
    collect, threaded = Runner.BARE_COLLECT, Runner.THREADED
    base = measured(100, 1, wall=10)
    same = Comparison(100, "sqlite", NO_WAITS, {collect: base, threaded: measured(100, 2, wall=11)},
                      {})  # fmt: skip
    slow = Comparison(100, "sqlite", NO_WAITS, {collect: base, threaded: measured(100, 3, wall=13)},
                      {}, 0.02)  # fmt: skip
    told = list(steady_targets(same, threaded, [same, slow]).values())
    assert told == ["1.1: yes", "10 ms: yes"]
    assert list(steady_targets(slow, threaded, [same, slow]).values()) == ["1.5: no", "1.18: no"]
    assert steady_targets(same, collect, [same]) == {}


def test_events_are_held_to_what_the_same_takes_without_them() -> None:
    told, untold = Runner.BARE_STORE, Runner.BARE_UNTOLD
    runs = {untold: measured(100, 20, wall=10), told: measured(100, 22, wall=10)}
    item = Comparison(100, "sqlite", NO_WAITS, runs, {}, 0.01)
    assert steady_targets(item, untold, [item]) == {}
    assert list(steady_targets(item, told, [item]).values()) == ["1.1: no"]
