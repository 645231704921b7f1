"""Oracle's access rules: paths, what an account lacks, powers, what is not known."""

from __future__ import annotations

import pytest

from sync_pipeline.engines.oracle.access.rules import OracleAccess
from sync_pipeline.model.access import Availability, Decision, PowerKind, path_text
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from workbench.strategies.oracle_accounts import has, on, public, role, user, world

EMP = on("TABLE HR.EMP")


def decide(
    *accounts: AccountState, privilege: str = "SELECT", securable: str = "TABLE HR.EMP"
) -> Decision:
    return OracleAccess(world(*accounts)).decide(accounts[0].name, privilege, on(securable))


def test_the_path_leads_to_the_grant() -> None:
    decision = decide(
        user("ALICE", roles=("CLERK",)),
        role("CLERK", roles=("READER",)),
        role("READER", "SELECT on TABLE HR.EMP"),
    )
    (held,) = decision.held
    assert path_text(held.path) == "ALICE → CLERK (default role) → READER (role)"
    assert held.source == "SELECT on table HR.EMP"


def test_ways_in_force_at_login_come_first_then_the_shortest() -> None:
    decision = decide(
        user("ALICE", "SELECT ANY TABLE", roles=(has("OFF", default=False), has("ON"))),
        role("OFF", "SELECT on TABLE HR.EMP"),
        role("ON", roles=("DEEP",)),
        role("DEEP", "SELECT on TABLE HR.EMP"),
    )
    assert [(item.path[-1].account, str(item.availability)) for item in decision.held] == [
        ("ALICE", "at login"),
        ("DEEP", "at login"),
        ("OFF", "after set role"),
    ]


def test_a_grant_to_public_is_reached_as_everyone() -> None:
    (held,) = decide(user("ALICE"), public("SELECT on TABLE HR.EMP")).held
    assert path_text(held.path) == "ALICE → PUBLIC (everyone)"


@pytest.mark.parametrize(
    ("authentication", "how", "lacking"),
    [
        ("PASSWORD", "password role", "the password of role R"),
        ("EXTERNAL", "external role", "an operating system or network service that allows R"),
        (
            "APPLICATION",
            "application role",
            "the package of role R: no person can enable the role",
        ),
    ],
)
def test_a_secured_role_says_what_it_takes(authentication: str, how: str, lacking: str) -> None:
    (held,) = decide(
        user("ALICE", roles=("R",)),
        role("R", "SELECT on TABLE HR.EMP", authentication=authentication),
    ).held
    assert held.availability is Availability.AFTER_SET_ROLE
    assert held.path[-1].how == how
    assert held.lacking == (lacking,)


def test_of_two_ways_to_a_role_the_one_with_less_to_do_is_told() -> None:
    (held,) = decide(
        user("ALICE", roles=("PW", has("OFF", default=False))),
        role("PW", roles=("R",), authentication="PASSWORD"),
        role("OFF", roles=("MORE",)),
        role("MORE", roles=("R",)),
        role("R", "SELECT on TABLE HR.EMP"),
    ).held
    assert [step.account for step in held.path] == ["ALICE", "OFF", "MORE", "R"]
    assert held.lacking == ()


@pytest.mark.parametrize(
    ("account", "lacking"),
    [
        (user("A", "SELECT on TABLE HR.EMP", connects=False), ("CREATE SESSION",)),
        (
            user("A", "SELECT on TABLE HR.EMP", locked=True, account_status="LOCKED(TIMED)"),
            ("an unlocked account: it is LOCKED(TIMED)",),
        ),
        (
            user("A", "SELECT on TABLE HR.EMP", account_status="EXPIRED"),
            ("a new password: the old one has expired",),
        ),
        (user("A", "SELECT on TABLE HR.EMP", account_status="EXPIRED(GRACE)"), ()),
        (user("A", "SELECT on TABLE HR.EMP", account_status="OPEN & IN ROLLOVER"), ()),
        (
            user("A", "SELECT on TABLE HR.EMP", account_status="EXPIRED & LOCKED"),
            (
                "an unlocked account: it is LOCKED",
                "a new password: the old one has expired",
            ),
        ),
        (
            user("A", "SELECT on TABLE HR.EMP", authentication_type="NONE"),
            ("a way to authenticate: the account has none",),
        ),
    ],
    ids=lambda value: str(getattr(value, "attributes", ""))[:60],
)
def test_what_an_account_lacks_to_log_in(account: AccountState, lacking: tuple[str, ...]) -> None:
    (held,) = decide(account).held
    assert held.lacking == lacking


def test_create_session_counts_only_where_it_is_in_force_at_login() -> None:
    off = user(
        "A", "SELECT on TABLE HR.EMP", connects=False, roles=(has("CONNECT", default=False),)
    )
    on_ = user("B", "SELECT on TABLE HR.EMP", connects=False, roles=("CONNECT",))
    connect = role("CONNECT", "CREATE SESSION")
    assert decide(off, connect).held[0].lacking == ("CREATE SESSION",)
    assert decide(on_, connect).held[0].lacking == ()
    assert decide(on_).held[0].lacking == ()  # CONNECT was filtered out


def test_a_common_user_may_switch_into_a_container_instead() -> None:
    def lacking(*, is_common: bool) -> tuple[str, ...]:
        texts = ("SET CONTAINER", "SELECT on TABLE HR.EMP")
        state = user("C##A", *texts, pdb="PDB1", connects=False, is_common=is_common)
        decision = OracleAccess(world(state)).decide(
            "PDB1.C##A", "SELECT", on("TABLE HR.EMP", "PDB1")
        )
        return decision.held[0].lacking

    assert lacking(is_common=True) == ()
    assert lacking(is_common=False) == ("CREATE SESSION",)


def test_roles_and_public_lack_nothing_to_log_in() -> None:
    assert decide(role("R", "SELECT on TABLE HR.EMP")).held[0].lacking == ()
    assert decide(public("SELECT on TABLE HR.EMP")).held[0].lacking == ()


def test_sysdba_needs_its_own_connection_and_no_create_session() -> None:
    (held,) = decide(user("OPS", "SYSDBA", connects=False)).held
    assert held.source == "superuser"
    assert held.lacking == ("a connection AS SYSDBA",)


def test_what_a_sysdba_has_by_itself_still_needs_create_session() -> None:
    held = decide(user("OPS", "SYSDBA", "SELECT on TABLE HR.EMP", connects=False)).held
    lacking = {item.source: item.lacking for item in held}
    assert lacking["SELECT on table HR.EMP"] == ("CREATE SESSION",)


def test_what_a_sysbackup_has_by_itself_still_needs_create_session() -> None:
    (held,) = decide(user("OPS", "SYSBACKUP", "SELECT on TABLE HR.EMP", connects=False)).held
    assert held.lacking == ("CREATE SESSION",)


def test_sysbackup_lends_its_privileges_in_its_own_connection() -> None:
    (held,) = decide(
        user("OPS", "SYSBACKUP"), privilege="SELECT", securable="VIEW SYS.DBA_USERS"
    ).held
    assert held.source == "SYSBACKUP on server"
    assert held.lacking == ("a connection AS SYSBACKUP",)


@pytest.mark.parametrize(
    ("account", "privilege", "securable", "grantable"),
    [
        (user("HR"), "SELECT", "TABLE HR.EMP", True),
        (user("A", "SELECT on TABLE HR.EMP WITH OPTION"), "SELECT", "TABLE HR.EMP", True),
        (user("A", "SELECT on TABLE HR.EMP WITH OPTION"), "READ", "TABLE HR.EMP", False),
        (user("A", "SELECT on TABLE HR.EMP"), "SELECT", "TABLE HR.EMP", False),
        (user("A", "CREATE TABLE WITH OPTION"), "CREATE TABLE", "server", True),
        (user("A", "SELECT ANY TABLE WITH OPTION"), "SELECT ANY TABLE", "server", True),
        # The admin option passes on the system privilege, not one on an object.
        (user("A", "SELECT ANY TABLE WITH OPTION"), "SELECT", "TABLE HR.EMP", False),
        (user("SYS"), "SELECT", "TABLE HR.EMP", True),
    ],
)
def test_who_may_grant_it_on(
    account: AccountState, privilege: str, securable: str, *, grantable: bool
) -> None:
    assert decide(account, privilege=privilege, securable=securable).held[0].grantable is grantable


def test_of_two_grants_the_one_that_may_be_granted_on_is_told() -> None:
    account = user("A", "SELECT on TABLE HR.EMP", "SELECT on TABLE HR.EMP WITH OPTION")
    (held,) = decide(account).held
    assert held.grantable


def test_all_on_a_table_is_every_privilege_of_a_table() -> None:
    every = (
        "ALTER",
        "DEBUG",
        "DELETE",
        "FLASHBACK",
        "INDEX",
        "INSERT",
        "REFERENCES",
        "SELECT",
        "UPDATE",
    )
    texts = [f"{privilege} on TABLE HR.EMP" for privilege in every]
    assert decide(user("A", *texts), privilege="ALL").is_allowed_at_login
    assert not decide(user("A", *texts[:-1]), privilege="ALL").is_allowed


def test_all_is_in_force_when_the_last_of_its_privileges_is() -> None:
    decision = decide(
        user("A", "SELECT on SEQUENCE HR.S", roles=(has("R", default=False),)),
        role("R", "ALTER on SEQUENCE HR.S"),
        privilege="all privileges",
        securable="SEQUENCE HR.S",
    )
    assert decision.is_allowed
    assert not decision.is_allowed_at_login


def test_names_differ_by_case_alone() -> None:
    account = user("A", "SELECT on TABLE HR.emp")
    assert not decide(account).is_allowed
    assert decide(account, securable="TABLE HR.emp", privilege=" select ").is_allowed


def test_a_materialized_view_is_one_object_whatever_a_grant_calls_it() -> None:
    account = user("A", "SELECT on TABLE HR.MV")
    assert decide(account, securable="MATERIALIZED VIEW HR.MV").is_allowed


def test_a_kind_without_a_name_stands_for_all_of_it() -> None:
    assert decide(user("A", "SELECT ANY TABLE"), securable="TABLE ").is_allowed
    assert not decide(user("A", "SELECT on TABLE HR.EMP"), securable="TABLE ").is_allowed
    assert decide(user("HR"), securable="TABLE HR").is_allowed


def test_everything_of_a_superuser_is_one_entry() -> None:
    rules = OracleAccess(world(user("A", "CREATE TABLE", roles=("DBA",))))
    (item,) = rules.everything("A")
    assert (item.privilege, str(item.securable), item.source) == ("ALL", "server", "superuser")


def test_a_superuser_after_set_role_keeps_what_it_has_at_login_beside_it() -> None:
    rules = OracleAccess(
        world(user("A", "CREATE TABLE", connects=False, roles=(has("DBA", default=False),)))
    )
    assert [item.privilege for item in rules.everything("A")] == ["ALL", "CREATE TABLE"]


def test_everything_names_the_best_path_of_each_privilege() -> None:
    rules = OracleAccess(
        world(
            user("HR", roles=("R",), connects=False),
            role("R", "SELECT ANY TABLE", "SELECT on TABLE OE.T"),
            public("SELECT on TABLE OE.T", "READ on TABLE HR.EMP"),
        )
    )
    found = {
        (item.privilege, str(item.securable)): path_text(item.path)
        for item in rules.everything("HR")
    }
    assert found == {
        ("OWNER", "schema HR"): "HR",
        ("SELECT ANY TABLE", "server"): "HR → R (default role)",
        ("SELECT", "table OE.T"): "HR → PUBLIC (everyone)",
        ("READ", "table HR.EMP"): "HR → PUBLIC (everyone)",
    }


def test_an_account_that_is_not_there_has_nothing() -> None:
    rules = OracleAccess(world(user("A")))
    assert not rules.decide("B", "SELECT", EMP).is_allowed
    assert rules.everything("B") == ()
    assert rules.powers("B") == ()


@pytest.mark.parametrize(
    ("accounts", "source", "path"),
    [
        ((user("SYS"),), "SYS", "SYS"),
        ((user("A", "SYSDBA"),), "SYSDBA", "A"),
        ((user("A", roles=("DBA",)),), "role DBA", "A → DBA (default role)"),
        (
            (user("A", roles=("OPS",)), role("OPS", roles=("DBA",)), role("DBA")),
            "role DBA",
            "A → OPS (default role) → DBA (role)",
        ),
        (
            (user("A"), public(roles=("DBA",))),
            "role DBA",
            "A → PUBLIC (everyone) → DBA (default role)",
        ),
    ],
)
def test_superusers_and_how_they_are(
    accounts: tuple[AccountState, ...], source: str, path: str
) -> None:
    (power,) = OracleAccess(world(*accounts)).powers(accounts[0].name)
    assert (power.kind, power.source, path_text(power.path)) == (
        PowerKind.SUPERUSER,
        source,
        path,
    )
    assert power.availability is Availability.AT_LOGIN


def test_a_superuser_after_set_role_has_its_other_powers_beside_it() -> None:
    account = user("A", "GRANT ANY ROLE", roles=(has("DBA", default=False),))
    powers = OracleAccess(world(account)).powers("A")
    assert [(power.kind, power.availability) for power in powers] == [
        (PowerKind.SUPERUSER, Availability.AFTER_SET_ROLE),
        (PowerKind.GRANT_ADMIN, Availability.AT_LOGIN),
    ]


def test_a_dba_of_a_container_is_a_superuser_there() -> None:
    boss = user("BOSS", roles=("DBA",), pdb="PDB1")
    (power,) = OracleAccess(world(boss, user("SYS"))).powers("PDB1.BOSS")
    assert path_text(power.path) == "PDB1.BOSS → PDB1.DBA (default role)"


@pytest.mark.parametrize(
    "privilege",
    [
        "GRANT ANY PRIVILEGE",
        "GRANT ANY ROLE",
        "GRANT ANY OBJECT PRIVILEGE",
        "GRANT ANY SCHEMA PRIVILEGE",
        "ALTER USER",
        "BECOME USER",
        "CREATE ANY JOB",
        "CREATE ANY PROCEDURE",
        "EXECUTE ANY PROCEDURE",
        "CREATE ANY TRIGGER",
        "CREATE ANY LIBRARY",
        "INHERIT ANY PRIVILEGES",
        "TRANSLATE ANY SQL",
        "CREATE ANY DIRECTORY",
        "ADMINISTER DATABASE TRIGGER",
        "CREATE ANY INDEX",
        "IMPORT FULL DATABASE",
        "ALTER SYSTEM",
        "CREATE EXTERNAL JOB",
    ],
)
def test_privileges_that_lead_to_any_other(privilege: str) -> None:
    rules = OracleAccess(world(user("A", roles=(has("R", default=False),)), role("R", privilege)))
    (power,) = rules.powers("A")
    assert power.kind is PowerKind.GRANT_ADMIN
    assert power.source.startswith(f"{privilege}: ")
    assert power.availability is Availability.AFTER_SET_ROLE


@pytest.mark.parametrize(
    "text",
    ["CREATE TABLE WITH OPTION", "SELECT ANY TABLE", "SYSOPER", "SYSKM", "UPDATE on TABLE SYS.T"],
)
def test_what_is_no_power(text: str) -> None:
    assert OracleAccess(world(user("A", text))).powers("A") == ()


def test_pdb_dba_is_what_was_granted_to_it() -> None:
    empty = world(user("A", roles=("PDB_DBA",)), role("PDB_DBA"))
    assert OracleAccess(empty).powers("A") == ()
    full = world(user("A", roles=("PDB_DBA",)), role("PDB_DBA", roles=("DBA",)))
    assert OracleAccess(full).powers("A")[0].kind is PowerKind.SUPERUSER


def test_an_import_role_that_was_filtered_out_is_a_grant_admin() -> None:
    powers = OracleAccess(world(user("A", roles=("DATAPUMP_IMP_FULL_DATABASE",)))).powers("A")
    assert "GRANT ANY ROLE: grants any role" in {power.source for power in powers}


def unread(*names: SectionName, pdb: str = "") -> dict[SectionKey, SectionReport]:
    report = SectionReport(SectionStatus.DENIED, "no privilege")
    return {SectionKey(name, pdb): report for name in names}


def test_sections_that_were_not_read_are_named() -> None:
    sections = unread(SectionName.SERVER, SectionName.TABLE, SectionName.TYPE)
    rules = OracleAccess(world(user("A"), sections=sections))
    assert rules.decide("A", "SELECT", EMP).unknown == ("grants.server", "grants.table")
    assert rules.decide("A", "EXECUTE", on("TYPE HR.T")).unknown == (
        "grants.server",
        "grants.type",
    )


def test_only_sections_of_the_same_container_count() -> None:
    sections = unread(SectionName.TABLE, pdb="PDB1")
    rules = OracleAccess(world(user("A"), user("A", pdb="PDB1"), sections=sections))
    assert rules.decide("A", "SELECT", EMP).unknown == ()
    there = rules.decide("PDB1.A", "SELECT", on("TABLE HR.EMP", "PDB1"))
    assert there.unknown == ("grants.table@PDB1",)


def test_nothing_unknown_could_change_what_is_already_in_force() -> None:
    sections = unread(SectionName.SERVER)
    rules = OracleAccess(world(user("HR"), sections=sections))
    assert rules.decide("HR", "SELECT", EMP).unknown == ()


def test_what_is_in_force_only_after_set_role_could_be_at_login_by_what_was_not_read() -> None:
    state = user("A", roles=(has("DBA", default=False),))
    rules = OracleAccess(world(state, sections=unread(SectionName.TABLE)))
    assert rules.decide("A", "SELECT", EMP).unknown == ("grants.table",)


def test_create_session_is_not_missed_where_it_could_not_be_read() -> None:
    state = user("A", "SELECT on TABLE HR.EMP", connects=False)
    rules = OracleAccess(world(state, sections=unread(SectionName.SERVER)))
    assert rules.decide("A", "SELECT", EMP).held[0].lacking == ()


def test_a_section_that_a_version_does_not_have_is_not_unknown() -> None:
    sections = {SectionKey(SectionName.SCHEMA): SectionReport(SectionStatus.NOT_APPLICABLE)}
    assert OracleAccess(world(user("A"), sections=sections)).decide("A", "READ", EMP).unknown == ()


def test_roles_that_the_snapshot_leaves_out_are_named() -> None:
    state = user("A", roles=("CONNECT", "AQ_ADMINISTRATOR_ROLE", "RESOURCE"))
    assert OracleAccess(world(state)).decide("A", "SELECT", EMP).unknown == (
        "the contents of role AQ_ADMINISTRATOR_ROLE, which the snapshot leaves out",
        # Also the smallest may have been granted more: GRANT CREATE VIEW TO CONNECT.
        "the contents of role CONNECT, which the snapshot leaves out",
        "the contents of role RESOURCE, which the snapshot leaves out",
    )


@pytest.mark.parametrize(
    ("privilege", "writes"),
    [
        ("SELECT", False),
        ("READ", False),
        ("SELECT ANY TABLE", False),
        ("SELECT WITH HIERARCHY OPTION", False),
        ("EXECUTE", False),
        ("CREATE SESSION", False),
        ("QUOTA 1024", False),
        ("INHERIT PRIVILEGES", False),
        ("INSERT", True),
        ("WRITE", True),
        ("DELETE ANY TABLE", True),
        ("CREATE TABLE", True),
        ("ALTER USER", True),
        ("GRANT ANY ROLE", True),
        ("SYSDBA", True),
        ("OWNER", True),
        ("ALL", True),
        ("SOMETHING NEW", True),
    ],
)
def test_what_writes(privilege: str, *, writes: bool) -> None:
    assert OracleAccess(world()).is_write(privilege) is writes


def test_public_is_everyone_in_every_container() -> None:
    rules = OracleAccess(world(public(), public(pdb="PDB1"), user("A")))
    assert [name for name in ("PUBLIC", "PDB1.PUBLIC", "A", "B") if rules.is_everyone(name)] == [
        "PUBLIC",
        "PDB1.PUBLIC",
    ]


def test_a_grant_read_from_another_container_does_not_count() -> None:
    foreign = user("A", "SELECT on TABLE HR.EMP", pdb="PDB1").grants
    state = user("A")
    both = AccountState("A", state.kind, can_login=True, grants=(*state.grants, *foreign))
    assert not OracleAccess(world(both)).decide("A", "SELECT", EMP).is_allowed
