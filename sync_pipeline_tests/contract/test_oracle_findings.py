"""What a review looks for on Oracle alone: each rule on an emulated dictionary, and its twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache

import pytest

from sync_pipeline.access.benchmarks.cis_oracle import CIS_ORACLE
from sync_pipeline.access.benchmarks.dbsat import DBSAT
from sync_pipeline.access.benchmarks.results import results_of
from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import RULES, review
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.oracle.access.packages import GROUPS, INTERNAL
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.benchmark import Benchmark, ControlStatus
from sync_pipeline.model.finding import Finding, FindingRules, Review, Severity
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import SectionName
from sync_pipeline.model.server_fact import ServerFacts
from sync_pipeline.model.snapshot import SectionStatus, Snapshot
from sync_pipeline_tests.contract.oracle_family import NOW, snapshot_of
from workbench.emulation.oracle import Session
from workbench.emulation.oracle_world import World

OURS = frozenset(
    {
        *("server-option", "default-password", "guessed-without-end", "external-authentication"),
        *("database-link", "public-privilege", "public-package", "definer-routine"),
        *("dangerous-privilege", "old-password", "inactive-account"),
    }
)
Step = Callable[[World], object]


def healthy() -> World:
    """Return a database as it was made, without the packages that Oracle grants to PUBLIC."""
    world = World()
    world.database()
    rows = world.server._rows["dba_tab_privs"]
    rows[:] = [row for row in rows if row["grantee"] != "PUBLIC"]
    world.profile("APP", FAILED_LOGIN_ATTEMPTS="5", PASSWORD_LIFE_TIME="90")
    world.user("APP", profile="APP", password_change_date=datetime(2026, 1, 1))  # noqa: DTZ001
    world.grant_system("CREATE SESSION", "APP")
    world.default_password("DBSNMP")
    world.link("APP", "HERE", None)
    world.link("SYS", "SYS_HUB", "CURRENT_USER")
    return world


def reviewed(snapshot: Snapshot, platform: Platform = Platform.SELF_RUN) -> Review:
    states = {state.name: state for state in snapshot.accounts if not state.is_system}
    world = AccessWorld(
        "db",
        EngineName.ORACLE,
        snapshot.server.version,
        states,
        snapshot.sections,
        NOW,
        platform,
        ServerFacts(snapshot.server_facts),
    )
    case = Case(Judged(world, ENGINES[EngineName.ORACLE].access_rules(world)))
    return review([case], FindingRules(), NOW.date())


def findings(world: World, session: Session | None = None) -> list[Finding]:
    found = reviewed(snapshot_of(world, session)).findings
    return [item for item in found if item.rule in OURS]


def _public(name: str) -> Step:
    return lambda world: world.grant("EXECUTE", "SYS", name, "PUBLIC", type="PACKAGE")


def _set(name: str, value: str) -> Step:
    return lambda world: world.parameter(name, value)


def _guessed(world: World) -> None:
    world.profile("OPEN", FAILED_LOGIN_ATTEMPTS="UNLIMITED", PASSWORD_LIFE_TIME="90")
    world.user("WEB", profile="OPEN")


def _definer(world: World) -> None:
    world.grant_system("SELECT ANY TABLE", "APP")
    world.procedure("APP", "PAY")
    world.grant("EXECUTE", "APP", "PAY", "PUBLIC", type="PROCEDURE")


def _system_default(world: World) -> None:
    world.default_password("SYSTEM")


def _maintained(world: World) -> None:
    world.user("CTXSYS", oracle_maintained="Y")
    world.default_password("CTXSYS")


SPFILE = "ALTER SYSTEM SET {} = {} SCOPE = SPFILE;"
SEEDS: dict[str, tuple[Step, str, str, str, Severity, str]] = {
    "remote_os_authent": (
        _set("remote_os_authent", "TRUE"),
        *("server-option", "", "remote_os_authent", Severity.HIGH),
        SPFILE.format("REMOTE_OS_AUTHENT", "FALSE"),
    ),
    "remote_os_roles": (
        _set("remote_os_roles", "TRUE"),
        *("server-option", "", "remote_os_roles", Severity.HIGH),
        SPFILE.format("REMOTE_OS_ROLES", "FALSE"),
    ),
    "os_roles": (
        _set("os_roles", "TRUE"),
        *("server-option", "", "os_roles", Severity.MEDIUM),
        SPFILE.format("OS_ROLES", "FALSE"),
    ),
    "case": (
        _set("sec_case_sensitive_logon", "FALSE"),
        *("server-option", "", "sec_case_sensitive_logon", Severity.MEDIUM),
        SPFILE.format("SEC_CASE_SENSITIVE_LOGON", "TRUE"),
    ),
    "dictionary": (
        _set("o7_dictionary_accessibility", "TRUE"),
        *("server-option", "", "o7_dictionary_accessibility", Severity.MEDIUM),
        SPFILE.format("O7_DICTIONARY_ACCESSIBILITY", "FALSE"),
    ),
    "sql92": (
        _set("sql92_security", "FALSE"),
        *("server-option", "", "sql92_security", Severity.LOW),
        SPFILE.format("SQL92_SECURITY", "TRUE"),
    ),
    "default": (
        lambda world: world.default_password("APP"),
        *("default-password", "APP", "", Severity.HIGH, ""),
    ),
    "default of an administrator": (
        _system_default,
        *("default-password", "SYSTEM", "", Severity.CRITICAL, ""),
    ),
    "default of Oracle's own": (
        _maintained,
        *("default-password", "", "accounts of Oracle's own", Severity.HIGH, ""),
    ),
    "old password": (
        lambda world: world.user(
            "OLD",
            profile="APP",
            password_change_date=datetime(2024, 1, 1),  # noqa: DTZ001
        ),
        *("old-password", "OLD", "", Severity.LOW, ""),
    ),
    "inactive": (
        lambda world: world.user(
            "GONE", profile="APP", last_login=datetime(2025, 7, 20, tzinfo=UTC)
        ),
        *("inactive-account", "GONE", "", Severity.LOW),
        "ALTER USER GONE ACCOUNT LOCK;",
    ),
    "guessed": (
        _guessed,
        *("guessed-without-end", "", "profile OPEN", Severity.LOW),
        "ALTER PROFILE OPEN LIMIT FAILED_LOGIN_ATTEMPTS 10;",
    ),
    "external": (
        lambda world: world.user("OPS$ANN", authentication_type="EXTERNAL"),
        *("external-authentication", "OPS$ANN", "", Severity.LOW, ""),
    ),
    "public link": (
        lambda world: world.link("PUBLIC", "CRM", None),
        *("database-link", "", "public", Severity.MEDIUM, ""),
    ),
    "link with a password": (
        lambda world: world.link("APP", "CRM", "CRM_RO"),
        *("database-link", "", "password", Severity.LOW, ""),
    ),
    "role of all": (
        lambda world: world.grant_role("SELECT_CATALOG_ROLE", "PUBLIC"),
        *("public-privilege", "PUBLIC", "", Severity.MEDIUM),
        "REVOKE SELECT_CATALOG_ROLE FROM PUBLIC;",
    ),
    "privilege of all": (
        lambda world: world.grant_system("CREATE SESSION", "PUBLIC"),
        *("public-privilege", "PUBLIC", "", Severity.MEDIUM),
        "REVOKE CREATE SESSION FROM PUBLIC;",
    ),
    "internal package": (
        _public("DBMS_SYS_SQL"),
        *("public-package", "PUBLIC", "internal", Severity.HIGH),
        "REVOKE EXECUTE ON SYS.DBMS_SYS_SQL FROM PUBLIC;",
    ),
    "definer": (
        _definer,
        *("definer-routine", "APP", "", Severity.MEDIUM),
        "REVOKE EXECUTE ON APP.PAY FROM PUBLIC;",
    ),
    **{
        group: (
            _public(names[-1]),
            *("public-package", "PUBLIC", group, Severity.LOW, ""),
        )
        for group, names in GROUPS.items()
    },
}


@cache
def seeded(seed: str) -> Snapshot:
    """Return what a sync reads of the healthy database with one thing seeded, or with none."""
    world = healthy()
    if seed:
        SEEDS[seed][0](world)
    return snapshot_of(world)


def test_a_healthy_database_has_none_of_them() -> None:
    assert [item for item in reviewed(seeded("")).findings if item.rule in OURS] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_seeded_is_found(seed: str) -> None:
    _, rule, account, about, severity, fix = SEEDS[seed]
    (found,) = (item for item in reviewed(seeded(seed)).findings if item.rule == rule)
    assert (found.account, found.about, found.severity) == (account, about, severity)
    assert found.fix == fix
    assert bool(found.undo) is bool(fix)
    assert found.breaks if found.fix else found.left


def test_a_new_database_has_one_finding_of_its_packages() -> None:
    world = World()
    world.database()
    _public("UTL_HTTP")(world)
    (found,) = findings(world)
    assert (found.rule, found.about, found.severity) == (
        *("public-package", "network, files", Severity.LOW),
    )
    assert "UTL_FILE, UTL_HTTP" in found.evidence


def test_packages_of_the_same_names_that_others_wrote_are_theirs() -> None:
    world = healthy()
    for name in ("UTL_HTTP", *sorted(INTERNAL)[:1]):
        world.grant("EXECUTE", "APP", name, "PUBLIC", type="PACKAGE")
    world.grant("EXECUTE", "SYS", "UTL_HTTP", "APP", type="PACKAGE")
    assert findings(world) == []


@pytest.mark.parametrize(
    ("status", "is_told"),
    [
        *(("OPEN", True), ("EXPIRED", True), ("EXPIRED(GRACE)", True), ("LOCKED(TIMED)", True)),
        *(("LOCKED", False), ("EXPIRED & LOCKED", False), ("EXPIRED & LOCKED(TIMED)", True)),
    ],
)
def test_a_default_password_counts_where_it_lets_in(status: str, is_told: bool) -> None:
    world = healthy()
    world.user("OLD", account_status=status, profile="APP")
    world.default_password("OLD")
    rules = {item.rule for item in findings(world) if item.account == "OLD"}
    assert rules == ({"default-password"} if is_told else set())


@pytest.mark.parametrize(
    ("day", "is_told"), [("2025-07-31", True), ("2025-08-01", False), ("2026-02-01", False)]
)
def test_the_month_of_the_last_login_is_all_that_is_known(day: str, is_told: bool) -> None:
    """NOW is the 1st of March 2026: half a year after the end of August is later."""
    world = healthy()
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    world.user("GONE", profile="APP", last_login=at)
    world.user("AS_SYSDBA", profile="APP", last_login=at)
    world.administrator("AS_SYSDBA", 0, "sysoper")
    found = [item.account for item in findings(world) if item.rule == "inactive-account"]
    assert found == (["GONE"] if is_told else [])


def test_logins_on_a_standby_are_not_kept() -> None:
    world = healthy()
    SEEDS["inactive"][0](world)
    found = findings(world, Session(database_role="PHYSICAL STANDBY"))
    assert not [item for item in found if item.rule == "inactive-account"]


def test_each_container_has_its_own() -> None:
    world = World()
    world.cdb("A", "B")
    for c in (3, 4):
        world.user("APP", c)
    world.default_password("APP", 4)
    world.link("PUBLIC", "CRM", "X", 3)
    found = findings(world, Session(container=1))
    by_rule = {(item.rule, item.about): item for item in found}
    assert by_rule["default-password", ""].account == "B.APP"
    assert "A.PUBLIC.CRM" in by_rule["database-link", "public"].evidence
    # One for the packages of all containers.
    assert [item.rule for item in found].count("public-package") == 1


def test_who_is_vouched_for_by_any_machine_is_worse() -> None:
    world = healthy()
    SEEDS["external"][0](world)
    SEEDS["remote_os_authent"][0](world)
    (found,) = (item for item in findings(world) if item.account)
    assert (found.rule, found.severity) == ("external-authentication", Severity.HIGH)


def test_rights_of_an_owner_that_come_by_roles_are_off_in_its_code() -> None:
    world = healthy()
    _definer(world)
    world.server._rows["dba_sys_privs"][:] = [
        row
        for row in world.server._rows["dba_sys_privs"]
        if (row["grantee"], row["privilege"]) != ("APP", "SELECT ANY TABLE")
    ]
    world.grant_role("DBA", "APP")
    assert not [item for item in findings(world) if item.rule == "definer-routine"]


def test_a_service_sets_its_parameters_itself() -> None:
    found = reviewed(seeded("os_roles"), Platform.RDS).findings
    (option,) = (item for item in found if item.rule == "server-option")
    assert (option.fix, option.undo) == ("", "")
    assert "parameter group" in option.left


VIEWS = {
    "v$parameter": (SectionName.SERVER_SETTINGS, "server-option", "os_roles"),
    "dba_users_with_defpwd": (SectionName.DEFAULT_PASSWORDS, "default-password", "default"),
    "dba_db_links": (SectionName.LINKS, "database-link", "public link"),
    "dba_procedures": (SectionName.DEFINERS, "definer-routine", "definer"),
}


@pytest.mark.parametrize("view", VIEWS)
def test_without_a_view_its_rule_is_silent_and_the_grant_is_named(view: str) -> None:
    """An account that an older script made reads all else as before, and nobody is warned."""
    name, rule, seed = VIEWS[view]
    world = healthy()
    SEEDS[seed][0](world)
    snapshot = snapshot_of(world, Session(fails={view: "ORA-00942: table or view does not exist"}))
    assert snapshot.warnings == ()
    assert snapshot.unread == {}
    ((key, report),) = snapshot.unreviewed.items()
    assert (key.name, report.status) == (name, SectionStatus.DENIED)
    granted = view.upper().replace("V$", "V_$")
    assert f"GRANT READ ON SYS.{granted} TO C##SYNC_MONITOR;" in report.reason
    review_ = reviewed(snapshot)
    assert [item for item in review_.findings if item.rule == rule] == []
    for benchmark in (CIS_ORACLE, DBSAT):
        for item in results_of(benchmark, review_, RULES, (), {"db": snapshot.sections}):
            if rule in item.control.rules:
                assert item.status is not ControlStatus.PASS, item.control.number


@cache
def statuses(benchmark: Benchmark, seed: str) -> Mapping[str, ControlStatus]:
    snapshot = seeded(seed)
    results = results_of(benchmark, reviewed(snapshot), RULES, (), {"db": snapshot.sections})
    return {item.control.number: item.status for item in results}


@pytest.mark.parametrize("benchmark", [CIS_ORACLE, DBSAT], ids=lambda item: item.id)
def test_the_controls_that_are_looked_at_pass_on_a_healthy_database(benchmark: Benchmark) -> None:
    found = statuses(benchmark, "")
    looked_at = {item.number for item in benchmark.controls if item.checks}
    not_passed = {number for number in looked_at if found[number] is not ControlStatus.PASS}
    # The passwords of APP are checked by nothing, and it has never logged in.
    assert (
        not_passed
        == {"cis-oracle": {"3.7", "3.9"}, "dbsat": {"USER.PASSWD", "USER.INACTIVE"}}[benchmark.id]
    )


@pytest.mark.parametrize(
    ("seed", "number", "others"),
    [
        ("os_roles", "2.2.4", ()),
        ("remote_os_authent", "2.2.7", ()),
        ("remote_os_roles", "2.2.8", ()),
        ("case", "2.2.9", ()),
        ("sql92", "2.2.14", ()),
        ("guessed", "3.1", ()),
        ("default", "4.1", ()),
        ("external", "4.3", ()),
        ("public link", "4.6", ()),
        *((group, f"5.1.1.{number}", ()) for number, group in enumerate(GROUPS, start=1)),
        ("internal package", "5.1.2.1", ()),
        ("definer", "5.2.6", ("5.2.1",)),
    ],
)
def test_what_is_seeded_fails_its_control_alone(
    seed: str, number: str, others: tuple[str, ...]
) -> None:
    before, after = statuses(CIS_ORACLE, ""), statuses(CIS_ORACLE, seed)
    assert after[number] is ControlStatus.FAIL
    assert {key for key in after if after[key] is not before[key]} == {number, *others}


@pytest.mark.parametrize(
    ("seed", "number"),
    [
        *(("default", "USER.DEFPWD"), ("guessed", "USER.NOLOCK"), ("case", "USER.CASE")),
        *(("role of all", "PRIV.ROLEPUB"), ("privilege of all", "PRIV.SYSPUB")),
        *(("link with a password", "CONF.LINKS"), ("external", "CONF.EXTAUTH")),
        *(("dictionary", "CONF.SYSOBJ"), ("definer", "PRIV.DATA")),
    ],
)
def test_what_is_seeded_fails_what_oracles_own_tool_looks_for(seed: str, number: str) -> None:
    assert statuses(DBSAT, "")[number] is ControlStatus.PASS
    assert statuses(DBSAT, seed)[number] is ControlStatus.FAIL
