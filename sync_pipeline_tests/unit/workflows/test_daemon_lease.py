"""Who may be the daemon: never two at once, whatever is delayed, lost or frozen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.model.daemon_lease import DaemonLease, Holder, Watch, holder_seconds
from sync_pipeline.workflows.watching.leadership import Leadership

LEASE = 30.0
NAMES = ("a", "b", "c")
# Who does a step, how long after the one before, and what becomes of what it asks the store:
# answered, not sent, or done without an answer.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from((0.0, 0.5, 1.0, 4.0, 9.0, 19.0, 21.0, 31.0)),
        st.sampled_from(("answered", "answered", "answered", "not sent", "unanswered")),
        st.sampled_from((0.0, 0.0, 3.0, 25.0)),
    ),
    max_size=40,
)


@dataclass
class Register:
    """The lease in memory, over a connection that fails as told."""

    lease: DaemonLease = field(default_factory=lambda: DaemonLease(0))
    weather: str = "answered"

    def read(self) -> DaemonLease:
        self._may_fail("not sent")
        return self.lease

    def take(self, seen: DaemonLease, holder: Holder) -> bool:
        self._may_fail("not sent")
        is_same = (seen.count, seen.holder) == (self.lease.count, self.lease.holder)
        if is_same:
            self.lease = replace(self.lease, count=self.lease.count + 1, holder=holder)
        self._may_fail("unanswered")
        return is_same

    def renew(self, holder: Holder) -> bool:
        self._may_fail("not sent")
        is_ours = self.lease.holder == holder
        if is_ours:
            self.lease = replace(self.lease, count=self.lease.count + 1)
        self._may_fail("unanswered")
        return is_ours

    def release(self, holder: Holder) -> None:
        if self.lease.holder == holder:
            self.lease = replace(self.lease, count=self.lease.count + 1, holder=None)

    def _may_fail(self, weather: str) -> None:
        if self.weather == weather:
            raise StoreUnavailable("The store does not answer.")


@dataclass
class World:
    now: float = 1000.0
    register: Register = field(default_factory=Register)

    def up(self, name: str, ahead: float = 0.0) -> Leadership:
        """One `up`, on a machine that started at another time than others."""
        return Leadership(self.register, Holder(name, name, 1, LEASE), lambda: self.now + ahead)

    def step(self, up: Leadership, weather: str = "answered") -> None:
        self.register.weather = weather
        try:
            up.step()
        except StoreUnavailable:
            pass
        finally:
            self.register.weather = "answered"


@given(STEPS)
@settings(max_examples=600)
def test_there_are_never_two_at_work(steps: list[tuple[str, float, str, float]]) -> None:
    world = World()
    ups = {name: world.up(name, 1e5 * number) for number, name in enumerate(NAMES)}
    for name, wait, weather, frozen in steps:
        world.now += wait
        world.step(ups[name], weather)
        assert sum(up.is_at_work() for up in ups.values()) <= 1
        world.now += frozen
        assert sum(up.is_at_work() for up in ups.values()) <= 1


def test_one_who_stands_by_takes_over_a_lease_after_the_last_sign() -> None:
    world = World()
    first, second = world.up("a"), world.up("b", ahead=-900)
    world.step(first)
    world.step(second)
    assert (first.is_at_work(), second.is_at_work()) == (True, False)
    world.now += 5
    world.step(first)
    taken_after = 0
    while not second.is_at_work():
        world.now += 1
        taken_after += 1
        world.step(second)
        assert not (first.is_at_work() and second.is_at_work())
    assert LEASE <= taken_after <= LEASE + 2
    world.step(first)
    assert not first.is_at_work()
    assert first.lease is not None
    assert first.lease.holder == second.me


def test_a_lease_that_is_given_back_is_taken_at_once() -> None:
    world = World()
    first, second = world.up("a"), world.up("b")
    world.step(first)
    world.step(second)
    first.release()
    world.step(second)
    assert (first.is_at_work(), second.is_at_work()) == (False, True)


def test_one_who_could_not_reach_the_store_stops_and_goes_on_where_nobody_took_over() -> None:
    world = World()
    up = world.up("a")
    world.step(up)
    for _ in range(10):
        world.now += 4
        world.step(up, "not sent")
    assert not up.is_at_work()
    world.step(up)
    assert up.is_at_work()


@pytest.mark.parametrize("weather", ["unanswered"])
def test_a_taking_without_an_answer_is_found_at_the_next_look(weather: str) -> None:
    world = World()
    up = world.up("a")
    world.step(up, weather)
    assert not up.is_at_work()
    world.step(up)
    assert up.is_at_work()


def test_the_holder_stops_well_before_another_one_may_take_over() -> None:
    assert holder_seconds(LEASE) <= LEASE - 5


def test_time_is_counted_by_who_looks_and_not_by_the_stores_clock() -> None:
    """A clock that is wrong by a day on one machine takes the lease from nobody."""
    long_ago = datetime(1999, 1, 1, tzinfo=UTC)
    lease = DaemonLease(7, Holder("a", "a", 1, LEASE), long_ago, long_ago)
    watch = Watch.of(None, lease, 50.0)
    assert not watch.may_take(lease, 50.0 + LEASE)
    assert watch.may_take(lease, 50.1 + LEASE)
    moved = replace(lease, count=8)
    assert not Watch.of(watch, moved, 90.0).may_take(moved, 90.0 + LEASE)
