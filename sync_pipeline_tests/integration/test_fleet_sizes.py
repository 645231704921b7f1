"""Questions about the sizes of a fleet: one statement for all of it, and the answers of each."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path

import pytest

from sync_pipeline.aggregate.anomalies import anomaly
from sync_pipeline.aggregate.trend import growth
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.instance import Instance, Selection
from sync_pipeline.model.session import RecordOutcome, RecordStatus, SessionStatus
from sync_pipeline.model.size import DatabaseSize, Measure, SizeLimit, SizePoint, SizeSnapshot
from sync_pipeline.report.html import render_html
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers import capacity
from sync_pipeline.workflows.answers.capacity_report import TOP, capacity_report
from sync_pipeline.workflows.answers.reporting import NEWS, Asked, fleet_report
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.store_bench import FAILED, StoreBench
from workbench.servers.statements import counted, planned
from workbench.strategies.sizes import SERVER, measured

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
TODAY = NOW.date()
GB = 10**9


@pytest.fixture
def deps(store: Store, store_url: str, tmp_path: Path) -> SyncDeps:
    settings = Settings(home=tmp_path, store_url=store_url)
    return SyncDeps(store, SecretVault.open(settings), settings, lambda: NOW)


def fill(store: Store, count: int, days: int = 9) -> list[Instance]:
    """Write days of instances that grow, jump, shrink, are not read, and are not measured."""
    chance = random.Random(count)
    fleet = StoreBench(store, NOW).fleet(*(f"i{number:02}" for number in range(count)))
    for back in range(days, -1, -1):
        day = TODAY - timedelta(days=back)
        store.sizes.put(
            [
                measured(store, instance.id, day, of_day(number, back, chance))
                for number, instance in enumerate(fleet)
                if back % 9 != number % 9 and back > (2 if number == 3 else -1)
            ]
        )
    return fleet


def of_day(number: int, back: int, chance: random.Random) -> SizeSnapshot:
    sizes = [(500 - back * (kind + 1) + number) * GB for kind in range(3)]
    sizes[0] += 200 * GB * (back < number % 5)
    databases = [
        DatabaseSize(f"db{kind}", Measure.known(size + chance.randrange(GB)))
        for kind, size in enumerate(sizes)
    ]
    if (back + number) % 7 == 0:
        databases[1] = DatabaseSize("db1", Measure.unreachable("it is closed"))
    return SizeSnapshot(SERVER, NOW - timedelta(days=back), tuple(databases))


def every_point(store: Store, since: date) -> dict[str, list[SizePoint]]:
    found = store.size_queries.instance_sizes(since, TODAY)
    points = [item.point for item in found]
    return {name: list(own) for name, own in groupby(points, key=lambda point: point.instance)}


def test_the_report_says_what_the_sizes_say(deps: SyncDeps) -> None:
    """Against sizes that are read one by one, and answers that are put together from them."""
    store = deps.store
    fill(store, 8, 24)
    store.size_queries.put_limit(SizeLimit("i03", "", 10**13))
    store.size_queries.put_limit(SizeLimit("i01", "db0", 10**12))
    found = capacity_report(deps, 14)
    since = TODAY - timedelta(days=13)
    shown, window = every_point(store, since), every_point(store, date.min)
    assert [item.point for item in found.newest] == [own[-1] for own in shown.values()]
    limits = {"i03": 10**13}
    assert list(found.instances) == [growth(own, limits.get(n)) for n, own in window.items()]
    totals = {name: own[-1].total_bytes or 0 for name, own in shown.items()}
    largest = sorted(totals, key=lambda name: (-totals[name], name))[:10]
    assert {point.instance for point in found.charted} == set(largest)
    assert [(p.instance, p.collected_date, p.total_bytes) for p in found.charted] == [
        (p.instance, p.collected_date, p.total_bytes) for n in sorted(largest) for p in shown[n]
    ]
    for item in found.fleet:
        sizes = [
            own[-1].total_bytes
            for points in shown.values()
            if (own := [p for p in points if p.total_bytes is not None
                        and timedelta() <= item.day - p.collected_date <= timedelta(days=7)])
        ]  # fmt: skip
        assert (item.total_bytes, item.instances) == (sum(sizes), len(sizes))  # type: ignore[arg-type]
    subjects = {(top.instance, top.database): None for top in (*found.largest, *found.growing)}
    points = {key: store.size_queries.database_points(date.min, TODAY, *key) for key in subjects}
    assert len(subjects) > TOP
    assert list(found.databases) == [
        growth(own, 10**12 if key == ("i01", "db0") else None) for key, own in points.items()
    ]
    near = [item for item in (*found.instances, *found.databases) if item.days_until_limit]
    assert {(item.instance, item.database) for item in found.near} == {
        (item.instance, item.database) for item in near if (item.days_until_limit or 99) <= 90
    }
    jumps = [anomaly(own, 30, 20 * 2**30) for own in (*shown.values(), *points.values())]
    assert list(found.anomalies) == [jump for jump in jumps if jump]
    assert found.anomalies
    missing = {
        (name, day)
        for name, own in shown.items()
        for day in (since + timedelta(days=n) for n in range(14))
        if (known := {p.collected_date for p in own if p.total_bytes is not None})
        and day > min(known)
        and day not in known
    }
    gaps = {(gap.instance, gap.first + timedelta(days=n)) for gap in found.gaps
            for n in range(gap.days)}  # fmt: skip
    assert gaps == missing


def test_a_fleet_takes_as_many_statements_as_an_instance(store: Store, deps: SyncDeps) -> None:
    """With sessions that failed, which the report lists too; of nothing it is a report as well."""
    asked = Asked(Selection(), NOW - NEWS, 30)
    found = fleet_report(deps, asked)
    sizes = found.capacity
    assert (sizes.fleet, sizes.charted, sizes.databases) == ((), (), ())
    assert "Nothing was measured in this time." in render_html(found)
    sent = []
    for count in (2, 5):
        fleet = fill(store, count)
        for _ in range(count):
            session_id = StoreBench(store, NOW).open(fleet).session_id
            store.sessions.close_run(session_id, session_id, SessionStatus.FAILED, "gone", NOW)
        fleet_report(deps, asked)  # what is found on each instance is kept by who asks first
        with counted(store) as statements:
            found = fleet_report(deps, asked)
        assert len(found.capacity.newest) == count
        assert {len(item.failures.first) for item in found.failures} == {2, count}
        report = len(statements)
        with counted(store) as statements:
            assert len(capacity.instance_growth(deps)) == count
        forecast = len(statements)
        with counted(store) as statements:
            capacity.top_databases(deps, by_growth=True, limit=5)
        sent.append((report, forecast, len(statements)))
    assert sent[0] == sent[1]
    assert sent[1][0] <= 34
    assert sent[1][1:] == (2, 1)


def test_only_the_instances_and_days_of_the_question_are_read(store: Store, deps: SyncDeps) -> None:
    fill(store, 4)
    ids = tuple(item.id for item in store.registry.instances() if item.name in ("i01", "i03"))
    assert [item.instance for item in capacity.instance_growth(deps, instances=ids)] == [
        "i01", "i03",
    ]  # fmt: skip
    top = capacity.top_databases(deps, by_growth=False, limit=50, instances=ids)
    assert {item.instance for item in top} == {"i01", "i03"}
    assert capacity.top_databases(deps, by_growth=False, limit=50, instances=()) == []
    assert {i.point.instance for i in store.fleet_sizes.newest(date.min, TODAY, ids)} == {
        "i01", "i03",
    }  # fmt: skip
    queries = store.size_queries
    assert {p.instance for p in queries.database_points(date.min, TODAY, instances=ids)} == {
        "i01", "i03",
    }  # fmt: skip
    assert queries.instance_sizes(date.min, TODAY, "i02", ids) == []

    # By the key of the days, instance and date; also for the growth of each database.
    with planned(store) as plans:
        capacity.top_databases(deps, by_growth=True, limit=5)
        store.fleet_sizes.newest(TODAY - timedelta(days=9), TODAY)
        store.fleet_sizes.totals_of(TODAY - timedelta(days=9), TODAY, {("i01", "db1"): None})
    whole = "SCAN {}_size_stats" if store._database.is_sqlite else "Seq Scan on {}_size_stats"
    for plan in plans:
        assert whole.format("database") not in plan
    if store._database.is_sqlite:
        growing, newest, _, window = plans
        for table in ("now", "before"):
            assert (
                f"SEARCH {table} USING PRIMARY KEY (instance_id=? AND collected_date=?" in growing
            )
        assert (
            "instance_size_stats USING PRIMARY KEY (instance_id=? AND collected_date=?)" in newest
        )
        assert (
            "USING PRIMARY KEY (instance_id=? AND collected_date>? AND collected_date<?)" in window
        )


def test_failures_of_sessions_are_the_first_by_name(store: Store) -> None:
    bench = StoreBench(store, NOW)
    fleet = bench.fleet("b", "a", "c")
    outcomes = {"a": FAILED, "b": RecordOutcome(RecordStatus.COMPLETED), "c": FAILED}
    sessions = [bench.open(fleet) for _ in range(3)]
    for session in sessions[:2]:
        for instance in fleet:
            store.sessions.finish(bench.claim(session, instance), outcomes[instance.name], NOW)
    ids = [session.session_id for session in sessions]
    found = store.session_reads.failures_of(ids, 1)
    assert [found[item].total for item in ids] == [2, 2, 0]
    assert [[f.instance for f in found[item].first] for item in ids] == [["a"], ["a"], []]
