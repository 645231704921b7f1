"""Accounts of one Oracle database: every status, option and kind of grant is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sync_pipeline.errors import PrivilegeError, UnsupportedServer
from sync_pipeline.model.account import AccountKind, AccountState
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


def test_a_lock_is_not_a_removal(world: World) -> None:
    world.user("GONE_HOME", account_status="LOCKED", lock_date=clock("2026-01-02T03:04:05"))
    assert attributes(snapshot_of(world), "GONE_HOME")["lock_date"] == "2026-01-02T03:04:05"


def test_an_account_without_authentication_can_not_log_in(world: World) -> None:
    world.user("SCHEMA_ONLY", authentication_type="NONE", password_versions=None)
    found = account(snapshot_of(world), "SCHEMA_ONLY")
    assert (found.can_login, found.is_locked) == (False, False)


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


def test_roles_keep_how_they_are_enabled(world: World) -> None:
    for kind in ("NONE", "PASSWORD", "EXTERNAL", "GLOBAL", "APPLICATION"):
        world.role(f"R_{kind}", authentication_type=kind)
    snapshot = snapshot_of(world)
    for kind in ("NONE", "PASSWORD", "EXTERNAL", "GLOBAL", "APPLICATION"):
        found = account(snapshot, f"R_{kind}")
        assert (found.kind, found.can_login) == (AccountKind.ROLE, False)
        assert dict(found.attributes)["authentication_type"] == kind


def test_memberships_keep_admin_default_and_delegate(world: World) -> None:
    world.user("APP")
    world.role("READERS")
    world.grant_role("READERS", "APP", admin_option="YES", default_role="NO")
    world.grant_role("CONNECT", "APP", delegate_option="YES")
    found = account(snapshot_of(world), "APP")
    assert [str(item) for item in found.memberships] == [
        "role CONNECT (default)",
        "role READERS (admin)",
    ]
    assert [str(item) for item in found.settings] == ["DELEGATE OPTION = CONNECT"]


def test_superuser_is_sys_sysdba_or_the_dba_role_through_any_chain(world: World) -> None:
    for name in ("DIRECT", "CHAINED", "BY_FILE", "OPERATOR", "NOBODY"):
        world.user(name)
    for role in ("INNER", "OUTER", "HARMLESS"):
        world.role(role)
    world.grant_role("DBA", "DIRECT", default_role="NO")
    world.grant_role("DBA", "INNER")
    world.grant_role("INNER", "OUTER")
    world.grant_role("OUTER", "INNER")  # a cycle, which Oracle refuses, must not hang us
    world.grant_role("OUTER", "CHAINED")
    world.grant_role("HARMLESS", "NOBODY")
    world.administrator("BY_FILE", 0, "sysdba")
    world.administrator("OPERATOR", 0, "sysoper", "sysbackup")
    snapshot = snapshot_of(world)
    superusers = {item.name for item in snapshot.accounts if item.is_superuser}
    assert superusers == {
        "SYS",
        "SYSTEM",
        "DBA",
        "DIRECT",
        "CHAINED",
        "INNER",
        "OUTER",
        "BY_FILE",
    }
    assert grants(snapshot, "OPERATOR") == {"SYSOPER on server", "SYSBACKUP on server"}


def test_system_privileges_keep_the_admin_option(world: World) -> None:
    world.user("APP")
    world.grant_system("CREATE ANY TABLE", "APP", admin="YES")
    world.grant_system("UNLIMITED TABLESPACE", "APP")
    assert grants(snapshot_of(world), "APP") == {
        "CREATE ANY TABLE on server with grant option",
        "UNLIMITED TABLESPACE on server",
    }


def test_object_privileges_of_every_kind_keep_grantor_and_option(world: World) -> None:
    world.user("APP")
    for kind in (
        "TABLE",
        "VIEW",
        "MATERIALIZED VIEW",
        "SEQUENCE",
        "PROCEDURE",
        "FUNCTION",
        "PACKAGE",
        "TYPE",
        "DIRECTORY",
        "LIBRARY",
    ):
        world.grant("SELECT", "HR", f"X {kind}", "APP", type=kind, grantable="YES")
    world.grant("EXECUTE", "HR", "J", "APP", type="JAVA CLASS", grantor="OTHER")
    assert grants(snapshot_of(world), "APP") == {
        *(
            f"SELECT on {kind} HR.X {kind.upper()} with grant option (by HR)"
            for kind in (
                "table",
                "view",
                "materialized view",
                "sequence",
                "procedure",
                "function",
                "package",
                "type",
                "directory",
                "library",
            )
        ),
        "EXECUTE on object HR.J (by OTHER)",
    }


@pytest.mark.parametrize("privilege", ["READ", "SELECT"])
def test_the_hierarchy_option_stands_beside_its_privilege(world: World, privilege: str) -> None:
    world.user("APP")
    world.grant(privilege, "HR", "T", "APP", hierarchy="YES")
    assert grants(snapshot_of(world), "APP") == {
        f"{privilege} on table HR.T (by HR)",
        f"{privilege} WITH HIERARCHY OPTION on table HR.T (by HR)",
    }


def test_column_privileges_and_quotas_are_grants(world: World) -> None:
    world.user("APP")
    world.grant_column("UPDATE", "HR", "T", "PAY", "APP")
    world.quota("APP", "USERS", 10 * 2**20)
    world.quota("APP", "BIG", -1)
    world.quota("APP", "REVOKED", 0)
    world.quota("APP", "DROPPED_ONE", 5, dropped="YES")
    assert grants(snapshot_of(world), "APP") == {
        "UPDATE on column HR.T.PAY (by HR)",
        "QUOTA 10485760 on tablespace USERS",
        "QUOTA UNLIMITED on tablespace BIG",
    }


def test_public_is_an_account_with_roles_and_grants(world: World) -> None:
    world.grant_system("CREATE ANY DIRECTORY", "PUBLIC")
    world.role("EVERYONES")
    world.grant_role("EVERYONES", "PUBLIC")
    snapshot = snapshot_of(world)
    found = account(snapshot, "PUBLIC")
    assert (found.kind, found.is_system) == (AccountKind.PUBLIC, False)
    assert [item.role for item in found.memberships] == ["EVERYONES"]
    assert grants(snapshot, "PUBLIC") == {
        "CREATE ANY DIRECTORY on server",
        "EXECUTE on package SYS.UTL_FILE (by SYS)",
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


def test_schema_privileges_do_not_apply_before_23ai(world: World) -> None:
    report = snapshot_of(world).sections[SectionKey(SectionName.SCHEMA)]
    assert report.status is SectionStatus.NOT_APPLICABLE


def test_an_unknown_privilege_is_kept_raw_and_flagged(world: World) -> None:
    world.user("APP")
    world.grant_system("TELEPORT ANY TABLE", "APP")
    world.grant("WARP", "HR", "T", "APP")
    world.grant_system("CREATE SESSION", "APP")
    flags = {
        grant.privilege: grant.recognised for grant in account(snapshot_of(world), "APP").grants
    }
    assert flags == {"TELEPORT ANY TABLE": False, "WARP": False, "CREATE SESSION": True}


@pytest.mark.parametrize(
    "name",
    [
        "app",
        "APP",
        "a b",
        "a.b",
        "50%",
        "under_score",
        "quo'te",
        "ap@p",
        "back\\slash",
        "角色",
        "X" * 128,
    ],
)
def test_names_are_exact(world: World, name: str) -> None:
    world.user(name)
    world.role(f"R{name}"[:128])
    world.grant_role(f"R{name}"[:128], name)
    world.grant("SELECT", name, name, name)
    found = account(snapshot_of(world), name)
    assert found.memberships[0].role == f"R{name}"[:128]
    assert (found.grants[0].securable.schema, found.grants[0].securable.name) == (name, name)
    assert AccountState.from_json(found.to_json()) == found


def test_names_that_differ_by_case_are_two_accounts(world: World) -> None:
    world.user("app")
    world.user("APP")
    world.grant_system("CREATE TABLE", "app")
    snapshot = snapshot_of(world)
    assert grants(snapshot, "app") == {"CREATE TABLE on server"}
    assert grants(snapshot, "APP") == set()


def test_oracle_maintained_beats_a_list_of_system_accounts(world: World) -> None:
    world.user("LBACSYS_LIKE", oracle_maintained="Y")
    world.user("DBSNMP2")
    world.role("APEX_ROLE", oracle_maintained="Y")
    system = {item.name for item in snapshot_of(world).accounts if item.is_system}
    assert system == {
        "DBSNMP",
        "LBACSYS_LIKE",
        "APEX_ROLE",
        "DBA",
        "CONNECT",
        "SELECT_CATALOG_ROLE",
    }


def test_order_never_counts(world: World) -> None:
    def made(*, backwards: bool) -> AccountState:
        fresh = World()
        fresh.database()
        fresh.user("APP")
        steps = [
            lambda: fresh.grant("SELECT", "HR", "A", "APP"),
            lambda: fresh.grant("INSERT", "HR", "A", "APP"),
            lambda: fresh.grant_system("CREATE TABLE", "APP"),
            lambda: fresh.grant_role("CONNECT", "APP"),
            lambda: fresh.grant_role("DBA", "APP"),
        ]
        for step in reversed(steps) if backwards else steps:
            step()
        return account(snapshot_of(fresh), "APP")

    assert made(backwards=False).fingerprint == made(backwards=True).fingerprint


def test_the_number_of_statements_does_not_grow_with_accounts(world: World) -> None:
    snapshot_of(world)
    few = len(world.server.statements)
    for number in range(200):
        world.user(f"U{number}")
        world.grant_role("CONNECT", f"U{number}")
    world.server.statements.clear()
    assert len(snapshot_of(world).accounts) > 200
    assert len(world.server.statements) == few


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
