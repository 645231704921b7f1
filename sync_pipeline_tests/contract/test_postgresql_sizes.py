"""The sizes of PostgreSQL: what the server and its files say, and every way not to know."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from psycopg import sql

from sync_pipeline.model.instance import Timeouts
from sync_pipeline.model.size import DatabaseSize, MeasureState, SizeSnapshot
from workbench.servers.postgresql_bench import PostgresBench, statement

pytestmark = pytest.mark.postgresql

NAMES = ("bench", 'we"ird %s; --', "MyDb", "mydb", "ünïcode")
MEGABYTE = 2**20


def found(snapshot: SizeSnapshot, name: str) -> DatabaseSize:
    (item,) = (item for item in snapshot.databases if item.name == name)
    return item


def known(size: int | None) -> int:
    assert size is not None
    return size


def files_of(directory: Path) -> int:
    """Return the bytes of a database's directory, as `ls` counts them."""
    return sum(item.stat().st_size for item in directory.iterdir() if item.is_file())


def filled(bench: PostgresBench, megabytes: int, name: str = "filler") -> None:
    """Add a table of random bytes, which TOAST stores out of line as they are."""
    bench.run(
        f"CREATE TABLE {name} (id integer PRIMARY KEY, filler bytea)",
        f"ALTER TABLE {name} ALTER COLUMN filler SET STORAGE EXTERNAL",
        f"INSERT INTO {name} SELECT i, decode(repeat(md5(i::text), 65536), 'hex')"
        f" FROM generate_series(1, {megabytes}) AS i",
        "CHECKPOINT",
    )


def test_data_and_indexes_are_apart(bench: PostgresBench) -> None:
    bench.run("CREATE TABLE plain AS SELECT generate_series(1, 200000) AS id")
    before = found(bench.sizes(), "bench")
    bench.run("CREATE INDEX big ON plain (id)")
    after = found(bench.sizes(), "bench")
    (index,) = bench.rows("SELECT pg_relation_size('big')")[0]
    assert known(after.index.bytes) - known(before.index.bytes) >= index
    assert known(after.data.bytes) - known(before.data.bytes) < index
    logical = known(after.logical.bytes)
    assert logical == known(after.data.bytes) + known(after.index.bytes)
    assert logical <= known(after.total.bytes)


def test_wal_and_temporary_files_and_tablespaces(bench: PostgresBench) -> None:
    directory = bench.server.directory / "tablespace"
    directory.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        owner = bench.server.directory.stat()
        os.chown(directory, owner.st_uid, owner.st_gid)
    bench.run(
        statement("CREATE TABLESPACE {} LOCATION ", "fast disk") + sql.Literal(str(directory))
    )
    bench.run('CREATE TABLE moved (id integer) TABLESPACE "fast disk"')
    bench.run("INSERT INTO moved SELECT generate_series(1, 100000)")
    snapshot = bench.sizes()
    said = dict(bench.rows("SELECT spcname, pg_tablespace_size(oid) FROM pg_tablespace"))
    assert {item.name: item.total.bytes for item in snapshot.tablespaces} == said
    assert "fast disk" in said
    assert snapshot.shared.bytes == said["pg_global"]
    wal = bench.server.directory / "data" / "pg_wal"
    assert known(snapshot.log.bytes) == sum(
        item.stat().st_size for item in wal.iterdir() if item.is_file()
    )
    assert snapshot.temporary.bytes == 0
    bench.run("DROP TABLE moved")


def test_temporary_files_of_a_query_are_counted(bench: PostgresBench) -> None:
    with bench.admin() as link, link.cursor() as cursor:
        link.autocommit = False
        cursor.execute("SET work_mem = '64kB'")
        cursor.execute(
            "DECLARE many CURSOR FOR SELECT g FROM generate_series(1, 300000) g ORDER BY -g"
        )
        cursor.execute("FETCH 1 FROM many")
        assert known(bench.sizes().temporary.bytes) > MEGABYTE


def test_a_database_that_is_closed_to_us_says_which_grant_it_needs(bench: PostgresBench) -> None:
    bench.run("CREATE ROLE watcher LOGIN", "REVOKE CONNECT ON DATABASE bench FROM PUBLIC")
    snapshot = bench.sizes(bench.target("watcher"))
    closed = found(snapshot, "bench")
    assert closed.total.state is MeasureState.DENIED
    assert closed.total.bytes is None
    assert 'GRANT pg_monitor TO "watcher";' in closed.total.reason
    assert closed.data.state is MeasureState.DENIED
    assert 'GRANT CONNECT ON DATABASE "bench" TO "watcher";' in closed.data.reason
    assert snapshot.log.state is MeasureState.DENIED
    assert 'GRANT pg_monitor TO "watcher";' in snapshot.log.reason
    assert snapshot.shared.state is MeasureState.DENIED
    # The others are known, and the instance is not: a sum without it would be too low.
    assert known(found(snapshot, "postgres").total.bytes) > 0
    assert snapshot.measures()["total"].state is MeasureState.DENIED  # type: ignore[index]
    assert (
        0
        < snapshot.known_bytes
        < sum(
            size for _, size in bench.rows("SELECT datname, pg_database_size(oid) FROM pg_database")
        )
    )
    assert any("bench" in warning for warning in snapshot.warnings)


def test_pg_monitor_and_connect_are_enough_for_everything(bench: PostgresBench) -> None:
    bench.run(
        "CREATE ROLE watcher LOGIN",
        "REVOKE CONNECT ON DATABASE bench FROM PUBLIC",
        "GRANT CONNECT ON DATABASE bench TO watcher",
        "GRANT pg_monitor TO watcher",
        "CHECKPOINT",
    )
    bench.sizes()  # The first connection to a database after a GRANT writes its relation cache.
    mine, superuser = bench.sizes(bench.target("watcher")), bench.sizes()
    assert not mine.warnings
    assert mine.databases == superuser.databases
    assert (mine.shared, mine.log.state) == (superuser.shared, superuser.log.state)


def test_an_invalid_database_is_unreachable_and_named(bench: PostgresBench) -> None:
    """What an interrupted DROP DATABASE leaves (PostgreSQL manual, DROP DATABASE)."""
    bench.run(
        "CREATE DATABASE broken",
        "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'broken'",
    )
    snapshot = bench.sizes()
    broken = found(snapshot, "broken")
    assert broken.total.state is MeasureState.UNREACHABLE
    assert "Database broken is invalid; drop it." in snapshot.warnings
    assert snapshot.measures()["total"].bytes is None  # type: ignore[index]
    assert [item.name for item in snapshot.unread] == ["broken"]
    bench.run("UPDATE pg_database SET datconnlimit = -1 WHERE datname = 'broken'")


def test_a_database_that_is_dropped_meanwhile_is_gone_not_unknown(bench: PostgresBench) -> None:
    bench.run("CREATE DATABASE doomed", "CREATE DATABASE zoo")

    def drop(database: str) -> None:
        if database == "doomed":
            bench.run("DROP DATABASE doomed", database="postgres")

    snapshot = bench.sizes(before_database=drop)
    names = {item.name for item in snapshot.databases}
    assert "doomed" not in names
    assert {"bench", "zoo"} < names
    assert snapshot.measures()["total"].bytes is not None  # type: ignore[index]
    assert any("doomed was dropped" in warning for warning in snapshot.warnings)


def test_a_locked_table_leaves_the_total_known(bench: PostgresBench) -> None:
    """The files are counted without a lock; what the tables hold waits for one, bounded."""
    bench.run("CREATE TABLE held (id integer)")
    with bench.admin() as link:
        link.autocommit = False
        link.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        timeouts = Timeouts(connect_seconds=5, statement_seconds=1, total_seconds=30)
        snapshot = bench.sizes(bench.target(timeouts=timeouts))
    locked = found(snapshot, "bench")
    assert known(locked.total.bytes) > 0
    assert locked.data.state is MeasureState.UNREACHABLE
    assert any("Database bench" in warning for warning in snapshot.warnings)


def test_a_template_that_allows_no_connection_is_measured_without_a_warning(
    bench: PostgresBench,
) -> None:
    snapshot = bench.sizes()
    template = found(snapshot, "template0")
    assert known(template.total.bytes) > MEGABYTE
    assert template.data.state is MeasureState.NOT_APPLICABLE
    assert not snapshot.warnings
