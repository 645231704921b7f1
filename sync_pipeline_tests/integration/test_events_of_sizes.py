"""What a size collection tells, once: jumps, limits that come near, databases that come and go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import psycopg
import pytest

from sync_pipeline.model.event import Event, EventKind, EventOrigin
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.imported import (
    ImportedDatabase,
    ImportedInstance,
    ImportedRegistry,
    ImportedRow,
    ImportedSize,
    ImportKind,
    ImportMark,
)
from sync_pipeline.model.size import (
    DatabaseSize,
    Measure,
    SizeLimit,
    SizeSnapshot,
    TablespaceSize,
)
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.syncing.size_events import SizeNews
from workbench.benches.event_bench import NewsBench
from workbench.benches.noticed import noticed_since
from workbench.benches.size_bench import SizeBench
from workbench.servers.postgresql_bench import bench_on
from workbench.servers.running import RunningServer
from workbench.strategies.sizes import SERVER, measured

FIRST = date(2026, 3, 1)
GIGABYTE = 2**30


class Measuring:
    """An instance whose sizes are records: what a collection of each day tells."""

    def __init__(self, store: Store, home: Path) -> None:
        self.bench = NewsBench(store, home)
        self.store = store

    def collect(self, day: date, gigabytes: float, limit: float | None = None) -> list[Event]:
        size = Measure.known(int(gigabytes * GIGABYTE))
        cap = None if limit is None else int(limit * GIGABYTE)
        snapshot = SizeSnapshot(
            server=SERVER,
            observed_at=datetime.combine(day, time(12), UTC),
            databases=(DatabaseSize("shop", size, maximum_bytes=cap),),
            tablespaces=(TablespaceSize("data", size, cap),),
        )
        instance, deps = self.bench.instance, self.bench.deps
        origin = EventOrigin(instance.id, instance.name, snapshot.observed_at, "session", "run")
        item = measured(self.store, instance.id, day, snapshot)
        found = SizeNews(deps, origin, day, snapshot).events(item.inventory, ())
        self.store.sizes.put([item])
        return list(found)

    def growing(self, days: int, limit: float | None, step: float = 1) -> list[tuple[date, Event]]:
        """Collect days of even growth by a gigabyte, and return what is told on which."""
        told = []
        for number in range(days):
            day = FIRST + timedelta(days=number)
            told += [(day, item) for item in self.collect(day, 100 + number * step, limit)]
        return told


@pytest.fixture
def measuring(store: Store, tmp_path: Path) -> Measuring:
    return Measuring(store, tmp_path)


def test_a_limit_is_told_when_it_comes_near_and_when_it_is_near(measuring: Measuring) -> None:
    told = [item for item in measuring.growing(45, limit=150) if item[1].subject == "shop"]
    days = [(day - FIRST).days for day, _ in told]
    # Of 150 GB, 30 days are left on the 20th day, and 7 on the 43rd.
    assert days == [20, 43]
    assert [item.severity for _, item in told] == [Severity.MEDIUM, Severity.HIGH]
    assert {item.kind for _, item in told} == {EventKind.LIMIT_NEAR}
    assert "is reached in about 30 days" in told[0][1].after
    assert told[0][1].before.endswith("bytes on 2026-03-20")


def test_a_tablespace_and_what_people_set_count_as_well(measuring: Measuring) -> None:
    limit = SizeLimit("shop-db", "", 130 * GIGABYTE)
    measuring.store.size_queries.put_limit(limit)
    told = [(item.subject, (day - FIRST).days) for day, item in measuring.growing(25, limit=140)]
    assert sorted(told) == [
        ("(the instance itself)", 7),
        ("(the instance itself)", 23),
        ("shop", 10),
        ("tablespace data", 10),
    ]


def test_what_is_full_from_the_first_day_on_is_a_baseline(measuring: Measuring) -> None:
    assert measuring.growing(12, limit=90) == []


def test_a_collection_that_is_made_again_tells_nothing_again(measuring: Measuring) -> None:
    measuring.growing(20, limit=150)
    day = FIRST + timedelta(days=20)
    first = measuring.collect(day, 120, 150)
    assert {item.kind for item in first} == {EventKind.LIMIT_NEAR}
    assert measuring.collect(day, 120, 150) == []


def test_no_limit_and_no_growth_are_no_event(measuring: Measuring) -> None:
    assert measuring.growing(20, limit=None) == []
    assert measuring.growing(20, limit=150, step=0) == []


def test_an_instance_that_is_added_again_is_a_baseline(measuring: Measuring) -> None:
    measuring.growing(20, limit=150)
    bench = measuring.bench
    instance = bench.instance
    bench.store.registry.delete_instance(instance.name, bench.now)
    later = datetime.combine(FIRST + timedelta(days=19), time(13), UTC)
    bench.store.registry.put_instances([instance], later)
    assert measuring.collect(FIRST + timedelta(days=20), 120, 150) == []
    assert measuring.collect(FIRST + timedelta(days=43), 143, 150) != []


@pytest.fixture
def bench(
    store: Store, older_postgresql_server: RunningServer, tmp_path: Path
) -> Iterator[SizeBench]:
    with bench_on(older_postgresql_server) as lent:
        settings = Settings(home=tmp_path, anomaly_bytes=2**20)
        yield SizeBench(store, settings, lent.server, datetime(2026, 3, 1, 3, tzinfo=UTC))


def test_databases_and_jumps_of_a_real_server(bench: SizeBench) -> None:
    def run(database: str, statement: str) -> None:
        server = bench.server
        with psycopg.connect(
            host=server.host, port=server.port, user=server.admin_user, dbname=database,
            autocommit=True,
        ) as link:  # fmt: skip
            link.execute(statement.encode())

    def told() -> list[tuple[str, str]]:
        seen = len(noticed_since(bench.store))
        bench.collect()
        found = noticed_since(bench.store)[seen:]
        return [(str(item.event.kind), item.event.subject) for item in found]

    run("postgres", "CREATE DATABASE guest")
    assert told() == []
    bench.pass_days(1)
    run("postgres", "DROP DATABASE guest")
    assert told() == [("database_gone", "guest")]
    assert told() == []
    bench.pass_days(1)
    run("postgres", "CREATE DATABASE guest")
    assert told() == [("database_back", "guest")]
    bench.pass_days(1)
    run("guest", "CREATE TABLE t AS SELECT repeat('x', 900) FROM generate_series(1, 20000)")
    assert told() == [("size_anomaly", "guest")]
    assert told() == []


def test_what_was_imported_is_no_state_that_is_compared_with(measuring: Measuring) -> None:
    store, instance = measuring.store, measuring.bench.instance
    own = replace(instance, id=0)
    registry = ImportedRegistry((), (ImportedInstance(1, "then", own),))
    now = datetime.combine(FIRST, time(12), UTC)

    def take(kind: ImportKind, row: ImportedRow) -> None:
        store.imports.put("other", ImportMark(kind), ImportMark(kind), [row], now)

    take(ImportKind.INSTANCES, registry)
    store.sizes.prepare([FIRST])
    for name in ("shop", "old", "older"):
        take(
            ImportKind.DATABASE_SIZES,
            ImportedSize(instance.id, name, FIRST, 100 * GIGABYTE, None, None, now),
        )
        seen = ImportedDatabase(instance.id, name, True, now, now, None)
        take(ImportKind.DATABASES, seen)
    assert store.imports.sizes_until(instance.id) == FIRST
    assert store.sizes.measured_at(instance.id) is None
    assert measuring.collect(FIRST + timedelta(days=1), 300, limit=301) == []
    assert store.sizes.measured_at(instance.id) is not None
    told = measuring.collect(FIRST + timedelta(days=2), 300.9, limit=301)
    assert [item.kind for item in told if item.subject == "old"] == []
