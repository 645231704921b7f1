"""Who reads password hashes is a finding; on real servers it is whoever succeeds in reading."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import psycopg
import pymysql
import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.hashes import hash_reader
from sync_pipeline.access.findings.review import RULES, review
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.oracle.access.rules import OracleAccess
from sync_pipeline.engines.postgresql.engine import PostgreSql
from sync_pipeline.engines.sqlserver.access.rules import SqlServerAccess
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.finding import Finding, FindingRules, Severity
from sync_pipeline_tests.contract.mysql_family import Family
from sync_pipeline_tests.contract.test_postgresql_access import world_of
from workbench.servers.postgresql_bench import PostgresBench, raw
from workbench.servers.running import RunningServer
from workbench.strategies import oracle_accounts as oracle
from workbench.strategies import sqlserver_worlds as sqlserver

PASSWORD = "<password>"


def found_in(judged: Judged) -> dict[str, Finding]:
    """Return what the rule alone finds, by account."""
    off = FindingRules(disabled=tuple(item.id for item in RULES if item is not hash_reader))
    return {item.account: item for item in review([Case(judged)], off, date(2026, 3, 1)).findings}


# --- PostgreSQL ------------------------------------------------------------------------------

READS = "SELECT rolpassword FROM pg_catalog.pg_authid"
OF_VIEW = "SELECT passwd FROM pg_catalog.pg_shadow"
OF_FILE = "SELECT pg_read_binary_file('global/1260')"
POSTGRESQL_READERS = {
    "plain": ("", ""),
    "tabled": ("GRANT SELECT ON pg_catalog.pg_authid TO tabled", READS),
    "columned": ("GRANT SELECT (rolname, rolpassword) ON pg_catalog.pg_authid TO columned", READS),
    "harmless": ("GRANT SELECT (rolname) ON pg_catalog.pg_authid TO harmless", ""),
    "shadowed": ("GRANT SELECT ON pg_catalog.pg_shadow TO shadowed", OF_VIEW),
    "backup": ("GRANT pg_read_all_data TO backup", READS),
    "filed": (
        "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text) TO filed",
        OF_FILE,
    ),
    "member": ("GRANT tabled TO member", READS),
    "writer": ("GRANT pg_write_all_data TO writer", ""),
    "monitor": ("GRANT pg_monitor TO monitor", ""),
}


@pytest.fixture
def readers(bench: PostgresBench) -> PostgresBench:
    bench.run(*(f"CREATE ROLE {name} LOGIN" for name in POSTGRESQL_READERS))
    bench.run(*filter(None, (grant for grant, _ in POSTGRESQL_READERS.values())))
    return bench


def judged(bench: PostgresBench) -> Judged:
    world = world_of(bench.collect())
    return Judged(world, PostgreSql().access_rules(world))


def reads(bench: PostgresBench, account: str) -> bool:
    """Return whether an account succeeds, by any of the ways."""
    server = bench.server
    with psycopg.connect(
        host=server.host, port=server.port, user=account, dbname="bench", autocommit=True
    ) as link:
        for statement in (READS, OF_VIEW, OF_FILE):
            try:
                link.execute(raw(statement))
            except psycopg.errors.InsufficientPrivilege:
                continue
            return True
    return False


@pytest.mark.postgresql
def test_postgresql_those_who_succeed_are_found(readers: PostgresBench) -> None:
    found = found_in(judged(readers))
    for account, (_, statement) in POSTGRESQL_READERS.items():
        assert reads(readers, account) == bool(statement), account
        assert (account in found) == bool(statement), account
    assert found["tabled"].severity is Severity.HIGH
    assert found["backup"].severity is Severity.MEDIUM
    assert "pg_authid" in found["backup"].evidence
    assert "member → tabled" in found["member"].evidence


@pytest.mark.postgresql
def test_postgresql_the_fix_takes_it_away(readers: PostgresBench) -> None:
    """But for the backups', which would end with it."""
    for account, finding in found_in(judged(readers)).items():
        assert bool(finding.fix) == (account != "backup"), account
        readers.run(*finding.fix.splitlines())
    assert set(found_in(judged(readers))) == {"backup"}
    assert {account for account in POSTGRESQL_READERS if reads(readers, account)} == {"backup"}


@pytest.mark.postgresql
def test_postgresql_of_everyone_it_is_one_critical_finding(bench: PostgresBench) -> None:
    bench.run("CREATE ROLE plain LOGIN", "GRANT SELECT ON pg_catalog.pg_shadow TO PUBLIC")
    try:
        found = found_in(judged(bench))
    finally:
        bench.run("REVOKE SELECT ON pg_catalog.pg_shadow FROM PUBLIC")
    assert {account: item.severity for account, item in found.items()} == {
        "public": Severity.CRITICAL
    }


@pytest.mark.postgresql
def test_postgresql_a_base_backup_reads_all_and_the_script_nothing(bench: PostgresBench) -> None:
    bench.run(
        "CREATE ROLE replica LOGIN REPLICATION",
        *PostgreSql().grants_script("watcher", "%", ("bench",)).splitlines(),
        "CREATE ROLE boss LOGIN SUPERUSER",
    )
    found = found_in(judged(bench))
    assert set(found) == {"replica"}
    assert found["replica"].severity is Severity.MEDIUM
    assert "base backups" in found["replica"].evidence
    assert not reads(bench, "watcher")


# --- MariaDB and MySQL -----------------------------------------------------------------------


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    found = Family(mysql_family_server)
    yield found
    names = [name for (name,) in found.rows("SELECT User FROM mysql.user WHERE User LIKE 'hr\\_%'")]
    for name in names:
        found.run(f"DROP {'ROLE' if name == 'hr_role' else 'USER'} {name}")


def family_readers(family: Family) -> dict[str, tuple[str, bool]]:
    own, column = ("user", "authentication_string") if family.is_mysql else ("global_priv", "Priv")
    return {
        "hr_plain": ("GRANT SELECT ON mysql.db TO {}", False),
        "hr_table": (f"GRANT SELECT ON mysql.{own} TO {{}}", True),
        "hr_column": (f"GRANT SELECT (Host, User, {column}) ON mysql.{own} TO {{}}", True),
        "hr_names": (f"GRANT SELECT (Host, User) ON mysql.{own} TO {{}}", False),
        "hr_view": ("GRANT SELECT ON mysql.user TO {}", True),
        "hr_database": ("GRANT SELECT ON mysql.* TO {}", True),
        "hr_backup": ("GRANT SELECT, LOCK TABLES, RELOAD ON *.* TO {}", True),
        "hr_member": ("GRANT hr_role TO {}", True),
    }


def succeeds(family: Family, account: str) -> bool:
    columns = ["authentication_string FROM mysql.user"]
    columns += [] if family.is_mysql else ["Priv FROM mysql.global_priv"]
    with (
        pymysql.connect(
            host=family.server.host, port=family.server.port, user=account, password=PASSWORD
        ) as link,
        link.cursor() as cursor,
    ):
        for role in ("NONE", "hr_role"):
            try:
                cursor.execute(f"SET ROLE {role}")
            except pymysql.Error:
                continue
            for column in columns:
                try:
                    cursor.execute(f"SELECT {column}")
                except pymysql.Error:
                    continue
                return True
    return False


def family_found(family: Family) -> dict[str, Finding]:
    snapshot = family.snapshot()
    accounts = {state.name: state for state in snapshot.accounts}
    world = AccessWorld(
        "i", family.engine.name, snapshot.server.version, accounts, snapshot.sections
    )
    found = found_in(Judged(world, family.engine.access_rules(world)))
    return {name.partition("@")[0].strip("'"): item for name, item in found.items()}


def test_the_family_those_who_succeed_are_found(family: Family) -> None:
    plans = family_readers(family)
    family.run("CREATE ROLE hr_role", "GRANT SELECT ON mysql.user TO hr_role")
    for name, (statement, _) in plans.items():
        family.run(f"CREATE USER {name} IDENTIFIED BY '{PASSWORD}'")
        family.run(statement.format(name))
    found = family_found(family)
    for name, (_, is_reader) in plans.items():
        assert succeeds(family, name) == is_reader, name
        assert (name in found) == is_reader, name
    assert found["hr_table"].severity is Severity.HIGH
    assert found["hr_backup"].severity is Severity.MEDIUM
    assert not found["hr_backup"].fix
    assert found["hr_role"].severity is Severity.INFO
    assert "after SET ROLE" in found["hr_member"].evidence
    for name in plans:
        if name in found and name != "hr_backup":
            family.run(*found[name].fix.splitlines())
    family.run("FLUSH PRIVILEGES")
    assert set(family_found(family)) & set(plans) == {"hr_backup"}


def test_the_family_the_scripts_account_is_no_finding(family: Family) -> None:
    script = family.engine.grants_script("hr_monitor", "%", ())
    family.run(*script.splitlines())
    try:
        assert family_found(family).keys().isdisjoint({"hr_monitor", "sync_pipeline_definer"})
        assert not succeeds(family, "hr_monitor")
        # The role of the view, that is: who has it reads what the view keeps back.
        family.run("CREATE USER hr_member", "GRANT sync_pipeline_definer TO hr_member")
        assert "hr_member" in family_found(family)
    finally:
        family.run(
            "DROP ROLE IF EXISTS sync_pipeline_definer", "DROP DATABASE IF EXISTS sync_pipeline"
        )


# --- SQL Server and Oracle: documented cases, for want of servers ----------------------------


@pytest.mark.parametrize(
    ("grants", "is_reader"),
    [
        ("grant VIEW ANY CRYPTOGRAPHICALLY SECURED DEFINITION on server to ted", True),
        ("grant VIEW ANY DEFINITION on server to ted", False),
        ("grant VIEW ANY SECURITY DEFINITION on server to ted", False),
    ],
)
def test_sqlserver_the_permission_that_shows_hashes(grants: str, is_reader: bool) -> None:
    world = sqlserver.world(f"login ted; {grants}")
    found = found_in(Judged(world, SqlServerAccess(world)))
    assert ("[ted]" in found or "ted" in found) == is_reader
    if is_reader:
        (finding,) = found.values()
        assert finding.severity is Severity.HIGH
        assert "REVOKE VIEW ANY CRYPTOGRAPHICALLY SECURED DEFINITION FROM [ted];" in finding.fix


@pytest.mark.parametrize("pdb", ["", "SALES"])
@pytest.mark.parametrize(
    ("grants", "is_reader"),
    [
        ("SELECT on TABLE SYS.USER$", True),
        ("READ on TABLE SYS.USER_HISTORY$", True),
        ("SELECT on TABLE SYS.XS$VERIFIERS", True),
        ("SELECT ANY DICTIONARY", False),
        ("SELECT ANY TABLE", False),
        ("SELECT on VIEW SYS.DBA_USERS", False),
        ("SELECT on TABLE APP.USER$", False),
    ],
)
def test_oracle_the_tables_of_sys(grants: str, is_reader: bool, pdb: str) -> None:
    world = oracle.world(oracle.user("TED", grants, pdb=pdb), oracle.user("BOB", pdb=pdb))
    found = found_in(Judged(world, OracleAccess(world)))
    assert (len(found) == 1) == is_reader
    if is_reader:
        (finding,) = found.values()
        assert finding.severity is Severity.HIGH
        assert finding.fix.splitlines()[-1].startswith("REVOKE ")
        assert "SYS." in finding.evidence


def test_oracle_by_a_role() -> None:
    world = oracle.world(
        oracle.user("TED", roles=("AUDITOR",)), oracle.role("AUDITOR", "SELECT on TABLE SYS.USER$")
    )
    found = found_in(Judged(world, OracleAccess(world)))
    assert found["TED"].fix == "REVOKE AUDITOR FROM TED;"
    assert found["AUDITOR"].severity is Severity.INFO
