"""The answers about SQL Server against what Babelfish lets each login do.

Babelfish is no SQL Server: it has no DENY, no grants on a database or on the server, and no
EXECUTE AS. What it has (grants on tables, columns, views, procedures and schemas, roles in
roles, public, ownership) is granted and revoked at random, and each login tries everything.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pyodbc
import pytest

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Connection, DatabaseEntry
from sync_pipeline.engines.sqlserver.access.rules import SqlServerAccess
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.engines.sqlserver.wire.drivers import Driver, connection_string
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.instance import EngineName
from workbench.emulation.sqlserver_connection import NOW
from workbench.servers.babelfish import Babelfish
from workbench.servers.sqlserver_drivers import FREETDS, driver_named

DATABASE = "sp_differential"
PASSWORD = "Aa1!differential"
LOGINS = ("sp_ann", "sp_bob", "sp_cyd", "sp_own")
OBJECTS = (
    *(f"CREATE USER {name} FOR LOGIN {name}" for name in LOGINS[:3]),
    "CREATE ROLE readers",
    "CREATE ROLE staff",
    "CREATE SCHEMA hr",
    "CREATE SCHEMA bobs AUTHORIZATION sp_bob",
    "CREATE TABLE dbo.orders (id int, amount int)",
    "CREATE TABLE hr.pay (id int, amount int)",
    "CREATE TABLE bobs.notes (id int, amount int)",
    "CREATE PROCEDURE dbo.one AS SELECT 1",
)
TABLES = ("dbo.orders", "hr.pay", "bobs.notes")
GRANTEES = ("sp_ann", "sp_bob", "sp_cyd", "readers", "staff", "public")
ROUNDS, CHANGES = 2, 14


@dataclass(frozen=True)
class Attempt:
    """What a login tries, and the question that is the same."""

    privilege: str
    securable: str
    statement: str


def _attempts() -> Iterator[Attempt]:
    for table in TABLES:
        on = f"table:{DATABASE}.{table}"
        yield Attempt("SELECT", on, f"SELECT * FROM {table}")
        yield Attempt("INSERT", on, f"INSERT INTO {table} VALUES (1, 1)")
        yield Attempt("UPDATE", on, f"UPDATE {table} SET id = 1, amount = 1")
        yield Attempt("DELETE", on, f"DELETE FROM {table}")
        column = f"column:{DATABASE}.{table}.amount"
        yield Attempt("SELECT", column, f"SELECT amount FROM {table}")
    yield Attempt("EXECUTE", f"procedure:{DATABASE}.dbo.one", "EXEC dbo.one")


ATTEMPTS = tuple(_attempts())


def change(chance: random.Random) -> str:
    """Return a random grant or its revocation, or a change of a role's members."""
    verb, to = chance.choice((("GRANT", "TO"), ("GRANT", "TO"), ("REVOKE", "FROM")))
    who = chance.choice(GRANTEES)
    word = chance.choice(("SELECT", "INSERT", "UPDATE", "DELETE"))
    table = chance.choice(TABLES)
    add = "ADD" if verb == "GRANT" else "DROP"
    member = chance.choice(LOGINS[:3])
    return chance.choice(
        (
            f"{verb} {word} ON {table} {to} {who}",
            f"{verb} {word} ON {table} {to} {who}",
            f"{verb} SELECT (amount) ON {table} {to} {who}",
            f"{verb} {word} ON SCHEMA::hr {to} {chance.choice(GRANTEES[:5])}",
            f"{verb} EXECUTE ON dbo.one {to} {chance.choice(GRANTEES)}",
            f"ALTER ROLE {chance.choice(GRANTEES[3:5])} {add} MEMBER {member}",
            f"ALTER ROLE staff {add} MEMBER readers",
        )
    )


@pytest.fixture(scope="module")
def server(babelfish: Babelfish) -> Iterator[Babelfish]:
    """A database of some logins, owned by one of them."""
    babelfish.run(
        *(f"CREATE LOGIN {name} WITH PASSWORD = '{PASSWORD}'" for name in LOGINS),
        f"CREATE DATABASE {DATABASE}",
        f"ALTER AUTHORIZATION ON DATABASE::{DATABASE} TO {LOGINS[-1]}",
    )
    babelfish.run(*OBJECTS, database=DATABASE)
    yield babelfish
    babelfish.run(f"DROP DATABASE {DATABASE}", *(f"DROP LOGIN {name}" for name in LOGINS))


class OneDatabase(SqlServer):
    """Reads the accounts of one database beside those of the server."""

    __module__ = SqlServer.__module__  # where its statements are

    def databases(self, connection: Connection, username: str) -> tuple[DatabaseEntry, ...]:
        return tuple(
            item for item in super().databases(connection, username) if item.name == DATABASE
        )


def rules_over(server: Babelfish) -> SqlServerAccess:
    engine, target, deadline = OneDatabase(), server.target(), Deadline(120)
    snapshot = collect_accounts(
        engine,
        lambda name: open_connection(engine, target, deadline, name),
        CollectScope(target.username),
        NOW,
    )
    states = {state.name: state for state in snapshot.accounts}
    version = snapshot.server.version
    world = AccessWorld("b", EngineName.SQLSERVER, version, states, snapshot.sections)
    return SqlServerAccess(world)


def allowed(server: Babelfish, login: str) -> set[Attempt]:
    """Return what a login may do, tried one by one."""
    target = server.target(username=login, password=PASSWORD, database=DATABASE)
    text = connection_string(Driver(driver_named(FREETDS)), target, target.instance.tls)
    link = pyodbc.connect(text, autocommit=True)
    try:
        return {attempt for attempt in ATTEMPTS if _succeeds(link, attempt.statement)}
    finally:
        link.close()


def _succeeds(link: pyodbc.Connection, statement: str) -> bool:
    try:
        link.execute(statement).close()
    except pyodbc.Error as error:
        if "permission denied" not in str(error):
            raise
        return False
    return True


def _change(server: Babelfish, statement: str) -> None:
    """Run a change; a ring of roles, or a member that is none, is refused and changes nothing."""
    try:
        server.run(statement, database=DATABASE)
    except pyodbc.Error:
        if "ALTER ROLE" not in statement:
            raise


def test_every_answer_is_what_the_server_does(server: Babelfish) -> None:
    chance = random.Random(20261129)
    seen: set[bool] = set()
    for _ in range(ROUNDS):
        done = [change(chance) for _ in range(CHANGES)]
        for statement in done:
            _change(server, statement)
        rules = rules_over(server)
        for login in LOGINS:
            able = allowed(server, login)
            for attempt in ATTEMPTS:
                (securable, *_) = rules.securables(attempt.securable)
                answer = rules.decide(login, attempt.privilege, securable).is_allowed
                assert answer == (attempt in able), (login, attempt, done)
                seen.add(answer)
    assert seen == {True, False}
