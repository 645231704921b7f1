"""The size collection of one instance, against a real server and both stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from sync_pipeline.errors import ConnectError, StaleClaim, SuspiciousSnapshot
from sync_pipeline.model.instance import TlsMode, TlsOptions
from sync_pipeline.model.session import RecordStatus, SessionStatus, SyncCategory
from sync_pipeline.model.size import Measure, SizePoint, TopQuestion
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.syncing.sizes import sync_instance_sizes
from workbench.benches.size_bench import SizeBench
from workbench.servers.postgresql_bench import bench_on
from workbench.servers.running import RunningServer, free_port
from workbench.strategies.sizes import measured, snapshot_of

START = datetime(2026, 3, 1, 3, tzinfo=UTC)
TODAY = date(2026, 3, 1)


@pytest.fixture
def bench(
    store: Store, older_postgresql_server: RunningServer, tmp_path: Path
) -> Iterator[SizeBench]:
    """Measure another server than the one that has a store on PostgreSQL."""
    with bench_on(older_postgresql_server) as measured:
        yield SizeBench(store, Settings(home=tmp_path), measured.server, START)


def sizes(bench: SizeBench, day: date = TODAY) -> dict[str, SizePoint]:
    return {item.database: item for item in bench.store.size_queries.database_points(day, day)}


def server_run(bench: SizeBench, *statements: str) -> None:
    with psycopg.connect(
        host=bench.server.host, port=bench.server.port, user=bench.server.admin_user,
        dbname="postgres", autocommit=True,
    ) as link:  # fmt: skip
        for statement in statements:
            link.execute(statement)  # type: ignore[arg-type]


def test_a_day_is_written_whole(bench: SizeBench) -> None:
    report = bench.collect()
    assert report.status is RecordStatus.COMPLETED
    assert report.snapshot is not None
    found = sizes(bench)
    assert set(found) == {"bench", "postgres", "template0", "template1"}
    measured = {item.name: item.total.bytes for item in report.snapshot.databases}
    assert {name: item.total_bytes for name, item in found.items()} == measured
    (whole,) = bench.store.size_queries.instance_sizes(TODAY, TODAY)
    assert whole.point.total_bytes == sum(item.total_bytes or 0 for item in found.values())
    assert whole.point.total_bytes == whole.known_bytes
    assert (whole.database_count, whole.unread_count) == (4, 0)
    assert whole.point.log_bytes
    assert whole.shared_bytes
    record = bench.record()
    assert (record.counters.items_synced, record.counters.items_created) == (4, 4)
    assert record.details["collected_date"] == "2026-03-01"
    assert record.details["sizes"]["total_bytes"] == whole.point.total_bytes
    names = [item.name for item in bench.store.size_queries.tablespaces("measured")]
    assert sorted(names) == ["pg_default", "pg_global"]


def test_collecting_again_replaces_the_date(bench: SizeBench) -> None:
    bench.collect()
    server_run(bench, "CREATE DATABASE later", "DROP DATABASE bench")
    bench.pass_days(0.4)
    bench.collect()
    assert set(sizes(bench)) == {"later", "postgres", "template0", "template1"}
    (whole,) = bench.store.size_queries.instance_sizes(TODAY, TODAY)
    assert whole.database_count == 4


def test_databases_come_go_and_come_back(bench: SizeBench) -> None:
    server_run(bench, "CREATE DATABASE guest")
    bench.collect()
    bench.pass_days(1)
    server_run(bench, "DROP DATABASE guest")
    gone = bench.collect()
    assert gone.counters.items_deleted == 1
    (view,) = (v for v in bench.store.size_queries.databases("measured") if v.name == "guest")
    assert not view.is_active
    assert (view.first_seen_at, view.last_seen_at) == (START, START)
    assert view.deleted_at == bench.now
    bench.pass_days(1)
    server_run(bench, "CREATE DATABASE guest")
    back = bench.collect()
    assert (back.counters.items_created, back.counters.items_updated) == (0, 1)
    (view,) = (v for v in bench.store.size_queries.databases("measured") if v.name == "guest")
    assert view.is_active
    assert (view.first_seen_at, view.last_seen_at, view.deleted_at) == (START, bench.now, None)
    # Its history is there for the days on which it existed.
    days = [
        item.collected_date
        for item in bench.store.size_queries.database_points(
            TODAY, date(2026, 3, 9), "measured", "guest"
        )
    ]
    assert days == [date(2026, 3, 1), date(2026, 3, 3)]


def test_what_is_not_known_is_null_with_its_reason(bench: SizeBench) -> None:
    server_run(
        bench,
        "CREATE DATABASE broken",
        "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'broken'",
    )
    report = bench.collect()
    assert report.status is RecordStatus.COMPLETED
    broken = sizes(bench)["broken"]
    assert broken.total_bytes is None
    assert broken.unknown["total"] == "unreachable: Database broken is invalid; drop it."
    (whole,) = bench.store.size_queries.instance_sizes(TODAY, TODAY)
    assert whole.point.total_bytes is None
    assert whole.point.unknown["total"] == broken.unknown["total"]
    assert whole.unread_count == 1
    assert whole.known_bytes == sum(item.total_bytes or 0 for item in sizes(bench).values()) > 0
    record = bench.record()
    assert record.details["unread_databases"] == {"broken": "Database broken is invalid; drop it."}
    server_run(bench, "UPDATE pg_database SET datconnlimit = -1 WHERE datname = 'broken'")


def test_an_unreachable_server_writes_nothing_and_says_so(bench: SizeBench) -> None:
    bench.collect()
    before = sizes(bench)
    bench.store.registry.put_instances([replace(bench.instance, port=free_port())], bench.now)
    with pytest.raises(ConnectError, match=r"measured: .*refused"):
        bench.collect()
    record = bench.record()
    assert (record.status, record.error_kind) == (RecordStatus.FAILED, "connect")
    assert sizes(bench) == before
    assert all(item.is_active for item in bench.store.size_queries.databases("measured"))


def test_many_vanished_databases_are_a_mistake_until_forced(bench: SizeBench) -> None:
    names = [f"many{number}" for number in range(9)]
    server_run(bench, *(f"CREATE DATABASE {name}" for name in names))
    bench.collect()
    bench.pass_days(1)
    server_run(bench, *(f"DROP DATABASE {name}" for name in names))
    with pytest.raises(SuspiciousSnapshot, match="9 of 13 known databases"):
        bench.collect()
    assert sizes(bench, date(2026, 3, 2)) == {}
    assert bench.collect(is_forced=True).counters.items_deleted == 9


def test_a_worker_that_comes_too_late_writes_nothing(bench: SizeBench) -> None:
    work = bench.open(SyncCategory.CAPACITY)
    clock, calls = bench.deps.clock, 0

    def close_the_run_meanwhile() -> datetime:
        nonlocal calls
        calls += 1
        if calls == 3:  # while it measures
            bench.store.sessions.close_run(
                work.session_id, work.session_id, SessionStatus.FAILED, "The worker died.", clock()
            )
        return clock()

    with pytest.raises(StaleClaim):
        sync_instance_sizes(replace(bench.deps, clock=close_the_run_meanwhile), work)
    assert sizes(bench) == {}
    assert bench.record(work.session_id).status is RecordStatus.FAILED


def test_the_date_is_that_of_the_fleets_time_zone(bench: SizeBench) -> None:
    zone = bench.settings.model_copy(update={"time_zone": "Pacific/Auckland"})
    bench.deps = replace(bench.deps, settings=zone)
    bench.now = datetime(2026, 3, 1, 20, tzinfo=UTC)  # the second of March there
    assert bench.collect().collected_date == date(2026, 3, 2)
    assert sizes(bench) == {}


def test_excluded_databases_are_left_alone(bench: SizeBench) -> None:
    bench.collect()
    settings = bench.settings.model_copy(update={"excluded_databases": (r"template_", "bench")})
    bench.deps = replace(bench.deps, settings=settings)
    bench.pass_days(1)
    report = bench.collect()
    assert set(sizes(bench, date(2026, 3, 2))) == {"postgres"}
    assert report.counters.items_deleted == 0
    assert all(item.is_active for item in bench.store.size_queries.databases("measured"))


def test_the_mode_prefer_is_warned_of(bench: SizeBench) -> None:
    def said() -> list[str]:
        bench.collect()
        return [item for item in bench.record().details["warnings"] if "TLS" in item]

    assert said() == []
    weak = replace(bench.instance, tls=TlsOptions(TlsMode.PREFER))
    bench.store.registry.put_instances([weak], bench.now)
    assert "sync-pipeline instances edit measured --tls require" in said()[0]


def test_a_jump_is_told_at_once(bench: SizeBench) -> None:
    settings = bench.settings.model_copy(update={"anomaly_bytes": 2**20, "anomaly_percent": 10.0})
    bench.deps = replace(bench.deps, settings=settings)
    bench.collect()
    with psycopg.connect(
        host=bench.server.host, port=bench.server.port, user=bench.server.admin_user,
        dbname="bench", autocommit=True,
    ) as link:  # fmt: skip
        link.execute("CREATE TABLE jump AS SELECT generate_series(1, 200000) AS id")
    bench.pass_days(2)
    report = bench.collect()
    assert [item.database for item in report.anomalies] == ["bench"]
    record = bench.record()
    assert any("Database bench grew by" in item for item in record.details["warnings"])


def test_the_largest_tables_are_kept_when_asked_for(bench: SizeBench) -> None:
    bench.collect()
    assert bench.store.size_queries.largest_tables("measured", 5) == []
    settings = bench.settings.model_copy(update={"largest_tables": 1})
    bench.deps = replace(bench.deps, settings=settings)
    bench.collect()
    tables = bench.store.size_queries.largest_tables("measured", 5)
    assert {item.database for item in tables} == {"bench", "postgres", "template1"}
    assert all(item.total_bytes >= item.data_bytes > 0 for item in tables)


def test_the_largest_and_the_fastest_growing(bench: SizeBench) -> None:
    bench.collect()
    server_run(bench, "CREATE DATABASE fresh")
    with psycopg.connect(
        host=bench.server.host, port=bench.server.port, user=bench.server.admin_user,
        dbname="bench", autocommit=True,
    ) as link:  # fmt: skip
        link.execute("CREATE TABLE more AS SELECT generate_series(1, 200000) AS id")
    bench.pass_days(3)
    bench.collect()
    newest = sizes(bench, date(2026, 3, 4))
    ask = TopQuestion(recent=date(2026, 3, 1), past=date(2026, 2, 1), limit=3)
    largest = bench.store.size_queries.top(ask)
    ranked = sorted(newest, key=lambda name: (-(newest[name].total_bytes or 0), name))
    assert [item.database for item in largest] == ranked[:3]
    assert largest[0].database == "bench"
    growing = bench.store.size_queries.top(replace(ask, by_growth=True, limit=9))
    before = sizes(bench)
    assert growing[0].database == "bench"
    for item in growing:
        assert item.since == TODAY
        earlier = before[item.database].total_bytes or 0
        assert item.grown_bytes == (newest[item.database].total_bytes or 0) - earlier > 0
    assert "fresh" not in {item.database for item in growing}


def test_history_that_is_written_later_changes_no_later_sight(bench: SizeBench) -> None:
    """An import of past days: what was seen after them stays as it was."""
    server_run(bench, "CREATE DATABASE guest")
    bench.collect()
    bench.pass_days(1)
    server_run(bench, "DROP DATABASE guest")
    bench.collect()
    before = {item.name: item for item in bench.store.size_queries.databases("measured")}
    past = TODAY - timedelta(days=10)
    size = (Measure.known(1), Measure.known(1), Measure.known(1))
    names = ("guest", "bench", "ancient")
    snapshot = snapshot_of(past, dict.fromkeys(names, size))
    bench.store.sizes.put([measured(bench.store, bench.instance.id, past, snapshot)])
    after = {item.name: item for item in bench.store.size_queries.databases("measured")}
    for name in ("guest", "bench"):
        assert after[name] == replace(before[name], first_seen_at=snapshot.observed_at)
    assert (after["guest"].is_active, after["bench"].is_active) == (False, True)
    for name in ("postgres", "template1"):
        assert after[name] == before[name]
