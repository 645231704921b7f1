"""What a review by Oracle's manuals found, from the emulated dictionary to the answers.

Each test is a fault that was there, or another member of its kind. The manual is named where
the rule is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, who_can
from sync_pipeline.engines.own import is_own
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld, Decision, PowerKind, path_text
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import KnownAccount
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import GrantScope, SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionStatus, Snapshot
from sync_pipeline.reconcile.accounts import reconcile
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.syncing.accounts import _scope
from sync_pipeline_tests.contract.oracle_family import ENGINE, NOW, account, grants, snapshot_of
from workbench.emulation.oracle import EmulatedOracle, Session
from workbench.emulation.oracle_world import DBA_PRIVILEGES, World

ROOT = Session(container=1)
AI = (23,), "23.9.0.25.07"
TIMED = "LOCKED(TIMED)"
END_OF_PROFILE = "temporarily, until PASSWORD_LOCK_TIME of its profile is over"


class Asked:
    """The answers about a snapshot, of whose system accounts a sync keeps none."""

    def __init__(self, snapshot: Snapshot) -> None:
        states = {state.name: state for state in snapshot.accounts if not state.is_system}
        world = AccessWorld(
            "i", EngineName.ORACLE, snapshot.server.version, states, snapshot.sections, NOW
        )
        self.rules = ENGINES[EngineName.ORACLE].access_rules(world)
        self.case = Case(Judged(world, self.rules))

    def decision(self, name: str, privilege: str, text: str) -> Decision:
        (securable, *_) = self.rules.securables(text)
        return self.rules.decide(name, privilege, securable)

    def ways(self, name: str, privilege: str, text: str) -> dict[str, tuple[str, ...]]:
        """Return what each way lacks, by its path."""
        held = self.decision(name, privilege, text).held
        return {path_text(item.path): item.lacking for item in held}


def single(
    release: tuple[tuple[int, ...], str] | None = None, dba: tuple[str, ...] = DBA_PRIVILEGES
) -> World:
    made = World(EmulatedOracle(*release) if release else None, dba)
    made.database()
    return made


def login(world: World, name: str, c: int = 0, **values: object) -> None:
    world.user(name, c, **values)
    world.grant_system("CREATE SESSION", name, c)


# Proxy users: DBA_PROXIES.


def proxied(**values: object) -> World:
    """JOE may connect as APP, which owns a schema, reads HR.T and has two roles."""
    world = single()
    login(world, "JOE")
    login(world, "APP")
    for role, privilege in (("R1", "UPDATE"), ("R2", "DELETE")):
        world.role(role)
        world.grant(privilege, "HR", "T", role)
        world.grant_role(role, "APP")
    world.grant("SELECT", "HR", "T", "APP")
    world.grant("SELECT", "APP", "OWN", "R2")
    world.proxy("APP", "JOE", **values)
    return world


def test_a_proxy_has_what_the_account_has_by_a_path_of_its_own() -> None:
    asked = Asked(snapshot_of(proxied()))
    entry = ("a connection as JOE[APP]",)
    assert asked.ways("JOE", "SELECT", "table:HR.T") == {"JOE → APP (connects through)": entry}
    assert asked.ways("JOE", "UPDATE", "table:HR.T") == {
        "JOE → APP (connects through) → R1 (default role)": entry
    }
    assert asked.ways("JOE", "DROP", "table:APP.OWN") == {"JOE → APP (connects through)": entry}
    assert asked.ways("APP", "DROP", "table:APP.OWN") == {"APP": ()}
    assert asked.ways("R1", "SELECT", "table:HR.T") == {}


@pytest.mark.parametrize(
    ("constraint", "role", "expected"),
    [
        ("PROXY MAY ACTIVATE ALL CLIENT ROLES", None, {"UPDATE", "DELETE"}),
        ("NO CLIENT ROLES MAY BE ACTIVATED", None, set()),
        ("PROXY MAY ACTIVATE ROLE", "R1", {"UPDATE"}),
        ("PROXY MAY NOT ACTIVATE ROLE", "R1", {"DELETE"}),
        ("PROXY MAY ACTIVATE ROLE", None, set()),
        ("PROXY MAY NOT ACTIVATE ROLE", None, {"UPDATE", "DELETE"}),
    ],
)
def test_the_roles_that_a_proxy_may_activate(
    constraint: str, role: str | None, expected: set[str]
) -> None:
    asked = Asked(snapshot_of(proxied(authorization_constraint=constraint, role=role)))
    found = {
        privilege
        for privilege in ("UPDATE", "DELETE")
        if asked.decision("JOE", privilege, "table:HR.T").is_allowed
    }
    assert found == expected
    assert asked.decision("JOE", "SELECT", "table:HR.T").is_allowed


def test_each_role_that_is_named_has_a_row_and_they_count_together() -> None:
    world = proxied(authorization_constraint="PROXY MAY ACTIVATE ROLE", role="R1")
    world.proxy("APP", "JOE", authorization_constraint="PROXY MAY ACTIVATE ROLE", role="R2")
    snapshot = snapshot_of(world)
    assert {text for text in grants(snapshot, "JOE") if "THROUGH" in text} == {
        "CONNECT THROUGH WITH ROLE R1 on account APP",
        "CONNECT THROUGH WITH ROLE R2 on account APP",
    }
    asked = Asked(snapshot)
    assert asked.decision("JOE", "UPDATE", "table:HR.T").is_allowed
    assert asked.decision("JOE", "DELETE", "table:HR.T").is_allowed


def test_what_a_proxy_lacks_is_said() -> None:
    asked = Asked(snapshot_of(proxied(authentication="YES")))
    (lacking,) = asked.ways("JOE", "SELECT", "table:HR.T").values()
    assert lacking == ("a connection as JOE[APP]", "the password of APP")


def test_an_account_for_proxies_alone_or_without_authentication_is_entered_that_way() -> None:
    world = single()
    login(world, "JOE")
    login(world, "SHOP", authentication_type="NONE", password_versions=None)
    login(world, "TILL", proxy_only_connect="Y")
    for name in ("SHOP", "TILL"):
        world.grant("SELECT", name, "T", "R")
        world.proxy(name, "JOE")
    snapshot = snapshot_of(world)
    asked = Asked(snapshot)
    for name in ("SHOP", "TILL"):
        assert not account(snapshot, name).can_login
        found = asked.ways("JOE", "DROP", f"table:{name}.T")
        assert found == {f"JOE → {name} (connects through)": (f"a connection as JOE[{name}]",)}
    (lacking,) = asked.ways("TILL", "DROP", "table:TILL.T").values()
    assert lacking == ("a connection through a proxy: the account has PROXY ONLY CONNECT",)


def test_a_proxy_of_a_dba_is_a_superuser_and_the_fix_ends_the_proxy() -> None:
    world = single()
    login(world, "JOE")
    login(world, "BOSS")
    world.grant_role("DBA", "BOSS")
    world.proxy("BOSS", "JOE")
    snapshot = snapshot_of(world)
    (power,) = Asked(snapshot).rules.powers("JOE")
    assert (power.kind, power.source) == (PowerKind.SUPERUSER, "role DBA")
    assert path_text(power.path) == "JOE → BOSS (connects through) → DBA (default role)"
    assert power.fix == "ALTER USER BOSS REVOKE CONNECT THROUGH JOE;"
    (through,) = (item for item in account(snapshot, "JOE").grants if "THROUGH" in item.privilege)
    assert Asked(snapshot).rules.revoke("JOE", through) == power.fix


def test_a_role_that_is_had_twice_is_one_power_and_no_session_is_borrowed() -> None:
    world = single()
    world.user("JOE")
    login(world, "BOSS")
    for name in ("JOE", "BOSS"):
        world.grant_role("DBA", name, default_role="NO" if name == "JOE" else "YES")
    world.proxy("BOSS", "JOE")
    asked = Asked(snapshot_of(world))
    assert [power.source for power in asked.rules.powers("JOE")] == ["role DBA"]
    world.grant("SELECT", "HR", "T", "JOE")
    own = Asked(snapshot_of(world)).ways("JOE", "SELECT", "table:HR.T")["JOE"]
    assert own == ("CREATE SESSION",)


def test_a_proxy_of_a_proxy_is_none() -> None:
    world = single()
    for name in ("ANN", "JOE", "APP"):
        login(world, name)
    world.grant("SELECT", "HR", "T", "APP")
    world.proxy("APP", "JOE")
    world.proxy("JOE", "ANN")
    assert not Asked(snapshot_of(world)).decision("ANN", "SELECT", "table:HR.T").is_allowed


def test_a_locked_account_keeps_its_proxies_out_too() -> None:
    world = single()
    login(world, "JOE")
    login(world, "APP", account_status="LOCKED")
    world.grant("SELECT", "HR", "T", "APP")
    world.proxy("APP", "JOE")
    (lacking,) = Asked(snapshot_of(world)).ways("JOE", "SELECT", "table:HR.T").values()
    assert "an unlocked account APP: it is LOCKED" in lacking


def test_proxies_of_a_container_count_in_it() -> None:
    world = World()
    world.cdb("SALES", "HR")
    for con_id in (3, 4):
        login(world, "JOE", con_id)
        login(world, "APP", con_id)
        world.grant("SELECT", "S", "T", "APP", con_id)
    world.proxy("APP", "JOE", 3)
    asked = Asked(snapshot_of(world, ROOT))
    assert asked.decision("SALES.JOE", "SELECT", "table:SALES.S.T").is_allowed
    assert not asked.decision("HR.JOE", "SELECT", "table:HR.S.T").is_allowed


def test_users_of_a_directory_are_kept_with_the_account_that_they_enter() -> None:
    world = single()
    world.user("APP")
    world.proxy("APP", None)
    snapshot = snapshot_of(world)
    (found,) = account(snapshot, "APP").grants
    assert str(found) == "CONNECT THROUGH ENTERPRISE USERS on account APP"
    assert Asked(snapshot).rules.revoke("APP", found) == (
        "ALTER USER APP REVOKE CONNECT THROUGH ENTERPRISE USERS;"
    )


def test_an_unknown_constraint_is_flagged_and_proxies_unread_are_a_doubt() -> None:
    asked = snapshot_of(proxied(authorization_constraint="PROXY MAY DREAM"))
    (found,) = (item for item in account(asked, "JOE").grants if "THROUGH" in item.privilege)
    assert not found.recognised
    denied = Session(fails={"dba_proxies": "ORA-00942: table or view does not exist"})
    snapshot = snapshot_of(proxied(), denied)
    assert snapshot.sections[SectionKey(SectionName.PROXY)].status is SectionStatus.DENIED
    unknown = Asked(snapshot).decision("JOE", "DELETE", "table:HR.T").unknown
    assert "grants.proxy" in unknown


# Administrators by the password file: V$PWFILE_USERS.


@pytest.mark.parametrize(("con_id", "common"), [(0, None), (0, "YES"), (1, "YES")])
def test_a_common_sysdba_holds_for_every_container(con_id: int, common: str | None) -> None:
    world = World()
    world.cdb("SALES", "HR")
    for c in (1, 3, 4):
        world.user("C##OPS", c, common="YES")
    world.administrator("C##OPS", con_id, "sysdba", common=common)
    snapshot = snapshot_of(world, ROOT)
    superusers = {item.name for item in snapshot.accounts if item.is_superuser}
    assert {"C##OPS", "SALES.C##OPS", "HR.C##OPS"} <= superusers


def test_a_local_sysdba_holds_in_its_container_alone() -> None:
    world = World()
    world.cdb("SALES", "HR")
    for c in (1, 3, 4):
        world.user("C##OPS", c, common="YES")
    world.administrator("C##OPS", 1, "sysdba", common="NO")
    world.administrator("C##OPS", 4, "sysbackup", common="NO")
    snapshot = snapshot_of(world, ROOT)
    assert grants(snapshot, "C##OPS") == {"SYSDBA on server"}
    assert grants(snapshot, "SALES.C##OPS") == set()
    assert grants(snapshot, "HR.C##OPS") == {"SYSBACKUP on server HR"}


def test_from_inside_a_container_a_common_sysdba_is_not_known_and_that_is_said() -> None:
    world = World()
    world.cdb("SALES")
    for c in (1, 3):
        world.user("C##OPS", c, common="YES", last_login=None)
    world.user("APP", 3)
    asked = Asked(snapshot_of(world, Session(container=3)))
    decision = asked.decision("C##OPS", "CREATE TABLE", "server")
    assert not decision.is_allowed
    assert any("SYSDBA" in text and "inside a pluggable" in text for text in decision.unknown)
    assert asked.rules.facts("C##OPS").never_used is None
    assert not any("SYSDBA" in text for text in asked.decision("APP", "READ", "server").unknown)


# Providers: Amazon RDS and Autonomous Database.


def rds() -> World:
    world = single(dba=("CREATE SESSION", "SELECT ANY TABLE", "CREATE USER"))
    world.user("RDSADMIN", account_status="OPEN")
    world.user("ADMIN")
    world.grant_role("DBA", "ADMIN")
    return world


def test_on_rds_the_role_dba_is_what_it_was_granted() -> None:
    snapshot = snapshot_of(rds())
    assert snapshot.server.place == "rds"
    assert not account(snapshot, "ADMIN").is_superuser
    asked = Asked(snapshot)
    assert asked.rules.powers("ADMIN") == ()
    assert asked.decision("ADMIN", "SELECT ANY TABLE", "server").is_allowed
    refused = asked.decision("ADMIN", "ALTER SYSTEM", "server")
    assert (refused.is_allowed, refused.unknown) == (False, ())
    assert asked.rules.facts("RDSADMIN").is_system
    assert not asked.rules.facts("ADMIN").is_system


def test_on_rds_the_roles_of_system_are_known(tmp_path: Path) -> None:
    """SYSTEM is no superuser there: what it has, it has by roles."""
    world = rds()
    world.role("AQ_ADMINISTRATOR_ROLE", oracle_maintained="Y")
    world.role("SPARE_ROLE", oracle_maintained="Y")
    world.grant_role("AQ_ADMINISTRATOR_ROLE", "SYSTEM")
    world.grant("READ", "HR", "T", "ADMIN")
    snapshot = snapshot_of(world)
    assert not account(snapshot, "SYSTEM").is_superuser
    assert account(snapshot, "SPARE_ROLE").is_system
    scope = _scope(SimpleNamespace(settings=Settings(home=tmp_path)), ENGINE, snapshot)  # type: ignore[arg-type]
    kept = {state.name: state for state in snapshot.accounts if scope.includes(state.name)}
    of = AccessWorld("i", EngineName.ORACLE, snapshot.server.version, kept, snapshot.sections, NOW)
    judged = Judged(of, ENGINES[EngineName.ORACLE].access_rules(of))
    for privilege, text in (("READ", "table:HR.T"), ("ALTER SYSTEM", "server")):
        assert who_can([judged], privilege, text).gaps == ()
    assert access_of(judged, "SYSTEM").gaps == ()
    own = is_own(EngineName.ORACLE, account(snapshot, "AQ_ADMINISTRATOR_ROLE"))
    assert (own, is_own(EngineName.ORACLE, account(snapshot, "SYSTEM"))) == (True, False)


def test_whose_service_it_is_is_recorded() -> None:
    snapshot = snapshot_of(rds())
    assert snapshot.server.platform is Platform.RDS
    asked = Asked(snapshot)
    assert asked.rules.facts("RDSADMIN").is_provider
    assert not asked.rules.facts("ADMIN").is_provider
    world, session = autonomous()
    assert snapshot_of(world, session).server.platform is Platform.AUTONOMOUS


def test_an_account_of_the_providers_name_hides_no_superuser() -> None:
    """Anybody may make an account RDSADMIN on a server of their own."""
    world = single()
    for name in ("RDSADMIN", "BOSS"):
        world.user(name)
        world.grant_role("DBA", name)
    snapshot = snapshot_of(world)
    assert snapshot.server.platform is Platform.SELF_RUN
    assert account(snapshot, "BOSS").is_superuser
    asked = Asked(snapshot)
    for name in ("RDSADMIN", "BOSS"):
        assert [power.kind for power in asked.rules.powers(name)] == [PowerKind.SUPERUSER]
        assert not asked.rules.facts(name).is_system
        assert not asked.rules.facts(name).is_provider


def test_the_root_of_containers_is_nobodys_service() -> None:
    world = World()
    world.cdb("SALES")
    world.user("RDSADMIN", 1)
    snapshot = snapshot_of(world, replace(ROOT, cloud_service="OLTP"))
    assert snapshot.server.place == "root"
    assert snapshot.databases == {"SALES"}


def test_a_role_dba_that_lost_privileges_is_not_everything_anywhere() -> None:
    world = single(dba=("CREATE SESSION", "ALTER SYSTEM"))
    world.user("BOSS")
    world.grant_role("DBA", "BOSS")
    asked = Asked(snapshot_of(world))
    assert [power.kind for power in asked.rules.powers("BOSS")] == [PowerKind.GRANT_ADMIN]


def test_a_role_dba_with_all_of_them_is_everything() -> None:
    world = single()
    world.user("BOSS")
    world.grant_role("DBA", "BOSS")
    snapshot = snapshot_of(world)
    assert account(snapshot, "BOSS").is_superuser


def test_a_role_that_an_account_has_is_read_whatever_the_manual_says_of_it() -> None:
    """GRANT CREATE VIEW TO CONNECT: CONNECT is Oracle's, and anybody's to alter."""
    world = single()
    world.user("APP")
    world.grant_role("CONNECT", "APP")
    world.role("OUTER", oracle_maintained="Y")
    world.role("INNER", oracle_maintained="Y")
    world.role("UNUSED", oracle_maintained="Y")
    world.grant_role("INNER", "OUTER")
    world.grant_role("OUTER", "APP")
    world.grant_system("CREATE VIEW", "CONNECT")
    snapshot = snapshot_of(world)
    system = {item.name for item in snapshot.accounts if item.is_system}
    assert system >= {"DBA", "SELECT_CATALOG_ROLE", "UNUSED"}
    assert not system & {"CONNECT", "OUTER", "INNER"}
    asked = Asked(snapshot)
    assert asked.ways("APP", "CREATE VIEW", "server") == {"APP → CONNECT (default role)": ()}
    refused = asked.decision("APP", "CREATE USER", "server")
    assert (refused.is_allowed, refused.unknown) == (False, ())


def test_without_the_roles_that_accounts_have_known_ones_are_left_as_they_are() -> None:
    world = single()
    world.user("APP")
    world.grant_role("CONNECT", "APP")
    known = [KnownAccount(item, is_active=True) for item in snapshot_of(world).accounts]
    fails = {"dba_role_privs": "DPY-4024: call timeout exceeded"}
    after = snapshot_of(world, Session(fails=fails))
    left_out = frozenset(item.name for item in after.accounts if item.is_system)
    assert "CONNECT" in left_out
    found = reconcile(known, after, Scope(excluded_names=left_out))
    assert (found.deactivated, found.changes) == ((), ())


def autonomous() -> tuple[World, Session]:
    world = World()
    world.cdb("ADB")
    login(world, "ADMIN", 3)
    world.grant_role("DBA", "ADMIN", 3)
    world.grant_system("SELECT ANY DICTIONARY", "ADMIN", 3)
    world.grant_system("SELECT ANY TABLE", "ADMIN", 3)
    world.grant("SELECT", "SYS", "DBA_USERS", "X", 3, type="VIEW")
    world.grant("SELECT", "HR", "T", "X", 3)
    world.grant("SELECT", "SYSTEM", "T", "X", 3)
    return world, Session(container=3, cloud_service="OLTP")


def test_on_autonomous_select_any_dictionary_opens_nothing_of_sys() -> None:
    world, session = autonomous()
    snapshot = snapshot_of(world, session)
    assert snapshot.server.place == "autonomous"
    asked = Asked(snapshot)
    assert not asked.decision("ADMIN", "SELECT", "view:SYS.DBA_USERS").is_allowed
    assert not asked.decision("ADMIN", "SELECT", "table:SYSTEM.T").is_allowed
    assert asked.decision("ADMIN", "SELECT", "table:HR.T").is_allowed
    elsewhere = Asked(snapshot_of(world, replace(session, cloud_service=None)))
    assert elsewhere.decision("ADMIN", "SELECT", "view:SYS.DBA_USERS").is_allowed


def test_the_hints_are_what_the_provider_carries_out() -> None:
    fails = {"dba_tab_privs": "ORA-00942: table or view does not exist"}
    report = snapshot_of(rds(), Session(fails=fails), "mon'itor").unread
    reason = report[SectionKey(SectionName.TABLE)].reason
    assert (
        "It needs: BEGIN rdsadmin.rdsadmin_util.grant_sys_object('DBA_TAB_PRIVS', 'mon''itor', "
        "'SELECT'); END;" in reason
    )
    world, session = autonomous()
    reason = (
        snapshot_of(world, replace(session, fails=fails), "mon")
        .unread[SectionKey(SectionName.TABLE)]
        .reason
    )
    assert "It needs: GRANT SELECT_CATALOG_ROLE TO MON;" in reason


# Commonly and locally: COMMON and INHERITED.


def scoped() -> World:
    world = World()
    world.cdb("SALES")
    for c in (1, 3):
        world.user("C##OPS", c, common="YES")
    world.grant_system("CREATE TABLE", "C##OPS", 1, common="YES", inherited="NO")
    world.grant_system("CREATE TABLE", "C##OPS", 3, common="YES", inherited="YES")
    world.grant_system("CREATE TABLE", "C##OPS", 3)
    world.grant_role("CONNECT", "C##OPS", 3, common="YES", inherited="YES")
    world.grant("EXECUTE", "SYS", "UTL_TCP", "PUBLIC", 3, common="YES", inherited="YES")
    world.grant_system("CREATE VIEW", "C##OPS", 3, common="YES", inherited="NO")
    return world


def test_a_common_and_a_local_grant_are_two_and_each_has_its_fix() -> None:
    snapshot = snapshot_of(scoped(), ROOT)
    rules = Asked(snapshot).rules
    root = (
        "ALTER SESSION SET CONTAINER = CDB$ROOT;\nREVOKE CREATE TABLE FROM C##OPS CONTAINER = ALL;"
    )
    found = {
        (name, item.scope): rules.revoke(name, item)
        for name in ("C##OPS", "SALES.C##OPS")
        for item in account(snapshot, name).grants
        if item.privilege == "CREATE TABLE"
    }
    assert found == {
        ("C##OPS", GrantScope.COMMON): root,
        ("SALES.C##OPS", GrantScope.INHERITED): root,
        ("SALES.C##OPS", GrantScope.LOCAL): (
            "ALTER SESSION SET CONTAINER = SALES;\nREVOKE CREATE TABLE FROM C##OPS;"
        ),
    }


def test_common_roles_and_objects_are_revoked_in_the_root() -> None:
    snapshot = snapshot_of(scoped(), ROOT)
    rules = Asked(snapshot).rules
    root = "ALTER SESSION SET CONTAINER = CDB$ROOT;\n"
    (membership,) = account(snapshot, "SALES.C##OPS").memberships
    assert rules.revoke_role("SALES.C##OPS", membership) == (
        f'{root}REVOKE "CONNECT" FROM C##OPS CONTAINER = ALL;'
    )
    of_public = {item.securable.name: item for item in account(snapshot, "SALES.PUBLIC").grants}
    assert rules.revoke("SALES.PUBLIC", of_public["UTL_TCP"]) == (
        f"{root}REVOKE EXECUTE ON SYS.UTL_TCP FROM PUBLIC CONTAINER = ALL;"
    )
    assert rules.revoke_option("SALES.PUBLIC", of_public["UTL_TCP"]).endswith(
        "GRANT EXECUTE ON SYS.UTL_TCP TO PUBLIC CONTAINER = ALL;"
    )


def test_a_common_grant_that_was_made_in_the_container_is_revoked_there() -> None:
    snapshot = snapshot_of(scoped(), ROOT)
    (view,) = (i for i in account(snapshot, "SALES.C##OPS").grants if i.privilege == "CREATE VIEW")
    assert Asked(snapshot).rules.revoke("SALES.C##OPS", view) == (
        "ALTER SESSION SET CONTAINER = SALES;\nREVOKE CREATE VIEW FROM C##OPS CONTAINER = ALL;"
    )


def test_scopes_are_kept_and_a_local_state_is_written_as_before() -> None:
    snapshot = snapshot_of(scoped(), ROOT)
    state = account(snapshot, "SALES.C##OPS")
    assert AccountState.from_json(state.to_json()) == state
    local = account(snapshot_of(single()), "PUBLIC").to_json()
    assert not any("scope" in item for item in (*local["grants"], *local["memberships"]))


# Locks that end by themselves: LOCKED(TIMED).


def locked(status: str, limit: str | None, began: str | None = "2026-02-28T22:00:00") -> World:
    world = single()
    if limit is not None:
        world.profile("SHORT", PASSWORD_LOCK_TIME=limit)
    login(
        world,
        "APP",
        account_status=status,
        profile="SHORT" if limit is not None else "DEFAULT",
        lock_date=datetime.fromisoformat(began) if began else None,
    )
    world.grant("SELECT", "HR", "T", "APP")
    return world


@pytest.mark.parametrize(
    ("limit", "until"),
    [
        ("1", "2026-03-01 22:00:00"),
        ("DEFAULT", "2026-03-01 22:00:00"),
        (".5", "2026-03-01 10:00:00"),
    ],
)
def test_a_timed_lock_says_until_when(limit: str, until: str) -> None:
    world = locked("LOCKED(TIMED)", limit)
    asked = Asked(snapshot_of(world))
    (lacking,) = asked.ways("APP", "SELECT", "table:HR.T").values()
    assert lacking == (
        f"an unlocked account: it is {TIMED}, temporarily, until {until} by the server's clock",
    )
    assert asked.rules.facts("APP").temporarily_locked.startswith("LOCKED(TIMED), temporarily")
    assert "APP" in {state.name for state in asked.case.users()}


def test_a_timed_lock_that_is_surely_over_is_none() -> None:
    world = locked("LOCKED(TIMED)", "1", "2026-01-01T00:00:00")
    assert Asked(snapshot_of(world)).ways("APP", "SELECT", "table:HR.T") == {"APP": ()}


@pytest.mark.parametrize("limit", ["UNLIMITED", "", "1e999", "nan", "-3"])
def test_a_timed_lock_whose_limit_is_not_understood_says_so_much(limit: str) -> None:
    (lacking,) = (
        Asked(snapshot_of(locked("LOCKED(TIMED)", limit)))
        .ways("APP", "SELECT", "table:HR.T")
        .values()
    )
    assert lacking == (f"an unlocked account: it is {TIMED}, {END_OF_PROFILE}",)


def test_a_lock_at_the_end_of_time_stops_nothing() -> None:
    (lacking,) = (
        Asked(snapshot_of(locked("LOCKED(TIMED)", "24855", "9999-12-31T23:59:59")))
        .ways("APP", "SELECT", "table:HR.T")
        .values()
    )
    assert lacking == (f"an unlocked account: it is {TIMED}, {END_OF_PROFILE}",)


def test_a_lock_by_hand_has_no_end() -> None:
    asked = Asked(snapshot_of(locked("LOCKED", None)))
    (lacking,) = asked.ways("APP", "SELECT", "table:HR.T").values()
    assert lacking == ("an unlocked account: it is LOCKED",)
    assert asked.rules.facts("APP").temporarily_locked == ""
    assert "APP" not in {state.name for state in asked.case.users()}


# 23ai: users who may not write, schemas that ANY privileges do not reach.


def newer() -> World:
    world = single(AI)
    login(world, "READER", read_only="YES")
    login(world, "WRITER", read_only="NO")
    login(world, "CTX", dictionary_protected="YES", oracle_maintained="Y")
    for name in ("READER", "WRITER"):
        for privilege in ("SELECT", "UPDATE"):
            world.grant(privilege, "HR", "T", name)
        world.grant_system("SELECT ANY TABLE", name)
        world.grant_system("CREATE TABLE", name)
    world.grant("SELECT", "CTX", "T", "WRITER", grantor="X")
    return world


def test_a_read_only_user_writes_nothing_whatever_was_granted() -> None:
    snapshot = snapshot_of(newer())
    assert [str(item) for item in account(snapshot, "READER").settings] == ["READ ONLY = YES"]
    asked = Asked(snapshot)
    assert asked.decision("READER", "SELECT", "table:HR.T").is_allowed
    refused = asked.decision("READER", "UPDATE", "table:HR.T")
    assert (refused.is_allowed, refused.unknown) == (False, ())
    assert refused.denied == ("READ ONLY: the user may not write, whatever was granted",)
    assert asked.decision("WRITER", "UPDATE", "table:HR.T").is_allowed
    listed = {item.privilege for item in asked.rules.everything("READER")}
    assert listed == {"CREATE SESSION", "SELECT", "SELECT ANY TABLE", "EXECUTE"}


def test_a_read_only_owner_and_a_read_only_dba_only_read() -> None:
    world = single(AI)
    login(world, "HR", read_only="YES")
    login(world, "BOSS", read_only="YES")
    world.grant("SELECT", "HR", "T", "X")
    world.grant_role("DBA", "BOSS")
    world.grant_system("GRANT ANY ROLE", "BOSS")
    snapshot = snapshot_of(world)
    assert not account(snapshot, "BOSS").is_superuser
    asked = Asked(snapshot)
    for name in ("HR", "BOSS"):
        assert asked.decision(name, "SELECT", "table:HR.T").is_allowed
        for privilege in ("DELETE", "DROP", "ALL"):
            assert asked.decision(name, privilege, "table:HR.T").denied
        for item in asked.rules.everything(name):
            assert not asked.rules.is_write(item.privilege)
            assert asked.rules.decide(name, item.privilege, item.securable).is_allowed, item
    assert asked.rules.powers("BOSS") == ()


def test_who_connects_as_a_writer_through_a_proxy_writes() -> None:
    world = newer()
    world.proxy("WRITER", "READER")
    world.proxy("READER", "WRITER")
    asked = Asked(snapshot_of(world))
    assert list(asked.ways("READER", "UPDATE", "table:HR.T")) == [
        "READER → WRITER (connects through)"
    ]
    assert list(asked.ways("WRITER", "UPDATE", "table:HR.T")) == ["WRITER"]


def test_whether_users_may_write_is_doubted_where_it_was_not_read() -> None:
    fails = {"dba_role_privs": "ORA-00942: table or view does not exist"}
    asked = Asked(snapshot_of(newer(), Session(fails=fails)))
    assert "settings" in asked.decision("WRITER", "UPDATE", "table:HR.T").unknown
    assert asked.decision("WRITER", "SELECT", "table:HR.T").unknown == ()


@pytest.mark.parametrize("release", [((12, 2), ""), ((19,), "19.22.0.0.0"), AI])
def test_settings_are_read_in_each_release(release: tuple[tuple[int, ...], str]) -> None:
    """The users who may not write are not of every release; the settings of roles are."""
    made = World(EmulatedOracle(*release))
    made.cdb("SALES")
    for session in (ROOT, Session(container=3)):
        snapshot = snapshot_of(made, session)
        assert {
            report.status
            for key, report in snapshot.sections.items()
            if key.name is SectionName.SETTINGS
        } == {SectionStatus.READ}


@pytest.mark.parametrize("view", ["dba_proxies", "dba_role_privs"])
def test_what_was_not_read_of_proxies_and_settings_is_carried_over(view: str) -> None:
    world = newer()
    world.proxy("WRITER", "READER")
    known = [KnownAccount(item, is_active=True) for item in snapshot_of(world).accounts]
    session = Session(fails={view: "ORA-00942: table or view does not exist"})
    assert reconcile(known, snapshot_of(world, session), Scope()).changes == ()


def test_any_privileges_do_not_reach_a_protected_schema() -> None:
    asked = Asked(snapshot_of(newer()))
    assert asked.decision("WRITER", "SELECT", "table:CTX.T").held[0].source.startswith("SELECT on")
    assert not asked.decision("READER", "SELECT", "table:CTX.T").is_allowed
    world = newer()
    world.grant_schema("SELECT ANY TABLE", "CTX", "READER")
    assert not Asked(snapshot_of(world)).decision("READER", "SELECT", "table:CTX.T").is_allowed


def test_code_in_one_schema_is_a_power_too() -> None:
    world = single(AI)
    login(world, "DEV")
    world.user("APP")
    world.grant_schema("CREATE ANY PROCEDURE", "APP", "DEV")
    world.grant_schema("SELECT ANY TABLE", "APP", "DEV")
    (power,) = Asked(snapshot_of(world)).rules.powers("DEV")
    assert power.kind is PowerKind.GRANT_ADMIN
    assert power.source.startswith("CREATE ANY PROCEDURE on schema APP: ")


# A cluster: what is open on another node.


def cluster(*, open_here: bool, knows_nodes: bool = True) -> tuple[World, Session]:
    world = World()
    world.container(1, "CDB$ROOT")
    world.container(2, "PDB$SEED", open_mode="READ ONLY")
    world.container(3, "SALES", open_mode="READ WRITE" if open_here else "MOUNTED")
    world.node(1, 3, "READ WRITE" if open_here else "MOUNTED")
    world.node(2, 3, "READ WRITE")
    world.user("APP", 3)
    fails = {} if knows_nodes else {"gv$pdbs": "ORA-00942: table or view does not exist"}
    return world, Session(container=1, fails=fails)


def test_what_is_open_on_another_node_is_not_read_from_this_one_and_does_not_flap() -> None:
    here = snapshot_of(*cluster(open_here=True))
    there = snapshot_of(*cluster(open_here=False))
    report = there.sections[SectionKey(SectionName.ACCOUNTS, "SALES")]
    assert report.status is SectionStatus.SKIPPED
    assert report.reason.startswith("not read from this node, on which it is not open (MOUNTED")
    assert "it is open on node 2" in report.reason
    known = [KnownAccount(item, is_active=True) for item in here.accounts]
    assert reconcile(known, there, Scope()).changes == ()
    assert reconcile(known, here, Scope()).changes == ()


def test_without_the_nodes_nothing_is_guessed() -> None:
    there = snapshot_of(*cluster(open_here=False, knows_nodes=False))
    (warning,) = there.warnings
    assert "it is not open (MOUNTED, NORMAL); a node of a cluster" in warning
    assert "GV_$PDBS" not in warning


# Smaller ones.


def test_editions_and_models_are_revoked_by_their_own_clauses() -> None:
    world = single()
    world.user("APP")
    for kind in ("EDITION", "MINING MODEL", "SQL TRANSLATION PROFILE"):
        world.grant("USE", "SYS", f"X_{kind[0]}", "APP", type=kind)
    snapshot = snapshot_of(world)
    rules = Asked(snapshot).rules
    assert {rules.revoke("APP", item) for item in account(snapshot, "APP").grants} == {
        "REVOKE USE ON EDITION X_E FROM APP;",
        "REVOKE USE ON MINING MODEL SYS.X_M FROM APP;",
        "REVOKE USE ON SQL TRANSLATION PROFILE SYS.X_S FROM APP;",
    }


MADE = datetime(2020, 5, 1, 8, 0, 0)  # noqa: DTZ001 - a date of the server's clock


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"password_change_date": MADE}, True),
        ({"password_change_date": MADE.replace(year=2024)}, None),
        ({"password_change_date": MADE, "password_versions": "10G 11G"}, None),
        ({"password_change_date": None}, None),
        ({"authentication_type": "EXTERNAL", "password_versions": None}, None),
        ({"common": "YES", "password_change_date": None}, True),
        ({"last_login": datetime(2024, 1, 1, tzinfo=UTC)}, False),
    ],
)
def test_never_used_is_said_where_logins_were_recorded(
    values: dict[str, object], expected: bool | None
) -> None:
    world = single()
    world.user("APP", created=MADE, **values)
    assert Asked(snapshot_of(world)).rules.facts("APP").never_used is expected


def test_on_a_standby_nobody_is_never_used() -> None:
    world = single()
    world.user("APP", created=MADE, password_change_date=MADE)
    asked = Asked(snapshot_of(world, Session(database_role="PHYSICAL STANDBY")))
    assert asked.rules.facts("APP").never_used is None


def test_an_account_has_nothing_new_in_its_state_by_default() -> None:
    world = single(AI)
    world.user("APP", created=MADE, password_change_date=MADE)
    names = {name for name, _ in account(snapshot_of(world), "APP").attributes}
    assert not names & {"password_lock_time", "proxy_only_connect", "logins_unrecorded"}
    assert account(snapshot_of(world), "PUBLIC").attributes == ()
