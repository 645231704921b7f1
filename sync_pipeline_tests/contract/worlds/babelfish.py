"""Babelfish in the contract: a real TDS server that stands for SQL Server.

It shows the wire, the driver, the parser and the types of rows. Its rules are not SQL Server's:
what it lacks of them is a gap, and what its shims say in their place is made in their tables
(`workbench/servers/babelfish.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyodbc
import pytest

from sync_pipeline.collect.accounts import ConnectionOpener
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Connection, DatabaseEntry
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.privilege import Grant, Membership, Securable
from sync_pipeline.model.privilege import SecurableKind as K
from sync_pipeline_tests.contract.worlds.sqlserver import SqlServerWorld
from sync_pipeline_tests.contract.worlds.world import (
    Case,
    Cases,
    Doubt,
    Expected,
    Gap,
    Question,
    Row,
    Step,
    Steps,
    Topic,
    Wrapped,
)
from workbench.servers.babelfish import ADMINISTRATOR, PASSWORD, Babelfish

HOME = "sales"
OWNER = f"[{HOME}].[dbo]"
ODD_NAMES = ("o'brien", 'q"uote', "[odd", "a.b", "50%", "Ünï é", "x" * 60)


def login(name: str) -> str:
    return f"CREATE LOGIN [{name}] WITH PASSWORD = '{PASSWORD}'"


def user(name: str) -> tuple[str, str]:
    """Return what makes a login and its user."""
    return login(name), f"CREATE USER [{name}] FOR LOGIN [{name}]"


def _on(kind: K, **parts: str) -> Securable:
    return Securable(kind, HOME, catalog=HOME, **parts)


def _in(name: str) -> str:
    return f"[{HOME}].[{name}]"


ORDERS = "CREATE TABLE dbo.orders (id int, amount int)"
TABLE = _on(K.TABLE, schema="dbo", name="orders")
ASKED = f"table:{HOME}.dbo.orders"


def _shim(table: str, **row: object) -> tuple[Step, Step]:
    """Return what puts a row into a table of the shims, and its undo."""

    def make(server: Babelfish) -> None:
        with server.as_postgresql() as link:
            names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
            link.execute(f"INSERT INTO sys.{table} ({names}) VALUES ({marks})", [*row.values()])  # type: ignore[arg-type]

    def undo(server: Babelfish) -> None:
        with server.as_postgresql() as link:
            text = f"DELETE FROM sys.{table} WHERE permission = %s"
            link.execute(text, [row["permission"]])  # type: ignore[arg-type]

    return make, undo


def _permission(name: str, state: str = "G") -> tuple[Step, Step]:
    """Return what gives the administrator a permission on the server, and its undo."""
    return _shim(
        "shim_server_permissions",
        **{"class": 100, "class_desc": "SERVER", "major": "", "grantee": "app"},
        grantor=ADMINISTRATOR,
        type="XX",
        permission=name,
        state=state,
    )


TELEPORT = _permission("TELEPORT")
TRACE = _permission("ALTER TRACE", "D")
GRANTS = Case(
    (
        *user("app"),
        ORDERS,
        "CREATE PROCEDURE dbo.pay AS SELECT 1",
        "CREATE SCHEMA hr",
        "GRANT SELECT ON dbo.orders TO app WITH GRANT OPTION",
        "GRANT UPDATE (amount) ON dbo.orders TO app",
        "GRANT EXECUTE ON dbo.pay TO app",
        "GRANT SELECT ON SCHEMA::hr TO app",
    ),
    (
        Expected(
            _in("app"),
            kind=AccountKind.USER,
            attributes={"login": "app", "is_orphaned": False},
            grants=frozenset(
                {
                    Grant(TABLE, "SELECT", True, grantor=OWNER),
                    Grant(
                        _on(K.COLUMN, schema="dbo", name="orders", column="amount"),
                        "UPDATE",
                        grantor=OWNER,
                    ),
                    Grant(_on(K.PROCEDURE, schema="dbo", name="pay"), "EXECUTE", grantor=OWNER),
                    Grant(_on(K.SCHEMA, schema="hr"), "SELECT", grantor=OWNER),
                }
            ),
        ),
        Expected("app", kind=AccountKind.LOGIN, can_login=True, grants=frozenset()),
    ),
)
ROLES = Case(
    (*user("app"), "CREATE ROLE team", "ALTER ROLE team ADD MEMBER app"),
    (
        Expected(_in("app"), memberships=frozenset({Membership(_in("team"))})),
        Expected(_in("team"), kind=AccountKind.ROLE, can_login=False),
    ),
)
EVERYONE = Case(
    (ORDERS, "GRANT INSERT ON dbo.orders TO public"),
    (
        Expected(
            _in("public"),
            can_login=False,
            has=frozenset({Grant(TABLE, "INSERT", grantor=OWNER)}),
        ),
    ),
)
STATE = Case(
    (login("app"), login("gone"), "ALTER LOGIN gone DISABLE"),
    (
        Expected("app", can_login=True, is_locked=False, attributes={"must_change": False}),
        Expected("gone", can_login=False, attributes={"is_disabled": True}),
    ),
)
SUPERUSER = Case(
    (login("app"), login("boss"), "ALTER SERVER ROLE sysadmin ADD MEMBER boss"),
    (
        Expected("boss", is_superuser=True, memberships=frozenset({Membership("sysadmin")})),
        Expected("app", is_superuser=False),
        Expected(ADMINISTRATOR, is_superuser=True),
    ),
)


def _named(name: str) -> Expected:
    known = "[[odd]" if name == "[odd" else name
    on = _on(K.TABLE, schema="dbo", name=name)
    return Expected(
        f"[{HOME}].[{name}]",
        attributes={"login": known, "is_orphaned": False},
        grants=frozenset({Grant(on, "SELECT", grantor=OWNER)}),
    )


NAMES = Case(
    tuple(
        step
        for name in ODD_NAMES
        for step in (
            *user(name),
            f"CREATE TABLE dbo.[{name}] (id int)",
            f"GRANT SELECT ON dbo.[{name}] TO [{name}]",
        )
    ),
    tuple(map(_named, ODD_NAMES)),
)
UNKNOWN = Case(
    (*user("app"), *user("bob"), ORDERS, "GRANT SELECT ON dbo.orders TO bob"),
    (
        Expected(
            "app",
            has=frozenset(
                {Grant(Securable(K.SERVER), "TELEPORT", grantor=ADMINISTRATOR, recognised=False)}
            ),
        ),
    ),
    newer=TELEPORT[:1],
    undo=TELEPORT[1:],
    warned=("TELEPORT on server",),
    doubt=Doubt(
        *("SELECT", ASKED, "TELEPORT", "bob"),
        unsure=frozenset({"app"}),
        changed=frozenset({"app"}),
    ),
)
WAYS = Case(
    (
        *user("app"),
        ORDERS,
        "CREATE ROLE team",
        "ALTER ROLE team ADD MEMBER app",
        "GRANT SELECT ON dbo.orders TO team",
    ),
    (Expected(_in("app")), Expected(_in("team"))),
    questions=(
        Question("app", "SELECT", ASKED, "app → [sales].[app] (user) → [sales].[team] ("),
        Question("app", "UPDATE", ASKED),
        Question(ADMINISTRATOR, "UPDATE", ASKED, ADMINISTRATOR),
    ),
)


def lacks(reason: str, step: str, says: str) -> Gap:
    """Return a gap: what this server refuses with an error of ODBC."""
    return Gap(f"Babelfish has no {reason}", step, pyodbc.Error, says)


CASES: Cases = {
    Topic.GRANTS: (
        GRANTS,
        lacks("grants on the server", "GRANT ALTER TRACE TO bbf_admin", "not currently supported"),
        lacks("grants on a database", "GRANT CREATE TABLE TO guest", "not currently supported"),
    ),
    Topic.ROLES: (
        ROLES,
        lacks("server roles of one's own", "CREATE SERVER ROLE r", "not currently supported"),
    ),
    Topic.EVERYONE: (EVERYONE,),
    Topic.STATE: (
        STATE,
        lacks("users without a login", "CREATE USER u WITHOUT LOGIN", "not currently supported"),
    ),
    Topic.SUPERUSER: (SUPERUSER,),
    Topic.NAMES: (NAMES, lacks("brackets in a name", login("a]]b"), "syntax error")),
    Topic.LETTERS: (
        lacks("logins that differ by case alone", login("BBF_ADMIN"), "already exists"),
    ),
    Topic.UNKNOWN: (UNKNOWN,),
    Topic.WAYS: (WAYS,),
    Topic.DENIED: (
        Case(
            (login("app"), TRACE[0]),
            (
                Expected(
                    "app",
                    grants=frozenset(
                        {
                            Grant(
                                Securable(K.SERVER),
                                "ALTER TRACE",
                                deny=True,
                                grantor=ADMINISTRATOR,
                            )
                        }
                    ),
                ),
            ),
            undo=TRACE[1:],
        ),
        lacks("DENY", "DENY SELECT ON SCHEMA::dbo TO guest", "not currently supported"),
    ),
}


class OneDatabase(SqlServer):
    """Reads one database beside the server: each takes Babelfish seconds."""

    __module__ = SqlServer.__module__  # where its statements are

    def databases(self, connection: Connection, username: str) -> tuple[DatabaseEntry, ...]:
        found = super().databases(connection, username)
        return tuple(item for item in found if item.name == HOME)


NUMBERS = {"INFORMATION_SCHEMA": 3, "sys": 4}
"""Of principals that Babelfish numbers like public: as SQL Server does."""


def lent(row: Row) -> Row:
    """Return a row with what Babelfish does not say: how a user authenticates."""
    if "authentication_type_desc" not in row:
        return row
    kind, word = (1, "INSTANCE") if row["login"] else (0, "NONE")
    number = NUMBERS.get(row["name"], row["principal_id"])
    more = {"authentication_type": kind, "authentication_type_desc": word}
    return row | more | {"principal_id": number}


class BabelfishWorld(SqlServerWorld):
    """A private server with a database of the test's own."""

    engine = OneDatabase()
    username = ADMINISTRATOR
    databases = frozenset({HOME})
    whole_superusers = frozenset({ADMINISTRATOR, "boss"})
    system_accounts = frozenset()
    version = (16,)

    def __init__(self, server: Babelfish) -> None:
        super().__init__()
        self._server = server
        self._before = self._logins()
        self._create()

    @property
    def cases(self) -> Cases:
        return CASES

    def _logins(self) -> set[str]:
        with self._server.administrator() as link:
            found = link.execute("SELECT name FROM sys.server_principals WHERE type = 'S'")
            return {name for (name,) in found.fetchall()}

    def _create(self) -> None:
        self._server.run(f"CREATE DATABASE {HOME}")

    def remove(self) -> None:
        """Drop what was made."""
        new = self._logins() - self._before
        self._server.run(f"DROP DATABASE {HOME}", *(f"DROP LOGIN [{name}]" for name in new))

    def reset(self) -> None:
        self.remove()
        self._create()

    def run(self, *steps: Step) -> None:
        with self._server.administrator(HOME) as link:
            for step in steps:
                if callable(step):
                    step(self._server)
                else:
                    link.execute(step).close()

    @contextmanager
    def connections(self) -> Iterator[ConnectionOpener]:
        target = self._server.target()

        @contextmanager
        def opened(database: str | None) -> Iterator[Connection]:
            with open_connection(self.engine, target, Deadline(240), database) as connection:
                yield Wrapped(connection, lambda _, rows: [*map(lent, rows)], [])

        yield opened

    def many(self, count: int) -> Steps:
        return (
            "CREATE TABLE dbo.shared (id int)",
            *(
                step
                for number in range(count)
                for step in (
                    *user(f"many{number}"),
                    f"GRANT SELECT ON dbo.shared TO many{number}",
                )
            ),
        )

    def tables(self, units: Mapping[str, int]) -> Steps:
        return tuple(
            step
            for name, size in units.items()
            for step in (
                f"CREATE TABLE dbo.[{name}] (id int PRIMARY KEY, b varchar(1000))",
                (
                    f"INSERT INTO dbo.[{name}] SELECT i, REPLICATE('x', 900)"
                    f" FROM generate_series(1, {200 * size}) AS g(i)"
                ),
            )
        )

    def grows(self) -> tuple[Steps, int]:
        """Return nothing: the shims say of each database that its files are alike."""
        return (), 0

    def on_disk(self) -> Mapping[str, int]:
        return {}

    def secret(self) -> tuple[Steps, Callable[[], Sequence[str]]]:
        def hashes() -> list[str]:
            with self._server.as_postgresql() as link:
                text = "SELECT rolpassword FROM pg_authid WHERE rolname = 'hashed'"
                return [value for (value,) in link.execute(text).fetchall()]

        return (login("hashed"),), hashes


@contextmanager
def world(request: pytest.FixtureRequest, variant: str) -> Iterator[BabelfishWorld]:
    """Yield the one server, clean again afterwards."""
    found = BabelfishWorld(request.getfixturevalue("babelfish"))
    try:
        yield found
    finally:
        found.remove()
