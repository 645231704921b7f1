"""The scripts of Oracle and of its providers; the rest is in `test_monitor.py`."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sync_pipeline.errors import SyncError
from sync_pipeline_tests.contract.oracle_family import ENGINE, sizes_of, snapshot_of
from workbench.emulation.oracle import EmulatedOracle, Session
from workbench.emulation.oracle_world import World

COMMON, LOCAL = "c##sync_monitor", "sync_monitor"
TABLES = 3


def script(username: str) -> list[str]:
    text = ENGINE.grants_script(username, "%", ["ignored"])
    return [line for line in text.splitlines() if not line.startswith("--")]


@pytest.mark.parametrize("username", [COMMON, LOCAL])
def test_the_script_gives_nothing_but_reading(username: str) -> None:
    create, log_in, *rest = script(username)
    assert '"<password>"' in create
    assert log_in.startswith("GRANT CREATE SESSION TO ")
    for line in rest:
        assert re.fullmatch(
            r"GRANT READ ON SYS\.[A-Z_$]+ TO \S+( CONTAINER = CURRENT)?;"
            r"|ALTER USER \S+ SET CONTAINER_DATA = ALL CONTAINER = CURRENT;",
            line,
        )


def test_names_that_are_not_plain_are_quoted_in_the_script() -> None:
    assert 'CREATE USER "mon itor" ' in ENGINE.grants_script("mon itor", "%", [])
    assert "CREATE USER SYNC_MONITOR " in ENGINE.grants_script("sync_monitor", "%", [])


# The providers' scripts: no user of theirs may grant views of SYS.


def managed_world(platform: str) -> tuple[World, Session]:
    made = World(EmulatedOracle((23,), "23.9.0.25.07"))
    if platform == "autonomous":
        made.cdb("ADB")
        return made, Session(container=3, cloud_service="OLTP")
    made.database()
    made.user("RDSADMIN")
    made.redo(1, 1, 2**20, 2)
    return made, Session()


def granted_by_rds(text: str) -> frozenset[str]:
    found = re.findall(r"grant_sys_object\('(\S+)', '(?:[^']|'')+', 'SELECT'\)", text)
    return frozenset(name.lower().replace("v_$", "v$") for name in found)


def test_the_script_for_rds_is_enough_and_every_line_of_it_is_needed() -> None:
    lines = ENGINE.platform_script("sync_monitor", "rds").splitlines()
    views = [line for line in lines if "grant_sys_object" in line]
    assert lines[:2] == [
        'CREATE USER SYNC_MONITOR IDENTIFIED BY "<password>";',
        "GRANT CREATE SESSION TO SYNC_MONITOR;",
    ]

    def said(kept: list[str]) -> str:
        world, session = managed_world("rds")
        asked = replace(session, granted=granted_by_rds("\n".join(kept)))
        try:
            snapshot = snapshot_of(world, asked, "sync_monitor")
            unread = {**snapshot.unread, **snapshot.unreviewed}
            found = [report.reason for report in unread.values()]
            found += sizes_of(world, asked, TABLES, "sync_monitor").warnings
        except SyncError as error:
            return str(error)
        return "\n".join(found)

    assert said(views) == ""
    for line in views:
        view = line.split("'")[1]
        needed = f"grant_sys_object('{view}', 'SYNC_MONITOR', 'SELECT');"
        assert needed in said([item for item in views if item != line])


def test_the_script_for_autonomous_is_one_role() -> None:
    assert ENGINE.platform_script("sync_monitor", "autonomous") == (
        'CREATE USER SYNC_MONITOR IDENTIFIED BY "<password>";\n'
        "GRANT CREATE SESSION TO SYNC_MONITOR;\n"
        "GRANT SELECT_CATALOG_ROLE TO SYNC_MONITOR;\n"
    )
    world, session = managed_world("autonomous")
    assert snapshot_of(world, session, "sync_monitor").unread == {}
    sizes = sizes_of(world, replace(session, granted=frozenset()), username="sync_monitor")
    assert any("GRANT SELECT_CATALOG_ROLE TO SYNC_MONITOR;" in text for text in sizes.warnings)


@pytest.mark.parametrize("name", ["o'neil", "a b", "x'); GRANT DBA TO PUBLIC; --"])
def test_names_stay_within_their_literal(name: str) -> None:
    inside = name.replace("'", "''")
    for line in ENGINE.platform_script(name, "rds").splitlines():
        if "grant_sys_object" in line:
            assert re.fullmatch(
                r"EXECUTE rdsadmin\.rdsadmin_util\.grant_sys_object"
                rf"\('[A-Z_$]+', '{re.escape(inside)}', 'SELECT'\)",
                line,
            )
    world, session = managed_world("rds")
    fails = {"dba_tab_privs": "ORA-00942: table or view does not exist"}
    reasons = snapshot_of(world, replace(session, fails=fails), name).unread.values()
    assert any(
        f"grant_sys_object('DBA_TAB_PRIVS', '{inside}', 'SELECT')" in r.reason for r in reasons
    )
