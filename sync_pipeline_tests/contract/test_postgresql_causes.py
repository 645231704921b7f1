"""A cause is told where it was looked at: what is missing, and what is not the account's fault."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg import sql

from sync_pipeline.errors import PrivilegeError, QueryError, SyncError
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.size import MeasureState
from sync_pipeline.model.snapshot import SectionStatus
from workbench.servers.postgresql_bench import ENGINE, PostgresBench, statement

pytestmark = pytest.mark.postgresql


@contextmanager
def revoked(bench: PostgresBench, privilege: str, on: str, database: str) -> Iterator[None]:
    """Take a privilege on the system's own objects from PUBLIC for a while."""
    bench.run(f"REVOKE {privilege} ON {on} FROM PUBLIC", database=database)
    try:
        yield
    finally:
        bench.run(f"GRANT {privilege} ON {on} TO PUBLIC", database=database)


def watch(bench: PostgresBench) -> PostgresBench:
    bench.run("CREATE ROLE watcher LOGIN", "GRANT pg_monitor TO watcher")
    return bench


@pytest.fixture
def watched(newest_bench: PostgresBench) -> PostgresBench:
    return watch(newest_bench)


def refused(bench: PostgresBench) -> SyncError:
    with pytest.raises(PrivilegeError) as caught:
        bench.collect(bench.target("watcher"))
    return caught.value


def test_a_revoked_view_is_named_with_its_grant(bench: PostgresBench) -> None:
    watched = watch(bench)
    with revoked(watched, "SELECT", "pg_catalog.pg_roles", "postgres"):
        error = refused(watched)
    needs = 'GRANT SELECT ON pg_catalog.pg_roles TO "watcher";'
    assert f"It needs: {needs}" in str(error)
    assert isinstance(error, PrivilegeError)
    assert error.missing == needs
    assert "nothing" not in str(error)


@pytest.mark.parametrize("name", ["pg_database", "pg_stat_ssl"])
def test_so_are_those_of_the_listing_and_the_identity(watched: PostgresBench, name: str) -> None:
    with revoked(watched, "SELECT", f"pg_catalog.{name}", "postgres"):
        error = refused(watched)
    assert f'It needs: GRANT SELECT ON pg_catalog.{name} TO "watcher";' in str(error)


def test_a_revoked_function_is_named_with_its_grant(watched: PostgresBench) -> None:
    on = "FUNCTION pg_catalog.aclexplode(aclitem[])"
    with revoked(watched, "EXECUTE", on, "bench"):
        snapshot = watched.collect(watched.target("watcher"))
    assert {key.database for key in snapshot.unread} == {"bench"}
    report = snapshot.sections[SectionKey(SectionName.SCHEMA, "bench")]
    assert report.status is SectionStatus.DENIED
    needs = 'GRANT EXECUTE ON FUNCTION pg_catalog.aclexplode(aclitem[]) TO "watcher";'
    assert f"It needs: {needs}" in report.reason
    assert "GRANT CONNECT" not in report.reason


def test_a_schema_that_hides_even_the_question_says_so(watched: PostgresBench) -> None:
    with revoked(watched, "USAGE", "SCHEMA pg_catalog", "bench"):
        snapshot = watched.collect(watched.target("watcher"))
    reasons = {report.reason for report in snapshot.unread.values()}
    assert {key.database for key in snapshot.unread} == {"bench"}
    assert all("It needs" not in reason for reason in reasons)
    assert any("permission denied for schema pg_catalog" in reason for reason in reasons)


def test_the_statement_that_is_named_is_enough(watched: PostgresBench) -> None:
    with revoked(watched, "SELECT", "pg_catalog.pg_roles", "postgres"):
        error = refused(watched)
        assert isinstance(error, PrivilegeError)
        watched.run(error.missing or "", database="postgres")
        watched.collect(watched.target("watcher"))
        watched.run("REVOKE SELECT ON pg_catalog.pg_roles FROM watcher", database="postgres")


def test_the_grant_goes_to_the_role_that_the_session_acts_as(watched: PostgresBench) -> None:
    """A role that is stored for the monitoring account is who lacks it."""
    watched.run(
        "CREATE ROLE acting",
        "GRANT acting TO watcher",
        "ALTER ROLE watcher SET role = 'acting'",
    )
    log = watched.sizes(watched.target("watcher")).log
    assert 'It needs: GRANT pg_monitor TO "acting";' in log.reason
    watched.run('GRANT pg_monitor TO "acting";')
    assert not watched.sizes(watched.target("watcher")).warnings


def without_statistics(bench: PostgresBench) -> None:
    bench.run("REVOKE pg_monitor FROM watcher")


def test_a_role_that_lacks_pg_monitor_is_told_so(watched: PostgresBench) -> None:
    without_statistics(watched)
    snapshot = watched.sizes(watched.target("watcher"))
    assert snapshot.log.state is MeasureState.DENIED
    assert 'It needs: GRANT pg_monitor TO "watcher";' in snapshot.log.reason
    assert snapshot.temporary.state is MeasureState.DENIED


@pytest.fixture
def lost(bench: PostgresBench) -> Iterator[PostgresBench]:
    """A tablespace whose directory is gone."""
    watched = watch(bench)
    directory = watched.server.directory / "lost"
    directory.mkdir()
    owner = watched.server.directory.stat()
    if os.geteuid() == 0:
        os.chown(directory, owner.st_uid, owner.st_gid)
    watched.run(statement("CREATE TABLESPACE {} LOCATION ", "lost") + sql.Literal(str(directory)))
    (version,) = directory.iterdir()
    shutil.move(str(version), str(directory.parent / "kept"))
    yield watched
    shutil.move(str(directory.parent / "kept"), str(version))
    watched.run("DROP TABLESPACE lost")
    shutil.rmtree(directory)


@pytest.mark.parametrize("username", ["postgres", "watcher"])
def test_a_missing_directory_is_no_missing_grant(lost: PostgresBench, username: str) -> None:
    snapshot = lost.sizes(lost.target(username))
    (found,) = (item for item in snapshot.tablespaces if item.name == "lost")
    assert found.total.state is MeasureState.UNREACHABLE
    assert "the server can't open its directory" in found.total.reason
    assert "GRANT" not in found.total.reason
    assert found.total.reason in snapshot.warnings


def test_where_both_are_missing_the_grant_comes_first(lost: PostgresBench) -> None:
    """An account that may not know is told no more than that."""
    without_statistics(lost)
    snapshot = lost.sizes(lost.target("watcher"))
    (found,) = (item for item in snapshot.tablespaces if item.name == "lost")
    assert found.total.state is MeasureState.DENIED
    assert 'GRANT pg_monitor TO "watcher";' in found.total.reason


def test_a_directory_that_the_server_may_not_read_is_no_missing_grant(
    watched: PostgresBench,
) -> None:
    """EACCES of the server's own user comes with the SQLSTATE of a missing privilege."""
    wal = watched.server.directory / "data" / "pg_wal"
    mode = wal.stat().st_mode
    wal.chmod(0)
    try:
        for username in ("postgres", "watcher"):
            log = watched.sizes(watched.target(username)).log
            assert log.state is MeasureState.UNREACHABLE
            assert "GRANT" not in log.reason
            assert "Permission denied" in log.reason
    finally:
        wal.chmod(mode)


def test_a_database_without_its_directory_is_not_gone(watched: PostgresBench) -> None:
    """It is listed, so that its size is unknown and not absent."""
    (number,) = watched.rows("SELECT oid FROM pg_database WHERE datname = 'bench'")[0]
    base: Path = watched.server.directory / "data" / "base"
    (base / str(number)).rename(base / "away")
    try:
        (found,) = (
            item
            for item in watched.sizes(watched.target("watcher")).databases
            if item.name == "bench"
        )
    finally:
        (base / "away").rename(base / str(number))
    assert found.total.state is MeasureState.UNREACHABLE
    assert "the server can't open its directory" in found.total.reason


def test_a_refusal_for_no_missing_grant_is_an_error(watched: PostgresBench) -> None:
    """A superuser lacks nothing: what is refused to it has another cause."""
    watched.run(
        "CREATE FUNCTION public.refuse() RETURNS int LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE insufficient_privilege USING MESSAGE = 'no'; END $$"
    )
    connection = ENGINE.connect(watched.target(), "bench")
    try:
        with pytest.raises(QueryError, match="has every grant that the query needs") as caught:
            connection.fetch("SELECT public.refuse() AS one")
        assert connection.fetch("SELECT 1 AS one") == [{"one": 1}]
    finally:
        connection.close()
    assert "refused a catalog query: no" in str(caught.value)
