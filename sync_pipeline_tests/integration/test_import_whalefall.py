"""A WhaleFall store is moved: killed, gone on with, and compared row by row, on both stores."""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, select

from sync_pipeline.errors import ConfigurationError, StoreUnavailable
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.fleet.whalefall.connection import WhaleFall
from sync_pipeline.fleet.whalefall.names import name_here
from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.imported import ImportedFilter, ImportKind
from sync_pipeline.model.instance import TlsMode
from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.session import RecordStatus
from sync_pipeline.settings import Settings
from sync_pipeline.store.imports.imports import ImportStore
from sync_pipeline.store.imports.registered import SAME_SERVER
from sync_pipeline.store.schema import metadata
from sync_pipeline.store.store import Store
from sync_pipeline.store.topics import Marks, Topic, marks_now, of_parts
from sync_pipeline.workflows.answers.capacity import anomalies
from sync_pipeline.workflows.answers.capacity_report import capacity_report
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.importing.whalefall import (
    OF_ANOTHER,
    ImportReport,
    WhaleFallSource,
    import_whalefall,
    last_report,
)
from workbench.benches.command import CANARY, Command
from workbench.benches.size_bench import SizeBench
from workbench.running.asked_pages import Pages
from workbench.servers.fixtures_store import store_database
from workbench.servers.running import RunningServer
from workbench.servers.whalefall import WhaleFallBench, sealed, whalefall_on

NOW = datetime(2026, 5, 20, 9, 30, tzinfo=UTC)
MIB = 2**20
CHANGING = {"import_passes": ("finished_at",)}
"""What two imports of the same may have differently."""
OF_IMPORT = (
    *("credentials", "instances", "instance_databases", "database_size_stats"),
    *(
        "table_size_stats",
        "instance_size_stats",
        "database_size_aggregations",
        "instance_size_aggregations",
    ),
    *("import_passes", "import_marks", "imported_instances", "imported_sessions"),
    *("imported_records", "imported_accounts", "imported_changes"),
)


NAMED = (
    *(("database_size_stats", "database_name"), ("instance_databases", "database_name")),
    *(("database_size_aggregations", "database_name"), ("instance_accounts", "username")),
    ("account_change_log", "username"),
)
"""Columns of names, to be made as wide as a view may be."""


class Killed(BaseException):
    """Stands for a process that ends between two statements."""


@pytest.fixture
def whale(postgresql_server: RunningServer) -> Iterator[WhaleFallBench]:
    with whalefall_on(postgresql_server) as bench:
        yield bench


@pytest.fixture
def deps(store: Store, tmp_path: Path) -> SyncDeps:
    return deps_on(store, tmp_path)


def deps_on(store: Store, home: Path) -> SyncDeps:
    settings = Settings(home=home, time_zone="Asia/Shanghai")
    return SyncDeps(store, SecretVault("", home / "key"), settings, lambda: NOW)


def source(whale: WhaleFallBench, **more: Any) -> WhaleFallSource:
    values: dict[str, Any] = {
        "url": Secret(whale.url),
        "key": Secret(whale.key),
        "source": "whalefall",
        "tls": TlsMode.PREFER,
        "statement_seconds": 60.0,
        **more,
    }
    return WhaleFallSource(**values)


def days(count: int, last: date = date(2026, 5, 19)) -> list[date]:
    return [last - timedelta(days=back) for back in reversed(range(count))]


def left(report: ImportReport, kind: ImportKind) -> dict[str, int]:
    return report.marks[kind].tally.left


def content(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of what an import writes, in an order of their own."""
    engine = create_engine(url)
    found = {}
    with engine.connect() as connection:
        for name in OF_IMPORT:
            table = metadata.tables[name]
            columns = [
                item
                for item in table.columns
                if item.name not in (*CHANGING.get(name, ()), "secret")
            ]
            rows = [tuple(map(repr, row)) for row in connection.execute(select(*columns))]
            found[name] = sorted(rows)
    engine.dispose()
    return found


def test_a_year_is_moved_row_by_row(whale: WhaleFallBench, deps: SyncDeps) -> None:
    whale.fill(random.Random(1), days(365))
    report = import_whalefall(deps, source(whale))
    assert {kind: mark.tally.left for kind, mark in report.marks.items()} == {
        kind: {} for kind in ImportKind
    }
    assert report.marks[ImportKind.DATABASE_PERIODS].tally.known > 0
    assert all(mark.is_done for mark in report.marks.values())
    assert report.marks[ImportKind.DATABASE_PERIODS].tally.notes == {}
    first, last = date(2025, 1, 1), date(2026, 6, 1)
    points = deps.store.size_queries.database_points(first, last)
    assert sorted(
        (item.instance, item.database, item.collected_date, item.total_bytes) for item in points
    ) == sorted(
        (name, database, day, size * MIB)
        for name, database, day, size in whale.run(
            "SELECT i.name, s.database_name, s.collected_date, s.size_mb "
            "FROM database_size_stats AS s JOIN instances AS i ON i.id = s.instance_id"
        )
    )
    with deps.store.fleet_sizes.totals(first, last, None) as totals:
        found = [(item.instance, item.collected_date, item.total_bytes) for item in totals]
    assert sorted(found) == sorted(
        (name, day, size * MIB)
        for name, day, size in whale.run(
            "SELECT i.name, s.collected_date, s.total_size_mb FROM instance_size_stats AS s "
            "JOIN instances AS i ON i.id = s.instance_id"
        )
    )
    every = ImportedFilter(limit=100_000)
    sessions = deps.store.imported.sessions(every)
    assert sorted((item.session_id, item.status, item.started_at) for item in sessions) == sorted(
        whale.run(
            "SELECT session_id, status, started_at FROM sync_sessions UNION ALL "
            "SELECT run_id, status, started_at FROM task_runs"
        )
    )
    records = [item for one in sessions for item in deps.store.imported.records(one, limit=100_000)]
    assert len(records) == sum(
        whale.run(f"SELECT count(*) FROM {table}")[0][0]
        for table in ("sync_instance_records", "task_run_items")
    )
    changed = deps.store.imported.changes(every)
    assert sorted((item.source_id, item.account, item.changed_at) for item in changed) == sorted(
        (number, name_here(engine, name), at)
        for number, name, at, engine in whale.run(
            "SELECT l.id, username, change_time, i.db_type FROM account_change_log AS l "
            "JOIN instances AS i ON i.id = l.instance_id"
        )
    )
    assert {item.lines for item in changed} == {("granted SELECT, INSERT (全局权限)",)}
    accounts = deps.store.imported.accounts(every)
    assert sorted((item.source_id, item.name, item.is_active) for item in accounts) == sorted(
        (number, name_here(engine, name), is_active)
        for number, name, is_active, engine in whale.run(
            "SELECT a.id, username, a.is_active, i.db_type FROM instance_accounts AS a "
            "JOIN instances AS i ON i.id = a.instance_id"
        )
    )
    assert "'user0'@'%'" in {item.name for item in accounts}
    assert "user0" in {item.name for item in accounts}
    tables = deps.store.size_queries.largest_tables("db0", 100)
    assert {(item.name, item.total_bytes, item.index_bytes) for item in tables} == {
        ("orders", 900 * MIB, 300 * MIB)
    }
    assert {item.data_bytes for item in tables} == {600 * MIB}


def test_secrets_are_sealed_by_our_vault(whale: WhaleFallBench, deps: SyncDeps) -> None:
    credential = whale.credential("dba", CANARY)
    whale.instance("a", credential_id=credential)
    import_whalefall(deps, source(whale))
    kept = deps.store.registry.credential("dba")
    assert kept is not None
    assert kept.username == "dba_user"
    assert kept.secret.startswith("fernet:")
    assert deps.vault.resolve(kept.secret) == Secret(CANARY)


def test_without_a_key_the_rest_is_moved_and_the_secret_comes_later(
    whale: WhaleFallBench, deps: SyncDeps
) -> None:
    whale.instance("a", credential_id=whale.credential("dba", CANARY))
    import_whalefall(deps, source(whale, key=None))
    kept = deps.store.registry.credential("dba")
    assert kept is not None
    with pytest.raises(ConfigurationError, match="not taken over"):
        deps.vault.resolve(kept.secret)
    import_whalefall(deps, source(whale))
    kept = deps.store.registry.credential("dba")
    assert kept is not None
    assert deps.vault.resolve(kept.secret) == Secret(CANARY)


@pytest.mark.parametrize("is_other", ["user", "password"])
def test_no_server_gets_the_password_of_a_credential_that_has_the_name(
    whale: WhaleFallBench, deps: SyncDeps, is_other: str
) -> None:
    first = whale.credential("dba", CANARY)
    whale.instance("a", credential_id=first)
    import_whalefall(deps, source(whale))
    whale.run("DELETE FROM instances")
    number = whale.instance("b", credential_id=first)
    changed = {
        "user": ("username", "somebody"),
        "password": ("password", sealed(whale.key, "another")),
    }[is_other]
    whale.run(f"UPDATE credentials SET {changed[0]} = %s", changed[1])
    report = import_whalefall(deps, source(whale, source="second"))
    assert report.marks[ImportKind.CREDENTIALS].tally.examples == {OF_ANOTHER: ["dba"]}
    kept = {item.name: item.credential for item in deps.store.registry.instances()}
    assert kept == {"a": "dba", "b": "whalefall-none"}
    own = deps.store.registry.credential("dba")
    assert own is not None
    assert (own.username, deps.vault.resolve(own.secret)) == ("dba_user", Secret(CANARY))
    assert number not in deps.store.imports.instance_ids("whalefall")


def test_what_is_unset_is_filled_in_for_its_user_alone(
    whale: WhaleFallBench, deps: SyncDeps
) -> None:
    whale.instance("a", credential_id=whale.credential("dba", CANARY))
    import_whalefall(deps, source(whale, key=None))
    whale.run("UPDATE credentials SET username = 'somebody'")
    import_whalefall(deps, source(whale))
    kept = deps.store.registry.credential("dba")
    assert kept is not None
    assert (kept.username, kept.secret) == ("dba_user", "unset:whalefall")


def test_an_account_keeps_its_name_whatever_becomes_of_its_instance_there(
    whale: WhaleFallBench, deps: SyncDeps
) -> None:
    number = whale.instance("a")
    for name in ("app@%", "it's@me@10.0.0.%", "@localhost", "'app'@'%'"):
        whale.change(number, name, date(2026, 5, 1), "modify_privilege")

    def names() -> set[str]:
        return {item.account for item in deps.store.imported.changes(ImportedFilter(limit=100))}

    import_whalefall(deps, source(whale))
    known = {"'app'@'%'", "'it''s@me'@'10.0.0.%'", "''@'localhost'"}
    assert names() == known
    # It is there still, and can't be taken as it is now.
    whale.run("UPDATE instances SET db_type = 'other'")
    import_whalefall(deps, source(whale))
    assert names() == known


def test_a_server_that_is_here_is_told(whale: WhaleFallBench, deps: SyncDeps) -> None:
    whale.instance("a", host="db.example")
    import_whalefall(deps, source(whale))
    whale.run("UPDATE instances SET name = 'b', host = 'DB.example'")
    whale.run(
        "INSERT INTO instances SELECT id + 1, 'a', 'mysql', 'db.example', 3306, NULL, "
        "'10.6-MariaDB', NULL, NULL, 0, NULL, NULL, true FROM instances"
    )
    report = import_whalefall(deps, source(whale, source="second"))
    tally = report.marks[ImportKind.INSTANCES].tally
    assert (tally.new, tally.known, tally.left) == (1, 1, {})
    assert tally.examples[SAME_SERVER] == ["b"]


@pytest.mark.parametrize("key", [Fernet.generate_key().decode(), "no key"], ids=("other", "none"))
def test_a_wrong_key_is_one_sentence_and_writes_nothing(
    whale: WhaleFallBench, deps: SyncDeps, key: str
) -> None:
    whale.instance("a", credential_id=whale.credential("dba", CANARY))
    with pytest.raises(ConfigurationError, match="key") as told:
        import_whalefall(deps, source(whale, key=Secret(key)))
    assert key not in str(told.value)
    assert deps.store.registry.ever() == []
    assert deps.store.imports.passes() == []


@pytest.fixture
def whole_url(store_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a second store, of the same kind."""
    if store_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'whole.db'}"
        return
    with store_database(request.getfixturevalue("postgresql_server")) as url:
        yield url


@pytest.mark.parametrize("seed", range(1))
def test_killed_anywhere_and_gone_on_with_it_is_the_same(
    whale: WhaleFallBench,
    store_url: str,
    whole_url: str,
    deps: SyncDeps,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    dice = random.Random(seed)
    for module in ("history", "sizes"):
        monkeypatch.setattr(f"sync_pipeline.fleet.whalefall.{module}.AT_ONCE", 7)
    whale.fill(dice, days(40), instances=2)
    whole = Store.open(whole_url)
    import_whalefall(deps_on(whole, tmp_path), source(whale))
    whole.close()
    put = ImportStore.put
    left_alive = 0

    def dying(self: ImportStore, *arguments: Any) -> Any:
        nonlocal left_alive
        left_alive -= 1
        if left_alive < 0:
            raise Killed
        return put(self, *arguments)

    monkeypatch.setattr(ImportStore, "put", dying)
    deaths = 0
    while True:
        left_alive = dice.randint(1, 15)
        try:
            import_whalefall(deps, source(whale))
        except Killed:
            deaths += 1
            continue
        break
    assert deaths > 3
    assert content(store_url) == content(whole_url)


def test_again_takes_nothing_twice_and_takes_what_is_new(
    whale: WhaleFallBench, store_url: str, deps: SyncDeps
) -> None:
    whale.fill(random.Random(5), days(10, date(2026, 5, 10)), instances=2)
    import_whalefall(deps, source(whale))
    before = content(store_url)
    again = import_whalefall(deps, source(whale))
    assert {kind for kind, mark in again.marks.items() if mark.tally.new} == {ImportKind.COMPUTED}
    after = content(store_url)
    for table in set(OF_IMPORT) - {"import_passes", "import_marks"}:
        assert before[table] == after[table]
    instance = whale.run("SELECT min(id) FROM instances")[0][0]
    new = date(2026, 5, 12)
    whale.add(
        "database_size_stats", instance_id=instance, database_name="new", size_mb=3,
        collected_date=new, collected_at=NOW,
    )  # fmt: skip
    whale.change(instance, "late", new, "delete")
    third = import_whalefall(deps, source(whale))
    assert third.marks[ImportKind.DATABASE_SIZES].tally.new == 1
    assert third.marks[ImportKind.CHANGES].tally.new == 1
    found = deps.store.size_queries.database_points(new, new)
    assert [(item.database, item.total_bytes) for item in found] == [("new", 3 * MIB)]
    with deps.store.fleet_sizes.totals(new, new, None) as totals:
        assert [item.total_bytes for item in totals] == [3 * MIB]
    whale.add(
        "database_size_stats", instance_id=instance, database_name="more", size_mb=4,
        collected_date=new, collected_at=NOW,
    )  # fmt: skip
    import_whalefall(deps, source(whale))
    with deps.store.fleet_sizes.totals(new, new, None) as totals:
        assert [item.total_bytes for item in totals] == [7 * MIB]


def test_what_is_dirty_is_counted_with_its_reason(whale: WhaleFallBench, deps: SyncDeps) -> None:
    mysql = whale.instance("maria", database_version="10.11.6-MariaDB-log")
    whale.instance("lite", db_type="sqlite")
    whale.instance("maria", host="other")
    whale.instance("bad host", host="a b")
    whale.instance("gone", deleted_at=NOW, is_active=False)
    whale.add(
        "credentials", name="box", credential_type="ssh", username="root", is_active=True,
        password=sealed(whale.key, CANARY),
    )  # fmt: skip
    day = date(2026, 5, 1)
    sizes = {"instance_id": mysql, "database_name": "app", "collected_date": day}
    whale.add("database_size_stats", **sizes, size_mb=-1)
    whale.add("database_size_stats", **sizes, size_mb=5, log_size_mb=-4)
    whale.add("database_size_stats", **sizes, size_mb=6)
    whale.add("database_size_stats", **{**sizes, "database_name": ""}, size_mb=6)
    whale.add("database_size_stats", **{**sizes, "instance_id": 4711}, size_mb=6)
    whale.add("database_size_stats", **{**sizes, "collected_date": NOW.date()}, size_mb=6)
    whale.add("database_size_stats", **{**sizes, "collected_date": date(2019, 1, 1)}, size_mb=6)
    whale.change(mysql, "u", day, "add", change_time=None)
    whale.change(mysql, "u", date(2019, 1, 1), "add")
    whale.change(mysql, "u", day, "add", change_time="infinity")
    broken = '{"version": 1, "entries": [{"action": "GRANT", "permissions": ["\\u0000\\ud800"]}]}'
    whale.run(
        "INSERT INTO account_change_log (instance_id, db_type, username, change_type, change_time, "
        "privilege_diff, other_diff) VALUES (%s, 'mysql', 'odd', 'add', %s, %s, '7')",
        *(mysql, datetime(2026, 5, 2, tzinfo=UTC), broken),
    )
    report = import_whalefall(deps, source(whale))
    assert left(report, ImportKind.INSTANCES) == {
        "it is of no engine that is known here (sqlite)": 1,
        "its name is there twice": 1,
        "its host can't be used here": 1,
    }
    assert left(report, ImportKind.CREDENTIALS) == {"it is of no database but of ssh": 1}
    assert left(report, ImportKind.DATABASE_SIZES) == {
        "its size is negative, missing or no number": 1,
        "the same day is there twice: the later row was taken": 1,
        "it has no name": 1,
        "its instance was not taken": 1,
        "its day is not over: import again tomorrow": 1,
        "older than daily sizes are kept here: SYNC_PIPELINE_SIZE_RETENTION_DAYS": 1,
    }
    assert left(report, ImportKind.CHANGES) == {
        "nothing says when it changed": 2,
        "older than changes are kept here: SYNC_PIPELINE_CHANGE_RETENTION_DAYS": 1,
    }
    instances = {item.name: item for item in deps.store.registry.ever()}
    assert instances.keys() == {"maria", "gone"}
    assert instances["maria"].engine == "mariadb"
    assert [item.name for item in deps.store.registry.instances()] == ["maria"]
    assert deps.store.registry.credential("box") is None
    changed = deps.store.imported.changes(ImportedFilter())
    assert [item.account for item in changed] == ["odd"]
    assert last_report(deps, "whalefall")[1].marks == report.marks


def test_what_is_no_number_is_counted_and_stops_nothing(
    whale: WhaleFallBench, deps: SyncDeps
) -> None:
    """Columns that somebody made wider hold what no whole number is."""
    number, day = whale.instance("a"), date(2026, 5, 1)
    for table, column in (
        *(("database_size_stats", "size_mb"), ("instance_size_stats", "total_size_mb")),
        *(("database_size_aggregations", "avg_size_mb"), ("sync_sessions", "total_instances")),
        ("database_table_size_stats", "size_mb"),
    ):
        whale.run(f"ALTER TABLE {table} ALTER {column} TYPE double precision")
    whale.run("ALTER TABLE database_size_stats ALTER data_size_mb TYPE numeric")
    odd = ("NaN", "Infinity", "-Infinity", "1e300")
    size = {"instance_id": number, "collected_date": day, "collected_at": NOW}
    for some in odd:
        whale.add("database_size_stats", **size, database_name=f"d{some}", size_mb=some)
        whale.table(number, "d", f"t{some}", day, some, 1)
    good = {"database_name": "d", "size_mb": 7, "data_size_mb": "NaN"}
    whale.add("database_size_stats", **size, **good)
    whale.add(
        "instance_size_stats", **size, total_size_mb="NaN", database_count=1
    )  # fmt: skip
    whale.add(
        "database_size_aggregations", instance_id=number, database_name="d", period_start=day,
        period_type="monthly", period_end=day, avg_size_mb="NaN", min_size_mb=1, max_size_mb=1,
        data_count=3,
    )  # fmt: skip
    whale.add(
        "sync_sessions", session_id="s", sync_type="t", sync_category="account", status="failed",
        started_at=NOW, total_instances="NaN",
    )  # fmt: skip
    report = import_whalefall(deps, source(whale))
    reason = "its size is negative, missing or no number"
    assert left(report, ImportKind.DATABASE_SIZES) == {reason: 4}
    assert left(report, ImportKind.INSTANCE_SIZES) == {reason: 1}
    assert left(report, ImportKind.TABLE_SIZES) == {reason: 4}
    assert sum(left(report, ImportKind.DATABASE_PERIODS).values()) == 1
    (point,) = deps.store.size_queries.database_points(day, day)
    assert (point.total_bytes, point.data_bytes) == (7 * MIB, None)
    (session,) = deps.store.imported.sessions(ImportedFilter())
    assert session.total == 0


def test_the_last_size_of_each_table_is_taken_on_its_day(
    whale: WhaleFallBench, deps: SyncDeps
) -> None:
    number, day = whale.instance("a"), date(2026, 5, 1)
    whale.table(number, "shop", "orders", day, 5, 2)
    whale.table(number, "shop", "of_oracle", day, 5, None)
    whale.table(number, "shop", "of_today", NOW.date(), 5, 2)
    # Late in the evening there it is the next day where its days are.
    whale.table(number, "shop", "late", day, 4, 1)
    whale.run(
        "UPDATE database_table_size_stats SET collected_at = '2026-05-01 17:00Z' "
        "WHERE table_name = 'late'"
    )
    report = import_whalefall(deps, source(whale))
    tally = report.marks[ImportKind.TABLE_SIZES].tally
    assert tally.new == 2
    assert set(tally.left) == {
        "its indexes were not measured there, and here a table counts with them",
        "its day is not over: import again tomorrow",
    }
    again = import_whalefall(deps, source(whale)).marks[ImportKind.TABLE_SIZES].tally
    assert (again.new, again.known) == (0, 2)
    database_id = deps.store.capacity_pages.database_id(1, "shop")
    assert database_id is not None
    for name, at, size in (("orders", day, 5), ("late", date(2026, 5, 2), 4)):
        since = date(2026, 1, 1)
        (found,) = deps.store.capacity_pages.table_days(
            1, database_id, ("public", name), since, NOW.date()
        )
        assert (found.collected_date, found.total_bytes) == (at, size * MIB)
    whale.run("DROP TABLE database_table_size_stats")
    assert import_whalefall(deps, source(whale)).marks[ImportKind.TABLE_SIZES].is_done


def test_a_console_shows_days_and_periods_before_the_move(
    whale: WhaleFallBench, deps: SyncDeps
) -> None:
    whale.fill(random.Random(4), days(40), instances=1)
    import_whalefall(deps, source(whale))
    pages = Pages(deps)
    found = pages.get("/api/v1/capacity-instance", {"instance": "db0"}).json
    assert found["facts"]["size_bytes"]
    states = Counter(item["state"] for item in found["tables"]["days"]["items"])
    assert states["imported"] > 20
    assert states["measured"] == 0
    assert any(item["average_bytes"] for item in found["tables"]["periods"]["items"])
    assert found["tables"]["tables"]["items"][0]["table"] == "orders"
    pages.close()


def test_sums_that_a_console_keeps_are_marked_as_others_now(
    whale: WhaleFallBench, deps: SyncDeps
) -> None:
    """Without a mark, a console that runs would show the sizes of before (ADR 0072)."""
    whale.fill(random.Random(3), days(3), instances=1)
    seen: list[Marks] = []
    for size in (1, 2):
        whale.run("UPDATE database_size_stats SET size_mb = %s", size)
        import_whalefall(deps, source(whale))
        with deps.store._database.read() as connection:
            seen.append(marks_now(connection))
    before, after = (of_parts(item, Topic.REGISTRY) for item in seen)
    assert None not in before
    assert not set(before) & set(after)


def test_what_is_absurd_is_counted_and_stops_nothing(whale: WhaleFallBench, deps: SyncDeps) -> None:
    number = whale.instance("a")
    day, future = date(2026, 5, 1), datetime(8888, 1, 1, tzinfo=UTC)
    for table, column in NAMED:
        whale.run(f"ALTER TABLE {table} ALTER {column} TYPE text")
    whale.run("ALTER TABLE database_size_stats ALTER size_mb TYPE numeric(20, 1)")
    whale.run(
        "ALTER TABLE instance_databases DROP CONSTRAINT "
        "instance_databases_instance_id_database_name_key"
    )
    name = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=10_000))
    size = {"instance_id": number, "collected_date": day, "collected_at": NOW}
    for some in range(8):
        whale.add("database_size_stats", **size, database_name=f"d{some}", size_mb=2**42)
    whale.add("database_size_stats", **size, database_name=name, size_mb=1)
    late = {**size, "collected_at": future}
    whale.add(
        "database_size_stats", **late, id=-9, database_name="d", size_mb=2, data_size_mb=50
    )  # fmt: skip
    whale.add(
        "instance_databases", instance_id=number, database_name=name, is_active=True,
        first_seen_date=day, last_seen_date=day,
    )  # fmt: skip
    whale.add(
        "instance_databases", instance_id=number, database_name="d", is_active=True,
        first_seen_date=future.date(), last_seen_date=future.date(),
    )  # fmt: skip
    whale.add(
        "instance_accounts", instance_id=number, username=name, db_type="mysql", is_active=True
    )  # fmt: skip
    whale.change(number, name, day, "add")
    whale.change(number, "u", day, "add", change_time=future)
    months = {"instance_id": number, "period_type": "monthly", "period_end": day}
    months |= {"avg_size_mb": 1, "min_size_mb": 1, "max_size_mb": 1, "data_count": 31}
    table = "database_size_aggregations"
    whale.add(table, **months, database_name=name, period_start=date(2023, 3, 1))
    whale.add(table, **months, database_name="d", period_start=date(2823, 3, 1))
    whale.add(table, **months, id=-5, database_name="d", period_start=date(2023, 3, 1))
    for some in range(60):
        kind = {"period_type": f"k{some}", "period_start": date(2823, 4, 1)}
        whale.add(table, **{**months, **kind}, database_name="d")
    report = import_whalefall(deps, source(whale))
    assert left(report, ImportKind.DATABASES) == {"its name is too long": 1}
    sizes = report.marks[ImportKind.DATABASE_SIZES].tally
    assert sizes.new == 1
    assert sizes.left == {"its size is larger than any disk": 8, "its name is too long": 1}
    assert max(len(item) for some in sizes.examples.values() for item in some) <= 200
    assert set(sizes.notes) == {
        "a part of its size is negative or too large: the total alone was taken",
        "its moment is not of its day: its day was taken",
    }
    periods = report.marks[ImportKind.DATABASE_PERIODS].tally
    assert periods.new == 1
    assert periods.left["it has not begun"] == 1
    assert sum(periods.left.values()) == 62
    assert len(periods.left) <= 41
    assert left(report, ImportKind.ACCOUNTS) == {"its name is too long": 1}
    assert left(report, ImportKind.CHANGES) == {
        "its name is too long": 1,
        "it is of a day to come": 1,
    }
    (point,) = deps.store.size_queries.database_points(day, day)
    assert (point.database, point.total_bytes) == ("d", 2 * MIB)
    assert last_report(deps, "whalefall")[1].marks == report.marks


def test_periods_without_days_are_theirs_and_stay(whale: WhaleFallBench, deps: SyncDeps) -> None:
    instance = whale.instance("a")
    period = {
        "instance_id": instance,
        "period_type": "monthly",
        "period_start": date(2023, 3, 1),
        "period_end": date(2023, 3, 31),
        "avg_size_mb": 10,
        "min_size_mb": 5,
        "max_size_mb": 20,
        "data_count": 31,
    }
    whale.add("database_size_aggregations", database_name="app", size_change_mb=2, **period)
    whale.add("instance_size_aggregations", total_size_mb=20, database_count=1, **period)
    other = {**period, "period_start": date(2026, 3, 1), "avg_size_mb": 19}
    whale.add("database_size_aggregations", database_name="app", **other)
    whale.add(
        "database_size_stats", instance_id=instance, database_name="app", size_mb=7,
        collected_date=date(2026, 3, 3), collected_at=NOW,
    )  # fmt: skip
    whale.add(
        "instance_size_stats", instance_id=instance, total_size_mb=7, database_count=1,
        collected_date=date(2026, 3, 3), collected_at=NOW,
    )  # fmt: skip
    report = import_whalefall(deps, source(whale))
    tally = report.marks[ImportKind.DATABASE_PERIODS].tally
    assert tally.new == 1
    assert tally.notes == {"computed here from the days, and other numbers there": 1}

    def totals() -> list[tuple[date, int | None, int]]:
        found = deps.store.aggregations.find(
            PeriodType.MONTH, date(2020, 1, 1), date(2027, 1, 1), "a", "app"
        )
        return [(item.period_start, item.total.avg_bytes, item.data_count) for item in found]

    expected = [(date(2023, 3, 1), 10 * MIB, 31), (date(2026, 3, 1), 7 * MIB, 1)]
    assert totals() == expected
    import_whalefall(deps, source(whale))
    assert totals() == expected
    (own,) = deps.store.registry.instances()
    months = PeriodRange.between(PeriodType.MONTH, date(2023, 1, 1), date(2026, 5, 1))
    again = AggregationRequest((own.id,), months, NOW.date(), 5.0, NOW)
    deps.store.aggregations.compute([again])
    assert totals() == expected


def test_a_plan_writes_nothing(whale: WhaleFallBench, store_url: str, deps: SyncDeps) -> None:
    whale.fill(random.Random(2), days(20), instances=2)
    before = content(store_url)
    plan = import_whalefall(deps, source(whale, is_plan=True))
    assert content(store_url) == before
    done = import_whalefall(deps, source(whale))
    for kind in (ImportKind.DATABASE_SIZES, ImportKind.CHANGES, ImportKind.INSTANCES):
        assert plan.marks[kind].tally.new == done.marks[kind].tally.new


def test_another_store_is_not_taken_for_the_first(whale: WhaleFallBench, deps: SyncDeps) -> None:
    whale.instance("a")
    import_whalefall(deps, source(whale))
    whale.run("UPDATE instances SET name = 'b', created_at = now()")
    with pytest.raises(ConfigurationError, match="not the store"):
        import_whalefall(deps, source(whale))
    whale.run("UPDATE instances SET id = 99")
    with pytest.raises(ConfigurationError, match="none of the instances"):
        import_whalefall(deps, source(whale))


def test_an_older_schema_is_one_sentence(whale: WhaleFallBench, deps: SyncDeps) -> None:
    whale.run("ALTER TABLE account_permission DROP COLUMN permission_snapshot")
    whale.run("DROP TABLE tags CASCADE")
    with pytest.raises(ConfigurationError) as told:
        import_whalefall(deps, source(whale))
    assert "20260528100000" in str(told.value)
    assert "it lacks tags, account_permission.permission_snapshot." in str(told.value)


def test_without_task_runs_the_rest_is_taken(whale: WhaleFallBench, deps: SyncDeps) -> None:
    whale.fill(random.Random(3), days(3), instances=1)
    whale.run("DROP TABLE task_run_items, task_runs")
    report = import_whalefall(deps, source(whale))
    assert report.marks[ImportKind.RUNS].is_done
    assert report.marks[ImportKind.SESSIONS].tally.new > 0


def test_the_store_is_only_read(whale: WhaleFallBench, deps: SyncDeps) -> None:
    with (
        WhaleFall.open(Secret(whale.url), 5) as store,
        pytest.raises(StoreUnavailable, match="read-only"),
        store.reading(),
    ):
        store.rows(tuple, "INSERT INTO public.tags (name) VALUES ('x') RETURNING id", {})


def test_no_function_of_the_store_stands_in_for_the_servers(
    whale: WhaleFallBench, deps: SyncDeps
) -> None:
    whale.instance("a")
    whale.run(
        "CREATE FUNCTION public.left(text, int) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$"
    )
    import_whalefall(deps, source(whale))
    assert [item.name for item in deps.store.registry.ever()] == ["a"]


def test_a_password_is_not_sent_in_clear() -> None:
    got = b""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            nonlocal got
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(10)
                if peer.recv(1024)[4:8] == b"\x04\xd2\x16\x2f":  # SSLRequest
                    peer.sendall(b"N")
                    peer.recv(1024)
                peer.sendall(b"R" + struct.pack("!II", 8, 3))
                got += peer.recv(1024)

        thread = threading.Thread(target=answer)
        thread.start()
        port = listener.getsockname()[1]
        url = Secret(f"postgresql://reader:{CANARY}@127.0.0.1:{port}/whale?gssencmode=disable")
        with pytest.raises(StoreUnavailable) as told, WhaleFall.open(url, 5):
            pass
        thread.join()
    assert got == b""
    assert "in clear" in str(told.value.hint)
    assert CANARY not in str(told.value)


@pytest.mark.parametrize(
    "url", ["postgresql://u:{}@h/whale", "postgres://h/whale?user=u&password={}"]
)
def test_a_password_on_the_command_line_is_refused(command: Command, url: str) -> None:
    said = command.wrong("import", "whalefall", "--store", url.format(CANARY))
    assert "a command line is read by others" in said
    assert CANARY not in said


def test_the_command_shows_no_secret(whale: WhaleFallBench, command: Command) -> None:
    whale.instance("a", credential_id=whale.credential("dba", CANARY))
    command.patch.setenv("WHALE_URL", whale.url)
    command.patch.setenv("WHALE_KEY", whale.key)
    arguments = ("import", "whalefall", "--store", "env:WHALE_URL", "--key", "env:WHALE_KEY")
    plan = command.ok(*arguments, "--plan")
    assert "Nothing was written." in plan.out
    done = command.ok(*arguments)
    assert "instances" in done.out
    assert whale.key not in plan.out + done.out
    listed = command.ok("credentials", "list", "--json").json
    assert [(item["name"], item["secret"]) for item in listed] == [("dba", "encrypted")]
    told = command.ok("import", "report", "--json").json
    assert told["kinds"]["instances"]["new"] == 1
    assert list(told["kinds"]) == [str(kind) for kind in ImportKind]
    assert command.ok(*arguments).out.endswith("\n0 rows taken, 0 not.\n")
    for path in command.home.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes()
    assert "does not say where" in command.wrong(*arguments[:4], "--key", whale.key)


def test_history_is_shown_as_that_of_another_system(
    whale: WhaleFallBench, command: Command
) -> None:
    whale.fill(random.Random(4), days(3, datetime.now(UTC).date()), instances=1)
    command.patch.setenv("WHALE_URL", whale.url)
    empty = command.ok("sessions", "list")
    assert "imported" not in empty.out
    command.ok("import", "whalefall", "--store", "env:WHALE_URL")
    assert "--imported" in command.ok("sessions", "list").out
    listed = command.ok("sessions", "list", "--imported", "--json").json
    assert {item["source"] for item in listed} == {"whalefall"}
    assert {item["kind"] for item in listed} == {"sync session", "task run"}
    shown = command.ok("sessions", "show", listed[0]["session_id"], "--json").json
    assert [item["name"] for item in shown["records"]] == ["db1"]
    assert "of whalefall" in command.ok("sessions", "show", listed[0]["session_id"]).out
    changed = command.ok("accounts", "changes", "--imported").out
    assert "granted SELECT, INSERT (全局权限)" in changed
    accounts = command.ok("import", "accounts", "--json").json
    assert accounts[0]["state"]["snapshot"]["categories"] == {"global": ["SELECT"]}
    assert command.ok("accounts", "list", "--json").json == []
    said = command.wrong("sessions", "list", "--imported", "--status", "failed")
    assert "does not go with --imported" in said


def test_the_first_collection_after_an_import_is_a_baseline(
    whale: WhaleFallBench, store: Store, older_postgresql_server: RunningServer, tmp_path: Path
) -> None:
    settings = Settings(
        home=tmp_path, time_zone="Asia/Shanghai", anomaly_percent=10, anomaly_bytes=2**20
    )
    bench = SizeBench(store, settings, older_postgresql_server, NOW)
    server = older_postgresql_server
    number = whale.instance("measured", db_type="postgresql", host=server.host, port=server.port)
    for name in (*(f"old{some}" for some in range(20)), "postgres"):
        whale.add(
            "instance_databases", instance_id=number, database_name=name, is_active=True,
            first_seen_date=date(2026, 5, 1), last_seen_date=date(2026, 5, 19),
        )  # fmt: skip
        for day in days(5):
            whale.add(
                "database_size_stats", instance_id=number, database_name=name,
                size_mb=1 if name == "postgres" else 10**6, collected_date=day, collected_at=NOW,
            )  # fmt: skip
    for day in days(5):
        whale.add(
            "instance_size_stats", instance_id=number, total_size_mb=1, database_count=21,
            collected_date=day, collected_at=NOW,
        )  # fmt: skip
    import_whalefall(bench.deps, source(whale, key=None))
    assert [item.name for item in store.registry.instances()] == ["measured"]
    for _ in range(3):
        report = bench.collect()
        assert report.status is RecordStatus.COMPLETED
        assert report.anomalies == ()
        told = capacity_report(bench.deps, 30)
        assert told.anomalies == ()
        assert told.newest
        points = store.size_queries.database_points(
            NOW.date() - timedelta(days=9), bench.now.date()
        )
        assert anomalies(bench.deps, points) == []
        bench.pass_days(1)
    assert store.events.noticed(datetime(2020, 1, 1, tzinfo=UTC), NOW + timedelta(days=9), 10) == []
    measured = store.size_queries.database_points(NOW.date(), NOW.date(), "measured", "postgres")
    whale.add(
        "database_size_stats", instance_id=number, database_name="postgres", size_mb=1,
        collected_date=NOW.date(), collected_at=NOW,
    )  # fmt: skip
    again = import_whalefall(bench.deps, source(whale, key=None))
    assert left(again, ImportKind.DATABASE_SIZES) == {"this day was measured here": 1}
    assert measured == store.size_queries.database_points(
        NOW.date(), NOW.date(), "measured", "postgres"
    )


def test_what_was_imported_ends_with_its_retention(whale: WhaleFallBench, deps: SyncDeps) -> None:
    whale.fill(random.Random(6), days(30), instances=1)
    import_whalefall(deps, source(whale))
    every = ImportedFilter(limit=10_000)
    middle = NOW - timedelta(days=15)
    while deps.store.imports.prune(middle, middle, 3):
        pass
    changed, sessions = deps.store.imported.changes(every), deps.store.imported.sessions(every)
    assert changed
    assert min(item.changed_at for item in changed) >= middle
    assert sessions
    assert min(item.started_at for item in sessions if item.started_at) >= middle


KILLED = """
import os, signal, sys
from sync_pipeline.store.imports import imports
left, save = [int(os.environ["PUTS"])], imports._save
def dying(*arguments):
    save(*arguments)
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
imports._save = dying
from sync_pipeline.cli.main import main
sys.argv = ["sync-pipeline", "import", "whalefall", "--store", "env:WHALE_URL"]
main()
"""


def test_a_process_that_is_killed_before_it_commits_leaves_no_half(
    whale: WhaleFallBench, store_url: str, whole_url: str, tmp_path: Path
) -> None:
    whale.fill(random.Random(9), days(4), instances=1)
    base = {**os.environ, "WHALE_URL": whale.url, "SYNC_PIPELINE_TIME_ZONE": "Asia/Shanghai"}

    def run(url: str, home: str, puts: int) -> int:
        more = {
            "SYNC_PIPELINE_STORE_URL": url,
            "SYNC_PIPELINE_HOME": str(tmp_path / home),
            "PUTS": str(puts),
        }
        command = [sys.executable, "-c", KILLED]
        done = subprocess.run(
            command, env={**base, **more}, capture_output=True, check=False, timeout=300
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode

    assert run(whole_url, "whole", 1_000_000) == 0
    assert run(store_url, "cut", 4) == -signal.SIGKILL
    assert run(store_url, "cut", 9) == -signal.SIGKILL
    assert run(store_url, "cut", 1_000_000) == 0
    cut, whole = content(store_url), content(whole_url)
    for name in set(OF_IMPORT) - {"import_passes"}:
        assert without_moments(cut[name]) == without_moments(whole[name]), name


def without_moments(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows without the moment at which each of the two imports wrote them."""
    now = datetime.now(UTC)
    moments = tuple(
        f"datetime.datetime({day.year}, {day.month}, {day.day}, "
        for day in (now, now - timedelta(days=1))
    )
    return sorted(tuple(value for value in row if not value.startswith(moments)) for row in rows)
