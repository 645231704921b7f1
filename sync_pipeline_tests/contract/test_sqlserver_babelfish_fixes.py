"""Each rule on Babelfish, in each way that can be made there: the fix ends it.

Babelfish is no SQL Server. What it lacks for the other ways, and for other rules, is listed in
`LACKS`, each with the statement that it refuses or ignores. Some answers are lent to it: that the
login `sa` has the identifier of sa, that a password has expired, that the instance authenticates
the users whose login is gone. GRANT and REVOKE ... AS are run as the login of who is named.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pyodbc
import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import RULES
from sync_pipeline.access.judged import Judged
from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Connection, DatabaseEntry
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.engines.sqlserver.names import principal_name, split_account
from sync_pipeline.engines.sqlserver.wire.drivers import Driver, connection_string
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract.fixes import NOW, FixBench, each_finding, unfinished
from workbench.servers.babelfish import Babelfish
from workbench.servers.sqlserver_drivers import FREETDS, driver_named

DATABASE = "fx ü o'x \"q.db"
OWNED = "fx_owned"
PASSWORD = "Aa1!fixes"
UNEVEN, OWNER, EXPIRED = "fx un'even ü\"x.y", "fx o'wner é", "fx ex'pired é"
ODD = "fx u'ser ü\"x.y"
ODD_TABLE = "t ü o'x \"q.é"
USERS = (
    *("fx_plain", "fx_gives", "fx_last", "fx_got", "fx_got2", "fx_both", "fx_member"),
    *("fx_nested", "fx_runs", "fx_lost", "fx_lost_again"),
)
LOST = ("fx_lost", "fx_lost_again")
LOGINS = ("sa", *USERS, "fx_odd", UNEVEN, OWNER, EXPIRED)
MADE = (
    *(f"CREATE USER [{name}] FOR LOGIN [{name}]" for name in USERS),
    f"CREATE USER [{ODD}] FOR LOGIN fx_odd",
    *("CREATE ROLE fx_role", "CREATE ROLE fx_outer", "CREATE ROLE [fx r'o le]"),
    "CREATE SCHEMA hr",
    "CREATE TABLE dbo.t (a int, b int)",
    *(f"CREATE TABLE {schema}.[{ODD_TABLE}] (a int, b int)" for schema in ("dbo", "hr")),
    "CREATE VIEW dbo.v AS SELECT 1 AS a",
    "CREATE PROCEDURE dbo.p AS SELECT 1",
    "CREATE PROCEDURE hr.[p o'x] AS SELECT 1",
    "CREATE FUNCTION dbo.f() RETURNS int AS BEGIN RETURN 1 END",
    *("ALTER ROLE fx_role ADD MEMBER fx_member", "ALTER ROLE fx_outer ADD MEMBER fx_nested"),
    *("ALTER ROLE fx_role ADD MEMBER fx_outer", "ALTER ROLE [fx r'o le] ADD MEMBER fx_member"),
    "GRANT SELECT ON SCHEMA::hr TO fx_plain",
    # what may be passed on
    "GRANT SELECT, INSERT, UPDATE ON dbo.t TO fx_gives WITH GRANT OPTION",
    "GRANT SELECT ON dbo.v TO fx_gives WITH GRANT OPTION",
    f"GRANT SELECT, DELETE ON hr.[{ODD_TABLE}] TO fx_last WITH GRANT OPTION",
    "GRANT INSERT ON dbo.t TO fx_got2",
    "GRANT EXECUTE ON dbo.p TO fx_runs WITH GRANT OPTION",
    "GRANT EXECUTE ON hr.[p o'x] TO fx_runs WITH GRANT OPTION",
    "GRANT EXECUTE ON dbo.f TO fx_runs WITH GRANT OPTION",
    "GRANT DELETE ON dbo.t TO fx_role WITH GRANT OPTION",
    "GRANT UPDATE ON dbo.t TO [fx r'o le] WITH GRANT OPTION",
    f"GRANT SELECT ON hr.[{ODD_TABLE}] TO [{ODD}] WITH GRANT OPTION",
    # what everybody may write
    "GRANT INSERT, DELETE ON dbo.t TO public",
    f"GRANT UPDATE ON dbo.[{ODD_TABLE}] TO public",
    f"GRANT INSERT ON hr.[{ODD_TABLE}] TO guest",
)
BY_OTHERS = {
    "fx_gives": (
        "GRANT SELECT, UPDATE ON dbo.t TO fx_got WITH GRANT OPTION",
        "GRANT INSERT ON dbo.t TO fx_got2",
    ),
    "fx_got": ("GRANT SELECT ON dbo.t TO fx_got2", "GRANT UPDATE ON dbo.t TO fx_both"),
    "fx_last": (f"GRANT SELECT ON hr.[{ODD_TABLE}] TO [{ODD}]",),
    "fx_runs": ("GRANT EXECUTE ON dbo.p TO fx_got",),
}
LENT: Mapping[str, Mapping[str, AttributeValue]] = {
    "sa": {"well_known": "sa"},
    EXPIRED: {"is_expired": True},
}
"""What Babelfish says of no login."""
OF_PUBLIC = Grant(
    Securable(SecurableKind.PRINCIPAL, name="public", database=DATABASE, catalog=DATABASE), "OWNER"
)


class OurDatabase(SqlServer):
    """Reads the accounts of one database beside those of the server."""

    __module__ = SqlServer.__module__  # where its statements are

    def databases(self, connection: Connection, username: str) -> tuple[DatabaseEntry, ...]:
        found = super().databases(connection, username)
        return tuple(item for item in found if item.name == DATABASE)


ENGINE = OurDatabase()


def make(server: Babelfish) -> None:
    server.run(
        *(f"CREATE LOGIN [{name}] WITH PASSWORD = '{PASSWORD}'" for name in LOGINS),
        *(f"CREATE DATABASE [{name}]" for name in (DATABASE, OWNED)),
    )
    server.run(*MADE, database=DATABASE)
    for login, statements in BY_OTHERS.items():
        run_as(server, login, *statements)
    server.run(
        *(f"ALTER SERVER ROLE sysadmin ADD MEMBER [{name}]" for name in (UNEVEN, "sa")),
        f"ALTER AUTHORIZATION ON DATABASE::[{OWNED}] TO [{OWNER}]",
        *(f"DROP LOGIN {name}" for name in LOST),
        f"CREATE LOGIN fx_lost_again WITH PASSWORD = '{PASSWORD}'",
    )


def unmake(server: Babelfish) -> None:
    server.run(*(f"DROP DATABASE [{name}]" for name in (DATABASE, OWNED)))
    server.run(*(f"DROP LOGIN [{name}]" for name in LOGINS if name != "fx_lost"))


def run_as(server: Babelfish, login: str, *statements: str) -> None:
    """Run statements in our database as one of its users."""
    target = server.target(username=login, password=PASSWORD, database=DATABASE)
    text = connection_string(Driver(driver_named(FREETDS)), target, target.instance.tls)
    link = pyodbc.connect(text, autocommit=True)
    try:
        for statement in statements:
            run_all(link, statement)
    finally:
        link.close()


def run_all(link: pyodbc.Connection, batch: str) -> None:
    """Run a batch; what its second statement is refused with comes with the second answer."""
    cursor = link.execute(batch)
    while cursor.nextset():
        pass
    cursor.close()


@pytest.fixture
def bench(babelfish: Babelfish) -> Iterator[FixBench]:
    make(babelfish)
    try:
        with babelfish.administrator() as link:
            yield bench_of(babelfish, link)
    finally:
        unmake(babelfish)


def bench_of(server: Babelfish, link: pyodbc.Connection) -> FixBench:
    target = server.target()

    def run(statement: str) -> None:
        found = re.search(r" AS \[(\w+)\];$", statement)
        if found:
            run_as(server, found[1], statement.removesuffix(found[0]))
        else:
            run_all(link, statement)

    def snapshot() -> Snapshot:
        deadline = Deadline(120)
        found = collect_accounts(
            ENGINE,
            lambda name: open_connection(ENGINE, target, deadline, name),
            CollectScope(target.username),
            NOW,
        )
        assert found.unread == {}
        return replace(found, accounts=tuple(map(lent, found.accounts)))

    def says() -> dict[str, Any]:
        """Return what the server checks: whose member each is, and what it has and may grant."""
        found: dict[str, Any] = defaultdict(list)
        with server.as_postgresql() as postgresql:
            for database, name, *answer in postgresql.execute(SAYS).fetchall():
                if answer[-1]:
                    account = principal_name(database, name) if database else name
                    found[account].append(answer)
        return {name: sorted(map(str, answers)) for name, answers in found.items()}

    def is_ours(account: str) -> bool:
        return account.startswith(("fx", "sa", f"[{DATABASE}]"))

    return FixBench(ENGINE, run, snapshot, says, is_ours, others=(elsewhere(),))


def lent(state: AccountState) -> AccountState:
    """Return an account with what Babelfish lacks; in it, `public` is a role that owns itself."""
    merged = {**dict(state.attributes), **LENT.get(state.name, {})}
    if state.database and split_account(state.name)[1] in LOST:
        merged |= {"authentication_type": "INSTANCE", "is_orphaned": "login" not in merged}
    grants = tuple(grant for grant in state.grants if grant != OF_PUBLIC)
    return replace(state, attributes=tuple(merged.items()), grants=grants)


def elsewhere() -> Case:
    """Return another instance, where an account of that name has nothing."""
    attributes = (("type", "SQL_LOGIN"), ("is_disabled", False))
    state = AccountState(UNEVEN, AccountKind.LOGIN, can_login=True, attributes=attributes)
    world = AccessWorld("other", ENGINE.name, "16.0.4165.4", {state.name: state})
    return Case(Judged(world, ENGINE.access_rules(world)))


SAYS = """
WITH who AS (
  SELECT database_name::text AS db, orig_username::text AS name, rolname::text AS role
  FROM sys.babelfish_authid_user_ext
  WHERE database_name::text LIKE 'fx%' AND orig_username::text NOT IN ('dbo', 'db_owner')
  UNION ALL
  SELECT '', rolname::text, rolname::text FROM sys.babelfish_authid_login_ext
  WHERE rolname::text LIKE 'fx%'
)
SELECT who.db, who.name, 'is', other.role, pg_has_role(who.role::name, other.role::name, 'MEMBER')
FROM who JOIN (SELECT db, role FROM who WHERE db <> '' UNION ALL SELECT '', 'sysadmin') other
  ON other.db = who.db
UNION ALL
SELECT db, name, p, c.relname, has_table_privilege(role::name, c.oid, p)
FROM who, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
  unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) o,
  LATERAL unnest(ARRAY[o, o || ' WITH GRANT OPTION']) p
WHERE db <> '' AND n.nspname LIKE 'fx%' AND c.relkind IN ('r', 'v')
UNION ALL
SELECT db, name, p, f.proname, has_function_privilege(role::name, f.oid, p)
FROM who, pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace,
  unnest('{EXECUTE,EXECUTE WITH GRANT OPTION}'::text[]) p
WHERE db <> '' AND n.nspname LIKE 'fx%'
"""


UNFINISHED = {
    ("grant-admin", principal_name(DATABASE, "dbo")),
    ("superuser", "sa"),
    ("known-administrator", "sa"),
}
"""The engine's own; `sa` is closed and opened, and its name is for people to change."""
PASSWORDS = ("no-password-expiry",)
"""Babelfish says of each password that it does not expire, and takes no statement about it."""


def test_each_fix_ends_its_finding_and_each_undo_brings_it_back(bench: FixBench) -> None:
    found = each_finding(bench, [rule.id for rule in RULES if rule.id not in PASSWORDS])
    assert unfinished(found) == UNFINISHED
    assert {rule for rule, _, _ in found} == {
        *("superuser", "grant-admin", "grant-option", "everyone-can-write"),
        *("orphaned-user", "expired-active", "uneven-rights", "known-administrator"),
    }


LACKS = (
    ("superuser", "CREATE SERVER ROLE fx_dba"),
    ("superuser, uneven-rights", "GRANT CONTROL SERVER TO fx_plain"),
    ("superuser", "GRANT IMPERSONATE ON LOGIN::sa TO fx_plain"),
    ("grant-admin", "GRANT ALTER ANY LOGIN TO fx_plain"),
    ("grant-admin", "ALTER SERVER ROLE securityadmin ADD MEMBER fx_plain"),
    ("grant-admin", "ALTER ROLE db_owner ADD MEMBER fx_plain"),
    ("grant-admin", "ALTER ROLE db_securityadmin ADD MEMBER fx_plain"),
    ("grant-admin", "GRANT CONTROL TO fx_plain"),
    ("grant-admin", "GRANT ALTER ANY ROLE TO fx_plain"),
    ("grant-admin", "ALTER AUTHORIZATION ON ROLE::fx_role TO fx_plain"),
    ("grant-option", "GRANT SELECT ON SCHEMA::hr TO fx_plain WITH GRANT OPTION"),
    ("grant-option", "GRANT SELECT ON dbo.t TO fx_plain AS fx_gives"),
    ("grant-option", "DENY SELECT ON dbo.t TO fx_plain"),
    ("everyone-can-write", "ALTER ROLE db_datawriter ADD MEMBER guest"),
    ("everyone-can-write", "REVOKE CONNECT FROM [guest]"),
    ("expired-active", "DENY CONNECT TO fx_plain"),
    ("password-hash-reader", "GRANT VIEW ANY CRYPTOGRAPHICALLY SECURED DEFINITION TO fx_plain"),
    ("no-password-expiry", "ALTER LOGIN fx_plain WITH CHECK_POLICY = ON, CHECK_EXPIRATION = ON"),
    ("no-password-rules", "ALTER LOGIN fx_plain WITH CHECK_POLICY = ON, CHECK_EXPIRATION = OFF"),
    ("weak-authentication", "ALTER LOGIN fx_plain WITH CHECK_POLICY = OFF"),
)
"""By rule, what Babelfish refuses: the way, or the fix, was run on no server."""
IGNORED = (
    "GRANT UPDATE ([b]) ON OBJECT::[dbo].[t] TO [fx_plain]",
    "REVOKE UPDATE ([b]) ON OBJECT::[dbo].[t] FROM [fx_plain]",
    # Somebody has a grant on this schema.
    f"GRANT DELETE ON OBJECT::[hr].[{ODD_TABLE}] TO [public]",
    f"REVOKE DELETE ON OBJECT::[hr].[{ODD_TABLE}] FROM [public]",
)
"""It takes the REVOKE of each, and does nothing."""


def test_what_babelfish_lacks_is_named(bench: FixBench) -> None:
    refused = []
    for rule, statement in LACKS:
        try:
            bench.run(f"USE [{DATABASE}]; {statement};")
        except pyodbc.Error:
            refused.append((rule, statement))
    assert refused == list(LACKS)
    for statement in IGNORED:
        bench.run(f"USE [{DATABASE}]; {statement};")
    accounts = bench.case().judged.world.accounts
    plain, public = (accounts[principal_name(DATABASE, name)] for name in ("fx_plain", "public"))
    assert "b" in {grant.securable.column for grant in plain.grants}
    assert ("hr", "DELETE") in {(item.securable.schema, item.privilege) for item in public.grants}
