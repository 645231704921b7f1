"""Statements that people run: whatever a name holds, exactly that account gets the grant."""

from __future__ import annotations

import re

import pytest
import sqlglot
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlglot.tokens import TokenType

from sync_pipeline.engines.base import ANYBODY, UNWRITABLE, Engine, Query, Variant, needed
from sync_pipeline.engines.oracle.engine import Oracle
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.errors import ConfigurationError, PrivilegeError
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.postgresql_bench import ENGINE as POSTGRESQL
from workbench.servers.postgresql_bench import PostgresBench, raw
from workbench.servers.running import RunningServer

HOSTILE = (
    "a\\",
    "\\",
    "\\'",
    "a'b",
    "a''",
    "'",
    'x" TO PUBLIC; --',
    'x"; DROP ROLE y; --',
    "x] TO PUBLIC; --",
    "a]]b",
    "`a``",
    "{user}",
    "{database}{user}",
    "%s %(user)s",
    "/* x",
    "*/ --",
    "a;b",
    "\\G",
    "line\nbreak",
    "\u2019\u2018\u201d",
    "\u02bc'\uff07",
    "a@b@c",
    "<password>",
)
SQL_MODES = ("", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES")
ODD = "a]['\"`\\;-/*{}$%@ \n\u2019\u00e9#"
NAMES = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.sampled_from(ODD), min_size=1, max_size=12).map(lambda text: f"n{text}n"),
    # MySQL itself takes white space off the ends of a name.
    st.text(st.sampled_from(ODD), min_size=1, max_size=12).map(str.strip).filter(bool),
)
QUICK = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.postgresql
@QUICK
@given(name=NAMES, database=NAMES)
def test_postgresql_grants_to_exactly_the_named_role(
    newest_bench: PostgresBench, name: str, database: str
) -> None:
    bench = newest_bench
    bench.run(f"CREATE DATABASE {POSTGRESQL.written(database)}")
    before = {row[0] for row in bench.rows("SELECT rolname FROM pg_roles")}
    try:
        with bench.admin() as link:
            for line in split(POSTGRESQL.grants_script(name, "%", (database,))):
                link.execute(raw(line))
            roles = {row[0] for row in link.execute("SELECT rolname FROM pg_roles").fetchall()}
            assert roles - before == {name}
            (privileges,) = link.execute(
                "SELECT has_database_privilege(%s, oid, 'CREATE'), "
                "EXISTS (SELECT FROM aclexplode(datacl) a WHERE a.grantee = %s::regrole), "
                "pg_has_role(%s, 'pg_monitor', 'USAGE') FROM pg_database WHERE datname = %s",
                (name, POSTGRESQL.written(name), name, database),
            ).fetchall()
            assert privileges == (False, True, True)
            public = "SELECT count(*) FROM pg_database, aclexplode(datacl) WHERE grantee = 0 AND "
            assert link.execute(raw(public + "privilege_type = 'CREATE'")).fetchall() == [(0,)]
    finally:
        bench.run(
            f"DROP DATABASE {POSTGRESQL.written(database)}",
            f"DROP OWNED BY {POSTGRESQL.written(name)}",
            f"DROP ROLE {POSTGRESQL.written(name)}",
        )


def split(script: str) -> list[str]:
    """Return the statements of a script; a name may hold a line break."""
    parts = re.split(r";\n(?=CREATE |GRANT |ALTER |$)", script)
    return [f"{part};" for part in parts if part]


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Family:
    return Family(mysql_family_server)


@pytest.mark.parametrize("mode", SQL_MODES)
@QUICK
@given(name=NAMES, host=st.sampled_from(["%", "10.%"]))
@example(name="a\\", host="%")
def test_mysql_and_mariadb_grant_to_exactly_the_named_account(
    family: Family, mode: str, name: str, host: str
) -> None:
    accounts = "SELECT User, Host FROM mysql.user"
    before = set(family.rows(accounts))
    create, *grants = split(family.engine.grants_script(name, host, ()))
    (show_view,) = (line for line in grants if line.startswith("GRANT SHOW VIEW"))
    with family.admin() as cursor:
        cursor.execute("SET SESSION sql_mode = %s", (mode,))
        try:
            cursor.execute(create)
            cursor.execute(show_view)
            made = set(family.rows(accounts)) - before
            assert {user for user, _ in made} == {name}
            assert len(made) == 1
            assert {
                (user, where)
                for user, where in family.rows(f"{accounts} WHERE Show_view_priv = 'Y'")
            } - before == made
        finally:
            for user, where in set(family.rows(accounts)) - before:
                cursor.execute("SET SESSION sql_mode = ''")
                cursor.execute("DROP USER %s@%s", (user, where))


@pytest.mark.parametrize("username", ["mon'i{user}", "mon\\", "{user}"])
def test_what_is_missing_is_named_for_the_account_as_the_server_knows_it(
    family: Family, username: str
) -> None:
    """With its host: GRANT to the plain name would be one to another account, at '%'."""
    account = "'" + username.replace("\\", "\\\\").replace("'", "''") + "'@'127.0.0.%'"
    family.run(f"CREATE USER {account} IDENTIFIED BY 'x'")
    clause = f"{family.engine.written(username)}@'127.0.0.%';"
    try:
        with pytest.raises(PrivilegeError) as caught:
            family.snapshot(family.target(username, "x"))
        sizes = family.sizes(family.target(username, "x"))
    finally:
        family.run(f"DROP USER {account}")
    assert f" TO {clause}" in str(caught.value)
    assert any(f"GRANT PROCESS ON *.* TO {clause}" in text for text in sizes.warnings)
    assert any(f"GRANT SHOW VIEW ON *.* TO {clause}" in text for text in sizes.warnings)


def names_in(statement: str, dialect: str) -> list[str]:
    tokens = sqlglot.tokenize(statement, read=dialect)
    assert statement.endswith(";")
    assert [item.token_type for item in tokens].count(TokenType.SEMICOLON) == 1
    return [item.text for item in tokens if item.token_type is TokenType.IDENTIFIER]


@settings(max_examples=200, deadline=None)
@given(name=NAMES)
@example(name="x] TO PUBLIC; ALTER ROLE sysadmin ADD MEMBER [x]; --")
@example(name="a\nGO\nDROP DATABASE x")
def test_sql_server_reads_exactly_one_name(name: str) -> None:
    engine = SqlServer()
    for query in engine.account_queries:
        if query.needs == ANYBODY:
            continue
        text = needed(engine, query, ServerIdentity("16", (16,)), name)
        if UNWRITABLE in text:
            assert "\n" in name
        else:
            assert names_in(text, "tsql") == [name]


@settings(max_examples=200, deadline=None)
@given(name=NAMES)
@example(name='x" TO PUBLIC; ALTER USER sys IDENTIFIED BY y; --')
def test_oracle_reads_exactly_one_name_or_none(name: str) -> None:
    engine = Oracle()
    for place in ("", "root"):
        server = ServerIdentity("23", (23,), place=place)
        for query in engine.account_queries:
            for text in needed(engine, query, server, name).split("; GRANT "):
                statement = text.rstrip(";") + ";"
                if UNWRITABLE in statement:
                    assert "\n" in name or '"' in name
                else:
                    written = names_in(statement.removeprefix("GRANT "), "oracle")
                    plain = (
                        f" TO {name.upper()}" in statement
                        and name.replace("$", "").replace("#", "").isalnum()
                    )
                    assert written == [name] or (plain and not written)


@pytest.mark.parametrize("engine", ENGINES.values(), ids=list(map(str, ENGINES)))
def test_a_name_is_filled_once_and_quoted(engine: Engine) -> None:
    query = Query("q", object, (), (Variant((1,), "q.sql"),), "GRANT {database} TO {user};")
    text = needed(engine, query, ServerIdentity("1", (1,)), "{database} u", "{user} d")
    assert text == f"GRANT {engine.written('{user} d')} TO {engine.written('{database} u')};"


@pytest.mark.parametrize("engine", ENGINES.values(), ids=list(map(str, ENGINES)))
def test_a_name_that_no_statement_can_hold_is_refused(engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match="can hold the name"):
        engine.grants_script("a\0b", "%", ("postgres",))
    if engine.name in (EngineName.ORACLE, EngineName.SQLSERVER):
        with pytest.raises(ConfigurationError, match="can hold the name"):
            engine.grants_script("a\nGO", "%", ())
    if engine.name is EngineName.ORACLE:
        with pytest.raises(ConfigurationError, match="without double quotes"):
            engine.grants_script('a"b', "%", ())
