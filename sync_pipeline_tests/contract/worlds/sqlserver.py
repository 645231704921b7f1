"""SQL Server in the contract: its catalogs emulated, since none can be had here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest

from sync_pipeline.collect.accounts import ConnectionOpener
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.privilege import Grant, Membership, SectionKey, Securable
from sync_pipeline.model.privilege import SecurableKind as K
from sync_pipeline_tests.contract.worlds.world import (
    Case,
    Cases,
    Doubt,
    Expected,
    Question,
    Step,
    Steps,
    Topic,
    World,
)
from workbench.emulation import sqlserver_world
from workbench.emulation.sqlserver_connection import emulated, opener

VERSIONS = {"2016": "13.0.7000.253", "2022": "16.0.1000.6"}
Catalogs = sqlserver_world.World
SERVER = Securable(K.SERVER)
ODD_NAMES = ("o'brien", 'q"uote', "a]b", "[odd", "a.b", "50%", "用户", "x" * 128, "CORP\\al ice")


def _grants(world: Catalogs) -> None:
    world.login("app")
    world.grant("app", "ALTER TRACE", state="W")
    world.grant("app", "CONNECT SQL")
    sales = world.databases["sales"]
    sales.user("u", authentication=0)
    sales.grant("u", "ALTER", 3, sales.schema("app"))
    sales.grant("u", "CREATE TABLE")
    orders = sales.thing("orders", columns=("id", "amount"))
    sales.grant("u", "SELECT", 1, orders)
    sales.grant("u", "UPDATE", 1, orders, 2, state="W")


def _on(kind: K, **parts: str) -> Securable:
    return Securable(kind, "sales", catalog="sales", **parts)


GRANTS = Case(
    (_grants,),
    (
        Expected(
            "app",
            grants=frozenset(
                {
                    Grant(SERVER, "ALTER TRACE", grantable=True, grantor="sa"),
                    Grant(SERVER, "CONNECT SQL", grantor="sa"),
                }
            ),
        ),
        Expected(
            "[sales].[u]",
            grants=frozenset(
                {
                    Grant(_on(K.SCHEMA, schema="app"), "ALTER", grantor="[sales].[dbo]"),
                    Grant(_on(K.DATABASE), "CREATE TABLE", grantor="[sales].[dbo]"),
                    Grant(
                        _on(K.TABLE, schema="dbo", name="orders"),
                        "SELECT",
                        grantor="[sales].[dbo]",
                    ),
                    Grant(
                        _on(K.COLUMN, schema="dbo", name="orders", column="amount"),
                        "UPDATE",
                        True,
                        grantor="[sales].[dbo]",
                    ),
                }
            ),
        ),
    ),
)


def _roles(world: Catalogs) -> None:
    world.login("CORP\\dba", "U")
    world.login("team", "R")
    world.member("team", "CORP\\dba")
    sales = world.databases["sales"]
    sales.user("team", type_="R", owner=sales.user("boss", authentication=0))
    sales.member("db_owner", "team")


ROLES = Case(
    (_roles,),
    (
        Expected("CORP\\dba", memberships=frozenset({Membership("team")})),
        Expected("team", kind=AccountKind.ROLE, can_login=False),
        Expected(
            "[sales].[team]",
            kind=AccountKind.ROLE,
            memberships=frozenset({Membership("[sales].[db_owner]")}),
        ),
        Expected("[sales].[db_owner]", kind=AccountKind.ROLE, attributes={"is_fixed_role": True}),
        Expected(
            "[sales].[boss]",
            grants=frozenset({Grant(_on(K.PRINCIPAL, name="team"), "OWNER")}),
        ),
    ),
)


def _everyone(world: Catalogs) -> None:
    world.grant("public", "VIEW ANY DATABASE")
    sales = world.databases["sales"]
    sales.grant("guest", "CONNECT")
    sales.grant("public", "EXECUTE")


EVERYONE = Case(
    (_everyone,),
    (
        Expected(
            "public",
            can_login=False,
            grants=frozenset({Grant(SERVER, "VIEW ANY DATABASE", grantor="sa")}),
        ),
        Expected(
            "[sales].[public]",
            can_login=False,
            grants=frozenset({Grant(_on(K.DATABASE), "EXECUTE", grantor="[sales].[dbo]")}),
        ),
        Expected(
            "[sales].[guest]",
            grants=frozenset({Grant(_on(K.DATABASE), "CONNECT", grantor="[sales].[dbo]")}),
        ),
    ),
)


def _states(world: Catalogs) -> None:
    world.login("app")
    world.login_properties[("app", "IsLocked")] = 1
    world.login_properties[("app", "IsExpired")] = 1
    world.login("gone", is_disabled=1)


STATE = Case(
    (_states,),
    (
        Expected(
            "app",
            is_locked=True,
            can_login=True,  # a lock is not a removal
            attributes={
                "is_expired": True,
                "must_change": False,
                "is_policy_checked": True,
                "is_expiration_checked": False,
            },
        ),
        Expected("gone", can_login=False, attributes={"is_disabled": True}),
    ),
)


def _superusers(world: Catalogs) -> None:
    world.login("inner", "R")
    world.login("outer", "R")
    world.login("app")
    world.login("CORP\\dba", "U")
    for role, member in (
        ("sysadmin", "inner"),
        ("inner", "outer"),
        ("outer", "app"),
        ("sysadmin", "CORP\\dba"),
    ):
        world.member(role, member)


SUPERUSER = Case(
    (_superusers,),
    (
        Expected("app", is_superuser=True, memberships=frozenset({Membership("outer")})),
        Expected(
            "CORP\\dba",
            is_superuser=True,
            can_login=True,
            memberships=frozenset({Membership("sysadmin")}),
        ),
        Expected("mon", is_superuser=False),
    ),
)


def _named(world: Catalogs) -> None:
    for name in ODD_NAMES:
        sid = world.login(name)
        database = world.database(f"db {name}"[:120])
        database.user(name, sid=sid)
        database.grant(name, "SELECT", 1, database.thing(name, columns=(name,)), 1)


def quoted(name: str) -> str:
    return "[" + name.replace("]", "]]") + "]"


NAMES = Case(
    (_named,),
    tuple(
        expected
        for name in ODD_NAMES
        for database in (f"db {name}"[:120],)
        for expected in (
            Expected(quoted(name) if name.startswith("[") else name),
            Expected(
                f"{quoted(database)}.{quoted(name)}",
                attributes={
                    "login": quoted(name) if name.startswith("[") else name,
                    "is_orphaned": False,
                },
                grants=frozenset(
                    {
                        Grant(
                            Securable(K.COLUMN, database, "dbo", name, name, database),
                            "SELECT",
                            grantor=f"{quoted(database)}.[dbo]",
                        )
                    }
                ),
            ),
        )
    ),
)


def _letters(world: Catalogs) -> None:
    for name in ("MyDb", "mydb"):
        world.database(name).user("u", authentication=0)
    world.databases["mydb"].grant("u", "CONNECT")


LETTERS = Case(
    (_letters,),
    (
        Expected("[MyDb].[u]", grants=frozenset()),
        Expected(
            "[mydb].[u]",
            grants=frozenset(
                {
                    Grant(
                        Securable(K.DATABASE, "mydb", catalog="mydb"),
                        "CONNECT",
                        grantor="[mydb].[dbo]",
                    )
                }
            ),
        ),
    ),
)


def _doubted(world: Catalogs) -> None:
    sales = world.databases["sales"]
    for name in ("ann", "bob"):
        sales.user(name, sid=world.login(name))
    sales.grant("ann", "SELECT", 1, sales.thing("t"))


def _unknown_permission(world: Catalogs) -> None:
    sales = world.databases["sales"]
    sales.grant("bob", "TELEPORT", 1, sales.rows["objects"][0]["object_id"])


def _unknown_class(world: Catalogs) -> None:
    sales = world.databases["sales"]
    sales.grant("bob", "SELECT", 1, 7)
    row = sales.rows["database_permissions"][-1]
    row.update({"class": 99, "class_desc": "VECTOR_STORE"})


def _unknown_types(world: Catalogs) -> None:
    sales = world.databases["sales"]
    for catalog, view, word in (
        (world.server, "server_principals", "PASSKEY_LOGIN"),
        (sales, "database_principals", "PASSKEY_USER"),
    ):
        catalog.find(view, "bob").update({"type": "P", "type_desc": word})


BOBS = frozenset({"bob", "[sales].[bob]"})
UNKNOWN = (
    Case(
        (_doubted,),
        (
            Expected(
                "[sales].[bob]",
                grants=frozenset(
                    {
                        Grant(
                            _on(K.TABLE, schema="dbo", name="t"),
                            "TELEPORT",
                            grantor="[sales].[dbo]",
                            recognised=False,
                        )
                    }
                ),
            ),
        ),
        newer=(_unknown_permission,),
        warned=("TELEPORT on table",),
        doubt=Doubt(
            *("SELECT", "table:sales.dbo.t", "TELEPORT", "ann"),
            unsure=BOBS,
            changed=frozenset({"[sales].[bob]"}),
            elsewhere="schema:sales.dbo",
        ),
    ),
    Case(
        (_doubted,),
        (Expected("[sales].[bob]"),),
        newer=(_unknown_class,),
        warned=("SELECT on object",),
        doubt=Doubt(
            *("SELECT", "table:sales.dbo.t", "VECTOR STORE id 7", "ann"),
            unsure=BOBS,
            changed=frozenset({"[sales].[bob]"}),
            elsewhere="database:master",
        ),
    ),
    Case(
        (_doubted,),
        (Expected("[sales].[bob]"), Expected("bob")),
        newer=(_unknown_types,),
        warned=("type PASSKEY_LOGIN", "type PASSKEY_USER"),
        doubt=Doubt(
            *("SELECT", "table:sales.dbo.t", "type PASSKEY_USER", "ann"),
            unsure=BOBS,
            changed=BOBS,
            told=(("bob", "type PASSKEY_LOGIN"),),
        ),
    ),
)


def _ways(world: Catalogs) -> None:
    sales = world.databases["sales"]
    sid = world.login("alice")
    world.login("boss")
    world.member("sysadmin", "boss")
    sales.user("al", sid=sid)
    sales.user("team", type_="R")
    sales.member("team", "al")
    orders = sales.thing("orders", columns=("id", "amount"))
    sales.grant("team", "SELECT", 1, orders)
    sales.grant("team", "UPDATE", 1, orders)
    sales.grant("al", "UPDATE", 1, orders, state="D")


ORDERS = "table:sales.dbo.orders"
WAYS = Case(
    (_ways,),
    (Expected("alice"), Expected("[sales].[al]"), Expected("boss", is_superuser=True)),
    questions=(
        Question("alice", "SELECT", ORDERS, "alice → [sales].[al] (user) → [sales].[team] ("),
        Question("alice", "UPDATE", ORDERS),
        Question("boss", "UPDATE", ORDERS, "boss → sysadmin ("),
        Question("mon", "SELECT", ORDERS),
    ),
)


def _denied(world: Catalogs) -> None:
    world.login("app")
    for name, state in (("VIEW SERVER STATE", "D"), ("ALTER TRACE", "W"), ("CONNECT SQL", "G")):
        world.grant("app", name, state=state)


DENIED = Case(
    (_denied,),
    (
        Expected(
            "app",
            grants=frozenset(
                {
                    Grant(SERVER, "VIEW SERVER STATE", deny=True, grantor="sa"),
                    Grant(SERVER, "ALTER TRACE", grantable=True, grantor="sa"),
                    Grant(SERVER, "CONNECT SQL", grantor="sa"),
                }
            ),
        ),
    ),
)
CASES: Cases = {
    Topic.GRANTS: (GRANTS,),
    Topic.ROLES: (ROLES,),
    Topic.EVERYONE: (EVERYONE,),
    Topic.STATE: (STATE,),
    Topic.SUPERUSER: (SUPERUSER,),
    Topic.NAMES: (NAMES,),
    Topic.LETTERS: (LETTERS,),
    Topic.UNKNOWN: UNKNOWN,
    Topic.WAYS: (WAYS,),
    Topic.DENIED: (DENIED,),
}


class SqlServerWorld(World):
    """An instance with the database `sales`, which is no SQL Server."""

    engine = SqlServer()
    home = "sales"
    is_emulated = True
    reads_one_moment = False
    most_statements = 16
    home_schema = "dbo"

    @property
    def sections(self) -> frozenset[SectionKey]:  # type: ignore[override]
        return frozenset(
            SectionKey(name, database)
            for query in self.engine.account_queries
            for name in query.fills
            for database in (tuple(self.databases) if query.per_database else ("",))
        )

    def is_list_of_databases(self, sql: str) -> bool:
        return "FROM sys.databases AS d" in sql

    def is_list_of_accounts(self, sql: str) -> bool:
        return "FROM sys.server_principals AS p" in sql


class EmulatedWorld(SqlServerWorld):
    """Emulated catalogs."""

    username = "mon"
    whole_superusers = frozenset({"sa", "CORP\\dba", "app"})
    # As setup leaves them, and nobody else's: test_sqlserver_installed.py has the whole list.
    system_steps = (
        lambda world: world.login("##MS_PolicyTsqlExecutionLogin##", is_disabled=1),
        lambda world: world.login("##MS_AgentSigningCertificate##", "C"),
        lambda world: world.login("##mine##"),
    )
    system_accounts = frozenset(
        {"##MS_PolicyTsqlExecutionLogin##", "##MS_AgentSigningCertificate##"}
    )

    def __init__(self, version: str) -> None:
        super().__init__()
        self._of = version
        self.version = (int(version.partition(".")[0]),)
        self.reset()

    @property
    def cases(self) -> Cases:
        return CASES

    @property
    def databases(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset(self.catalogs.databases)

    def run(self, *steps: Step) -> None:
        for step in steps:
            assert callable(step)
            step(self.catalogs)

    @contextmanager
    def connections(self) -> Iterator[ConnectionOpener]:
        with emulated(self.catalogs) as server:
            yield opener(server)

    def reset(self) -> None:
        """Begin with another instance."""
        self.catalogs = Catalogs(version=self._of)
        self.catalogs.database("sales").file(0, 10_000)

    def tables(self, units: Mapping[str, int]) -> Steps:
        def make(world: Catalogs) -> None:
            sales = world.databases["sales"]
            for name, size in units.items():
                number = sales.thing(name)
                sales.pages(number, 1, 100 * size)
                sales.pages(number, 2, size)

        return (make,)

    def stores(self) -> Steps:
        def make(world: Catalogs) -> None:
            for number, name in enumerate((*ODD_NAMES, "MyDb", "mydb"), 1):
                database = world.database(name)
                database.file(0, 100 * number)
                database.file(0, 50)
                database.file(1, 30, 268435456)

        return (make,)

    def grows(self) -> tuple[Steps, int]:
        def make(world: Catalogs) -> None:
            world.databases["sales"].file(0, 768)
            world.databases["sales"].file(0, 9999, state=7)  # was dropped

        return (make,), 6 * 2**20

    def on_disk(self) -> Mapping[str, int]:
        return {
            name: sum(row["size"] for row in database.rows["database_files"] if row["state"] == 0)
            * 8192
            for name, database in self.catalogs.databases.items()
            if name != "tempdb"
        }

    def many(self, count: int) -> Steps:
        def make(world: Catalogs) -> None:
            for number in range(count):
                sid = world.login(f"many{number}")
                world.databases["sales"].user(f"many{number}", sid=sid)
                world.databases["sales"].grant(f"many{number}", "CONNECT")

        return (make,)

    def secret(self) -> tuple[Steps, Callable[[], Sequence[str]]]:
        # As the emulated sys.sql_logins keeps it.
        return (lambda world: world.login("hashed"),), lambda: ["x00secret"]


@contextmanager
def world(request: pytest.FixtureRequest, variant: str) -> Iterator[EmulatedWorld]:
    """Yield an emulated instance of a version."""
    yield EmulatedWorld(VERSIONS[variant])
