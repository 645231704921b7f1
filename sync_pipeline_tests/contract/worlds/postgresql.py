"""PostgreSQL in the contract: a real server of each major version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from sync_pipeline.collect.accounts import ConnectionOpener
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Connection
from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.privilege import AccountSetting, Grant, Membership, SectionKey, Securable
from sync_pipeline.model.privilege import SectionName as Name
from sync_pipeline.model.privilege import SecurableKind as K
from sync_pipeline_tests.contract.worlds.world import (
    Case,
    Cases,
    Doubt,
    Expected,
    Gap,
    Question,
    Step,
    Steps,
    Topic,
    World,
)
from workbench.servers.postgresql_bench import (
    ENGINE,
    PostgresBench,
    bench_on,
    raw,
    statement,
)

BY = "postgres"
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
PARTS = {"database": "bench", "schema": "public", "catalog": "bench"}
GRANTS = Case(
    (
        "CREATE ROLE giver LOGIN",
        "CREATE ROLE u LOGIN",
        "CREATE TABLE t (a int, b int)",
        "CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "GRANT SELECT ON t TO giver WITH GRANT OPTION",
        "GRANT UPDATE (a, b) ON t TO u",
        "GRANT EXECUTE ON FUNCTION f(integer) TO u WITH GRANT OPTION",
        "GRANT CREATE ON SCHEMA public TO u",
        "GRANT CONNECT ON DATABASE bench TO u",
        "SET ROLE giver; GRANT SELECT ON t TO u; RESET ROLE",
    ),
    (
        Expected(
            "u",
            grants=frozenset(
                {
                    Grant(Securable(K.TABLE, name="t", **PARTS), "SELECT", grantor="giver"),
                    *(
                        Grant(
                            Securable(K.COLUMN, name="t", column=column, **PARTS),
                            "UPDATE",
                            grantor=BY,
                        )
                        for column in "ab"
                    ),
                    Grant(
                        Securable(K.FUNCTION, name="f(integer)", **PARTS),
                        "EXECUTE",
                        True,
                        grantor=BY,
                    ),
                    Grant(Securable(K.SCHEMA, **PARTS), "CREATE", grantor="pg_database_owner"),
                    Grant(Securable(K.DATABASE, "bench"), "CONNECT", grantor=BY),
                }
            ),
        ),
        Expected(
            "giver",
            grants=frozenset(
                {Grant(Securable(K.TABLE, name="t", **PARTS), "SELECT", True, grantor=BY)}
            ),
        ),
    ),
)
EVERYONE = (
    Case(
        (),
        (
            Expected(
                "public",
                kind=AccountKind.PUBLIC,
                can_login=False,
                has=frozenset(
                    Grant(Securable(K.DATABASE, "bench"), word, grantor=BY)
                    for word in ("CONNECT", "TEMPORARY")
                ),
            ),
        ),
    ),
    Case(
        ("REVOKE CONNECT ON DATABASE bench FROM PUBLIC",),
        (
            Expected(
                "public",
                has=frozenset({Grant(Securable(K.DATABASE, "bench"), "TEMPORARY", grantor=BY)}),
                lacks=frozenset({Grant(Securable(K.DATABASE, "bench"), "CONNECT", grantor=BY)}),
            ),
        ),
    ),
    Case(
        (
            "CREATE ROLE app LOGIN",
            "ALTER ROLE app SET work_mem = '8MB'",
            "ALTER ROLE app SET search_path = '$user', \"odd = name\", public",
            "ALTER ROLE app IN DATABASE bench SET statement_timeout = '5s'",
            "ALTER DATABASE bench SET application_name = 'a=b=c'",
            "ALTER ROLE ALL SET lock_timeout = '1s'",
        ),
        (
            Expected(
                "app",
                settings=frozenset(
                    {
                        AccountSetting("", "work_mem", "8MB"),
                        AccountSetting("", "search_path", '"$user", "odd = name", public'),
                        AccountSetting("bench", "statement_timeout", "5s"),
                    }
                ),
            ),
            Expected(
                "public",
                settings=frozenset(
                    {
                        AccountSetting("bench", "application_name", "a=b=c"),
                        AccountSetting("", "lock_timeout", "1s"),
                    }
                ),
            ),
        ),
    ),
)
STATE = Case(
    (
        "CREATE ROLE plain NOLOGIN",
        (
            "CREATE ROLE full_role LOGIN SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS"
            " NOINHERIT CONNECTION LIMIT 7 VALID UNTIL '2027-01-01 01:30:00+02'"
        ),
        "CREATE ROLE for_ever LOGIN VALID UNTIL 'infinity'",
        # The session's zone and date style must not show in what is recorded.
        "ALTER ROLE postgres SET TimeZone = 'Asia/Tokyo'",
        "ALTER ROLE postgres SET DateStyle = 'German'",
    ),
    (
        Expected(
            "plain",
            kind=AccountKind.ROLE,
            can_login=False,
            is_superuser=False,
            is_locked=False,
            all_attributes={
                "inherits": True,
                "can_create_roles": False,
                "can_create_databases": False,
                "can_replicate": False,
                "bypasses_row_security": False,
                "connection_limit": -1,
                "valid_until": None,
            },
        ),
        Expected(
            "full_role",
            kind=AccountKind.USER,
            can_login=True,
            is_superuser=True,
            all_attributes={
                "inherits": False,
                "can_create_roles": True,
                "can_create_databases": True,
                "can_replicate": True,
                "bypasses_row_security": True,
                "connection_limit": 7,
                "valid_until": "2026-12-31T23:30:00.000000Z",
            },
        ),
        Expected("for_ever", attributes={"valid_until": "infinity"}),
    ),
    undo=("ALTER ROLE postgres RESET ALL",),
)
SUPERUSER = Case(
    (
        "CREATE ROLE chief LOGIN SUPERUSER",
        "CREATE ROLE heir LOGIN",
        "GRANT chief TO heir",
    ),
    (
        Expected("chief", is_superuser=True),
        # The attribute is no privilege: a member becomes superuser by SET ROLE alone.
        Expected("heir", is_superuser=False),
        Expected("postgres", is_superuser=True),
    ),
)
LETTERS = Case(
    ('CREATE ROLE "App" LOGIN', "CREATE ROLE app", "GRANT CREATE ON DATABASE bench TO app"),
    (
        Expected("App", can_login=True, grants=frozenset()),
        Expected(
            "app",
            can_login=False,
            grants=frozenset({Grant(Securable(K.DATABASE, "bench"), "CREATE", grantor=BY)}),
        ),
    ),
)
MODS = "SET allow_system_table_mods = on"
DOUBTED = (
    "CREATE ROLE maker",
    "CREATE ROLE reader",
    "CREATE ROLE sure",
    "CREATE ROLE gadget",
    "GRANT gadget TO reader",
    "CREATE TABLE gadgets (id int)",
    "ALTER TABLE gadgets OWNER TO maker",
    "GRANT SELECT ON gadgets TO reader",
    "CREATE TABLE plain (id int)",
    "GRANT SELECT ON plain TO sure",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC",
    "ALTER FUNCTION f() OWNER TO maker",
    "GRANT EXECUTE ON FUNCTION f() TO reader",
    "ALTER DEFAULT PRIVILEGES FOR ROLE maker GRANT SELECT ON TABLES TO reader",
)
PLAIN = ("SELECT", "table:bench.public.plain")


def _unrecognised(kind: K, name: str, privilege: str, grantor: str) -> Grant:
    on = Securable(kind, name=name, **PARTS)
    return Grant(on, privilege, grantor=grantor, recognised=False)


def _changed(catalog: str, column: str, name: str, known: str) -> tuple[str, str]:
    """Return what gives rows of a catalog a kind that a newer server could have, and its undo."""
    make = f"{MODS}; UPDATE {catalog} SET {column} = '{{}}' WHERE {name}"
    return make.format("z"), make.format(known)


def _first_read(*statements: str) -> Step:
    """Return steps in the database whose catalog is read first."""
    return lambda bench: bench.run(MODS, *statements, database="postgres")


RELATIONS = _changed("pg_class", "relkind", "relname = 'gadgets'", "r")
ROUTINES = _changed("pg_proc", "prokind", "proname = 'f'", "f")
DEFAULTS = _changed("pg_default_acl", "defaclobjtype", "true", "r")
OF_UNKNOWN_KIND = Securable(
    K.DEFAULT_PRIVILEGE, "bench", name="objects of kind z of maker", catalog="bench"
)
OF_READER = frozenset({"reader"})
UNKNOWN = (
    Case(
        DOUBTED,
        (
            Expected(
                "reader",
                has=frozenset({_unrecognised(K.RELATION, "gadgets", "SELECT", "maker")}),
            ),
            Expected(
                "maker",
                has=frozenset({_unrecognised(K.RELATION, "gadgets", "OWNER", "")}),
            ),
        ),
        newer=RELATIONS[:1],
        undo=RELATIONS[1:],
        warned=("SELECT on relation",),
        doubt=Doubt(
            *("UPDATE", "bench.public.gadgets"),
            says="SELECT on relation bench.public.gadgets gives, which reader has",
            sure="maker",
            unsure=OF_READER,
            changed=frozenset({"reader", "maker"}),
            elsewhere="table:bench.public.plain",
        ),
    ),
    Case(
        DOUBTED,
        (
            Expected(
                "reader",
                has=frozenset(
                    {
                        _unrecognised(K.ROUTINE, "f()", "EXECUTE", "maker"),
                        Grant(OF_UNKNOWN_KIND, "SELECT", grantor="maker", recognised=False),
                    }
                ),
            ),
        ),
        newer=(ROUTINES[0], DEFAULTS[0]),
        undo=(ROUTINES[1], DEFAULTS[1]),
        warned=("EXECUTE on routine", "SELECT on default privilege"),
        doubt=Doubt(
            *("EXECUTE WITH GRANT OPTION", "bench.public.f()"),
            says="EXECUTE on routine bench.public.f() gives, which reader has",
            sure="maker",
            unsure=OF_READER,
            changed=frozenset({"reader", "maker"}),
            elsewhere="table:bench.public.plain",
        ),
    ),
    Case(
        DOUBTED,
        (Expected("reader"),),
        newer=(_first_read("CREATE TABLE pg_catalog.pg_gadget (gadgetacl aclitem[])"),),
        undo=(_first_read("DROP TABLE pg_catalog.pg_gadget"),),
        warned=("pg_gadget.gadgetacl",),
        doubt=Doubt(*PLAIN, says="pg_gadget.gadgetacl", sure="sure"),
    ),
    Case(
        DOUBTED,
        (Expected("pg_gadget"),),
        newer=(f"{MODS}; UPDATE pg_authid SET rolname = 'pg_gadget' WHERE rolname = 'gadget'",),
        undo=(f"{MODS}; UPDATE pg_authid SET rolname = 'gadget' WHERE rolname = 'pg_gadget'",),
        warned=("predefined role pg_gadget",),
        doubt=Doubt(
            *PLAIN,
            says="pg_gadget",
            sure="sure",
            unsure=frozenset({"pg_gadget", "reader"}),
            changed=frozenset({"pg_gadget", "reader"}),
        ),
    ),
)
WAYS = Case(
    (
        "CREATE ROLE app LOGIN",
        "CREATE ROLE team",
        "CREATE ROLE maker LOGIN",
        "CREATE TABLE t (a int, b int)",
        "ALTER TABLE t OWNER TO maker",
        "GRANT SELECT ON t TO team",
        "GRANT UPDATE (a) ON t TO app",
        "GRANT team TO app",
    ),
    (Expected("app"), Expected("team"), Expected("maker")),
    questions=(
        Question("app", "SELECT", "table:bench.public.t", "app → team ("),
        Question("app", "DELETE", "table:bench.public.t"),
        Question("app", "UPDATE", "column:bench.public.t.a", "app"),
        Question("app", "UPDATE", "column:bench.public.t.b"),
        Question("maker", "DELETE", "table:bench.public.t", "maker"),
        Question("postgres", "DELETE", "table:bench.public.t", "postgres"),
    ),
)


def roles(major: int) -> Case:
    """Return the case of memberships: from 16 on each grantor's is a row with options."""
    options: dict[str, Any] = {"inherit": True, "set_role": True} if major >= 16 else {}
    of_leaf = {
        Membership("middle", **options, grantor=BY),
        Membership("pg_read_all_data", **options, grantor=BY),
        Membership("base", **options, grantor="middle"),
    }
    steps = (
        "CREATE ROLE base",
        "CREATE ROLE middle",
        "CREATE ROLE leaf LOGIN",
        "GRANT base TO middle WITH ADMIN OPTION",
        "GRANT middle TO leaf",
        "GRANT pg_read_all_data TO leaf",
        "SET ROLE middle; GRANT base TO leaf; RESET ROLE",
    )
    if major >= 16:
        steps = (*steps, "GRANT base TO leaf WITH INHERIT FALSE, SET FALSE")
        of_leaf.add(Membership("base", inherit=False, set_role=False, grantor=BY))
    return Case(
        steps,
        (
            Expected(
                "middle",
                memberships=frozenset({Membership("base", admin=True, **options, grantor=BY)}),
            ),
            Expected("leaf", memberships=frozenset(of_leaf)),
        ),
    )


def _named(bench: PostgresBench) -> None:
    for name in ODD_NAMES:
        bench.run(
            statement("CREATE ROLE {} LOGIN", name),
            statement("CREATE SCHEMA {}", name),
            statement("CREATE TABLE {0}.{0} ({0} integer)", name),
            statement("GRANT SELECT, INSERT ({0}) ON {0}.{0} TO {0}", name),
        )


NAMES = Case(
    (_named,),
    tuple(
        Expected(
            name,
            grants=frozenset(
                {
                    Grant(
                        Securable(K.TABLE, "bench", name, name, catalog="bench"),
                        "SELECT",
                        grantor=BY,
                    ),
                    Grant(
                        Securable(K.COLUMN, "bench", name, name, name, catalog="bench"),
                        "INSERT",
                        grantor=BY,
                    ),
                }
            ),
        )
        for name in ODD_NAMES
    ),
)


def cases(major: int) -> Cases:
    """Return what a major version brings."""
    return {
        Topic.GRANTS: (GRANTS,),
        Topic.ROLES: (roles(major),),
        Topic.EVERYONE: EVERYONE,
        Topic.STATE: (STATE,),
        Topic.SUPERUSER: (SUPERUSER,),
        Topic.NAMES: (NAMES,),
        Topic.LETTERS: (LETTERS,),
        Topic.UNKNOWN: UNKNOWN,
        Topic.WAYS: (WAYS,),
        Topic.DENIED: (
            Gap(
                "PostgreSQL knows no denies",
                "DENY SELECT ON pg_class TO postgres",
                psycopg.errors.SyntaxError,
                "DENY",
            ),
        ),
    }


ODD_DATABASES = ('we"ird %s; --', "MyDb", "mydb", "ünïcode")


class PostgreSqlWorld(World):
    """PostgreSQL: the database `bench`, and what every cluster has."""

    engine = ENGINE
    username = "postgres"
    home = "bench"
    most_statements = 16
    home_schema = "public"
    whole_superusers = frozenset({"postgres", "chief"})
    system_steps = ("CREATE ROLE pga", "CREATE ROLE xpg_read")
    databases = frozenset({"bench", "postgres", "template1"})

    def __init__(self, bench: PostgresBench) -> None:
        super().__init__()
        self.bench = bench
        self.version = (bench.major,)

    @property
    def cases(self) -> Cases:
        return cases(self.bench.major)

    @property
    def system_accounts(self) -> frozenset[str]:  # type: ignore[override]
        """Return the predefined roles: those of initdb, but for its superuser."""
        rows = self.bench.rows("SELECT rolname FROM pg_roles WHERE oid < 16384")
        return frozenset(name for (name,) in rows) - {"postgres"}

    @property
    def sections(self) -> frozenset[SectionKey]:  # type: ignore[override]
        databases = {query for query in ENGINE.account_queries if query.per_database}
        return frozenset(
            SectionKey(name, database)
            for query in ENGINE.account_queries
            for name in query.fills
            for database in (("bench", "postgres", "template1") if query in databases else ("",))
        )

    @property
    def not_applicable(self) -> frozenset[SectionKey]:  # type: ignore[override]
        return frozenset({SectionKey(Name.PARAMETER)} if self.bench.major < 15 else ())

    def run(self, *steps: Step) -> None:
        with self.bench.admin() as link:
            for step in steps:
                if callable(step):
                    step(self.bench)
                else:
                    link.execute(raw(step) if isinstance(step, str) else step)

    @contextmanager
    def connections(self) -> Iterator[ConnectionOpener]:
        target = self.bench.target()

        @contextmanager
        def opened(database: str | None) -> Iterator[Connection]:
            with open_connection(ENGINE, target, Deadline(60), database) as connection:
                yield connection

        yield opened

    def reset(self) -> None:
        self.bench.reset()
        self.bench.run("CREATE DATABASE bench", database="postgres")

    def tables(self, units: Mapping[str, int]) -> Steps:
        return tuple(
            step
            for name, size in units.items()
            for step in (
                f'CREATE TABLE "{name}" (id integer PRIMARY KEY, b bytea)',
                f'ALTER TABLE "{name}" ALTER COLUMN b SET STORAGE EXTERNAL',
                (
                    f"INSERT INTO \"{name}\" SELECT i, decode(repeat(md5(i::text), 65536), 'hex')"
                    f" FROM generate_series(1, {size}) AS i"
                ),
            )
        )

    def stores(self) -> Steps:
        return (*(statement("CREATE DATABASE {}", name) for name in ODD_DATABASES), "CHECKPOINT")

    def said_of(self, table: str) -> int | None:
        """Return what pg_total_relation_size says."""
        ((size,),) = self.bench.rows(f"SELECT pg_total_relation_size('\"{table}\"')")
        return int(size)

    def grows(self) -> tuple[Steps, int]:
        return (*self.tables({"grown": 6}), "CHECKPOINT"), 6 * 2**20

    def on_disk(self) -> Mapping[str, int]:
        """Return what the directories hold."""
        base = self.bench.server.directory / "data" / "base"
        return {
            name: sum(item.stat().st_size for item in (base / str(oid)).iterdir() if item.is_file())
            for name, oid in self.bench.rows("SELECT datname, oid FROM pg_database")
        }

    def is_list_of_databases(self, sql: str) -> bool:
        return "d.datallowconn AS allows_connections" in sql

    def is_list_of_accounts(self, sql: str) -> bool:
        return "FROM pg_catalog.pg_roles AS r" in sql

    def many(self, count: int) -> Steps:
        return (
            "CREATE TABLE shared (id integer)",
            (
                f"DO $$ BEGIN FOR n IN 1..{count} LOOP "
                "EXECUTE format('CREATE ROLE many_%s LOGIN', n); "
                "EXECUTE format('GRANT SELECT ON shared TO many_%s', n); END LOOP; END $$"
            ),
        )

    def secret(self) -> tuple[Steps, Callable[[], Sequence[str]]]:
        text = "SELECT rolpassword FROM pg_authid WHERE rolname = 'hashed'"
        return (
            ("CREATE ROLE hashed LOGIN PASSWORD 'a word'",),
            lambda: [row[0] for row in self.bench.rows(text)],
        )


@contextmanager
def world(request: pytest.FixtureRequest, variant: str) -> Iterator[PostgreSqlWorld]:
    """Yield a PostgreSQL of a major version, clean again afterwards."""
    with bench_on(request.getfixturevalue("postgresql_servers")[int(variant)]) as bench:
        yield PostgreSqlWorld(bench)
