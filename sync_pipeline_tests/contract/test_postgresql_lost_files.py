"""What is not there, and what nobody may look at, is not counted as 0 on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from sync_pipeline.model.instance import Timeouts
from sync_pipeline.model.size import DatabaseSize, MeasureState, SizeSnapshot
from workbench.servers.postgresql_bench import PostgresBench, Tally, statement

pytestmark = pytest.mark.postgresql


def found(snapshot: SizeSnapshot, name: str) -> DatabaseSize:
    (item,) = (item for item in snapshot.databases if item.name == name)
    return item


@contextmanager
def without(path: Path) -> Iterator[None]:
    away = path.with_name(f"{path.name}.away")
    path.rename(away)
    try:
        yield
    finally:
        away.rename(path)


def path_of(bench: PostgresBench, relation: str) -> Path:
    (name,) = bench.rows(f"SELECT pg_relation_filepath('{relation}')")[0]
    return bench.server.directory / "data" / str(name)


@pytest.fixture
def elsewhere(bench: PostgresBench) -> Path:
    """Make a tablespace and return its directory."""
    directory = bench.server.directory / "elsewhere"
    directory.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        owner = bench.server.directory.stat()
        os.chown(directory, owner.st_uid, owner.st_gid)
    bench.run(
        statement("CREATE TABLESPACE {} LOCATION ", "elsewhere") + sql.Literal(str(directory))
    )
    return directory


def filled(bench: PostgresBench) -> None:
    bench.run(
        "CREATE TABLE lost AS SELECT g, repeat('x', 100) AS t FROM generate_series(1, 2000) AS g",
        "CREATE INDEX lost_index ON lost (g)",
        "VACUUM ANALYZE lost",
        "CHECKPOINT",
    )


@pytest.mark.parametrize("relation", ["lost", "lost_index"])
def test_a_file_that_is_not_there_makes_the_data_unknown(
    bench: PostgresBench, relation: str
) -> None:
    filled(bench)
    with without(path_of(bench, relation)):
        snapshot = bench.sizes()
    size = found(snapshot, "bench")
    assert size.data.state is size.index.state is MeasureState.UNREACHABLE
    assert f"counts pages of public.{relation}, whose file is not found" in size.data.reason
    assert size.data.reason in snapshot.warnings
    # What its files take is what the others take.
    assert size.total.state is MeasureState.KNOWN
    assert found(snapshot, "postgres").data.state is MeasureState.KNOWN


def test_what_is_empty_by_intent_is_no_lost_file(bench: PostgresBench) -> None:
    filled(bench)
    bench.run(
        "CREATE UNLOGGED TABLE unlogged AS SELECT generate_series(1, 1000) AS a",
        "ANALYZE unlogged",
        "TRUNCATE unlogged",
        "CREATE TABLE emptied AS SELECT generate_series(1, 1000) AS a",
        "CREATE INDEX ON emptied (a)",
        "ANALYZE emptied",
        "TRUNCATE emptied",
        "CREATE TABLE cleared AS SELECT generate_series(1, 1000) AS a",
        "ANALYZE cleared",
        "DELETE FROM cleared",
        "VACUUM cleared",
        "CREATE TABLE never (a int PRIMARY KEY)",
        "CREATE TABLE parted (a int PRIMARY KEY) PARTITION BY RANGE (a)",
    )
    snapshot = bench.sizes()
    assert found(snapshot, "bench").data.state is MeasureState.KNOWN
    assert not snapshot.warnings


def test_a_database_with_tables_in_a_lost_tablespace_is_unknown(
    bench: PostgresBench, elsewhere: Path
) -> None:
    """The server adds up the rest, without a word."""
    bench.run(
        "CREATE TABLE moved (id int) TABLESPACE elsewhere",
        "INSERT INTO moved SELECT generate_series(1, 10000)",
        "CREATE DATABASE beside",
        "CREATE DATABASE closed",
        "ALTER DATABASE closed ALLOW_CONNECTIONS false",
        "CHECKPOINT",
    )
    (version,) = elsewhere.iterdir()
    with without(version):
        snapshot = bench.sizes()
    size = found(snapshot, "bench")
    assert size.total.state is size.data.state is MeasureState.UNREACHABLE
    reason = "has files in tablespace elsewhere, which the server can't open."
    assert size.total.reason == f"Database bench {reason}"
    assert size.total.reason in snapshot.warnings
    assert "may have files in tablespace elsewhere" in found(snapshot, "closed").total.reason
    assert {item.name for item in snapshot.unread} == {"bench", "closed"}
    bench.run("DROP TABLE moved")


def test_a_database_whose_default_tablespace_is_lost_is_unknown(
    bench: PostgresBench, elsewhere: Path
) -> None:
    bench.run("CREATE DATABASE housed TABLESPACE elsewhere")
    bench.run("CREATE TABLE t (id int)", database="housed")
    (version,) = elsewhere.iterdir()
    with without(version):
        snapshot = bench.sizes()
    assert found(snapshot, "housed").total.state is MeasureState.UNREACHABLE
    assert {item.name for item in snapshot.unread} == {"housed"}


@pytest.mark.parametrize("what", ["PG_VERSION", "pg_filenode.map"])
def test_a_database_that_can_not_be_opened_costs_what_its_tables_hold(
    bench: PostgresBench, what: str
) -> None:
    bench.run("CREATE DATABASE torn")
    (number,) = bench.rows("SELECT oid FROM pg_database WHERE datname = 'torn'")[0]
    with without(bench.server.directory / "data" / "base" / str(number) / what):
        snapshot = bench.sizes()
    torn = found(snapshot, "torn")
    assert torn.data.state is MeasureState.UNREACHABLE
    assert torn.data.reason in snapshot.warnings
    assert torn.total.state is MeasureState.KNOWN
    assert found(snapshot, "bench").data.state is MeasureState.KNOWN


def test_the_tables_that_are_locked_are_named(bench: PostgresBench) -> None:
    bench.run("CREATE TABLE held (id integer)", 'CREATE TABLE "also ""held" (id integer)')
    with bench.admin() as link:
        link.autocommit = False
        link.execute('LOCK TABLE held, "also ""held" IN ACCESS EXCLUSIVE MODE')
        timeouts = Timeouts(connect_seconds=5, statement_seconds=1, total_seconds=30)
        snapshot = bench.sizes(bench.target(timeouts=timeouts))
    size = found(snapshot, "bench")
    assert size.data.reason.endswith('Locked by others: public."also ""held", public.held.')
    assert size.data.reason in snapshot.warnings
    assert found(snapshot, "postgres").data.state is MeasureState.KNOWN


def test_a_sound_server_is_asked_nothing_more(bench: PostgresBench) -> None:
    tally = Tally()
    bench.sizes(tally=tally)
    texts = [text for _, text in tally.statements]
    assert not any("size_lost" in text or "pg_locks" in text for text in texts)
    assert not any("AccessExclusiveLock" in text for text in texts)


KINDS = (
    "CREATE TABLE {name} AS SELECT g, repeat('x', 50) AS t FROM generate_series(1, 500) AS g",
    "CREATE UNLOGGED TABLE {name} AS SELECT generate_series(1, 500) AS g",
    "CREATE MATERIALIZED VIEW {name} AS SELECT generate_series(1, 500) AS g",
    "CREATE TABLE {name} (g int PRIMARY KEY, big text) TABLESPACE elsewhere",
    "CREATE TABLE {name} (g serial) PARTITION BY RANGE (g)",
    "CREATE VIEW {name} AS SELECT 1 AS g",
)


@settings(
    max_examples=5,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=6))
def test_every_database_is_what_its_directories_take(
    bench: PostgresBench, elsewhere: Path, kinds: list[str]
) -> None:
    names = [f"made_{number}" for number in range(len(kinds))]
    bench.run(
        *(kind.format(name=name) for name, kind in zip(names, kinds, strict=True)), "CHECKPOINT"
    )
    (number,) = bench.rows("SELECT oid FROM pg_database WHERE datname = 'bench'")[0]
    base = bench.server.directory / "data" / "base" / str(number)
    snapshot = bench.sizes()
    files = [item for item in base.iterdir() if item.is_file()]
    files += [item for item in elsewhere.glob(f"*/{number}/*") if item.is_file()]
    size = found(snapshot, "bench")
    assert size.total.bytes == sum(item.stat().st_size for item in files)
    assert (size.logical.bytes or 0) <= (size.total.bytes or 0)
    assert not snapshot.warnings
    bench.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "CHECKPOINT")
