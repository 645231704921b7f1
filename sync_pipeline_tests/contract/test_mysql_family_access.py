"""Accounts really connect and try statements: what the servers allow is what we say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import pymysql
import pytest
from hypothesis import HealthCheck, assume, given, settings

from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.engines.mysql_protocol.accounts.names import account_name
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.privilege import Securable, SecurableKind
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer
from workbench.strategies.mysql_access import (
    DATABASES,
    PUBLIC,
    Maker,
    access_plans,
    quote,
)

REFUSED = frozenset({1044, 1045, 1142, 1143, 1227, 1370, 1401, 1410})
SINK = "'access_sink'@'%'"
SERVER = Securable(SecurableKind.SERVER)
NUMBER = count()
EXAMPLES = 12
LOSES_PUBLIC_ROLES = ((10, 11), (10, 11, 19))
"""10.11.18 forgets at FLUSH PRIVILEGES what such a role gives to everybody; 10.11.19 does not."""


@dataclass(frozen=True)
class Probe:
    """A statement, and the privilege (and the option to grant it) that it needs.

    `or_in_mysql` is the privilege on the database `mysql` that will do as well, without
    any option.
    """

    sql: str
    word: str
    on: Securable
    is_grant: bool = False
    or_in_mysql: str = ""


def on_column(database: str, column: str) -> Securable:
    return Securable(SecurableKind.COLUMN, database, "", "t", column)


def probes_in(database: str, *, is_literal: bool) -> Iterator[Probe]:
    here = quote(database)
    in_grant = here if is_literal else here.replace("_", r"\_")
    table = Securable(SecurableKind.TABLE, database, "", "t")
    whole = Securable(SecurableKind.DATABASE, database)
    procedure = Securable(SecurableKind.PROCEDURE, database, "", "p")
    function = Securable(SecurableKind.FUNCTION, database, "", "f")
    for column in "ab":
        yield Probe(f"SELECT {column} FROM {here}.t", "SELECT", on_column(database, column))
        value = f"({column}) VALUES (1)"
        yield Probe(f"INSERT INTO {here}.t {value}", "INSERT", on_column(database, column))
        yield Probe(f"UPDATE {here}.t SET {column} = 1", "UPDATE", on_column(database, column))
    yield Probe(f"DELETE FROM {here}.t", "DELETE", table)
    yield Probe(f"TRUNCATE TABLE {here}.t", "DROP", table)
    yield Probe(f"CREATE TABLE {here}.t (a INT)", "CREATE", table)
    yield Probe(f"CREATE INDEX i ON {here}.t (none)", "INDEX", table)
    yield Probe(f"ALTER TABLE {here}.t COMMENT 'c'", "ALTER", table)
    yield Probe(f"CREATE VIEW {here}.t AS SELECT 1 AS a", "CREATE VIEW", table)
    yield Probe(f"CALL {here}.p()", "EXECUTE", procedure)
    yield Probe(f"SELECT {here}.f()", "EXECUTE", function)
    yield Probe(f"ALTER PROCEDURE {here}.p COMMENT 'c'", "ALTER ROUTINE", procedure)
    yield Probe(f"CREATE PROCEDURE {here}.p() DO 0", "CREATE ROUTINE", whole)
    yield Probe(f"DROP EVENT {here}.none", "EVENT", whole)
    yield Probe(f"CREATE TEMPORARY TABLE {here}.x (a INT)", "CREATE TEMPORARY TABLES", whole)
    yield Probe(f"ALTER DATABASE {here} CHARACTER SET utf8mb4", "ALTER", whole)
    yield Probe(f"CREATE DATABASE {here}", "CREATE", whole)
    yield Probe(f"GRANT SELECT ON {in_grant}.* TO {SINK}", "SELECT", whole, is_grant=True)
    yield Probe(f"GRANT INSERT ON {here}.t TO {SINK}", "INSERT", table, is_grant=True)
    column = on_column(database, "a")
    yield Probe(f"GRANT UPDATE (a) ON {here}.t TO {SINK}", "UPDATE", column, is_grant=True)
    execute = f"GRANT EXECUTE ON PROCEDURE {here}.p TO {SINK}"
    yield Probe(execute, "EXECUTE", procedure, is_grant=True)


def probes_of_the_server(*, is_mysql: bool, version: tuple[int, ...]) -> Iterator[Probe]:
    nobody = "DROP USER 'nobody at all'@'%'"
    yield Probe(nobody, "CREATE USER", SERVER, or_in_mysql="DELETE")
    yield Probe("SHOW ENGINE INNODB STATUS", "PROCESS", SERVER)
    # Since 11.5 MariaDB's FLUSH STATUS is of the session, and needs nothing (MDEV-33145).
    scope = "GLOBAL " if not is_mysql and version >= (11, 5) else ""
    yield Probe(f"FLUSH {scope}STATUS", "RELOAD", SERVER)
    yield Probe("SELECT 1 INTO OUTFILE '/no/such/directory'", "FILE", SERVER)
    yield Probe(f"GRANT SELECT ON *.* TO {SINK}", "SELECT", SERVER, is_grant=True)
    if is_mysql:
        yield Probe("XA RECOVER", "XA_RECOVER_ADMIN", SERVER)
        dynamic = f"GRANT BACKUP_ADMIN ON *.* TO {SINK}"
        yield Probe(dynamic, "BACKUP_ADMIN", SERVER, is_grant=True, or_in_mysql="UPDATE")
    else:
        yield Probe("SHOW MASTER STATUS", "BINLOG MONITOR", SERVER)
        yield Probe("SHOW SLAVE STATUS", "SLAVE MONITOR", SERVER)


def every_probe(family: Family, *, is_literal: bool) -> tuple[Probe, ...]:
    return (
        *(probe for name in DATABASES for probe in probes_in(name, is_literal=is_literal)),
        *probes_of_the_server(is_mysql=family.is_mysql, version=family.version),
    )


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    found = Family(mysql_family_server)
    found.run(f"CREATE USER {SINK}")
    # MySQL lets nobody without SYSTEM_USER alter what an account with it defined. The routines
    # run as their definer: MySQL refuses the database to an invoker who has EXECUTE by way of a
    # role alone (1044), and MariaDB to one who has it by way of PUBLIC.
    create = f"CREATE DEFINER = {SINK}" if found.is_mysql else "CREATE"
    for database in DATABASES:
        here = quote(database)
        found.run(
            f"CREATE DATABASE {here} CHARACTER SET utf8mb4",
            f"CREATE TABLE {here}.t (a INT, b INT) ENGINE = MEMORY",
            f"{create} PROCEDURE {here}.p() DO 0",
            f"{create} FUNCTION {here}.f() RETURNS INT DETERMINISTIC RETURN 1",
            f"GRANT EXECUTE ON PROCEDURE {here}.p TO {SINK}",
            f"GRANT EXECUTE ON FUNCTION {here}.f TO {SINK}",
        )
    yield found
    found.run(f"DROP USER {SINK}", *(f"DROP DATABASE {quote(name)}" for name in DATABASES))


def rules_of(family: Family) -> AccessRules:
    snapshot = family.snapshot()
    accounts = {state.name: state for state in snapshot.accounts}
    version = snapshot.server.version
    return family.engine.access_rules(
        AccessWorld("i", family.engine.name, version, accounts, snapshot.sections)
    )


@contextmanager
def session(family: Family, user: str, password: str = "") -> Iterator[pymysql.cursors.Cursor]:
    with (
        pymysql.connect(
            host=family.server.host,
            port=family.server.port,
            user=user,
            password=password,
            autocommit=True,
            ssl_disabled=True,
        ) as link,
        link.cursor() as cursor,
    ):
        yield cursor


def is_done(cursor: pymysql.cursors.Cursor, sql: str) -> bool:
    """Return whether the server let a statement through, whatever became of it then."""
    try:
        cursor.execute(sql)
        cursor.fetchall()
    except pymysql.Error as error:
        return error.args[0] not in REFUSED
    return True


def role_choices(roles: list[str], *, is_mysql: bool) -> list[str]:
    """Return what SET ROLE can be told."""
    names = [quote(role) for role in roles]
    return ["NONE", *names, *(["ALL"] if is_mysql else [])]


def allowed(
    family: Family, user: str, roles: list[str], probes: tuple[Probe, ...]
) -> tuple[set[Probe], set[Probe]]:
    """Return what a user could do at login, and with any choice of its roles."""
    with session(family, user) as cursor:
        at_login = {probe for probe in probes if is_done(cursor, probe.sql)}
        at_all = set(at_login)
        for choice in role_choices(roles, is_mysql=family.is_mysql):
            try:
                cursor.execute(f"SET ROLE {choice}")
            except pymysql.Error:  # not granted, or to a role of its alone
                continue
            at_all |= {p for p in probes if p not in at_all and is_done(cursor, p.sql)}
    return at_login, at_all


def we_say(
    rules: AccessRules, account: str, probes: tuple[Probe, ...]
) -> tuple[set[Probe], set[Probe]]:
    at_login: set[Probe] = set()
    at_all: set[Probe] = set()
    in_mysql = Securable(SecurableKind.DATABASE, "mysql")
    for probe in probes:
        held = rules.decide(account, probe.word, probe.on).held
        ways = [
            *(way for way in held if way.grantable or not probe.is_grant),
            *rules.decide(account, probe.or_in_mysql, in_mysql).held,
        ]
        at_all |= {probe} if ways else set()
        at_login |= {probe} if any(way.availability == "at login" for way in ways) else set()
    return at_login, at_all


def compare(family: Family, maker: Maker) -> None:
    rules = rules_of(family)
    probes = every_probe(family, is_literal=maker.plan.is_partial)
    for user in dict.fromkeys(name for name, _ in maker.users):
        with session(family, user) as cursor:
            cursor.execute("SELECT CURRENT_USER()")
            row = cursor.fetchone()
        assert row is not None
        account = account_name(*row[0].rsplit("@", 1))
        real = allowed(family, user, maker.roles, probes)
        said = we_say(rules, account, probes)
        for real_part, said_part, when in zip(real, said, ("login", "at all"), strict=True):
            too_much = sorted(map(str, said_part - real_part))
            too_little = sorted(map(str, real_part - said_part))
            assert (too_much, too_little) == ([], []), f"{account} {when}: {too_much} {too_little}"


def test_remedies_run_and_leave_nothing_behind(family: Family) -> None:
    app, boss, plain = "'app''s \\\\ 1'@'10.0.0.%'", "'boss'@'%'", "`odd``role`"
    grants = [
        "SELECT ON *.*",
        r"INSERT ON `a\_b`.*",
        "DELETE ON `a%`.*",
        "UPDATE ON `ac_a`.t",
        "SELECT (a) ON `ac_a`.t",
        "EXECUTE ON PROCEDURE `ac_a`.p",
        f"PROXY ON {boss}",
        "XA_RECOVER_ADMIN ON *.*" if family.is_mysql else "BINLOG MONITOR ON *.*",
        "USAGE ON acyb.*",
    ]
    family.run(
        f"CREATE USER {app}, {boss}",
        f"CREATE ROLE {plain}",
        f"GRANT {plain} TO {app}",
        *(f"GRANT {text} TO {app} WITH GRANT OPTION" for text in grants),
        f"GRANT SELECT ON acyb.* TO {plain}",
    )
    name = "'app''s \\ 1'@'10.0.0.%'"
    role = "'odd`role'@'%'" if family.is_mysql else "odd`role"
    try:
        rules = rules_of(family)
        # The option of a table is that of its columns: one statement takes it from both.
        texts = [rules.revoke_option(name, grant) for grant in family.account(name).grants]
        for text in dict.fromkeys(texts):
            run_all(family, text)
        left = family.account(name).grants
        assert {g.grantable for g in left} == {False}
        assert len(left) == len(grants) - 1, list(map(str, left))
        for account in (name, role):
            for grant in family.account(account).grants:
                run_all(family, rules.revoke(account, grant))
        assert family.account(name).grants == family.account(role).grants == ()
        (membership,) = (m for m in family.account(name).memberships if m.role == role)
        run_all(family, rules_of(family).revoke_role(name, membership))
        assert family.account(name).memberships == ()
        run_all(family, rules_of(family).expire(name))
        run_all(family, rules_of(family).disable(name))
        state = family.account(name)
        assert dict(state.attributes)["password_lifetime"] == 90
        assert rules_of(family).facts(name).never_expires is False
        assert state.is_locked
        assert rules_of(family).disable(role) == "" or family.is_mysql
        run_all(family, rules_of(family).drop(name))
        run_all(family, rules_of(family).drop(role))
        names = {found.name for found in family.snapshot().accounts}
        assert not names & {name, role}
    finally:
        family.run(f"DROP USER IF EXISTS {app}, {boss}", f"DROP ROLE IF EXISTS {plain}")


def run_all(family: Family, text: str) -> None:
    family.run(*(line for line in text.split("\n") if line))


@pytest.mark.mysql
def test_remedies_lift_partial_revokes_and_mandatory_roles(mysql_server: RunningServer) -> None:
    family = Family(mysql_server)
    family.run(
        "SET GLOBAL partial_revokes = ON",
        "CREATE USER limited",
        "CREATE ROLE must, must_too",
        "GRANT SELECT ON *.* TO limited",
        "REVOKE SELECT ON mysql.* FROM limited",
        "SET GLOBAL mandatory_roles = 'must,must_too'",
    )
    name, system = "'limited'@'%'", Securable(SecurableKind.DATABASE, "mysql")
    try:
        rules = rules_of(family)
        assert rules.decide(name, "SELECT", system).denied
        (deny,) = (grant for grant in family.account(name).grants if grant.deny)
        run_all(family, rules.revoke(name, deny))
        assert rules_of(family).decide(name, "SELECT", system).is_allowed
        (membership,) = (m for m in family.account(name).memberships if "must'" in m.role)
        run_all(family, rules.revoke_role(name, membership))
        assert [m.role for m in family.account(name).memberships] == ["'must_too'@'%'"]
    finally:
        family.run(
            "SET PERSIST mandatory_roles = ''",
            "RESET PERSIST mandatory_roles",
            "DROP USER limited",
            "DROP ROLE must, must_too",
            "SET GLOBAL partial_revokes = OFF",
        )


def has_nested_role_of_public(maker: Maker) -> bool:
    """Return whether PUBLIC has a role that has another one."""
    first = len(maker.users)
    has_roles = {who - first for _, who in maker.edges() if who >= first}
    return any(who == PUBLIC and role in has_roles for role, who in maker.edges())


def test_what_servers_allow_is_what_we_say(family: Family) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(access_plans(is_mysql=family.is_mysql))
    def check(plan) -> None:
        maker = Maker(plan, next(NUMBER), family.is_mysql)
        assume(
            not (
                LOSES_PUBLIC_ROLES[0] <= family.version < LOSES_PUBLIC_ROLES[1]
                and has_nested_role_of_public(maker)
            )
        )
        with family.admin() as cursor:
            if plan.is_partial:
                cursor.execute("SET GLOBAL partial_revokes = ON")
            try:
                for statement in maker.statements():
                    cursor.execute(statement)
                compare(family, maker)
            finally:
                for statement in maker.cleanup():
                    cursor.execute(statement)
                if plan.is_partial:
                    cursor.execute("SET GLOBAL partial_revokes = OFF")

    check()
