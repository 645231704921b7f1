"""Findings about a MySQL or MariaDB server: each with its violation and its clean twin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pymysql
import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.definers import definer_routine
from sync_pipeline.access.findings.exposure import anonymous, open_database
from sync_pipeline.access.findings.passwords import old
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.findings.rule import Rule
from sync_pipeline.access.findings.transport import tls_not_required
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.access.contract import set_server
from sync_pipeline.engines.base import filled
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.finding import Finding, FindingRules, Severity
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.server_fact import ServerFact, ServerFacts
from sync_pipeline.model.snapshot import SectionReport, SectionStatus, Snapshot
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer

PASSWORD = "Sf-1_<password>"


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    found = Family(mysql_family_server)
    try:
        yield found
    finally:
        for user, host in found.rows("SELECT User, Host FROM mysql.user WHERE User LIKE 'sf%'"):
            found.run(f"DROP USER '{user}'@'{host}'")


def case_of(
    family: Family,
    snapshot: Snapshot,
    at: datetime | None = None,
    platform: Platform = Platform.SELF_RUN,
    facts: tuple[ServerFact, ...] | None = None,
) -> Case:
    accounts = {state.name: state.canonical() for state in snapshot.accounts}
    world = AccessWorld(
        *("db", family.engine.name, snapshot.server.version, accounts, snapshot.sections),
        asked_at=at or datetime.now(UTC),
        platform=platform,
        server=ServerFacts(snapshot.server_facts if facts is None else facts),
    )
    return Case(Judged(world, family.engine.access_rules(world)))


def found(case: Case, rule: Rule) -> list[Finding]:
    return list(review([case], FindingRules(), datetime.now(UTC).date(), [rule]).findings)


def test_logins_from_elsewhere_without_tls_and_the_clean_twin(family: Family) -> None:
    family.run(
        f"CREATE USER sf_far@'10.%' IDENTIFIED BY '{PASSWORD}'",
        f"CREATE USER sf_here@'localhost' IDENTIFIED BY '{PASSWORD}'",
        f"CREATE USER sf_tls@'10.%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL",
    )
    snapshot = family.snapshot()
    before = ServerFacts(snapshot.server_facts).value("require_secure_transport")
    assert before == "OFF"
    case = case_of(family, snapshot)
    (finding,) = found(case, tls_not_required)
    assert (finding.account, finding.severity, finding.path) == ("", Severity.MEDIUM, ())
    assert "'sf_far'@'10.%'" in finding.evidence
    assert not any(name in finding.evidence for name in ("sf_here", "sf_tls"))
    family.run("ALTER USER sf_far@'10.%' REQUIRE X509")
    twin = case_of(family, family.snapshot())
    assert not any("sf_" in item.evidence for item in found(twin, tls_not_required))


def test_the_fix_ends_it_and_the_undo_brings_it_back(family: Family) -> None:
    family.run(f"CREATE USER sf_far@'10.%' IDENTIFIED BY '{PASSWORD}'")
    snapshot = family.snapshot()
    with_tls = (*snapshot.server_facts, ServerFact("ssl_cert", value="server-cert.pem"))
    (finding,) = found(case_of(family, snapshot, facts=with_tls), tls_not_required)
    scope = "PERSIST" if family.is_mysql else "GLOBAL"
    assert finding.fix == f"SET {scope} require_secure_transport = 'ON';"
    assert finding.undo == f"SET {scope} require_secure_transport = 'OFF';"
    assert bool(finding.left) is not family.is_mysql
    with family.admin() as cursor:
        try:
            cursor.execute(finding.fix)
            cursor.execute("SELECT @@GLOBAL.require_secure_transport")
            assert cursor.fetchall()[0][0] == 1
        finally:
            cursor.execute(finding.undo)
    assert found(case_of(family, family.snapshot()), tls_not_required)


def test_no_statement_that_locks_everybody_out(family: Family) -> None:
    family.run(f"CREATE USER sf_far@'10.%' IDENTIFIED BY '{PASSWORD}'")
    snapshot = family.snapshot()
    plain = tuple(
        item for item in snapshot.server_facts if item.name not in ("have_ssl", "ssl_cert")
    )
    (finding,) = found(case_of(family, snapshot, facts=plain), tls_not_required)
    assert (finding.fix, finding.undo) == ("", "")
    assert "has no certificate" in finding.left
    with_tls = (*plain, ServerFact("ssl_cert", value="server-cert.pem"))
    managed = case_of(family, snapshot, platform=Platform.RDS, facts=with_tls)
    (finding,) = found(managed, tls_not_required)
    assert finding.fix == ""
    assert "in the settings of Amazon RDS" in finding.left


def test_no_statement_of_a_value_that_is_none(family: Family) -> None:
    rules = case_of(family, family.snapshot()).judged.rules
    for value in ("OFF\\'; DROP USER root; --", "a b", "é", "x\n"):
        found = set_server(rules, "require_secure_transport", "ON", value)
        assert (found.fix, found.undo) == ("", "")
        assert "in the server's configuration" in found.left
    assert set_server(rules, "require_secure_transport", "ON", "OFF").fix


def test_what_the_server_did_not_say_is_not_told(family: Family) -> None:
    family.run(f"CREATE USER sf_far@'10.%' IDENTIFIED BY '{PASSWORD}'")
    assert found(case_of(family, family.snapshot(), facts=()), tls_not_required) == []


def test_a_password_of_more_than_a_year_and_a_younger_one(family: Family) -> None:
    family.run(
        f"CREATE USER sf_old@'10.%' IDENTIFIED BY '{PASSWORD}'",
        f"CREATE USER sf_locked@'10.%' IDENTIFIED BY '{PASSWORD}' ACCOUNT LOCK",
    )
    snapshot = family.snapshot()
    now = datetime.now(UTC)
    for days, is_told in ((364, False), (366, True)):
        case = case_of(family, snapshot, now + timedelta(days=days))
        names = {item.account for item in found(case, old)}
        assert ("'sf_old'@'10.%'" in names) is is_told
        assert "'sf_locked'@'10.%'" not in names
        turns = case.judged.world.turns
        assert (turns.last if is_told else turns.next) is not None


ROUTINE = "CREATE DEFINER={} PROCEDURE {}() SQL SECURITY {} SELECT 1"


def test_routines_of_definers_who_are_gone_or_may_do_everything(family: Family) -> None:
    """Each with its clean twin: a plain definer, the caller's own rights, nobody who calls."""
    family.run("CREATE DATABASE sf_shop", "CREATE DATABASE sf_quiet")
    try:
        family.run(
            f"CREATE USER sf_dba@'10.%' IDENTIFIED BY '{PASSWORD}'",
            "GRANT ALL ON *.* TO sf_dba@'10.%' WITH GRANT OPTION",
            f"CREATE USER sf_app@'10.%' IDENTIFIED BY '{PASSWORD}'",
            f"CREATE USER sf_left@'10.%' IDENTIFIED BY '{PASSWORD}'",
            "GRANT EXECUTE ON sf_shop.* TO sf_app@'10.%'",
            ROUTINE.format("sf_dba@'10.%'", "sf_shop.strong", "DEFINER"),
            ROUTINE.format("sf_dba@'10.%'", "sf_shop.stronger", "DEFINER"),
            ROUTINE.format("sf_left@'10.%'", "sf_shop.orphan", "DEFINER"),
            ROUTINE.format("sf_app@'10.%'", "sf_shop.plain", "DEFINER"),
            ROUTINE.format("sf_left@'10.%'", "sf_quiet.own", "INVOKER"),
            ROUTINE.format("sf_dba@'10.%'", "sf_quiet.strong", "DEFINER"),
            "DROP USER sf_left@'10.%'",
        )
        case = case_of(family, family.snapshot())
        items = {
            (item.account, item.about): item
            for item in found(case, definer_routine)
            if "sf_" in item.account
        }
    finally:
        family.run("DROP DATABASE sf_shop", "DROP DATABASE sf_quiet")
    assert set(items) == {("'sf_dba'@'10.%'", "sf_shop"), ("'sf_left'@'10.%'", "sf_shop")}
    strong, gone = items["'sf_dba'@'10.%'", "sf_shop"], items["'sf_left'@'10.%'", "sf_shop"]
    assert (strong.severity, gone.severity) == (Severity.MEDIUM, Severity.LOW)
    assert "sf_shop.strong and 1 more in database sf_shop run with its rights" in strong.evidence
    assert "It has no account any more" in gone.evidence
    assert all(item.left and not item.fix for item in items.values())


def own(case: Case) -> dict[tuple[str, str], Finding]:
    """Return the findings about definers of accounts that a test made, by account and about."""
    items = found(case, definer_routine)
    return {(item.account, item.about): item for item in items if "sf_" in item.account}


@pytest.fixture
def shop(family: Family) -> Iterator[Family]:
    """A database with one who may do everything, and one who may alter and call its routines."""
    everything = "SUPER, SELECT, EXECUTE, INSERT" if family.is_mysql else "ALL"
    family.run(
        "CREATE DATABASE sf_shop",
        "CREATE TABLE sf_shop.orders (id INT)",
        f"CREATE USER sf_dba@'%' IDENTIFIED BY '{PASSWORD}'",
        f"GRANT {everything} ON *.* TO sf_dba@'%'",
        f"CREATE USER sf_app@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
        "GRANT EXECUTE, ALTER ROUTINE ON sf_shop.* TO sf_app@'127.0.0.1' WITH GRANT OPTION",
    )
    try:
        yield family
    finally:
        family.run("DROP DATABASE sf_shop", "DROP ROLE IF EXISTS `sf_r'o@le`, sf_role")


def everything(case: Case) -> Sequence[Finding]:
    return review([case], FindingRules(), datetime.now(UTC).date()).findings


def as_app(family: Family, *statements: str) -> list[str]:
    return as_user(family, "sf_app", *statements)


def as_user(family: Family, user: str, *statements: str) -> list[str]:
    """Return what the statements of somebody answer: the first value, or the error."""
    address = {"host": family.server.host, "port": family.server.port}
    answers = []
    with pymysql.connect(**address, user=user, password=PASSWORD) as link:
        for statement in statements:
            try:
                cursor = link.cursor()
                cursor.execute(statement)
                answers.append(str((cursor.fetchone() or ("",))[0]))
            except pymysql.MySQLError as error:
                answers.append(f"refused {error.args[0]}")
    return answers


ESCALATION = ("CALL sf_shop.who()", "ALTER PROCEDURE sf_shop.who SQL SECURITY DEFINER")
ASKS = "CREATE DEFINER={} PROCEDURE sf_shop.who() SQL SECURITY INVOKER SELECT CURRENT_USER()"


def test_who_may_alter_a_routine_gives_it_the_rights_of_its_definer(shop: Family) -> None:
    """Tried as the application; the fix ends it on the server, and the undo brings it back."""
    shop.run(ASKS.format("sf_dba@'%'"))
    key = ("'sf_dba'@'%'", "sf_shop, by ALTER ROUTINE")
    finding = own(case_of(shop, shop.snapshot()))[key]
    assert finding.severity is Severity.MEDIUM
    assert "sf_shop.who in database sf_shop can be made to run with its rights" in finding.evidence
    assert "'sf_app'@'127.0.0.1'" in finding.evidence
    assert finding.breaks
    shop.run(*finding.fix.splitlines())
    assert own(case_of(shop, shop.snapshot())) == {}
    assert as_app(shop, ESCALATION[1]) == ["refused 1370"]
    shop.run(*finding.undo.splitlines())
    again = own(case_of(shop, shop.snapshot()))[key]
    assert again == finding
    before, _, after = as_app(shop, ESCALATION[0], ESCALATION[1], ESCALATION[0])
    assert (before, after) == ("sf_app@127.0.0.1", "sf_dba@%")
    assert {about for _, about in own(case_of(shop, shop.snapshot()))} == {"sf_shop"}


def test_the_clean_twins_of_who_may_alter_a_routine(shop: Family) -> None:
    """A plain definer, another database, one other routine, and on MySQL a protected definer."""
    shop.run(
        f"CREATE USER sf_plain@'%' IDENTIFIED BY '{PASSWORD}'",
        "CREATE DEFINER=sf_plain@'%' PROCEDURE sf_shop.plain() SQL SECURITY INVOKER SELECT 1",
        "REVOKE ALTER ROUTINE ON sf_shop.* FROM sf_app@'127.0.0.1'",
        ASKS.format("sf_dba@'%'"),
        "GRANT ALTER ROUTINE ON PROCEDURE sf_shop.plain TO sf_app@'127.0.0.1'",
    )
    assert own(case_of(shop, shop.snapshot())) == {}
    shop.run("GRANT ALTER ROUTINE ON PROCEDURE sf_shop.who TO sf_app@'127.0.0.1'")
    (finding,) = own(case_of(shop, shop.snapshot())).values()
    assert "PROCEDURE `sf_shop`.`who`" in finding.fix
    if shop.is_mysql:
        shop.run("GRANT SYSTEM_USER ON *.* TO sf_dba@'%'")
        assert own(case_of(shop, shop.snapshot())) == {}
        assert as_app(shop, ESCALATION[1]) == ["refused 1227"]


def test_a_definer_of_another_host_is_the_account_that_the_server_takes(shop: Family) -> None:
    """By what the server says itself: the narrowest of that user, never an anonymous one."""
    shop.run(
        f"CREATE USER sf_dba@'10.%' IDENTIFIED BY '{PASSWORD}'",
        f"CREATE USER ''@'%' IDENTIFIED BY '{PASSWORD}'",
    )
    definers = {
        "sf_dba@'10.1.1.1'": "'sf_dba'@'10.%'",
        "sf_dba@'192.168.1.1'": "'sf_dba'@'%'",
        "`sf_n@me`@'192.168.1.1'": "",
    }
    try:
        for number, (definer, account) in enumerate(definers.items()):
            name = f"sf_shop.h{number}"
            shop.run(
                f"CREATE DEFINER={definer} PROCEDURE {name}() SELECT CURRENT_USER()",
                "GRANT EXECUTE ON sf_shop.* TO sf_dba@'10.%'",
            )
            (said,) = as_app(shop, f"CALL {name}()")
            assert said == (account.replace("'", "") or "refused 1449")
        items = own(case_of(shop, shop.snapshot()))
    finally:
        shop.run("DROP USER ''@'%'")
    assert set(items) == {("'sf_dba'@'%'", "sf_shop"), ("'sf_n@me'@'192.168.1.1'", "sf_shop")}
    evidence = items["'sf_dba'@'%'", "sf_shop"].evidence
    assert "sf_shop.h1, of 'sf_dba'@'192.168.1.1' in database sf_shop run with" in evidence
    assert "no account any more" in items["'sf_n@me'@'192.168.1.1'", "sf_shop"].evidence


def test_roles_are_definers_whatever_they_are_called(shop: Family) -> None:
    for role in ("`sf_r'o@le`", "sf_role"):
        shop.run(
            f"CREATE ROLE {role}",
            f"CREATE DEFINER={role} PROCEDURE sf_shop.{role[-2:].strip('`')}1() SELECT 1",
        )
    assert own(case_of(shop, shop.snapshot())) == {}
    shop.run("GRANT SUPER ON *.* TO `sf_r'o@le`")
    (finding,) = own(case_of(shop, shop.snapshot())).values()
    assert "e1 in database sf_shop run with its rights" in finding.evidence


def test_views_and_events_of_who_is_gone_or_may_do_everything(shop: Family) -> None:
    """MySQL tells the definers of views, MariaDB those of events; a view is never code."""
    view = "CREATE DEFINER={} SQL SECURITY {} VIEW sf_shop.{} AS SELECT 1 AS a"
    event = "CREATE DEFINER={} EVENT sf_shop.{} ON SCHEDULE EVERY 1 YEAR DO SELECT 1"
    shop.run(
        f"CREATE USER sf_left@'%' IDENTIFIED BY '{PASSWORD}'",
        *(view.format("sf_left@'%'", "DEFINER", f"gone{number}") for number in range(2)),
        view.format("sf_left@'%'", "INVOKER", "own"),
        view.format("sf_dba@'%'", "DEFINER", "strong"),
        event.format("sf_left@'%'", "e_gone"),
        event.format("sf_dba@'%'", "e_strong"),
        "DROP USER sf_left@'%'",
    )
    items = own(case_of(shop, shop.snapshot()))
    noun, first = ("view", "gone0 and 1 more") if shop.is_mysql else ("event", "e_gone")
    assert set(items) == {("'sf_left'@'%'", f"sf_shop, {noun}")}
    (gone,) = items.values()
    assert f"{noun} sf_shop.{first} in database sf_shop run with its rights" in gone.evidence
    assert gone.severity is Severity.LOW
    if shop.is_mysql:
        shop.run("GRANT SELECT ON sf_shop.* TO sf_app@'127.0.0.1'")
        strong = own(case_of(shop, shop.snapshot()))["'sf_dba'@'%'", "sf_shop, view"]
        assert strong.severity is Severity.LOW
        assert "whoever reads them sees" in strong.evidence


def test_nobody_is_gone_where_not_all_accounts_are_known(shop: Family) -> None:
    """A service that hides its accounts; and the server's own, which are not kept."""
    shop.run("CREATE DEFINER=sf_left@'%' PROCEDURE sf_shop.orphan() SELECT 1")
    snapshot = shop.snapshot()
    assert own(case_of(shop, snapshot))
    key = SectionKey(SectionName.ACCOUNTS)
    hidden = SectionReport(SectionStatus.DENIED, "Some are hidden.")
    assert own(case_of(shop, replace(snapshot, sections={**snapshot.sections, key: hidden}))) == {}
    others = ServerFact("definer", "sf_shop", "mysql.sys@localhost", "1 x")
    system = ServerFact("definer", "sf_shop", "mariadb.sys@localhost", "1 x")
    case = case_of(shop, snapshot, facts=(system if not shop.is_mysql else others,))
    assert found(case, definer_routine) == []


def test_what_nobody_was_granted_and_every_account_has(shop: Family) -> None:
    """Rows of old installations for users without a name: tried as two accounts, and mended."""
    own, other = "'sf_own'@'127.0.0.1'", "'sf_app'@'127.0.0.1'"
    columns = "(Host, Db, User, Select_priv, Insert_priv)"
    try:
        shop.run(
            f"CREATE USER {own} IDENTIFIED BY '{PASSWORD}'",
            f"GRANT DELETE ON sf_shop.* TO {own}",
            "REVOKE ALL PRIVILEGES, GRANT OPTION FROM sf_app@'127.0.0.1'",
            f"INSERT INTO mysql.db {columns} VALUES ('%', 'sf\\_%', '', 'Y', 'Y')",
            "FLUSH PRIVILEGES",
        )
        case = case_of(shop, shop.snapshot())
        (table,) = case.judged.rules.securables("sf_shop.orders")
        for word, statement in (
            ("SELECT", "SELECT * FROM sf_shop.orders"),
            ("INSERT", "INSERT INTO sf_shop.orders VALUES (1)"),
            ("DELETE", "DELETE FROM sf_shop.orders"),
        ):
            for account in (own, other):
                said = case.judged.rules.decide(account, word, table)
                (answer,) = as_user(shop, account.split("'")[1], statement)
                assert said.is_allowed is ("refused" not in answer), (account, word)
        assert case.judged.rules.decide(other, "SELECT", table).held[0].path[-1].account == "''@'%'"
        (finding,) = found(case, open_database)
        assert (finding.account, finding.severity) == ("''@'%'", Severity.HIGH)
        assert "INSERT on database pattern" in finding.evidence
        assert {item.rule for item in everything(case) if item.account == "''@'%'"} == {
            "open-database"
        }
        shop.run(*finding.fix.splitlines())
        case = case_of(shop, shop.snapshot())
        assert not found(case, open_database)
        assert "''@'%'" not in case.judged.world.accounts
        assert not case.judged.rules.decide(other, "SELECT", table).is_allowed
        assert as_user(shop, "sf_app", "SELECT * FROM sf_shop.orders") == ["refused 1142"]
    finally:
        shop.run("DELETE FROM mysql.db WHERE User = ''", "FLUSH PRIVILEGES")


def test_an_anonymous_account_is_told_as_one(shop: Family) -> None:
    shop.run(
        f"CREATE USER ''@'%' IDENTIFIED BY '{PASSWORD}'", "GRANT SELECT ON sf_shop.* TO ''@'%'"
    )
    try:
        case = case_of(shop, shop.snapshot())
    finally:
        shop.run("DROP USER ''@'%'")
    assert not found(case, open_database)
    assert found(case, anonymous)


def test_without_the_grant_definers_are_unknown_and_the_instance_is_ready(family: Family) -> None:
    account = "'sf_mon'@'127.0.0.1'"
    table = "user" if family.is_mysql else "global_priv"
    family.run(
        f"CREATE USER {account} IDENTIFIED BY '{PASSWORD}'",
        f"GRANT SELECT ON mysql.{table} TO {account}",
        *(
            filled(query.needs, user=account)
            for query in family.engine.account_queries
            if query.needs.startswith("GRANT SELECT ON mysql.") and "(" not in query.needs
        ),
    )
    target = family.target("sf_mon", PASSWORD)
    key = SectionKey(SectionName.DEFINERS)
    snapshot = family.snapshot(target)
    assert (snapshot.unread, snapshot.warnings) == ({}, ())
    report = snapshot.unreviewed[key]
    assert report.status is SectionStatus.DENIED
    family.run(report.reason.partition("It needs: ")[2])
    assert family.snapshot(target).sections[key].status is SectionStatus.READ
