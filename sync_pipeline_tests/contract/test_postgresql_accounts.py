"""PostgreSQL's roles, memberships, settings and databases, read from real servers."""

from __future__ import annotations

import psycopg
import pytest

from sync_pipeline.engines.base import DatabaseEntry
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import (
    AccountSetting,
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionStatus
from sync_pipeline.reconcile.scope import like
from workbench.servers.postgresql_bench import ENGINE, PostgresBench, statement

pytestmark = pytest.mark.postgresql

ODD_NAMES = (
    "MyDb",
    "mydb",
    "o'brien",
    'q"uo""te',
    "dot.ted.name",
    " a b ",
    "50%",
    "%s %(x)s",
    "under_score",
    "at@host",
    "back\\slash",
    "semi;--colon",
    "用户 ñ 🐘",
    "host=127.0.0.2 dbname=x",
    "postgresql://other/x",
    "line\nbreak",
    "PUBLIC",
    "x" * 63,
)


def test_every_attribute_of_a_role_is_read(bench: PostgresBench) -> None:
    bench.run(
        "CREATE ROLE plain NOLOGIN",
        "CREATE ROLE full_role LOGIN SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS NOINHERIT "
        "CONNECTION LIMIT 7 VALID UNTIL '2027-01-01 01:30:00+02'",
        "CREATE ROLE for_ever LOGIN VALID UNTIL 'infinity'",
        # The session's zone and date style must not show in what is recorded.
        "ALTER ROLE postgres SET TimeZone = 'Asia/Tokyo'",
        "ALTER ROLE postgres SET DateStyle = 'German'",
    )
    try:
        snapshot = bench.collect()
    finally:
        bench.run("ALTER ROLE postgres RESET ALL")
    plain, full = bench.account("plain", snapshot), bench.account("full_role", snapshot)
    assert (plain.kind, plain.can_login, plain.is_superuser) == (AccountKind.ROLE, False, False)
    assert not plain.is_locked
    assert dict(plain.attributes) == {
        "inherits": True,
        "can_create_roles": False,
        "can_create_databases": False,
        "can_replicate": False,
        "bypasses_row_security": False,
        "connection_limit": -1,
        "valid_until": None,
    }
    assert (full.kind, full.can_login, full.is_superuser) == (AccountKind.USER, True, True)
    assert dict(full.attributes) == {
        "inherits": False,
        "can_create_roles": True,
        "can_create_databases": True,
        "can_replicate": True,
        "bypasses_row_security": True,
        "connection_limit": 7,
        "valid_until": "2026-12-31T23:30:00.000000Z",
    }
    assert dict(bench.account("for_ever", snapshot).attributes)["valid_until"] == "infinity"


def test_memberships_keep_their_options_and_who_granted_them(bench: PostgresBench) -> None:
    bench.run(
        "CREATE ROLE base",
        "CREATE ROLE middle",
        "CREATE ROLE leaf LOGIN",
        "GRANT base TO middle WITH ADMIN OPTION",
        "GRANT middle TO leaf",
        "GRANT pg_read_all_data TO leaf",
        "SET ROLE middle; GRANT base TO leaf; RESET ROLE",
    )
    if bench.major >= 16:
        bench.run("GRANT base TO leaf WITH INHERIT FALSE, SET FALSE")
    snapshot = bench.collect()
    options = {"inherit": True, "set_role": True} if bench.major >= 16 else {}
    by_postgres = {"grantor": "postgres"}
    assert set(bench.account("middle", snapshot).memberships) == {
        Membership("base", admin=True, **options, **by_postgres)
    }
    expected = {
        Membership("middle", **options, **by_postgres),
        Membership("pg_read_all_data", **options, **by_postgres),
        Membership("base", **options, grantor="middle"),
    }
    if bench.major >= 16:
        # From 16 on each grantor's membership is a row of its own.
        expected.add(Membership("base", inherit=False, set_role=False, **by_postgres))
    assert set(bench.account("leaf", snapshot).memberships) == expected


def test_settings_belong_to_a_role_a_database_or_everyone(bench: PostgresBench) -> None:
    bench.run(
        "CREATE ROLE app LOGIN",
        "ALTER ROLE app SET work_mem = '8MB'",
        "ALTER ROLE app SET search_path = '$user', \"odd = name\", public",
        "ALTER ROLE app IN DATABASE bench SET statement_timeout = '5s'",
        "ALTER DATABASE bench SET application_name = 'a=b=c'",
        "ALTER ROLE ALL SET lock_timeout = '1s'",
    )
    snapshot = bench.collect()
    assert set(bench.account("app", snapshot).settings) == {
        AccountSetting("", "work_mem", "8MB"),
        AccountSetting("", "search_path", '"$user", "odd = name", public'),
        AccountSetting("bench", "statement_timeout", "5s"),
    }
    assert set(bench.account("public", snapshot).settings) == {
        AccountSetting("bench", "application_name", "a=b=c"),
        AccountSetting("", "lock_timeout", "1s"),
    }


def test_public_is_an_account_that_holds_what_everyone_may(bench: PostgresBench) -> None:
    public = bench.account("public")
    assert (public.kind, public.can_login) == (AccountKind.PUBLIC, False)
    on = Securable(SecurableKind.DATABASE, "bench")
    granted = {(g.securable, g.privilege) for g in public.grants}
    assert {(on, "CONNECT"), (on, "TEMPORARY")} <= granted
    bench.run("REVOKE CONNECT ON DATABASE bench FROM PUBLIC")
    granted = {(g.securable, g.privilege) for g in bench.account("public").grants}
    assert (on, "CONNECT") not in granted
    assert (on, "TEMPORARY") in granted


def test_odd_names_come_back_exactly(bench: PostgresBench) -> None:
    for name in ODD_NAMES:
        bench.run(
            statement("CREATE ROLE {} LOGIN", name),
            statement("CREATE SCHEMA {}", name),
            statement("CREATE TABLE {0}.{0} ({0} integer)", name),
            statement("GRANT SELECT, INSERT ({0}) ON {0}.{0} TO {0}", name),
        )
    snapshot = bench.collect()
    for name in ODD_NAMES:
        expected = {
            Grant(
                Securable(SecurableKind.TABLE, "bench", name, name, catalog="bench"),
                "SELECT",
                grantor="postgres",
            ),
            Grant(
                Securable(SecurableKind.COLUMN, "bench", name, name, name, catalog="bench"),
                "INSERT",
                grantor="postgres",
            ),
        }
        assert set(bench.account(name, snapshot).grants) == expected


def test_databases_with_odd_names_are_opened(newest_bench: PostgresBench) -> None:
    bench = newest_bench
    names = [name for name in ODD_NAMES if name not in ("PUBLIC", "line\nbreak")]
    for name in names:
        bench.run(statement("CREATE DATABASE {} STRATEGY file_copy", name), database="postgres")
        bench.run("CREATE SCHEMA inside", database=name)
    snapshot = bench.collect()
    assert not snapshot.warnings
    schemas = {
        grant.securable.database
        for grant in bench.account("postgres", snapshot).grants
        if grant.securable.schema == "inside"
    }
    assert schemas == set(names)


def test_longer_names_are_cut_by_the_server(newest_bench: PostgresBench) -> None:
    """PostgreSQL keeps 63 bytes of a name (manual, 4.1.1), whole characters only."""
    newest_bench.run(
        statement("CREATE ROLE {}", "y" * 128), statement("CREATE ROLE {}", "y" + "é" * 64)
    )
    names = {account.name for account in newest_bench.collect().accounts}
    assert {"y" * 63, "y" + "é" * 31} <= names


def test_system_accounts_are_the_predefined_roles(bench: PostgresBench) -> None:
    bench.run("CREATE ROLE pga", "CREATE ROLE xpg_read")
    names = {account.name for account in bench.collect().accounts}
    excluded = {n for n in names if any(like(p, n) for p in ENGINE.system_accounts)}
    predefined = {name for (name,) in bench.rows("SELECT rolname FROM pg_roles WHERE oid < 16384")}
    assert excluded == predefined - {"postgres"}
    assert "pg_read_all_data" in excluded


def test_databases_are_listed_with_the_reason_where_they_cant_be_opened(
    bench: PostgresBench,
) -> None:
    bench.run(
        'CREATE ROLE "mon""itor" LOGIN',
        'CREATE DATABASE "no ""connect"',
        'REVOKE CONNECT ON DATABASE "no ""connect" FROM PUBLIC',
        "CREATE DATABASE closed ALLOW_CONNECTIONS false",
        "CREATE DATABASE locked_template IS_TEMPLATE true ALLOW_CONNECTIONS false",
        "CREATE DATABASE broken",
        "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'broken'",
        database="postgres",
    )
    target = bench.target('mon"itor')
    connection = ENGINE.connect(target)
    try:
        entries = ENGINE.databases(connection, target.username)
    finally:
        connection.close()
        bench.run(
            "UPDATE pg_database SET datistemplate = false WHERE datname = 'locked_template'",
            database="postgres",
        )
    closed = "it allows no connections"
    missing = 'GRANT CONNECT ON DATABASE "no ""connect" TO "mon""itor";'
    assert set(entries) == {
        DatabaseEntry("bench", is_readable=True),
        DatabaseEntry("postgres", is_readable=True),
        DatabaseEntry("template1", is_readable=True),
        DatabaseEntry("closed", is_readable=False, reason=closed),
        DatabaseEntry("locked_template", is_readable=False, reason=closed),
        DatabaseEntry("broken", is_readable=False, reason="it is invalid; drop it"),
        DatabaseEntry(
            'no "connect', is_readable=False, reason="CONNECT is missing", missing=missing
        ),
    }


def test_a_whole_snapshot_says_so(bench: PostgresBench) -> None:
    snapshot = bench.collect()
    assert not snapshot.warnings
    assert snapshot.is_known(SectionKey(SectionName.ACCOUNTS))
    parameter = snapshot.sections[SectionKey(SectionName.PARAMETER)].status
    assert parameter is (SectionStatus.READ if bench.major >= 15 else SectionStatus.NOT_APPLICABLE)
    assert not snapshot.unread
    assert snapshot.server.version_number[0] == bench.major
    assert snapshot.server.tls is None


def test_the_server_level_opens_no_other_database(bench: PostgresBench) -> None:
    snapshot = bench.collect(object_detail=False)
    assert bench.account("postgres", snapshot)
    assert snapshot.sections[SectionKey(SectionName.DATABASE)].status is SectionStatus.READ
    unread = snapshot.unread
    assert SectionKey(SectionName.TABLE, "bench") in unread
    assert {report.status for report in unread.values()} == {SectionStatus.SKIPPED}


def test_the_role_of_initdb_is_known_by_its_identifier(newest_bench: PostgresBench) -> None:
    """A role that is called postgres is not the first superuser because of its name."""
    bench = newest_bench
    address = {"host": bench.server.host, "port": bench.server.port}
    bench.run("CREATE ROLE renamer SUPERUSER LOGIN")
    with psycopg.connect(**address, user="renamer", dbname="bench", autocommit=True) as link:
        link.execute("ALTER ROLE postgres RENAME TO chief")
        link.execute("CREATE ROLE postgres SUPERUSER LOGIN")
        try:
            snapshot = bench.collect()
        finally:
            link.execute("DROP ROLE postgres")
            link.execute("ALTER ROLE chief RENAME TO postgres")
    states = {state.name: state for state in snapshot.accounts}
    rules = ENGINE.access_rules(AccessWorld("i", EngineName.POSTGRESQL, "18", states))
    built_in = {name for name in states if rules.facts(name).is_built_in}
    assert built_in == {"chief"}
    usual = bench.collect()
    assert not any("is_bootstrap" in dict(state.attributes) for state in usual.accounts)
