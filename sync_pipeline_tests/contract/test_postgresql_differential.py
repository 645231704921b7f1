"""Random roles and grants: what is read equals what PostgreSQL's own catalogs say.

The truth is computed here from raw catalog rows, one plain statement a catalog, with
object identifiers resolved in Python; `information_schema` is a second, independent one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, note, settings

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import Grant, SecurableKind
from sync_pipeline.model.snapshot import Snapshot
from workbench.servers.postgresql_bench import PostgresBench, raw
from workbench.strategies.postgresql_roles import (
    COLUMN_PRIVILEGES,
    OBJECTS,
    TABLE_PRIVILEGES,
    Plan,
    plans,
    quoted,
)

pytestmark = pytest.mark.postgresql

EXAMPLES = 15
K = SecurableKind
RELATIONS = {
    "r": K.TABLE,
    "p": K.PARTITIONED_TABLE,
    "v": K.VIEW,
    "m": K.MATERIALIZED_VIEW,
    "S": K.SEQUENCE,
}
Fact = tuple[Any, ...]
"""Kind, schema, name, column, grantee, grantor, privilege, grantable."""


def carry_out(bench: PostgresBench, plan: Plan) -> int:
    """Run a plan; return how many of its steps the server accepted."""
    accepted = 0
    bench.run(*OBJECTS, *plan.roles)
    with bench.admin() as link:
        for role, text in plan.steps:
            link.execute(raw(f"SET ROLE {quoted(role)}"))
            try:
                link.execute(raw(text))
                accepted += 1
            except psycopg.Error as error:
                note(f"{role}: {text} -> {error}")
            link.execute("RESET ROLE")
    return accepted


def facts_of(accounts: tuple[AccountState, ...]) -> Counter[Fact]:
    """Return the grants of a snapshot that the plan could touch, ownership left out."""
    return Counter(
        (
            grant.securable.kind,
            grant.securable.schema,
            grant.securable.name.partition("(")[0],
            grant.securable.column,
            account.name,
            grant.grantor,
            grant.privilege,
            grant.grantable,
        )
        for account in accounts
        for grant in account.grants
        if is_ours(grant) and grant.privilege != "OWNER"
    )


def is_ours(grant: Grant) -> bool:
    on = grant.securable
    return on.database == "bench" and on.schema in ("s", "")


class Truth:
    """The catalogs of one database, row by row."""

    def __init__(self, link: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.link = link
        self.names = dict(self.rows("SELECT oid, rolname FROM pg_authid"))
        self.names[0] = "public"
        (self.schema,) = [o for (o,) in self.rows("SELECT oid FROM pg_namespace WHERE nspname='s'")]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.link.execute(raw(query)).fetchall()

    def exploded(
        self, catalog: str, acl: str, columns: str, condition: str
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the columns and the four parts of each ACL item."""
        yield from self.rows(
            f"SELECT {columns}, (aclexplode({acl})).* FROM {catalog} WHERE {condition}"
        )

    def facts(self) -> Counter[Fact]:
        found: Counter[Fact] = Counter()

        def add(kind: Any, schema: str, name: str, column: str, item: tuple[Any, ...]) -> None:
            grantor, grantee, privilege, grantable = item
            who, by = self.names[grantee], self.names[grantor]
            found[(kind, schema, name, column, who, by, privilege, grantable)] += 1

        mine = f"= {self.schema}"
        for name, kind, *item in self.exploded(
            "pg_class",
            "COALESCE(relacl, acldefault((CASE relkind WHEN 'S' THEN 's' ELSE 'r' END)::\"char\", "
            "relowner))",
            "relname, relkind",
            f"relnamespace {mine} AND relkind IN ('r', 'p', 'v', 'm', 'S')",
        ):
            add(RELATIONS[kind], "s", name, "", tuple(item))
        for name, column, *item in self.exploded(
            "pg_attribute JOIN pg_class c ON attrelid = c.oid",
            "attacl",
            "relname, attname",
            f"relnamespace {mine}",
        ):
            add(K.COLUMN, "s", name, column, tuple(item))
        for name, kind, *item in self.exploded(
            "pg_proc", acl("proacl", "f", "proowner"), "proname, prokind", f"pronamespace {mine}"
        ):
            add({"f": K.FUNCTION, "p": K.PROCEDURE}[kind], "s", name, "", tuple(item))
        for catalog, columns, kind, condition in (
            ("pg_type", ("typ", "T"), K.TYPE, f"typnamespace {mine} AND typtype = 'd'"),
            ("pg_namespace", ("nsp", "n"), K.SCHEMA, "nspname = 's'"),
            ("pg_language", ("lan", "l"), K.LANGUAGE, "lanname = 'plpgsql'"),
            ("pg_foreign_data_wrapper", ("fdw", "F"), K.FOREIGN_DATA_WRAPPER, "true"),
            ("pg_foreign_server", ("srv", "S"), K.FOREIGN_SERVER, "true"),
            ("pg_database", ("dat", "d"), K.DATABASE, "datname = 'bench'"),
        ):
            prefix, letter = columns
            owner = "datdba" if prefix == "dat" else f"{prefix}owner"
            for name, *item in self.exploded(
                catalog, acl(f"{prefix}acl", letter, owner), f"{prefix}name", condition
            ):
                schema = {K.TYPE: "s", K.SCHEMA: "s"}.get(kind, "")
                shown = "" if kind in (K.SCHEMA, K.DATABASE) else name
                add(kind, schema, shown, "", tuple(item))
        words = {"r": "tables", "S": "sequences", "f": "functions"}
        for owner, namespace, kind, *item in self.exploded(
            "pg_default_acl",
            "defaclacl",
            "defaclrole, defaclnamespace, defaclobjtype",
            "true",
        ):
            name = f"{words[kind]} of {self.names[owner]}"
            add(K.DEFAULT_PRIVILEGE, "s" if namespace else "", name, "", tuple(item))
        return found

    def memberships(self) -> set[tuple[Any, ...]]:
        options = [
            name
            for (name,) in self.rows(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'pg_auth_members'::regclass "
                "AND attname IN ('inherit_option', 'set_option') ORDER BY attname"
            )
        ]
        columns = ", ".join(options) if options else "NULL, NULL"
        return {
            (self.names[member], self.names[role], self.names[grantor], admin, *rest)
            for member, role, grantor, admin, *rest in self.rows(
                f"SELECT member, roleid, grantor, admin_option, {columns} FROM pg_auth_members"
            )
        }


def acl(column: str, letter: str, owner: str) -> str:
    return f"COALESCE({column}, acldefault('{letter}', {owner}))"


def check_catalogs(snapshot: Snapshot, truth: Truth) -> None:
    assert facts_of(snapshot.accounts) == truth.facts()
    assert {
        (account.name, m.role, m.grantor, m.admin, m.inherit, m.set_role)
        for account in snapshot.accounts
        for m in account.memberships
    } == truth.memberships()
    attributes = truth.rows(
        "SELECT rolname, rolcanlogin, rolinherit, rolcreatedb, rolcreaterole, rolbypassrls, "
        "rolconnlimit, extract(epoch FROM rolvaliduntil)::text FROM pg_authid"
    )
    assert {name for name, *_ in attributes} | {"public"} == {a.name for a in snapshot.accounts}
    by_name = {account.name: account for account in snapshot.accounts}
    for name, login, inherits, databases, roles, bypass, limit, until in attributes:
        account = by_name[name]
        told = dict(account.attributes)
        assert (account.can_login, told["inherits"]) == (login, inherits)
        assert (told["can_create_databases"], told["can_create_roles"]) == (databases, roles)
        assert (told["bypasses_row_security"], told["connection_limit"]) == (bypass, limit)
        moment = {None: None, "Infinity": "infinity"}.get(until, "2031-05-06T07:08:09.000000Z")
        assert told["valid_until"] == moment


def check_information_schema(snapshot: Snapshot, truth: Truth) -> None:
    """The standard's views show tables, columns and routines; counts of rows must agree."""
    facts = facts_of(snapshot.accounts)
    on_tables = [f for f in facts if f[0] in (K.TABLE, K.PARTITIONED_TABLE, K.VIEW)]
    listed = truth.rows(
        "SELECT table_name, grantee, grantor, privilege_type "
        "FROM information_schema.table_privileges WHERE table_schema = 's'"
    )
    assert Counter(
        (f[2], f[4].replace("public", "PUBLIC"), f[5], f[6])
        for f in on_tables
        if f[6] in TABLE_PRIVILEGES
    ) == Counter(listed)
    # A privilege on the table is one on each of its columns in that view.
    columns = {
        (f[2], column, f[4].replace("public", "PUBLIC"), f[5], f[6])
        for f in on_tables
        if f[6] in COLUMN_PRIVILEGES
        for column in ("a", "b")
    } | {
        (f[2], f[3], f[4].replace("public", "PUBLIC"), f[5], f[6])
        for f in facts
        if f[0] is K.COLUMN and f[2] != "m"
    }
    shown = truth.rows(
        "SELECT table_name, column_name, grantee, grantor, privilege_type "
        "FROM information_schema.column_privileges WHERE table_schema = 's'"
    )
    assert columns == set(shown)
    ((routines,),) = truth.rows(
        "SELECT count(*) FROM information_schema.routine_privileges WHERE specific_schema = 's'"
    )
    assert sum(f[0] in (K.FUNCTION, K.PROCEDURE) for f in facts) == routines


@pytest.fixture
def steps_accepted() -> Iterator[list[int]]:
    """Say at the end whether the random plans did anything at all."""
    counts: list[int] = []
    yield counts
    assert sum(counts) > 3 * len(counts), "the plans were nearly all refused"


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=plans())
def test_random_grants_equal_the_servers_own_catalogs(
    bench: PostgresBench, steps_accepted: list[int], plan: Plan
) -> None:
    bench.reset()
    bench.run("CREATE DATABASE bench", database="postgres")
    steps_accepted.append(carry_out(bench, plan))
    snapshot = bench.collect()
    assert not snapshot.unread
    with bench.admin() as link:
        truth = Truth(link)
        check_catalogs(snapshot, truth)
        check_information_schema(snapshot, truth)
    owners = Counter(
        (a.name, str(g.securable))
        for a in snapshot.accounts
        for g in a.grants
        if g.privilege == "OWNER"
    )
    assert set(owners.values()) == {1}
