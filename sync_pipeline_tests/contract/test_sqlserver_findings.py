"""What a review looks for on SQL Server alone: each rule on an emulated server, and its clean twin.

The catalog has the rows that Microsoft's documentation describes (`test_sqlserver_installed.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cache

import pytest

from sync_pipeline.access.benchmarks.cis_sqlserver import CIS_SQLSERVER
from sync_pipeline.access.benchmarks.results import results_of
from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import RULES, review
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.benchmark import ControlStatus
from sync_pipeline.model.finding import Finding, FindingRules, Review, Severity
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.server_fact import ServerFact, ServerFacts
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract.test_sqlserver_installed import NOW
from workbench.emulation.sqlserver_connection import accounts_of
from workbench.emulation.sqlserver_world import World, installed

USERS = bytes.fromhex("01020000000000052000000021020000")
"""S-1-5-32-545, whatever Windows calls it."""
OURS = frozenset(
    {
        *("server-option", "mixed-authentication", "trustworthy-database", "ownership-chaining"),
        *("known-administrator", "contained-password", "guest-enters", "machine-group"),
        *("public-privilege", "definer-routine", "dangerous-privilege", "old-password"),
    }
)
Step = Callable[[World], object]


def healthy() -> World:
    """Return an instance that setup has left and somebody has closed, with people and data."""
    world = installed(sa="dbadmin")
    world.server.find("server_principals", "dbadmin")["is_disabled"] = 1
    world.option("remote access", 0)
    world.login("CORP\\dba", "U")
    world.member("sysadmin", "CORP\\dba")
    world.login("CORP\\readers", "G")
    sales = world.database("sales")
    sales.user("ted", sid=world.login("ted"))
    sales.grant("ted", "CONNECT")
    _set_at(world, 2026)
    return world


def _set_at(world: World, year: int) -> None:
    """Have the password of ted be of the summer of a year."""
    world.login_properties["ted", "PasswordLastSetTime"] = datetime(year, 7, 1, 12)  # noqa: DTZ001


def reviewed(snapshot: Snapshot, platform: Platform = Platform.SELF_RUN) -> Review:
    states = {state.name: state for state in snapshot.accounts if not state.is_system}
    world = AccessWorld(
        "db",
        EngineName.SQLSERVER,
        snapshot.server.version,
        states,
        snapshot.sections,
        NOW,
        platform,
        ServerFacts(snapshot.server_facts),
    )
    case = Case(Judged(world, ENGINES[EngineName.SQLSERVER].access_rules(world)), monitor="mon")
    return review([case], FindingRules(), NOW.date())


def findings(world: World, platform: Platform = Platform.SELF_RUN) -> list[Finding]:
    found = reviewed(accounts_of(world), platform).findings
    return [item for item in found if item.rule in OURS]


def _open(world: World) -> None:
    world.server.find("server_principals", "dbadmin")["is_disabled"] = 0
    world.is_windows_only = False


def _trusted(world: World) -> None:
    world.databases["sales"].listed["is_trustworthy_on"] = True


def _controlled(world: World) -> None:
    _trusted(world)
    world.databases["sales"].member("db_owner", "ted")


def _of_ted(world: World) -> None:
    ted = world.server.find("server_principals", "ted")["sid"]
    world.database("crm", owner=ted, is_trustworthy_on=True)


def _runs_as_dbo(world: World) -> None:
    _trusted(world)
    sales = world.databases["sales"]
    module = sales.thing("pay", "P")
    sales.runs_as(module)
    sales.grant("public", "EXECUTE", 1, module)


def _shell(world: World) -> None:
    world.option("xp_cmdshell", 1)
    master = world.databases["master"]
    master.user("ted", sid=world.server.find("server_principals", "ted")["sid"])
    master.grant("ted", "CONNECT")
    master.grant("ted", "EXECUTE", 1, master.thing("xp_cmdshell", "X", "sys", object_id=-7))


def _namesake(world: World) -> None:
    world.login("sa")


def _contained(world: World) -> None:
    world.databases["sales"].listed["containment"] = 1
    world.databases["sales"].user("app", authentication=2)


CONFIGURE = "EXEC sys.sp_configure N'show advanced options', 1; RECONFIGURE; "


def _sets(name: str, value: int) -> str:
    return f"{CONFIGURE}EXEC sys.sp_configure N'{name}', {value}; RECONFIGURE;"


Found = tuple[str, str, str, Severity, str]
OPTIONS: dict[str, tuple[ServerFact, Found]] = {
    "xp_cmdshell": (
        ServerFact("xp_cmdshell", value="1"),
        ("server-option", "", "xp_cmdshell", Severity.MEDIUM, _sets("xp_cmdshell", 0)),
    ),
    "ole": (
        ServerFact("Ole Automation Procedures", value="1"),
        (
            *("server-option", "", "Ole Automation Procedures", Severity.MEDIUM),
            _sets("Ole Automation Procedures", 0),
        ),
    ),
    "remote": (
        ServerFact("remote access", value="1"),
        ("server-option", "", "remote access", Severity.LOW, _sets("remote access", 0)),
    ),
    "clr": (
        ServerFact("clr enabled", value="1"),
        ("server-option", "", "clr enabled", Severity.LOW, _sets("clr enabled", 0)),
    ),
    "not strict": (
        ServerFact("clr strict security", value="0"),
        ("server-option", "", "clr strict security", Severity.LOW, _sets("clr strict security", 1)),
    ),
    "chaining": (
        ServerFact("cross db ownership chaining", value="1"),
        (
            *("ownership-chaining", "", "server", Severity.MEDIUM),
            _sets("cross db ownership chaining", 0),
        ),
    ),
    "chaining of a database": (
        ServerFact("is_db_chaining_on", "sales", value="1"),
        (
            *("ownership-chaining", "", "database sales", Severity.LOW),
            "ALTER DATABASE [sales] SET DB_CHAINING OFF;",
        ),
    ),
    "trustworthy": (
        ServerFact("is_trustworthy_on", "sales", value="1"),
        (
            *("trustworthy-database", "", "database sales", Severity.MEDIUM),
            "ALTER DATABASE [sales] SET TRUSTWORTHY OFF;",
        ),
    ),
    "mixed": (
        ServerFact("IsIntegratedSecurityOnly", value="0"),
        ("mixed-authentication", "", "", Severity.LOW, ""),
    ),
}
"""What the server is set to, and what is found then."""

SEEDS: dict[str, tuple[Step, Found]] = {
    "trustworthy, of a user's": (
        _of_ted,
        (
            *("trustworthy-database", "", "database crm", Severity.LOW),
            "ALTER DATABASE [crm] SET TRUSTWORTHY OFF;",
        ),
    ),
    "trustworthy, controlled": (
        _controlled,
        (
            *("trustworthy-database", "", "database sales", Severity.HIGH),
            "ALTER DATABASE [sales] SET TRUSTWORTHY OFF;",
        ),
    ),
    "runs as dbo": (
        _runs_as_dbo,
        (
            *("definer-routine", "[sales].[dbo]", "sales", Severity.HIGH),
            "USE [sales]; REVOKE EXECUTE ON OBJECT::[dbo].[pay] FROM [public];",
        ),
    ),
    "sa": (
        _open,
        (
            *("known-administrator", "dbadmin", "open", Severity.MEDIUM),
            "ALTER LOGIN [dbadmin] DISABLE;",
        ),
    ),
    "a namesake of sa": (
        _namesake,
        ("known-administrator", "sa", "namesake", Severity.LOW, ""),
    ),
    "guest": (
        lambda world: world.databases["sales"].grant("guest", "CONNECT"),
        (
            *("guest-enters", "[sales].[guest]", "", Severity.MEDIUM),
            "USE [sales]; REVOKE CONNECT ON DATABASE::[sales] FROM [guest];",
        ),
    ),
    "BUILTIN": (
        lambda world: world.login("VORDEFINIERT\\Benutzer", "G", USERS),
        (
            *("machine-group", "VORDEFINIERT\\Benutzer", "built in", Severity.MEDIUM),
            "USE [master]; REVOKE CONNECT SQL FROM [VORDEFINIERT\\Benutzer];",
        ),
    ),
    "local group": (
        lambda world: world.login("Sql01\\dbas", "G"),
        (
            *("machine-group", "Sql01\\dbas", "local", Severity.MEDIUM),
            "USE [master]; REVOKE CONNECT SQL FROM [Sql01\\dbas];",
        ),
    ),
    "public": (
        lambda world: world.grant("public", "VIEW SERVER STATE"),
        (
            *("public-privilege", "public", "", Severity.MEDIUM),
            "USE [master]; REVOKE VIEW SERVER STATE FROM [public];",
        ),
    ),
    "contained": (
        _contained,
        ("contained-password", "", "database sales", Severity.LOW, ""),
    ),
    "old password": (
        lambda world: _set_at(world, 2024),
        ("old-password", "ted", "", Severity.LOW, ""),
    ),
}
"""What somebody did on the server, and what is found then."""


@cache
def sound() -> Snapshot:
    """Return what a sync reads of the healthy server."""
    return accounts_of(healthy())


@cache
def crowded() -> Snapshot:
    """Return what a sync reads of the server on which all of it was done."""
    world = healthy()
    for step, _ in SEEDS.values():
        step(world)
    for fact, _ in OPTIONS.values():
        if not fact.database and fact.name != "IsIntegratedSecurityOnly":
            world.option(fact.name, int(fact.value))
    world.databases["sales"].listed["is_db_chaining_on"] = True
    return accounts_of(world)


@cache
def with_option(name: str) -> Snapshot:
    """Return the healthy server with one thing set."""
    fact, _ = OPTIONS[name]
    key = (fact.name, fact.database)
    others = (it for it in sound().server_facts if (it.name, it.database) != key)
    return replace(sound(), server_facts=tuple(sorted((*others, fact))))


def check(found: Finding, wanted: Found) -> None:
    rule, account, about, severity, fix = wanted
    assert (found.rule, found.account, found.about) == (rule, account, about)
    assert (found.severity, found.fix) == (severity, fix)
    assert bool(found.undo) is bool(fix)
    assert found.breaks if found.fix else found.left


def test_a_healthy_server_has_none_of_them() -> None:
    assert [item for item in reviewed(sound()).findings if item.rule in OURS] == []


@pytest.mark.parametrize("name", OPTIONS)
def test_what_is_set_is_found_and_nothing_else(name: str) -> None:
    (found,) = (item for item in reviewed(with_option(name)).findings if item.rule in OURS)
    check(found, OPTIONS[name][1])


def test_what_is_set_is_read() -> None:
    """All at once, for a server is not quickly made."""
    assert {fact for fact, _ in OPTIONS.values()} <= set(crowded().server_facts)
    assert not {fact for fact, _ in OPTIONS.values()} & set(sound().server_facts)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_seeded_is_found(seed: str) -> None:
    wanted = SEEDS[seed][1]
    (found,) = (
        item
        for item in reviewed(crowded()).findings
        if (item.rule, item.account, item.about) == wanted[:3]
    )
    check(found, wanted)


def test_an_option_is_given_back_as_it_was() -> None:
    (found,) = (item for item in reviewed(with_option("xp_cmdshell")).findings if item.rule in OURS)
    assert found.undo == found.fix.replace(", 0;", ", 1;")


def test_programs_of_the_host_that_others_run_are_worse() -> None:
    world = healthy()
    _shell(world)
    found = {item.rule: item for item in findings(world)}
    assert found.keys() == {"server-option", "dangerous-privilege"}
    assert found["server-option"].severity is Severity.HIGH
    assert "by its proxy ted," in found["server-option"].evidence
    assert found["dangerous-privilege"].about == "EXECUTE on xp_cmdshell"


def test_sa_where_no_password_is_let_in_is_less() -> None:
    world = healthy()
    world.server.find("server_principals", "dbadmin")["is_disabled"] = 0
    (found,) = findings(world)
    assert (found.rule, found.severity) == ("known-administrator", Severity.LOW)


def test_sa_by_its_own_name_is_told_though_it_is_closed() -> None:
    world = installed()
    world.option("remote access", 0)
    world.server.find("server_principals", "sa")["is_disabled"] = 1
    (found,) = findings(world)
    assert (found.account, found.about, found.severity) == ("sa", "name", Severity.LOW)


def test_the_last_administrator_is_not_closed() -> None:
    world = healthy()
    _open(world)
    world.server.rows["server_role_members"][:] = [
        row
        for row in world.server.rows["server_role_members"]
        if row["member_principal_id"] != world.id_of("CORP\\dba")
    ]
    (found,) = (item for item in findings(world) if item.rule == "known-administrator")
    assert (found.fix, found.undo) == ("", "")
    assert found.left.startswith("Nobody else")


def test_the_healthy_server_has_guests_and_trust_of_the_systems_own() -> None:
    """They are none of the customer's, and so no finding."""
    found = {item.name: item for item in sound().accounts}
    for database in ("master", "tempdb", "msdb"):
        grants = found[f"[{database}].[guest]"].grants
        assert any(grant.privilege == "CONNECT" for grant in grants)


def test_a_group_of_the_domain_and_a_user_of_the_machine_are_none() -> None:
    world = healthy()
    world.login("SQL01X\\dbas", "G")
    world.login("SQL01\\ann", "U")
    assert findings(world) == []


def test_what_everybody_may_write_or_misuse_is_told_once() -> None:
    world = healthy()
    world.grant("public", "ALTER TRACE")
    world.grant("public", "ALTER ANY ENDPOINT")
    found = reviewed(accounts_of(world)).findings
    rules = {item.rule for item in found if item.account == "public"}
    assert rules == {"everyone-can-write", "dangerous-privilege"}


def test_a_module_that_runs_as_who_is_nobody_elsewhere_is_none() -> None:
    world = healthy()
    _trusted(world)
    sales = world.databases["sales"]
    module = sales.thing("pay", "P")
    sales.runs_as(module, "ted")
    sales.grant("public", "EXECUTE", 1, module)
    assert {item.rule for item in findings(world)} == {"trustworthy-database"}


def test_a_module_of_an_owner_who_is_no_superuser_is_none() -> None:
    world = healthy()
    _runs_as_dbo(world)
    ted = world.server.find("server_principals", "ted")["sid"]
    world.databases["sales"].listed["owner_sid"] = ted
    assert {item.rule for item in findings(world)} == {"trustworthy-database"}


def test_a_module_of_a_database_that_nobody_trusts_is_not_even_read() -> None:
    world = healthy()
    _runs_as_dbo(world)
    world.databases["sales"].listed["is_trustworthy_on"] = False
    assert not [item for item in accounts_of(world).server_facts if item.name == "definer"]


def test_a_service_sets_options_and_modes_itself() -> None:
    items = reviewed(with_option("xp_cmdshell"), Platform.RDS).findings
    (found,) = (item for item in items if item.rule in OURS)
    assert (found.rule, found.fix) == ("server-option", "")
    assert "parameter group" in found.left
    modes = reviewed(with_option("mixed"), Platform.RDS).findings
    assert not [item for item in modes if item.rule in OURS]


def test_a_database_of_the_provider_lends_what_it_likes() -> None:
    world = healthy()
    world.database("rdsadmin", is_trustworthy_on=True, is_db_chaining_on=True)
    assert findings(world, Platform.RDS) == []
    assert {item.about for item in findings(world)} == {"database rdsadmin"}


def test_without_the_list_of_databases_nothing_is_said_of_the_server() -> None:
    world = healthy()
    world.option("xp_cmdshell", 1)
    world.denied = {"VIEW ANY DATABASE"}
    snapshot = accounts_of(world)
    assert "VIEW ANY DATABASE" in snapshot.sections[SectionKey(SectionName.SERVER_SETTINGS)].reason
    assert not any("server.settings" in text for text in snapshot.warnings)
    assert [item for item in reviewed(snapshot).findings if item.rule == "server-option"] == []


def statuses(snapshot: Snapshot) -> dict[str, ControlStatus]:
    sections = {"db": snapshot.sections}
    results = results_of(CIS_SQLSERVER, reviewed(snapshot), RULES, (), sections)
    return {item.control.number: item.status for item in results}


def test_the_controls_that_are_looked_at_pass_on_a_healthy_server_and_fail_on_the_other() -> None:
    found, crowd = statuses(sound()), statuses(crowded())
    looked_at = {item.number for item in CIS_SQLSERVER.controls if item.checks}
    # CORP\\dba administers, and ted's password has no end.
    wrong = {number for number in looked_at if found[number] is not ControlStatus.PASS}
    assert wrong == {"3.12", "4.2"}
    # sa has another name there, no user lost its login, and the policy holds for all.
    kept = {number for number in looked_at if crowd[number] is ControlStatus.PASS}
    assert kept == {"2.14", "3.3", "4.3"}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(("clr", "2.2"), ("chaining", "2.3"), ("ole", "2.5"), ("remote", "2.6")),
        *(("trustworthy", "2.9"), ("not strict", "2.17"), ("mixed", "3.1")),
    ],
)
def test_what_is_set_fails_its_control_alone(name: str, number: str) -> None:
    before, after = statuses(sound()), statuses(with_option(name))
    assert {key for key in after if after[key] is not before[key]} == {number}
    assert after[number] is ControlStatus.FAIL
