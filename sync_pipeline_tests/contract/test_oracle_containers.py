"""A container database read from its root: all that is open, and what is not seen is said."""

from __future__ import annotations

import pytest

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.change import KnownAccount
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionStatus, Snapshot
from sync_pipeline.reconcile.accounts import reconcile
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline_tests.contract.oracle_family import (
    ENGINE,
    MONITOR,
    NOW,
    account,
    attributes,
    grants,
    snapshot_of,
)
from workbench.emulation.oracle import Session
from workbench.emulation.oracle_world import World

ROOT = Session(container=1)
FIX = f"ALTER USER {MONITOR} SET CONTAINER_DATA = ALL CONTAINER = CURRENT;"


def status(snapshot: Snapshot, name: SectionName, database: str = "") -> SectionStatus:
    return snapshot.sections[SectionKey(name, database)].status


def test_the_root_reads_all_open_containers_with_the_same_statements() -> None:
    few, many = World(), World()
    few.cdb("SALES")
    many.cdb(*(f"P{number}" for number in range(12)))
    snapshot_of(few, ROOT)
    snapshot = snapshot_of(many, ROOT)
    assert len(many.server.statements) == len(few.server.statements)
    assert snapshot.databases == {f"P{number}" for number in range(12)}
    assert snapshot.unread == {}
    assert snapshot.warnings == ()


def test_an_excluded_container_keeps_what_was_read_of_it_before() -> None:
    """One statement reads all containers: its rows of that one are let go."""
    world = World()
    world.cdb("SALES", "HR")
    world.user("app", 3)
    world.user("clerk", 4)
    before = snapshot_of(world, ROOT)
    scope = CollectScope(MONITOR, excluded=("H_",))
    less = collect_accounts(ENGINE, lambda _: world.server.session(ROOT), scope, NOW)
    assert {item.database for item in less.accounts} == {"", "SALES"}
    assert {key.database for key in less.unread} == {"HR"}
    assert status(less, SectionName.ACCOUNTS, "HR") is SectionStatus.EXCLUDED
    assert less.warnings == ()
    known = [KnownAccount(state, is_active=True) for state in before.accounts]
    result = reconcile(known, less, Scope(), tuple(before.sections))
    assert (result.deactivated, result.changes) == ((), ())


def test_accounts_of_a_container_are_named_by_it() -> None:
    world = World()
    world.cdb("SALES")
    world.user("C##OPS", 1, common="YES")
    world.user("C##OPS", 3, common="YES")
    world.user("app", 3)
    world.role("READERS", 3)
    world.grant_role("READERS", "app", 3, delegate_option="YES")
    world.grant("SELECT", "SHOP", "T", "app", 3)
    world.grant_system("CREATE TABLE", "C##OPS", 1)
    snapshot = snapshot_of(world, ROOT)
    found = account(snapshot, 'SALES."app"')
    assert found.database == "SALES"
    assert found.memberships[0].role == "SALES.READERS"
    assert (found.settings[0].database, found.settings[0].value) == ("SALES", "SALES.READERS")
    securable = found.grants[0].securable
    assert (securable.database, securable.catalog) == ("SALES", "SALES")
    assert (securable.schema, securable.name) == ("SHOP", "T")
    assert grants(snapshot, "C##OPS") == {"CREATE TABLE on server"}
    assert account(snapshot, "C##OPS").database == ""
    assert account(snapshot, "SALES.C##OPS").grants == ()
    assert account(snapshot, "SALES.PUBLIC").database == "SALES"


def test_an_account_of_the_root_that_looks_like_one_of_a_container_is_told_apart() -> None:
    world = World()
    world.cdb("SALES")
    world.user("SALES.APP", 1)
    world.user("APP", 3)
    names = [item.name for item in snapshot_of(world, ROOT).accounts]
    assert len(names) == len(set(names))
    assert {'"SALES.APP"', "SALES.APP"} <= set(names)


def test_each_container_has_its_own_default_profile_and_superusers() -> None:
    world = World()
    world.cdb("SALES", "HR")
    world.profile("APPS", 3, PASSWORD_LIFE_TIME="DEFAULT")
    world.profile("APPS", 4, PASSWORD_LIFE_TIME="30")
    for con_id in (3, 4):
        world.user("APP", con_id, profile="APPS")
    world.grant_role("DBA", "APP", 4)
    world.user("BY_FILE", 3)
    world.user("BY_FILE", 4)
    world.administrator("BY_FILE", 3, "sysdba")
    world.administrator("C##OPS", 0, "sysdba")
    world.user("C##OPS", 1)
    snapshot = snapshot_of(world, ROOT)
    assert attributes(snapshot, "SALES.APP")["password_life_time"] == "180"
    assert attributes(snapshot, "HR.APP")["password_life_time"] == "30"
    superusers = {item.name for item in snapshot.accounts if item.is_superuser}
    assert {"HR.APP", "SALES.BY_FILE", "C##OPS"} <= superusers
    assert not {"SALES.APP", "HR.BY_FILE"} & superusers


def test_the_seed_is_no_database_of_its_own() -> None:
    world = World()
    world.cdb("SALES")
    snapshot = snapshot_of(world, ROOT)
    assert "PDB$SEED" not in snapshot.databases
    assert not any("SEED" in item.name for item in snapshot.accounts)


def test_a_common_user_without_container_data_sees_silently_nothing_and_it_is_said() -> None:
    world = World()
    world.cdb("SALES", "HR")
    world.user("APP", 3)
    snapshot = snapshot_of(world, Session(container=1, sees=frozenset({1})))
    assert status(snapshot, SectionName.ACCOUNTS) is SectionStatus.READ
    for name in ("SALES", "HR"):
        for section in (SectionName.ACCOUNTS, SectionName.TABLE, SectionName.TABLESPACE):
            assert status(snapshot, section, name) is SectionStatus.DENIED
        assert FIX in snapshot.sections[SectionKey(SectionName.ACCOUNTS, name)].reason
    assert [warning.split(":")[0] for warning in snapshot.warnings] == [
        "Database SALES was not read",
        "Database HR was not read",
    ]


def test_container_data_of_some_containers_leaves_the_others_denied() -> None:
    world = World()
    world.cdb("SALES", "HR")
    snapshot = snapshot_of(world, Session(container=1, sees=frozenset({1, 2, 3})))
    assert status(snapshot, SectionName.ACCOUNTS, "SALES") is SectionStatus.READ
    assert status(snapshot, SectionName.ACCOUNTS, "HR") is SectionStatus.DENIED


def test_losing_container_data_never_deactivates() -> None:
    world = World()
    world.cdb("SALES")
    world.user("APP", 3)
    before = snapshot_of(world, ROOT)
    known = [KnownAccount(item, is_active=True) for item in before.accounts]
    after = snapshot_of(world, Session(container=1, sees=frozenset({1})))
    assert reconcile(known, after, Scope()).deactivated == ()


def test_dropping_a_pluggable_database_deactivates_its_accounts() -> None:
    world, without = World(), World()
    world.cdb("SALES", "HR")
    without.cdb("SALES")
    known = [KnownAccount(item, is_active=True) for item in snapshot_of(world, ROOT).accounts]
    gone = reconcile(known, snapshot_of(without, ROOT), Scope()).deactivated
    assert "HR.SYS" in gone
    assert all(name.startswith("HR.") for name in gone)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"open_mode": "MOUNTED"}, "it is not open (MOUNTED, NORMAL)"),
        ({"open_mode": "MOUNTED", "status": "UNPLUGGED"}, "(MOUNTED, UNPLUGGED)"),
        ({"open_mode": "MIGRATE"}, "it is not open (MIGRATE, NORMAL)"),
        ({"restricted": "YES"}, "restricted mode"),
    ],
)
def test_a_container_that_is_not_open_is_skipped_with_its_reason(
    values: dict[str, str], said: str
) -> None:
    world = World()
    world.cdb("SALES")
    world.container(4, "ASIDE", **values)
    snapshot = snapshot_of(world, ROOT)
    report = snapshot.sections[SectionKey(SectionName.ACCOUNTS, "ASIDE")]
    assert report.status is SectionStatus.SKIPPED
    assert said in report.reason
    assert status(snapshot, SectionName.ACCOUNTS, "SALES") is SectionStatus.READ
    assert len(snapshot.warnings) == 1


def test_a_container_that_closes_while_it_is_read_is_not_taken_for_empty() -> None:
    world = World()
    world.cdb("SALES", "HR")
    rows = world.server._rows["dba_tab_privs"]
    world.server._rows["dba_tab_privs"] = [row for row in rows if row["#con_id"] != 4]
    snapshot = snapshot_of(world, ROOT)
    assert status(snapshot, SectionName.TABLE, "HR") is SectionStatus.FAILED
    assert status(snapshot, SectionName.TABLE, "SALES") is SectionStatus.READ
    assert status(snapshot, SectionName.COLUMN, "HR") is SectionStatus.READ


def test_a_view_that_fails_is_unread_in_every_container() -> None:
    world = World()
    world.cdb("SALES")
    snapshot = snapshot_of(
        world, Session(container=1, fails={"cdb_col_privs": "DPY-4024: call timeout exceeded"})
    )
    for name in ("", "SALES"):
        assert status(snapshot, SectionName.COLUMN, name) is SectionStatus.FAILED


def test_a_list_of_containers_without_the_seed_is_not_believed() -> None:
    world = World()
    world.cdb("SALES")
    world.server._rows["dba_pdbs"] = []
    with pytest.raises(PrivilegeError) as caught:
        snapshot_of(world, ROOT)
    assert FIX in str(caught.value)


def test_a_superuser_whose_roles_were_not_read_stays_one() -> None:
    world = World()
    world.cdb("SALES")
    world.user("APP", 3)
    world.grant_role("DBA", "APP", 3)
    known = [KnownAccount(item, is_active=True) for item in snapshot_of(world, ROOT).accounts]
    after = snapshot_of(
        world,
        Session(container=1, fails={"cdb_role_privs": "ORA-00942: table or view does not exist"}),
    )
    result = reconcile(known, after, Scope())
    assert result.changes == ()
