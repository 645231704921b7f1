"""Rules of the server beyond its lists: its own tables, asked of it and tried."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
import pytest

from sync_pipeline.engines.postgresql.access.catalogs import CATALOGS
from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline.model.access import AccessWorld, PowerKind
from sync_pipeline.model.privilege import Securable, SecurableKind
from sync_pipeline_tests.contract.test_postgresql_access import world_of
from workbench.servers.postgresql_bench import PostgresBench, raw

pytestmark = pytest.mark.postgresql

K = SecurableKind
SCHEMAS = ("pg_catalog", "information_schema")
ACCOUNTS = ("granted", "owner", "writer", "reader", "member", "superuser")
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
INTO_ITS_ROLE = (
    "UPDATE pg_auth_members SET roleid = 10"
    " WHERE (roleid, member) = ('team'::regrole, 'al'::regrole)"
)
COLUMNS = ("rolname", "rolsuper", "rolcanlogin")


@pytest.fixture
def opened(newest_bench: PostgresBench) -> PostgresBench:
    """Return such a server of the newest version."""
    return open_all(newest_bench)


def open_all(bench: PostgresBench) -> PostgresBench:
    """Everything of the system is granted, as a careless GRANT ALL ... IN SCHEMA does."""
    bench.run(
        *(f"CREATE ROLE {name} LOGIN" for name in ACCOUNTS[:-1]),
        "CREATE ROLE superuser LOGIN SUPERUSER",
        "GRANT pg_write_all_data TO writer",
        "GRANT pg_read_all_data TO reader",
        "GRANT granted TO member",
        *(f"GRANT ALL ON ALL TABLES IN SCHEMA {name} TO granted" for name in SCHEMAS),
        "GRANT SELECT, UPDATE ON pg_catalog.pg_class TO granted WITH GRANT OPTION",
        "GRANT UPDATE (rolcanlogin) ON pg_catalog.pg_authid TO member",
        "SET allow_system_table_mods = on;"
        "CREATE TABLE pg_catalog.pg_dist_node (a int);"
        "ALTER TABLE pg_catalog.pg_dist_node OWNER TO owner;"
        "GRANT ALL ON pg_catalog.pg_dist_node TO granted",
    )
    return bench


def known_in(world: AccessWorld) -> list[Securable]:
    return list(
        {
            grant.securable: None
            for account in world.accounts.values()
            for grant in account.grants
            if grant.securable.catalog == "bench"
            and grant.securable.schema in SCHEMAS
            and grant.securable.kind in (K.TABLE, K.VIEW)
        }
    )


def test_every_answer_about_the_systems_tables_is_the_servers(bench: PostgresBench) -> None:
    world = world_of(open_all(bench).collect())
    rules = PostgreSqlAccess(world)
    known = known_in(world)
    assert len(known) > 150
    asked = [f"{name}{option}" for name in PRIVILEGES for option in ("", " WITH GRANT OPTION")]
    with bench.admin() as link:
        truth = link.execute(
            raw(
                "SELECT r, n, p, has_table_privilege(r::name, o, p)"
                " FROM unnest(%s::text[]) AS r,"
                " unnest(%s::text[]) WITH ORDINALITY AS x (o, n), unnest(%s::text[]) AS p"
            ),
            (list(ACCOUNTS), [f"{on.schema}.{on.name}" for on in known], asked),
        ).fetchall()
    wrong = [
        (account, str(known[number - 1]), privilege, answer)
        for account, number, privilege, answer in truth
        if rules.decide(account, privilege, known[number - 1]).is_allowed_at_login != answer
    ]
    assert not wrong, (len(wrong), len(truth), wrong[:5])


def test_columns_are_as_the_server_says(opened: PostgresBench) -> None:
    rules = PostgreSqlAccess(world_of(opened.collect()))
    for account in ACCOUNTS:
        for column in COLUMNS:
            for privilege in ("SELECT", "INSERT", "UPDATE", "REFERENCES"):
                (answer,) = opened.rows(
                    f"SELECT has_column_privilege('{account}', 'pg_authid', '{column}',"
                    f" '{privilege}')"
                )[0]
                on = Securable(K.COLUMN, "bench", "pg_catalog", "pg_authid", column, "bench")
                found = rules.decide(account, privilege, on)
                assert found.is_allowed_at_login == answer, (account, column, privilege)


def test_everything_lists_no_write_that_is_refused(opened: PostgresBench) -> None:
    rules = PostgreSqlAccess(world_of(opened.collect()))
    listed = {
        (entry.privilege, entry.securable.name)
        for entry in rules.everything("granted")
        if entry.securable.schema == "pg_catalog"
    }
    assert ("SELECT", "pg_authid") in listed
    assert ("TRIGGER", "pg_authid") in listed
    assert ("UPDATE", "pg_authid") not in listed
    assert ("UPDATE", "pg_settings") in listed
    assert ("INSERT", "pg_dist_node") in listed


@pytest.mark.parametrize(
    ("account", "statement", "privilege", "on"),
    [
        ("granted", "UPDATE pg_authid SET rolcanlogin = true", "UPDATE", "pg_authid"),
        ("granted", "DELETE FROM pg_description", "DELETE", "pg_description"),
        ("writer", "INSERT INTO pg_description SELECT * FROM pg_description LIMIT 0", "INSERT",
         "pg_description"),
        ("writer", "INSERT INTO pg_dist_node VALUES (1)", "INSERT", "pg_dist_node"),
        ("granted", "UPDATE pg_dist_node SET a = 1", "UPDATE", "pg_dist_node"),
        ("owner", "TRUNCATE pg_dist_node", "TRUNCATE", "pg_dist_node"),
        ("granted", "SELECT rolpassword FROM pg_authid", "SELECT", "pg_authid"),
        ("reader", "SELECT rolpassword FROM pg_authid", "SELECT", "pg_authid"),
        ("superuser", "UPDATE pg_authid SET rolcanlogin = rolcanlogin", "UPDATE", "pg_authid"),
    ],
)  # fmt: skip
def test_what_is_tried_is_what_is_answered(
    opened: PostgresBench, account: str, statement: str, privilege: str, on: str
) -> None:
    rules = PostgreSqlAccess(world_of(opened.collect()))
    securable = Securable(K.TABLE, "bench", "pg_catalog", on, catalog="bench")
    answer = rules.decide(account, privilege, securable).is_allowed_at_login
    server = opened.server
    with psycopg.connect(host=server.host, port=server.port, user=account, dbname="bench") as link:
        try:
            link.execute(raw(statement))
        except psycopg.errors.InsufficientPrivilege:
            succeeded = False
        else:
            succeeded = True
        link.rollback()
    assert answer == succeeded


@pytest.mark.parametrize(
    ("statement", "columns", "table"),
    [
        ("UPDATE pg_authid SET rolsuper = true WHERE rolname = 'al'", "rolname, rolsuper",
         "pg_authid"),
        (INTO_ITS_ROLE, "roleid", "pg_auth_members"),
    ],
)  # fmt: skip
def test_who_writes_columns_of_the_accounts_becomes_a_superuser(
    bench: PostgresBench, statement: str, columns: str, table: str
) -> None:
    bench.run(
        "CREATE ROLE al LOGIN",
        "CREATE ROLE team",
        "CREATE ROLE plain",
        "GRANT plain TO al",
        f"GRANT SELECT, UPDATE ({columns}) ON pg_catalog.{table} TO team",
        "GRANT team TO al",
    )
    rules = PostgreSqlAccess(world_of(bench.collect()))
    (power, *_) = [item for item in rules.powers("al") if item.kind is PowerKind.SUPERUSER]
    assert f"UPDATE on column bench.pg_catalog.{table}." in power.source
    server = bench.server
    with psycopg.connect(host=server.host, port=server.port, user="al", dbname="bench") as link:
        link.execute(raw(statement))
        link.rollback()
    assert not [item for item in rules.powers("plain") if item.kind is PowerKind.SUPERUSER]


def test_the_list_of_catalogs_is_the_servers(bench: PostgresBench) -> None:
    rows = bench.rows("SELECT relname FROM pg_class WHERE oid < 12000 AND relkind = 'r'")
    names = {name for (name,) in rows}
    assert names <= CATALOGS
    assert bench.major < 15 or names == CATALOGS


# --- settings and databases that change what a right is worth ---------------------------------


def reads_large_object(bench: PostgresBench, account: str) -> bool:
    server = bench.server
    with psycopg.connect(
        host=server.host, port=server.port, user=account, dbname="bench", autocommit=True
    ) as link:
        try:
            link.execute("SELECT lo_get(4711)")
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True


@pytest.mark.parametrize("where", ["ROLE al", "ROLE ALL", "SYSTEM"])
def test_a_setting_that_opens_large_objects_is_said(
    newest_bench: PostgresBench, where: str
) -> None:
    bench = newest_bench
    bench.run(
        "CREATE ROLE al LOGIN",
        "CREATE ROLE app",
        "SELECT lo_create(4711)",
        "GRANT SELECT ON LARGE OBJECT 4711 TO app",
    )
    on = Securable(K.LARGE_OBJECT, "bench", name="4711", catalog="bench")
    before = PostgreSqlAccess(world_of(bench.collect())).decide("al", "SELECT", on)
    assert not reads_large_object(bench, "al")
    assert (before.is_allowed, before.unknown) == (False, ())
    bench.run(f"ALTER {where} SET lo_compat_privileges = on", "SELECT pg_reload_conf()")
    try:
        wait_for(lambda: reads_large_object(bench, "al"))
        after = PostgreSqlAccess(world_of(bench.collect())).decide("al", "SELECT", on)
        assert any("lo_compat_privileges" in text for text in after.unknown)
    finally:
        bench.run("ALTER SYSTEM RESET lo_compat_privileges", "SELECT pg_reload_conf()")
        bench.run("ALTER ROLE ALL RESET ALL", "ALTER ROLE al RESET ALL")
        wait_for(lambda: not reads_large_object(bench, "al"))


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a reload has reached new sessions."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_database_that_allows_no_connections_is_said(bench: PostgresBench) -> None:
    bench.run(
        "CREATE ROLE al LOGIN",
        "CREATE DATABASE closed STRATEGY file_copy",
        "GRANT CONNECT, CREATE ON DATABASE closed TO al",
        "ALTER DATABASE closed ALLOW_CONNECTIONS false",
        database="postgres",
    )
    rules = PostgreSqlAccess(world_of(bench.collect()))
    closed, open_ = Securable(K.DATABASE, "closed"), Securable(K.DATABASE, "bench")
    for account in ("al", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
            psycopg.connect(
                host=bench.server.host, port=bench.server.port, user=account, dbname="closed"
            )
        for privilege in ("CONNECT", "CREATE"):
            (way, *_) = rules.decide(account, privilege, closed).held
            assert "connections to database closed: it allows none" in way.lacking
    (way, *_) = rules.decide("al", "CONNECT", open_).held
    assert not way.lacking
