"""A logical server of Azure SQL Database that is not there: one catalog a database, and no USE.

What it refuses is what Microsoft documents: USE (40508), names of other databases (40515), views
that are in master alone or nowhere (208), a database without a user for the login (4060, then
18456), a paused or moved one (40613). Pages: Azure SQL documentation, "Transact-SQL differences",
"Server roles", "Authorize database access" and "Troubleshoot connectivity issues"; SQL Server
documentation, sys.databases, sys.sql_logins, sys.server_principals and
sys.database_service_objectives.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.engines.base import Connection
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.engines.sqlserver.wire import connection as wire
from sync_pipeline.engines.sqlserver.wire.errors import connect_error, entry_error
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import Snapshot
from workbench.emulation.sqlserver import EmulatedSqlServer, Function
from workbench.emulation.sqlserver_catalog import SERVER, views
from workbench.emulation.sqlserver_connection import NOW, AnsweredConnection, as_raised
from workbench.emulation.sqlserver_world import Database, Row, World
from workbench.servers.sqlserver_drivers import target_at
from workbench.servers.tds import Login, Rows, ServerError, TdsServer, tds_server

HOST = "srv.database.windows.net"
ROLES = {
    "##MS_DatabaseConnector##": {"CONNECT ANY DATABASE"},
    "##MS_DatabaseManager##": {"CREATE ANY DATABASE", "ALTER ANY DATABASE"},
    "##MS_DefinitionReader##": {"VIEW ANY DEFINITION", "VIEW ANY SECURITY DEFINITION"},
    "##MS_LoginManager##": {"ALTER ANY LOGIN"},
    "##MS_SecurityDefinitionReader##": {"VIEW ANY SECURITY DEFINITION"},
    "##MS_ServerStateReader##": {"VIEW SERVER STATE"},
    "##MS_ServerStateManager##": {"VIEW SERVER STATE"},
}
"""Server roles of a logical server, and what of their permissions the catalogs ask for."""
SCRIPT = ("##MS_DatabaseConnector##", "##MS_DefinitionReader##", "##MS_ServerStateReader##")
ADMIN_SID = b"\x01\x06" + b"\x01" * 16
NOWHERE = frozenset(
    {
        *("server_permissions", "endpoints", "availability_groups", "availability_replicas"),
        *("master_files", "dm_io_virtual_file_stats", "service_message_types", "routes"),
        *("service_contracts", "services", "remote_service_bindings"),
    }
)
IN_MASTER = frozenset({"sql_logins", "server_principals", "server_role_members"})
OBJECTIVES = views(
    "database_service_objectives: database_id int, edition sysname, service_objective sysname, "
    "elastic_pool_name sysname"
)
_OTHER = re.compile(r"\b\w+\.sys\.\w+", re.IGNORECASE)
GIGABYTE = 2**30


@dataclass
class LogicalServer(World):
    """A logical server: SQL logins in a view of their own, roles and Entra logins in another.

    `granted` are permissions of the account in one database, `paused` databases that a login only
    starts; `hides_objectives`: the view of service objectives is refused.
    """

    version: str = "12.0.2000.8"
    engine_edition: int = 5
    permissions: set[str] = field(default_factory=set)
    granted: dict[str, set[str]] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    hides_objectives: bool = False
    errors: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._next_id = 300
        self._sql("admin", 1, ADMIN_SID)
        for number, role in enumerate(ROLES, start=11):
            self._principal(role, number, "R", bytes([number]), is_fixed=True)
        master = self.database("master", owner=ADMIN_SID)
        for role in ("dbmanager", "loginmanager"):
            master.user(role, type_="R", owner=1)
        if self.username != "admin":
            self.login(self.username)

    def _sql(self, name: str, number: int, sid: bytes) -> None:
        row: Row = {
            "name": name,
            "principal_id": number,
            "sid": sid,
            "type": "S",
            "type_desc": "SQL_LOGIN",
            "is_disabled": 0,
            "default_database_name": "master",
            "is_policy_checked": True,
            "is_expiration_checked": False,
            "password_hash": b"\x02\x00secret",
        }
        self.server.add("sql_logins", **row)

    def login(self, name: str, type_: str = "S", sid: bytes | None = None, **more: Any) -> bytes:
        """Add a login and return its identifier."""
        if type_ != "S":
            return super().login(name, type_, sid, **more)
        number, self._next_id = self._next_id, self._next_id + 1
        own = sid if sid is not None else b"\x77" + number.to_bytes(4, "big")
        self._sql(name, number, own)
        self.server.find("sql_logins", name).update(more)
        return own

    def id_of(self, name: str) -> int:
        """Return the id of a login or a role."""
        rows = (*self.server.rows["sql_logins"], *self.server.rows["server_principals"])
        return next(int(row["principal_id"]) for row in rows if row["name"] == name)

    def database(
        self, name: str, state: int = 0, owner: bytes = ADMIN_SID, **more: Any
    ) -> Database:
        """Add a database, whose dbo is its owner."""
        found = super().database(name, state, owner, **more)
        found.find("database_principals", "dbo")["sid"] = owner
        found.member("db_owner", "dbo")
        found.file(0, 1000)
        found.file(1, 100)
        return found

    def ready(self) -> LogicalServer:
        """Run the script of the monitoring account."""
        self.databases["master"].user(self.username, sid=self._sid(self.username))
        for role in SCRIPT:
            self.joins(role)
        return self

    def joins(self, role: str) -> None:
        """Make the account a member of a server role, with what that opens for it."""
        self.member(role, self.username)
        self.permissions |= ROLES[role]

    def _sid(self, name: str) -> bytes:
        return bytes(self.server.find("sql_logins", name)["sid"])

    def maps(self, login: str, database: str, name: str = "") -> str:
        """Make a user of a login in a database."""
        self.databases[database].user(name or login, sid=self._sid(login))
        return name or login

    def role(self, role: str, login: str) -> None:
        """Make the user of a login in master a member of a role there."""
        self.databases["master"].member(role, login)


def fleet() -> LogicalServer:
    """Return a server with two databases, and accounts of each kind that one has."""
    world = LogicalServer()
    shop, hr = world.database("shop"), world.database("hr")
    orders = shop.thing("orders", columns=("id",))
    shop.pages(orders, 0, 7)
    for login in ("app", "clerk", "boss", "stray", "owner"):
        world.login(login)
    world.login("eve@contoso.com", "E", b"\x42" * 18)
    world.maps("app", "shop")
    world.maps("boss", "master")
    world.role("loginmanager", "boss")
    world.member("##MS_LoginManager##", "clerk")
    shop.member("db_datareader", "app")
    shop.user("own", sid=b"\x99", authentication=2)
    shop.user("eve", type_="E", sid=b"\x42" * 18)
    shop.user("lost", sid=b"\x66")
    shop.grant("own", "SELECT", 1, orders)
    shop.user("loginmanager", type_="R", owner=1)
    shop.member("loginmanager", "own")
    hr.user("team", type_="X", sid=b"\x97" * 16)
    hr.find("database_principals", "dbo")["sid"] = world._sid("owner")
    hr.listed["owner_sid"] = world._sid("owner")
    world.databases["master"].user("entra", type_="E", sid=b"\x98" * 16)
    world.databases["master"].member("dbmanager", "entra")
    for database in world.databases.values():
        for row in database.rows["database_principals"]:
            if row["type"] != "R" and row["principal_id"] not in (0, 2, 3, 4):
                database.grant(row["name"], "CONNECT")
    return world.ready()


class EmulatedLogicalServer(EmulatedSqlServer):
    """The catalogs of a logical server, as one account sees them."""

    world: LogicalServer
    _from: str

    @property
    def is_2022(self) -> bool:
        """Return true: it has what the newest server has."""
        return True

    def enter(self, database: str) -> None:
        """Refuse a login to a database, as the gateway or the database itself does."""
        failed = ServerError(18456, f"Login failed for user '{self.world.username}'.")
        text = f'Cannot open database "{database}" requested by the login. The login failed.'
        if database not in self.world.databases or not self._is_let_in(database):
            raise ServerError(4060, text, 11, then=(failed,))
        if database in self.world.paused:
            raise ServerError(40613, f"Database '{database}' is not currently available.", 17)
        if database in self.world.errors:
            raise ServerError(self.world.errors[database], "the service's own words", 16)

    def _is_let_in(self, database: str) -> bool:
        found = self.world.databases[database]
        users = found.rows["database_principals"]
        has_user = any(row["name"] == self.world.username for row in users)
        is_open = self.world.username == "admin" or "CONNECT ANY DATABASE" in self._on_server
        return (has_user or is_open) and found.listed["state"] == 0

    def execute(self, database: str, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Run one SELECT in the database of a connection."""
        self._from = database
        if sql.strip().upper().startswith("USE "):
            raise ServerError(40508, "USE statement is not supported to switch databases.", 16)
        if other := _OTHER.search(_without_comments(sql)):
            text = f"Reference to database and/or server name in '{other[0]}' is not supported."
            raise ServerError(40515, text, 15)
        for view in re.findall(r"\bsys\.(\w+)", sql, re.IGNORECASE):
            is_hidden = view == "database_service_objectives" and self.world.hides_objectives
            is_away = view in IN_MASTER and database != "master"
            if view in NOWHERE or is_away or is_hidden:
                raise ServerError(208, f"Invalid object name 'sys.{view}'.", 16)
        return super().execute(database, sql, values)

    def _effective(self) -> set[str]:
        if self.world.username == "admin":
            self.world.permissions |= set().union(*ROLES.values())
        return super()._effective()

    def _in_database(self, database: str) -> set[str]:
        return super()._in_database(database) | self.world.granted.get(database, set())

    def _told(self) -> dict[str, Callable[[], object]]:
        sizes = {name: item.listed.get("maximum") for name, item in self.world.databases.items()}
        return super()._told() | {
            "DB_NAME": lambda: self._from,
            "ORIGINAL_LOGIN": lambda: self.world.username,
            "DATABASEPROPERTYEX": lambda: sizes,
        }

    def _functions(self, engine: duckdb.DuckDBPyConnection) -> None:
        super()._functions(engine)

        def database_property(name: str | None, asked: str | None) -> str | None:
            found = self.world.databases[name or ""]
            return str(found.listed.get("maximum", 32 * GIGABYTE)) if asked else None

        functions: tuple[Function, ...] = (
            ("DB_NAME", lambda: self._from, [], "VARCHAR"),
            ("ORIGINAL_LOGIN", lambda: self.world.username, [], "VARCHAR"),
            ("DATABASEPROPERTYEX", database_property, ["VARCHAR", "VARCHAR"], "VARCHAR"),
        )
        for name, function, takes, gives in functions:
            engine.create_function(
                name, function, takes, gives, null_handling="special", side_effects=True
            )

    def _load_for(self, database: str, text: str) -> None:
        if "database_service_objectives" in text:
            rows = [
                {"database_id": item.number, "service_objective": item.listed.get("objective")}
                for item in self.world.databases.values()
            ]
            self._load(database, OBJECTIVES["database_service_objectives"], rows)
        super()._load_for(database, text)

    def _all_on_server(self, view: str) -> list[Row]:
        if view != "databases":
            return super()._all_on_server(view)
        return [
            {"name": item.name, "database_id": item.number}
            | {k: v for k, v in item.listed.items() if k in SERVER["databases"].columns}
            for item in self.world.databases.values()
            if self._from == "master" or item.name in ("master", self._from)
        ]


def _without_comments(sql: str) -> str:
    return "\n".join(line.partition("--")[0] for line in sql.splitlines())


class LogicalConnection(AnsweredConnection):
    """One whose login opened one database."""

    def __init__(self, server: EmulatedLogicalServer, database: str | None, own: str) -> None:
        super().__init__(server, database or own or "master")
        instance = target_at(1433, host=HOST, database=own or None).instance
        username = server.world.username
        try:
            server.enter(self._database)
        except ServerError as error:
            said = as_raised(error)
            closed = entry_error(said, instance, database, username) if database else None
            raise closed or connect_error(said, instance, username) from None


def opener(
    server: EmulatedLogicalServer, own: str = ""
) -> Callable[[str | None], AbstractContextManager[Connection]]:
    """Return what opens connections; `own` is the database of the instance, empty: master."""

    @contextlib.contextmanager
    def open_database(database: str | None) -> Iterator[Connection]:
        yield LogicalConnection(server, database, own)

    return open_database


@contextlib.contextmanager
def emulated(world: LogicalServer) -> Iterator[EmulatedLogicalServer]:
    """Yield the server of a world."""
    server = EmulatedLogicalServer(world)
    try:
        yield server
    finally:
        server.close()


def accounts_of(world: LogicalServer, own: str = "", **scope: Any) -> Snapshot:
    """Collect the accounts with the engine's real queries."""
    with emulated(world) as server:
        wanted = CollectScope(world.username, **scope)
        return collect_accounts(SqlServer(), opener(server, own), wanted, NOW)


def sizes_of(
    world: LogicalServer, own: str = "", largest_tables: int = 0, **scope: Any
) -> SizeSnapshot:
    """Measure with the engine's real queries."""
    with emulated(world) as server:
        wanted = SizeScope(world.username, largest_tables, **scope)
        return collect_sizes(SqlServer(), opener(server, own), wanted, NOW)


def answers(server: EmulatedLogicalServer) -> Callable[[Login, str], Rows | None]:
    """Return what a TDS listener answers: the login's database, for as long as it lasts."""

    def answer(login: Login, sql: str) -> Rows | None:
        if "SELECT" not in sql and "USE " not in sql:
            return None
        return server.execute(login.database or "master", sql)

    return answer


@contextlib.contextmanager
def listening(
    world: LogicalServer, certificate: tuple[Path, Path], patch: pytest.MonkeyPatch
) -> Iterator[TdsServer]:
    """Have the name of a logical server lead to a listener of this machine, for real drivers."""
    with emulated(world) as server:

        def on_login(login: Login) -> None:
            if login.username != f"{world.username}@{HOST.partition('.')[0]}":
                raise ServerError(18456, "Login failed.")
            server.enter(login.database or "master")

        with tds_server(on_login, answers(server), certificate) as listener:

            def link(host: str, port: int, seconds: float) -> socket.socket:
                assert host == HOST, port
                return socket.create_connection(("127.0.0.1", listener.port), seconds)

            patch.setattr(wire, "open_link", link)
            yield listener
