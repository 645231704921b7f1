"""Random histories of sizes: gaps, unknown values, databases that come, go and come back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import strategies as st

from sync_pipeline.model.size import (
    DatabaseSize,
    KnownDatabase,
    Measure,
    MeasuredDay,
    SizeSnapshot,
)
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline.reconcile.databases import reconcile_databases
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline.store.store import Store

SERVER = ServerIdentity("18.0", (18, 0))
NAMES = ("app", "App", "we/ird 'ä%_", "tiny")
UNKNOWN = Measure.unreachable("it is closed")

Day = dict[str, tuple[Measure, Measure, Measure]]
"""What was measured on a day: total, data and log of each database that exists."""


@dataclass(frozen=True)
class History:
    """What was measured, by day; a day that is not here was not collected."""

    days: dict[date, Day]
    today: date


def today() -> date:
    """Return the day (UTC) of now: one that a module asked for at its import may have passed."""
    return datetime.now(UTC).date()


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def snapshot_of(day: date, databases: Day) -> SizeSnapshot:
    return SizeSnapshot(
        server=SERVER,
        observed_at=noon(day),
        databases=tuple(
            DatabaseSize(name, total, data=data, log=log)
            for name, (total, data, log) in databases.items()
        ),
    )


def measured(store: Store, instance_id: int, day: date, snapshot: SizeSnapshot) -> MeasuredDay:
    known = store.sizes.known(instance_id)
    return MeasuredDay(instance_id, day, snapshot, reconcile_databases(known, snapshot, Scope()))


def put_history(store: Store, instance_id: int, history: History) -> None:
    days = history.days.items()
    put_snapshots(store, instance_id, {day: snapshot_of(day, found) for day, found in days})


def put_snapshots(store: Store, instance_id: int, snapshots: Mapping[date, SizeSnapshot]) -> None:
    """Write what was measured on many days, at once: a transaction a day took twice the time."""
    known = {item.name: item for item in store.sizes.known(instance_id)}
    days = []
    for day, snapshot in sorted(snapshots.items()):
        inventory = reconcile_databases(list(known.values()), snapshot, Scope())
        known |= {name: KnownDatabase(name, is_active=True) for name in inventory.seen}
        known |= {name: KnownDatabase(name, is_active=False) for name in inventory.vanished}
        days.append(MeasuredDay(instance_id, day, snapshot, inventory))
    if days:
        store.sizes.put(days)


# Made once: to make a strategy for each day took more time than to draw from it.
_numbers = st.one_of(
    st.just(0), st.integers(1, 5), st.integers(0, 10**6), st.integers(10**14, 9 * 10**15)
)
_measures = st.one_of(st.builds(Measure.known, _numbers), st.just(UNKNOWN))
_days = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(_measures, _measures, _measures), max_size=len(NAMES)
)


BORDERS = (
    date(2024, 2, 29),
    date(2023, 12, 31),
    date(2025, 12, 29),
    date(2021, 1, 3),
    date(2026, 3, 29),
    date(2025, 10, 1),
)
"""A leap day, ends of years, ISO weeks 53 and 1, a change to summer time, a quarter's start."""


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw up to about seven months around a border, most days missing or thinly filled."""
    middle = draw(st.sampled_from(BORDERS))
    offsets = draw(
        st.lists(st.integers(-110, 110), min_size=0, max_size=25, unique=True).map(sorted)
    )
    days = {middle + timedelta(days=offset): draw(_days) for offset in offsets}
    last = max(days, default=middle)
    return History(days, last + timedelta(days=draw(st.integers(0, 40))))
