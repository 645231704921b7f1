"""Who is said to be in use on SQL Server, Azure SQL Database and Oracle, which are emulated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sync_pipeline.collect.accounts import CollectScope, read_accounts
from sync_pipeline.collect.reading import AccountReading
from sync_pipeline.engines.base import Connection
from sync_pipeline.engines.oracle.engine import Oracle
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.model.use import UseMeans, UseSample
from workbench.emulation import azure_sql
from workbench.emulation.oracle import Session
from workbench.emulation.oracle_world import World as OracleWorld
from workbench.emulation.sqlserver import EmulatedSqlServer
from workbench.emulation.sqlserver_connection import opener
from workbench.emulation.sqlserver_world import World

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STATE = "VIEW SERVER STATE"


def sqlserver(world: World) -> AccountReading:
    server = EmulatedSqlServer(world)
    try:
        return read_accounts(SqlServer(), opener(server), CollectScope(world.username), NOW)
    finally:
        server.close()


def seen(use: UseSample | str | None) -> set[str]:
    assert isinstance(use, UseSample), use
    assert all(item.is_open for item in use.sightings)
    return {item.account for item in use.sightings}


def session(world: World, name: str, sid: bytes, **more: Any) -> None:
    row = {
        "session_id": 60,
        "is_user_process": True,
        "original_login_name": name,
        "original_security_id": sid,
        "authenticating_database_id": 0,
    }
    world.server.add("dm_exec_sessions", **{**row, **more})


def test_sessions_of_sql_server_are_of_logins_and_of_contained_users() -> None:
    world = World()
    sid = world.login("ann [x]")
    world.login("bob")
    sales = world.database("sales")
    session(world, "ann [x]", sid)
    session(world, "ann [x]", sid)
    session(world, "CORP\\eve", b"\x01\x05")  # let in by a group: no principal of her own
    session(world, "cid", b"\x09", authenticating_database_id=sales.number)
    session(world, "sa", b"\x01", is_user_process=False)
    found = sqlserver(world)
    use = found.use
    assert seen(use) == {world.username, "ann [x]", "CORP\\eve", "[sales].[cid]"}
    assert isinstance(use, UseSample)
    assert (use.means, use.is_whole, use.own) == (UseMeans.SESSION, False, world.username)


def test_sessions_that_are_hidden_cost_a_note_that_names_the_grant() -> None:
    world = World()
    world.permissions.discard(STATE)
    found = sqlserver(world)
    assert isinstance(found.use, str)
    assert f"GRANT {STATE} TO [{world.username}];" in found.use
    assert found.snapshot().accounts


def test_a_logical_server_shows_the_sessions_of_master() -> None:
    world = azure_sql.fleet()
    sid = world.login("ann")
    session(world, "ann", sid)
    with azure_sql.emulated(world) as server:
        scope = CollectScope(world.username)
        use = read_accounts(SqlServer(), azure_sql.opener(server), scope, NOW).use
    assert seen(use) == {world.username, "ann"}
    assert isinstance(use, UseSample)
    assert "in others are not seen" in use.note


def oracle(world: OracleWorld, asked: Session) -> AccountReading:
    with world.server.session(asked) as connection:

        @contextmanager
        def opened(_database: str | None) -> Iterator[Connection]:
            yield connection

        return read_accounts(Oracle(), opened, CollectScope("monitor"), NOW)


def a_database() -> OracleWorld:
    world = OracleWorld()
    world.database()
    world.user("ANN", last_login=NOW - timedelta(days=200))
    world.user("BOB")
    world.user("Cid", last_login=NOW - timedelta(days=200))
    world.user("DBA1", last_login=NOW - timedelta(days=300))
    world.administrator("DBA1", 0, "sysdba")
    world.server.add("gv$session", 0, inst_id=2, username="Cid", type="USER", con_id=0)
    world.server.add("gv$session", 0, inst_id=1, username=None, type="BACKGROUND", con_id=0)
    return world


def test_oracle_remembers_logins_and_shows_sessions() -> None:
    use = oracle(a_database(), Session()).use
    assert isinstance(use, UseSample), use
    assert (use.means, use.is_whole, use.note, use.own) == (
        *(UseMeans.LAST_LOGIN, True, ""),
        "MONITOR",
    )
    found = {item.account: item for item in use.sightings}
    assert set(found) == {"ANN", "Cid", "DBA1"}
    assert found["ANN"].login_at == NOW - timedelta(days=200)
    assert (found["ANN"].is_open, found["Cid"].is_open) == (False, True)
    # No login of theirs as an administrator is written down.
    assert set(use.doubted) == {"SYS", "DBA1"}


def test_without_the_sessions_of_oracle_its_last_logins_prove_no_rest() -> None:
    views = {"dba_users", "dba_roles", "dba_profiles", "v$pwfile_users", "dba_proxies"}
    use = oracle(a_database(), Session(granted=frozenset(views))).use
    assert isinstance(use, UseSample), use
    assert not use.is_whole
    assert "GRANT READ ON SYS.GV_$SESSION TO MONITOR;" in use.note
    assert {item.account for item in use.sightings} == {"ANN", "Cid", "DBA1"}


def test_a_standby_of_oracle_writes_no_login_down() -> None:
    use = oracle(a_database(), Session(database_role="PHYSICAL STANDBY")).use
    assert isinstance(use, UseSample), use
    assert not use.is_whole
    # What was not written down stays unknown after a switch of roles.
    assert {"ANN", "BOB", "Cid"} <= set(use.doubted)


def test_a_pluggable_database_that_is_open_for_reading_writes_no_login_down() -> None:
    world = OracleWorld()
    world.cdb("SALES", "HR")
    more = {"restricted": "NO", "total_size": 2**30}
    world.server.set("v$pdbs", 4, name="HR", con_id=4, open_mode="READ ONLY", **more)
    world.user("ANN", 3)
    world.user("ANN", 4)
    use = oracle(world, Session(container=1)).use
    assert isinstance(use, UseSample), use
    assert "HR.ANN" in use.doubted
    assert "SALES.ANN" not in use.doubted


def test_accounts_of_each_container_are_told_apart() -> None:
    world = OracleWorld()
    world.cdb("SALES", "HR")
    world.user("ANN", 3, last_login=NOW - timedelta(days=5))
    world.user("ANN", 4)
    world.server.add("gv$session", 4, inst_id=1, username="ANN", type="USER", con_id=4)
    use = oracle(world, Session(container=1)).use
    assert isinstance(use, UseSample), use
    found = {item.account: item for item in use.sightings}
    assert (found["SALES.ANN"].is_open, found["HR.ANN"].is_open) == (False, True)
    assert found["HR.ANN"].login_at is None
