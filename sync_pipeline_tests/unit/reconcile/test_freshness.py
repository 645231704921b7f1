"""An instance that is overdue is announced once, and once more when it is fresh again.

The decision is run over random histories: successes, mutings, deactivations, and checks at any
distance. What was announced must follow from the histories alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.model.event import EventKind, StoredEvent
from sync_pipeline.model.freshness import (
    FRESH,
    News,
    Overdue,
    Quiet,
    Watched,
    WatchKey,
    WatchState,
)
from sync_pipeline.model.route import MOST_LINES, Outgoing
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.reconcile.freshness import events_of, news_of, next_states
from sync_pipeline.report.alerts import news_alert
from sync_pipeline.report.stories import ago

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = {
    SyncCategory.ACCOUNT: timedelta(minutes=90),
    SyncCategory.CAPACITY: timedelta(minutes=300),
}
INSTANCES = (1, 2)
KEYS = [(instance, category) for instance in INSTANCES for category in LIMITS]


@dataclass(frozen=True)
class Step:
    """What happened before one check."""

    minutes: int
    synced: frozenset[WatchKey]
    muted: frozenset[int]
    inactive: frozenset[int]


def some(values: object) -> st.SearchStrategy[frozenset]:  # type: ignore[type-arg]
    return st.frozensets(st.sampled_from(values))  # type: ignore[call-overload]


steps = st.builds(
    Step,
    st.integers(1, 200),
    some(KEYS),
    st.just(frozenset()) | some(INSTANCES),
    st.just(frozenset()) | some(INSTANCES),
)


@dataclass
class World:
    """Two instances, what is kept of them, and what was announced."""

    now: datetime = START
    success: dict[WatchKey, datetime] = field(default_factory=dict)
    # Since when each key is watched without a pause.
    watched_since: dict[WatchKey, datetime] = field(
        default_factory=lambda: dict.fromkeys(KEYS, START)
    )
    states: dict[WatchKey, WatchState] = field(default_factory=dict)
    announced: frozenset[WatchKey] = frozenset()
    heard: list[tuple[WatchKey, str]] = field(default_factory=list)

    def fleet(self, inactive: frozenset[int] = frozenset()) -> tuple[Watched, ...]:
        return tuple(
            Watched(
                instance,
                f"db{instance}",
                category,
                START,
                self.success.get((instance, category)),
                instance not in inactive,
            )
            for instance, category in KEYS
        )

    def check(self, step: Step) -> News:
        self.now += timedelta(minutes=step.minutes)
        for key in step.synced:
            self.success[key] = self.now
        for key in KEYS:
            if key[0] in step.muted | step.inactive:
                self.watched_since[key] = self.now + timedelta(days=9999)
            elif self.watched_since[key] > self.now:
                self.watched_since[key] = self.now
        fleet = self.fleet(step.inactive)
        before = self.states
        self.states = next_states(fleet, self.states, LIMITS, step.muted, self.now)
        news = news_of(fleet, self.states, self.announced)
        events = events_of(news, before, self.now)
        ended = {item.watched.key for item in news.recovered} | news.forgotten
        begun = {item.watched.key for item in news.overdue}
        self.announced = frozenset((self.announced - ended) | begun)
        self.heard += [(key, "forgotten") for key in news.forgotten]
        self.heard += [
            ((event.instance_id, SyncCategory(event.subject)), str(event.kind)) for event in events
        ]
        return news

    def age(self, key: WatchKey) -> timedelta:
        return self.now - self.success.get(key, START)


@given(st.lists(steps, max_size=30))
def test_each_end_is_announced_once(history: list[Step]) -> None:
    world = World()
    for step in history:
        world.check(step)
    for key in KEYS:
        heard = [word for own, word in world.heard if own == key]
        for first, second in zip(["up_to_date", *heard], heard, strict=False):
            # Overdue comes first and is never repeated before an end of it.
            assert (second == "overdue") == (first != "overdue"), heard


@given(st.lists(steps, max_size=30))
def test_what_is_said_is_true(history: list[Step]) -> None:
    world = World()
    for step in history:
        news = world.check(step)
        for item in news.overdue:
            key = item.watched.key
            assert world.age(key) > LIMITS[key[1]]
            assert key[0] not in step.muted | step.inactive
        for item in news.recovered:
            assert world.age(item.watched.key) <= LIMITS[item.watched.category]
            assert item.watched.instance_id not in step.muted | step.inactive


@given(st.lists(steps, max_size=30))
def test_nothing_is_missed(history: list[Step]) -> None:
    world = World()
    for step in history:
        world.check(step)
        for key in KEYS:
            limit = LIMITS[key[1]]
            silent = world.now - max(world.watched_since[key], world.success.get(key, START))
            if silent > limit:
                assert key in world.announced
            is_fresh = world.age(key) <= limit
            if is_fresh and world.success.get(key, START) >= world.watched_since[key]:
                assert key not in world.announced
            if key[0] in step.inactive:
                assert key not in world.announced


def states_of(
    minutes: float, success: float | None = None, muted: tuple[int, ...] = (), **before: WatchState
) -> WatchState:
    """Return the state of one instance, registered at the start, some minutes later."""
    last = None if success is None else START + timedelta(minutes=success)
    item = Watched(1, "db1", SyncCategory.ACCOUNT, START, last)
    states = {item.key: before["before"]} if before else {}
    now = START + timedelta(minutes=minutes)
    return next_states([item], states, LIMITS, frozenset(muted), now).get(item.key, FRESH)


@pytest.mark.parametrize(("minutes", "is_stale"), [(90, False), (90.1, True)])
def test_a_fleet_just_imported_has_the_whole_time(minutes: float, is_stale: bool) -> None:
    state = states_of(minutes)
    assert state.is_stale is is_stale
    if is_stale:
        assert state.stale_since == START + timedelta(minutes=90)


def test_the_time_of_maintenance_does_not_count() -> None:
    muted = states_of(500, muted=(1,))
    assert muted == WatchState(Quiet.MUTED)
    after = states_of(501, before=muted)
    assert after == WatchState(counted_from=START + timedelta(minutes=501))
    assert states_of(590, before=after) == after
    assert states_of(592, before=after).is_stale
    assert states_of(592, success=520, before=after) == FRESH


def test_an_alert_outlives_the_maintenance_in_which_nothing_was_synced() -> None:
    overdue = states_of(100)
    muted = states_of(200, muted=(1,), before=overdue)
    assert not muted.is_stale
    assert muted.stale_since == overdue.stale_since
    assert states_of(300, before=muted).is_stale
    assert not states_of(300, success=290, before=muted).is_stale
    assert states_of(300, success=300, before=muted) == FRESH


def test_a_category_without_a_limit_is_not_watched() -> None:
    item = Watched(1, "db1", SyncCategory.AGGREGATION, START, None)
    assert next_states([item], {}, LIMITS, frozenset(), START + timedelta(days=99)) == {}


def overdue(count: int, name: str = "db") -> tuple[Overdue, ...]:
    return tuple(
        Overdue(
            Watched(number, f"{name}{number:05}", SyncCategory.ACCOUNT, START, None),
            START + timedelta(minutes=90),
        )
        for number in range(count)
    )


def message(news: News, now: datetime) -> Outgoing:
    events = events_of(news, {}, now)
    stored = tuple(StoredEvent(number, event) for number, event in enumerate(events))
    return Outgoing(1, "k" * 32, "slack", now, stored, len(stored))


@given(st.integers(0, 300), st.integers(0, 300), st.text(max_size=400))
def test_an_alert_is_one_message_of_bounded_length(ends: int, begins: int, name: str) -> None:
    # Of other instances: an end and a beginning of one are one line.
    recovered = tuple(
        replace(item, watched=replace(item.watched, instance_id=1000 + number))
        for number, item in enumerate(overdue(ends, name))
    )
    alert = news_alert(message(News(overdue(begins, name), recovered), START + timedelta(hours=5)))
    assert "\n" not in alert.subject
    assert len(alert.text) < 10_000
    assert len(str(dict(alert.payload))) < 20_000
    assert alert.text.count("\n- ") == min(begins + ends, MOST_LINES)
    assert (alert.payload["overdue_count"], alert.payload["recovered_count"]) == (begins, ends)


def test_an_alert_names_the_first_and_counts_the_rest() -> None:
    seen = Watched(70_000, "shop", SyncCategory.CAPACITY, START, START + timedelta(minutes=5))
    now = START + timedelta(hours=5)
    alert = news_alert(message(News(overdue(10_000), (Overdue(seen),)), now))
    assert alert.subject == "sync_pipeline: 10000 overdue, 1 up to date again"
    lines = alert.text.splitlines()
    assert lines[0] == "Overdue: no successful sync in time (10000):"
    assert lines[1] == "- db00000 (account): never synced, overdue for 3 h 30 min"
    assert lines[MOST_LINES + 1] == "… and 9980 more"
    assert lines[MOST_LINES + 3 :][:2] == ["Up to date again (1):", "… and 1 more"]
    one = news_alert(message(News((), (Overdue(seen),)), now))
    assert "- shop (capacity): last synced 2026-03-01 12:05Z, 4 h 55 min ago" in one.text
    assert one.payload["event"] == "freshness"


def test_an_event_says_when_it_last_succeeded_and_since_when_it_is_overdue() -> None:
    seen = Watched(7, "shop", SyncCategory.CAPACITY, START, START + timedelta(minutes=5))
    since = START + timedelta(hours=1)
    (begun,) = events_of(News((Overdue(seen, since),)), {}, START)
    assert (begun.kind, begun.subject) == (EventKind.OVERDUE, "capacity")
    assert (begun.before, begun.after) == ("2026-03-01T12:05:00+00:00", since.isoformat())
    states = {seen.key: WatchState(stale_since=since)}
    (ended,) = events_of(News((), (Overdue(seen),)), states, START)
    assert (ended.kind, ended.severity) == (EventKind.UP_TO_DATE, begun.severity)
    assert (ended.before, ended.after) == (begun.after, begun.before)


def test_the_longest_overdue_comes_first() -> None:
    fleet = [Watched(number, f"db{number}", SyncCategory.ACCOUNT, START, None) for number in (1, 2)]
    states = {
        fleet[0].key: WatchState(stale_since=START + timedelta(minutes=9)),
        fleet[1].key: WatchState(stale_since=START),
    }
    news = news_of(fleet, states, frozenset())
    assert [item.watched.instance for item in news.overdue] == ["db2", "db1"]


@pytest.mark.parametrize(
    ("minutes", "text"), [(-1, "0 min"), (59, "59 min"), (61, "1 h 1 min"), (3000, "2 d 2 h")]
)
def test_a_time_is_told_in_words(minutes: int, text: str) -> None:
    assert ago(START, START + timedelta(minutes=minutes)) == text
