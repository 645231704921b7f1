"""What PostgreSQL alone has of roles and databases; the rest is in `test_accounts.py`."""

from __future__ import annotations

import psycopg
import pytest

from sync_pipeline.engines.base import DatabaseEntry
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.instance import EngineName
from sync_pipeline_tests.contract.worlds.postgresql import ODD_NAMES
from workbench.servers.postgresql_bench import ENGINE, PostgresBench, statement

pytestmark = pytest.mark.postgresql


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
