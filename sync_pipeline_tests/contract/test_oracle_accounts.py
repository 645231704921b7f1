"""What Oracle alone has of accounts: each status, profile, release and kind of database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sync_pipeline.engines.own import is_own
from sync_pipeline.errors import PrivilegeError, UnsupportedServer
from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionStatus
from sync_pipeline_tests.contract.oracle_family import (
    ENGINE,
    account,
    attributes,
    grants,
    snapshot_of,
)
from workbench.emulation.oracle import Container, EmulatedOracle, Session
from workbench.emulation.oracle_world import World


def clock(text: str) -> datetime:
    """Return a date of the server's clock, which has no zone."""
    return datetime.fromisoformat(text)


@pytest.fixture
def world() -> World:
    made = World()
    made.database()
    return made


@pytest.mark.parametrize(
    ("status", "is_locked"),
    [
        ("OPEN", False),
        ("LOCKED", True),
        ("LOCKED(TIMED)", True),
        ("EXPIRED", False),
        ("EXPIRED(GRACE)", False),
        ("EXPIRED & LOCKED", True),
        ("EXPIRED & LOCKED(TIMED)", True),
        ("EXPIRED(GRACE) & LOCKED", True),
        ("EXPIRED(GRACE) & LOCKED(TIMED)", True),
        ("IN ROLLOVER", False),
        ("EXPIRED & IN ROLLOVER", False),
        ("LOCKED & IN ROLLOVER", True),
    ],
)
def test_account_status_is_a_combination(world: World, status: str, is_locked: bool) -> None:
    world.user("APP", account_status=status)
    found = account(snapshot_of(world), "APP")
    assert (found.is_locked, found.can_login) == (is_locked, not is_locked)
    assert dict(found.attributes)["account_status"] == status


def test_dates_profile_and_verifiers_are_attributes(world: World) -> None:
    world.user(
        "APP",
        expiry_date=clock("2026-06-01T08:30:00"),
        password_change_date=clock("2025-12-03T08:30:00"),
        last_login=datetime(2026, 2, 27, 23, 30, tzinfo=timezone(timedelta(hours=-3))),
    )
    assert attributes(snapshot_of(world), "APP") == {
        "account_status": "OPEN",
        "lock_date": None,
        "expiry_date": "2026-06-01T08:30:00",
        "last_login": "2026-02-01",
        "password_changed_at": "2025-12-03T08:30:00",
        "profile": "DEFAULT",
        "authentication_type": "PASSWORD",
        "password_versions": "11G 12C",
        "is_common": False,
        "is_oracle_maintained": False,
        "default_tablespace": "USERS",
        "password_life_time": "180",
        "failed_login_attempts": "10",
        "password_verify_function": None,
    }


def test_a_login_is_no_change_and_never_having_logged_in_is_known(world: World) -> None:
    world.user("NEVER")
    world.user("APP", last_login=datetime(2026, 2, 3, tzinfo=UTC))
    later = World()
    later.database()
    later.user("APP", last_login=datetime(2026, 2, 28, tzinfo=UTC))
    before = snapshot_of(world)
    assert attributes(before, "NEVER")["last_login"] is None
    assert account(before, "APP").fingerprint == account(snapshot_of(later), "APP").fingerprint


def test_a_profile_limit_of_default_is_that_of_the_default_profile(world: World) -> None:
    world.profile(
        "APPS",
        PASSWORD_LIFE_TIME="UNLIMITED",
        FAILED_LOGIN_ATTEMPTS="DEFAULT",
        PASSWORD_VERIFY_FUNCTION="ORA12C_VERIFY_FUNCTION",
    )
    world.user("APP", profile="APPS")
    found = attributes(snapshot_of(world), "APP")
    assert found["password_life_time"] == "UNLIMITED"
    assert found["failed_login_attempts"] == "10"
    assert found["password_verify_function"] == "ORA12C_VERIFY_FUNCTION"


def test_release_12_2_has_no_date_of_the_password(world: World) -> None:
    old = World(EmulatedOracle((12, 2)))
    old.database()
    old.user("APP")
    snapshot = snapshot_of(old)
    assert snapshot.server.version_number == (12, 2, 0)
    assert attributes(snapshot, "APP")["password_changed_at"] is None
    with pytest.raises(LookupError):
        old.user("LATER", password_change_date=clock("2026-01-01T00:00:00"))


def test_a_user_of_people_is_none_of_oracles_whatever_the_dictionary_says(world: World) -> None:
    """As after ALTER SESSION SET "_ORACLE_SCRIPT" = TRUE, which is how names get no C##."""
    world.user("BOB", oracle_maintained="Y")
    world.role("BOBS", oracle_maintained="Y")
    world.grant_role("BOBS", "BOB")
    world.grant_system("CREATE SESSION", "BOBS")
    world.user("CTXSYS", oracle_maintained="Y")
    world.grant_system("CREATE SESSION", "CTXSYS")
    world.user("SCHEMA_ONLY", oracle_maintained="Y", authentication_type="NONE")
    world.grant_system("CREATE TABLE", "SCHEMA_ONLY")
    snapshot = snapshot_of(world)
    left_out = {item.name for item in snapshot.accounts if item.is_system}
    assert {"CTXSYS", "SCHEMA_ONLY"} <= left_out
    assert left_out.isdisjoint({"BOB", "BOBS"})
    bob = account(snapshot, "BOB")
    assert not is_own(EngineName.ORACLE, bob)
    assert is_own(EngineName.ORACLE, account(snapshot, "CTXSYS"))


def test_roles_keep_how_they_are_enabled(world: World) -> None:
    for kind in ("NONE", "PASSWORD", "EXTERNAL", "GLOBAL", "APPLICATION"):
        world.role(f"R_{kind}", authentication_type=kind)
    snapshot = snapshot_of(world)
    for kind in ("NONE", "PASSWORD", "EXTERNAL", "GLOBAL", "APPLICATION"):
        found = account(snapshot, f"R_{kind}")
        assert (found.kind, found.can_login) == (AccountKind.ROLE, False)
        assert dict(found.attributes)["authentication_type"] == kind


@pytest.mark.parametrize("privilege", ["READ", "SELECT"])
def test_the_hierarchy_option_stands_beside_its_privilege(world: World, privilege: str) -> None:
    world.user("APP")
    world.grant(privilege, "HR", "T", "APP", hierarchy="YES")
    assert grants(snapshot_of(world), "APP") == {
        f"{privilege} on table HR.T (by HR)",
        f"{privilege} WITH HIERARCHY OPTION on table HR.T (by HR)",
    }


def test_schema_privileges_exist_from_23ai_on() -> None:
    new = World(EmulatedOracle((23,), "23.4.0.24.05"))
    new.database()
    new.user("APP")
    new.grant_schema("SELECT ANY TABLE", "HR", "APP")
    snapshot = snapshot_of(new)
    assert snapshot.server.version_number == (23, 4, 0)
    assert grants(snapshot, "APP") == {"SELECT ANY TABLE on schema HR"}
    assert snapshot.sections[SectionKey(SectionName.SCHEMA)].status is SectionStatus.READ


@pytest.mark.parametrize(
    ("view", "unread"),
    [
        ("dba_role_privs", {SectionName.MEMBERSHIPS, SectionName.SETTINGS}),
        ("dba_sys_privs", {SectionName.SERVER}),
        ("v$pwfile_users", {SectionName.SERVER}),
        (
            "dba_tab_privs",
            {SectionName.TABLE, SectionName.ROUTINE, SectionName.TYPE, SectionName.OTHER},
        ),
        ("dba_col_privs", {SectionName.COLUMN}),
        ("dba_ts_quotas", {SectionName.TABLESPACE}),
    ],
)
def test_a_view_that_may_not_be_read_leaves_its_sections_denied(
    world: World, view: str, unread: set[SectionName]
) -> None:
    snapshot = snapshot_of(world, Session(fails={view: "ORA-00942: table or view does not exist"}))
    assert {key.name for key in snapshot.unread} == unread
    for report in snapshot.unread.values():
        assert report.status is SectionStatus.DENIED
        assert f"SYS.{view.upper().replace('V$', 'V_$')} TO" in report.reason


@pytest.mark.parametrize("view", ["dba_users", "dba_roles", "dba_profiles"])
def test_without_the_list_of_accounts_nothing_is_compared(world: World, view: str) -> None:
    with pytest.raises(PrivilegeError) as caught:
        snapshot_of(world, Session(fails={view: "ORA-00942: table or view does not exist"}))
    assert f"GRANT READ ON SYS.{view.upper()} TO" in str(caught.value)


def test_a_pluggable_database_is_read_like_one_without_containers() -> None:
    world = World()
    world.cdb("SALES", "HR")
    world.user("APP", 3)
    world.user("CLERK", 4)
    snapshot = snapshot_of(world, Session(container=3))
    assert snapshot.server.place == "pdb"
    assert snapshot.databases == frozenset()
    names = {item.name for item in snapshot.accounts}
    assert "APP" in names
    assert "CLERK" not in names
    assert {item.database for item in snapshot.accounts} == {""}


def test_tls_is_told_by_the_server(world: World) -> None:
    assert snapshot_of(world, Session(protocol="tcps")).server.tls == "tcps"
    assert snapshot_of(world).server.tls is None


@pytest.mark.parametrize("release", [(11, 2), (12, 1)])
def test_releases_before_12_2_are_not_supported(release: tuple[int, ...]) -> None:
    old = EmulatedOracle((12, 2))
    old.containers[0] = Container(0, "ORCL")
    rows = old._rows["product_component_version"]
    rows[0]["version"] = f"{release[0]}.{release[1]}.0.2.0"
    with old.session(Session()) as connection, pytest.raises(UnsupportedServer) as caught:
        ENGINE.identify(connection)
    assert f"{release[0]}.{release[1]}" in str(caught.value)
