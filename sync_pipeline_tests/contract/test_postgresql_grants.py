"""Every kind of PostgreSQL's grants, read from real servers."""

from __future__ import annotations

import pytest

from sync_pipeline.model.privilege import Grant, Securable, SecurableKind
from workbench.servers.postgresql_bench import PostgresBench

pytestmark = pytest.mark.postgresql

OBJECTS = (
    "CREATE ROLE app LOGIN",
    "CREATE ROLE maker",
    "CREATE SCHEMA s",
    "CREATE TABLE s.t (id integer, other integer)",
    "CREATE VIEW s.v AS SELECT 1 AS one",
    "CREATE MATERIALIZED VIEW s.m AS SELECT 1 AS one",
    "CREATE TABLE s.p (id integer) PARTITION BY RANGE (id)",
    "CREATE SEQUENCE s.q",
    "CREATE FUNCTION s.f(integer, s.t) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION s.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE PROCEDURE s.pr(a text) LANGUAGE sql AS 'SELECT 1'",
    "CREATE AGGREGATE s.total(integer) (SFUNC = int4pl, STYPE = integer)",
    "CREATE DOMAIN s.d AS integer",
    "CREATE TYPE s.c AS (a integer)",
    "CREATE TYPE s.e AS ENUM ('one')",
    "CREATE TYPE s.r AS RANGE (SUBTYPE = integer)",
    "CREATE FOREIGN DATA WRAPPER w",
    "CREATE SERVER remote FOREIGN DATA WRAPPER w",
    "CREATE FOREIGN TABLE s.ft (id integer) SERVER remote",
    "SELECT lo_create(4711)",
    "SELECT lo_create(4712)",
)

# What is granted to app, the privilege and its securable.
K = SecurableKind
GRANTS: tuple[tuple[str, str, Securable], ...] = (
    ("CREATE ON DATABASE bench", "CREATE", Securable(K.DATABASE, "bench")),
    ("USAGE ON SCHEMA s", "USAGE", Securable(K.SCHEMA, "bench", "s")),
    ("TRUNCATE ON s.t", "TRUNCATE", Securable(K.TABLE, "bench", "s", "t")),
    ("SELECT ON s.v", "SELECT", Securable(K.VIEW, "bench", "s", "v")),
    ("SELECT ON s.m", "SELECT", Securable(K.MATERIALIZED_VIEW, "bench", "s", "m")),
    ("INSERT ON s.p", "INSERT", Securable(K.PARTITIONED_TABLE, "bench", "s", "p")),
    ("DELETE ON s.ft", "DELETE", Securable(K.FOREIGN_TABLE, "bench", "s", "ft")),
    ("USAGE ON SEQUENCE s.q", "USAGE", Securable(K.SEQUENCE, "bench", "s", "q")),
    ("UPDATE (other) ON s.t", "UPDATE", Securable(K.COLUMN, "bench", "s", "t", "other")),
    ("SELECT (one) ON s.v", "SELECT", Securable(K.COLUMN, "bench", "s", "v", "one")),
    (
        "EXECUTE ON FUNCTION s.f(integer, s.t)",
        "EXECUTE",
        Securable(K.FUNCTION, "bench", "s", "f(integer, s.t)"),
    ),
    ("EXECUTE ON FUNCTION s.f()", "EXECUTE", Securable(K.FUNCTION, "bench", "s", "f()")),
    (
        "EXECUTE ON PROCEDURE s.pr(text)",
        "EXECUTE",
        Securable(K.PROCEDURE, "bench", "s", "pr(IN a text)"),
    ),
    (
        "EXECUTE ON FUNCTION s.total(integer)",
        "EXECUTE",
        Securable(K.AGGREGATE, "bench", "s", "total(integer)"),
    ),
    ("USAGE ON DOMAIN s.d", "USAGE", Securable(K.TYPE, "bench", "s", "d")),
    ("USAGE ON TYPE s.c", "USAGE", Securable(K.TYPE, "bench", "s", "c")),
    ("USAGE ON TYPE s.e", "USAGE", Securable(K.TYPE, "bench", "s", "e")),
    ("USAGE ON LANGUAGE plpgsql", "USAGE", Securable(K.LANGUAGE, "bench", "", "plpgsql")),
    (
        "USAGE ON FOREIGN DATA WRAPPER w",
        "USAGE",
        Securable(K.FOREIGN_DATA_WRAPPER, "bench", "", "w"),
    ),
    (
        "USAGE ON FOREIGN SERVER remote",
        "USAGE",
        Securable(K.FOREIGN_SERVER, "bench", "", "remote"),
    ),
    ("UPDATE ON LARGE OBJECT 4711", "UPDATE", Securable(K.LARGE_OBJECT, "bench", "", "4711")),
    ("CREATE ON TABLESPACE place", "CREATE", Securable(K.TABLESPACE, "", "", "place")),
    # Objects of the system's own schemas count where somebody changed their list.
    (
        "SELECT ON pg_catalog.pg_authid",
        "SELECT",
        Securable(K.TABLE, "bench", "pg_catalog", "pg_authid"),
    ),
    (
        "EXECUTE ON FUNCTION pg_catalog.pg_reload_conf()",
        "EXECUTE",
        Securable(K.FUNCTION, "bench", "pg_catalog", "pg_reload_conf()"),
    ),
    (
        "INSERT ON information_schema.sql_features",
        "INSERT",
        Securable(K.TABLE, "bench", "information_schema", "sql_features"),
    ),
)
DEFAULTS: tuple[tuple[str, str, Securable], ...] = (
    (
        "ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA s GRANT SELECT ON TABLES TO app",
        "SELECT",
        Securable(K.DEFAULT_PRIVILEGE, "bench", "s", "tables of maker"),
    ),
    (
        "ALTER DEFAULT PRIVILEGES FOR ROLE maker GRANT USAGE ON SCHEMAS TO app",
        "USAGE",
        Securable(K.DEFAULT_PRIVILEGE, "bench", "", "schemas of maker"),
    ),
    (
        "ALTER DEFAULT PRIVILEGES FOR ROLE maker GRANT EXECUTE ON ROUTINES TO app",
        "EXECUTE",
        Securable(K.DEFAULT_PRIVILEGE, "bench", "", "functions of maker"),
    ),
)
SERVER_WIDE = (K.DATABASE, K.TABLESPACE, K.PARAMETER)


def in_catalog(on: Securable) -> Securable:
    """Return the securable with the catalog it is read from."""
    catalog = "" if on.kind in SERVER_WIDE else "bench"
    return Securable(on.kind, on.database, on.schema, on.name, on.column, catalog)


def prepare(bench: PostgresBench) -> None:
    bench.run(
        *OBJECTS,
        "SET allow_in_place_tablespaces = on",
        "CREATE TABLESPACE place LOCATION ''",
    )


def versioned(bench: PostgresBench) -> list[tuple[str, str, Securable]]:
    """Return the grants that this version knows."""
    grants = list(GRANTS)
    if bench.major >= 15:
        on = Securable(K.PARAMETER, "", "", "work_mem")
        grants.append(("SET ON PARAMETER work_mem", "SET", on))
        grants.append(("ALTER SYSTEM ON PARAMETER work_mem", "ALTER SYSTEM", on))
    if bench.major >= 17:
        grants.append(("MAINTAIN ON s.t", "MAINTAIN", Securable(K.TABLE, "bench", "s", "t")))
    return grants


@pytest.mark.parametrize("grantable", [False, True], ids=["plain", "with grant option"])
def test_every_kind_of_grant_comes_and_goes(bench: PostgresBench, grantable: bool) -> None:
    prepare(bench)
    option = " WITH GRANT OPTION" if grantable else ""
    grants = versioned(bench)
    for what, _, _ in grants:
        bench.run(f"GRANT {what} TO app{option}")
    for text, _, _ in DEFAULTS:
        bench.run(f"{text}{option}")
    expected = {
        Grant(in_catalog(on), privilege, grantable=grantable, grantor="postgres")
        for _, privilege, on in grants
    } | {
        Grant(in_catalog(on), privilege, grantable=grantable, grantor="maker")
        for _, privilege, on in DEFAULTS
    }
    assert set(bench.account("app").grants) == expected
    # The other account's rows of the same lists are its own.
    assert all(g.recognised for account in bench.collect().accounts for g in account.grants)

    for what, _, _ in grants:
        bench.run(f"REVOKE {what} FROM app")
    for text, _, _ in DEFAULTS:
        bench.run(text.replace("GRANT", "REVOKE").replace(" TO app", " FROM app"))
    assert bench.account("app").grants == ()


def test_ownership_is_read_even_where_the_owner_gave_up_its_rights(bench: PostgresBench) -> None:
    bench.run(
        "CREATE ROLE owner_role",
        "CREATE SCHEMA s AUTHORIZATION owner_role",
        "CREATE TABLE s.t ()",
        "CREATE FUNCTION s.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE s.t OWNER TO owner_role",
        "ALTER FUNCTION s.f() OWNER TO owner_role",
        "ALTER DATABASE bench OWNER TO owner_role",
        "REVOKE ALL ON s.t FROM owner_role",
    )
    grants = bench.account("owner_role").grants
    owned = {(str(g.securable), g.grantor) for g in grants if g.privilege == "OWNER"}
    assert owned == {
        ("database bench", ""),
        ("schema bench.s", ""),
        ("table bench.s.t", ""),
        ("function bench.s.f()", ""),
    }
    on_table = [g.privilege for g in grants if g.securable.name == "t"]
    assert on_table == ["OWNER"]


def test_built_in_defaults_count_as_grants(bench: PostgresBench) -> None:
    bench.run(
        "CREATE ROLE maker",
        "CREATE SCHEMA s",
        "CREATE FUNCTION s.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE DOMAIN s.d AS integer",
        "CREATE TABLE s.t ()",
        "ALTER TABLE s.t OWNER TO maker",
    )
    snapshot = bench.collect()

    def held(account: str) -> set[tuple[str, str]]:
        return {
            (str(g.securable), g.privilege)
            for g in bench.account(account, snapshot).grants
            if g.securable.schema == "s" and g.privilege != "OWNER"
        }

    assert held("public") == {("function bench.s.f()", "EXECUTE"), ("type bench.s.d", "USAGE")}
    every = {"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}
    every |= {"MAINTAIN"} if bench.major >= 17 else set()
    assert held("maker") == {("table bench.s.t", privilege) for privilege in every}


def test_an_untouched_database_adds_nothing_of_the_system(bench: PostgresBench) -> None:
    snapshot = bench.collect()
    schemas = {
        grant.securable.schema
        for account in snapshot.accounts
        for grant in account.grants
        if grant.securable.database == "bench"
    }
    assert schemas <= {"", "public"}
    assert sum(len(account.grants) for account in snapshot.accounts) < 100


def test_temporary_objects_are_left_out(bench: PostgresBench) -> None:
    with bench.admin() as link:
        link.execute("CREATE TEMPORARY TABLE mine (id integer, body text)")
        link.execute("GRANT SELECT, UPDATE (id) ON mine TO PUBLIC")
        link.execute("CREATE FUNCTION pg_temp.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
        link.execute("CREATE DOMAIN pg_temp.d AS integer")
        names = {g.securable.schema for a in bench.collect().accounts for g in a.grants}
    assert not {name for name in names if name.startswith(("pg_temp", "pg_toast"))}


def test_types_that_follow_another_say_nothing_of_their_own(bench: PostgresBench) -> None:
    """What is listed for PUBLIC is what the server's own check says of a plain role."""
    bench.run(
        "CREATE ROLE plain",
        "CREATE SCHEMA s",
        "CREATE TABLE s.t (id integer)",
        "CREATE TYPE s.r AS RANGE (SUBTYPE = integer, MULTIRANGE_TYPE_NAME = s.mr)",
        "REVOKE USAGE ON TYPE s.r FROM PUBLIC",
    )
    granted = {
        g.securable.name
        for g in bench.account("public").grants
        if g.securable.kind is K.TYPE and g.securable.schema == "s"
    }
    usable = {
        name
        for (name,) in bench.rows(
            "SELECT typname FROM pg_type WHERE typnamespace = 's'::regnamespace "
            "AND typname IN ('r', 'mr') AND has_type_privilege('plain', oid, 'USAGE')"
        )
    }
    assert granted == usable


def test_privileges_of_an_extension_are_read_in_a_users_schema(bench: PostgresBench) -> None:
    """pg_init_privs hides only objects of the system's schemas."""
    bench.run(
        "CREATE SCHEMA s",
        "CREATE ROLE app",
        "CREATE TABLE s.t (id integer)",
        "GRANT SELECT ON s.t TO app",
        "GRANT UPDATE (id) ON s.t TO app",
        "SET allow_system_table_mods = on; INSERT INTO pg_init_privs SELECT 's.t'::regclass, "
        "'pg_class'::regclass, 0, 'e', relacl FROM pg_class WHERE oid = 's.t'::regclass",
        "SET allow_system_table_mods = on; INSERT INTO pg_init_privs SELECT attrelid, "
        "'pg_class'::regclass, attnum, 'e', attacl FROM pg_attribute "
        "WHERE attrelid = 's.t'::regclass AND attname = 'id'",
    )
    assert {(str(g.securable), g.privilege) for g in bench.account("app").grants} == {
        ("table bench.s.t", "SELECT"),
        ("column bench.s.t.id", "UPDATE"),
    }


def test_order_and_repetition_never_change_a_fingerprint(bench: PostgresBench) -> None:
    prepare(bench)
    for what, _, _ in versioned(bench):
        bench.run(f"GRANT {what} TO app")
    first, second = bench.collect(), bench.collect()
    assert [a.fingerprint for a in first.accounts] == [a.fingerprint for a in second.accounts]
    before = bench.account("app", first).fingerprint
    bench.run("REVOKE SELECT ON s.m FROM app", "GRANT SELECT ON s.m TO app")
    assert bench.account("app").fingerprint == before
    bench.run("GRANT SELECT ON s.v TO app WITH GRANT OPTION")
    assert bench.account("app").fingerprint != before


def test_what_the_role_sets_does_not_change_names(bench: PostgresBench) -> None:
    prepare(bench)
    bench.run("GRANT EXECUTE ON FUNCTION s.f(integer, s.t) TO app")
    before = bench.account("app").fingerprint
    bench.run(
        "ALTER ROLE postgres SET search_path = s, pg_catalog",
        "ALTER ROLE postgres SET quote_all_identifiers = on",
        "ALTER ROLE postgres SET client_encoding = 'LATIN1'",
        "ALTER ROLE postgres SET standard_conforming_strings = off",
    )
    try:
        assert bench.account("app").fingerprint == before
    finally:
        bench.run("ALTER ROLE postgres RESET ALL")
