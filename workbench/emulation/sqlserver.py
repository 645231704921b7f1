"""An instance of SQL Server that is not there: its system views as tables of DuckDB.

The views hide rows from who lacks a permission, and refuse where SQL Server refuses:
"Metadata visibility configuration", and the Permissions section of each view's page.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from workbench.emulation.answers import Answers, digest
from workbench.emulation.sqlserver_catalog import DATABASE, SERVER, View
from workbench.emulation.sqlserver_world import Database, Row, World
from workbench.emulation.translate import to_duckdb
from workbench.servers.tds import Rows, ServerError

COVERS = {
    "CONTROL SERVER": (
        "VIEW ANY DEFINITION",
        "VIEW SERVER STATE",
        "CONNECT ANY DATABASE",
        "ALTER ANY DATABASE",
    ),
    "VIEW ANY DEFINITION": ("VIEW ANY DATABASE", "VIEW ANY SECURITY DEFINITION"),
    "ALTER ANY DATABASE": ("CREATE ANY DATABASE", "VIEW ANY DATABASE"),
    "VIEW SERVER STATE": ("VIEW SERVER SECURITY STATE", "VIEW SERVER PERFORMANCE STATE"),
}
"""Server permissions that imply others: sys.fn_builtin_permissions, covering_permission_name."""
IN_DATABASES = {
    "VIEW ANY DEFINITION": "VIEW DEFINITION",
    "VIEW ANY SECURITY DEFINITION": "VIEW SECURITY DEFINITION",
    "VIEW SERVER STATE": "VIEW DATABASE STATE",
}
NEWER_PERMISSIONS = ("VIEW ANY SECURITY DEFINITION", "VIEW SECURITY DEFINITION")
DMVS = {
    "dm_exec_connections": ("VIEW SERVER STATE", 300, "server"),
    "dm_io_virtual_file_stats": ("VIEW SERVER STATE", 300, "server"),
    "dm_db_partition_stats": ("VIEW DATABASE STATE", 262, "database"),
}


Function = tuple[str, Callable[..., str | int | None], list[Any], str]
"""The name of a function, what it does, what it takes and what it gives."""


@dataclass(frozen=True, slots=True)
class Made:
    """A view or function: what tells it from others, and which statements are left to make it."""

    key: bytes
    statements: list[tuple[str, list[Any]]]


_ANSWERS: Answers[Rows] = Answers(lambda rows: rows.values)


class EmulatedSqlServer:
    """The catalogs of a world, as one account sees them, on one DuckDB."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.statements: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str], Made] = {}
        self._named: dict[tuple[str, str], None] = {}
        self._database = "master"
        self._on_server = self._effective()
        self._engine: duckdb.DuckDBPyConnection | None = None

    @property
    def is_2022(self) -> bool:
        """Return whether the world knows the permissions of SQL Server 2022."""
        return int(self.world.version.split(".")[0]) >= 16 or self.world.engine_edition == 8

    def close(self) -> None:
        """Give the memory back."""
        if self._engine is not None:
            self._engine.close()

    def use(self, database: str) -> None:
        """Refuse a database that SQL Server would not open."""
        found = self.world.databases.get(database)
        if found is None:
            raise ServerError(911, f"Database '{database}' does not exist.", 16)
        if found.listed["state"] == 6:
            raise ServerError(942, f"Database '{database}' cannot be opened: it is offline.")
        if found.listed["state"]:
            raise ServerError(927, f"Database '{database}' is in the middle of a restore.")
        if not self._has_access(database):
            message = f'The server principal "{self.world.username}" is not able to access it.'
            raise ServerError(916, message)
        if not found.is_reachable:
            raise ServerError(976, f"The target database, '{database}', is not accessible.")

    def execute(self, database: str, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Run one SELECT in a database."""
        text = to_duckdb(sql, "tsql")
        for view, (permission, number, where) in DMVS.items():
            held = self._on_server if where == "server" else self._in_database(database)
            if view in text.lower() and permission not in held:
                raise ServerError(number, f"{permission} permission was denied on {where}.")
        with self._lock:
            self.statements.append((database, sql))
            self._database = database
            self._named.clear()
            self._load_for(database, text)
            rows = [(named, self._made[named].key) for named in self._named]
            told = [say() for name, say in self._told().items() if name in text.upper()]
            key = digest(database, text, values, rows, told)
            found = _ANSWERS.get(key, lambda: self._work_out(database, text, values))
            return Rows(found.columns, list(found.values))

    def _work_out(self, database: str, text: str, values: Sequence[Any]) -> Rows:
        if self._engine is None:
            self._engine = duckdb.connect(config={"threads": 1})
            # Planning twenty joins takes longer than running them over a few rows.
            self._engine.execute("PRAGMA disable_optimizer")
            self._functions(self._engine)
            self._fill(self._engine)
        for made in (self._made[named] for named in self._named):
            while made.statements:
                self._engine.execute(*made.statements.pop(0))
        self._engine.execute(f"USE {self._alias(database)}")
        found = self._engine.execute(text, list(values))
        columns = [column[0] for column in found.description or ()]
        return Rows(columns, [tuple(row) for row in found.fetchall()])

    def _effective(self) -> set[str]:
        found, waiting = set(), [*self.world.permissions]
        while waiting:
            permission = waiting.pop()
            if permission not in found and permission not in self.world.denied:
                found.add(permission)
                waiting.extend(COVERS.get(permission, ()))
        # Granted to public when the server is made.
        if "VIEW ANY DATABASE" not in self.world.denied:
            found.add("VIEW ANY DATABASE")
        return found if self.is_2022 else found - set(NEWER_PERMISSIONS)

    def _in_database(self, database: str) -> set[str]:
        found = {IN_DATABASES[item] for item in self._on_server if item in IN_DATABASES}
        return found - {
            row["permission_name"]
            for row in self.world.databases[database].rows.get("database_permissions", ())
            if row["state"] == "D" and row["class"] == 0 and row["grantee_principal_id"] == 0
        }

    def _has_access(self, name: str | None) -> int | None:
        database = self.world.databases.get(name or "")
        if database is None:
            return None
        if database.listed["state"] or not database.listed.get("has_access", True):
            return 0
        has_user = name in ("master", "tempdb", "msdb") or any(
            row["name"] == self.world.username
            for row in database.rows.get("database_principals", ())
        )
        return int(has_user or "CONNECT ANY DATABASE" in self._on_server)

    def _properties(self) -> dict[str, str]:
        world = self.world
        return {
            "ProductVersion": world.version,
            "EngineEdition": str(world.engine_edition),
            "Edition": "Developer Edition (64-bit)",
            "MachineName": world.machine,
            "IsIntegratedSecurityOnly": str(int(world.is_windows_only)),
        }

    def _told(self) -> dict[str, Callable[[], object]]:
        """Return, by function, all that its answers depend on but the rows of views."""
        databases = self.world.databases
        return {
            "SERVERPROPERTY": self._properties,
            "LOGINPROPERTY": lambda: self.world.login_properties,
            "HAS_DBACCESS": lambda: [(name, self._has_access(name)) for name in databases],
            "DB_ID": lambda: databases[self._database].number,
            "CURRENT_TIMEZONE_ID": lambda: self.world.time_zone,
        }

    def _functions(self, engine: duckdb.DuckDBPyConnection) -> None:
        text, number = "VARCHAR", "INTEGER"
        world = self.world
        known = self._properties()

        def server_property(name: str | None) -> str | None:
            return known.get(name or "")

        def property_of(login: str | None, name: str | None) -> str | None:
            value = world.login_properties.get((login or "", name or ""))
            return None if value is None else str(value)

        functions: tuple[Function, ...] = (
            ("SERVERPROPERTY", server_property, [text], text),
            ("LOGINPROPERTY", property_of, [text, text], text),
            ("QUOTENAME", lambda name: "[" + (name or "").replace("]", "]]") + "]", [text], text),
            ("HAS_DBACCESS", self._has_access, [text], number),
            ("DB_ID", lambda: world.databases[self._database].number, [], number),
            ("CURRENT_TIMEZONE_ID", lambda: world.time_zone, [], text),
            ("variable_spid", lambda: 51, [], number),
        )
        for name, function, takes, gives in functions:
            engine.create_function(
                name, function, takes, gives, null_handling="special", side_effects=True
            )

    def _alias(self, database: str) -> str:
        """Return the name in DuckDB, which takes two names that differ in case for one."""
        return database if database == "tempdb" else f"d{self.world.databases[database].number}"

    def _fill(self, engine: duckdb.DuckDBPyConnection) -> None:
        for database in self.world.databases.values():
            alias = self._alias(database.name)
            engine.execute(f"ATTACH ':memory:' AS {alias}")
            engine.execute(f"CREATE SCHEMA {alias}.sys")

    def _load_for(self, database: str, text: str) -> None:
        """Make the tables of the views that a statement names, once."""
        names = {name.lower() for name in re.findall(r"\bsys\.(\w+)", text, re.IGNORECASE)}
        if "fn_my_permissions" in names:
            self._permissions(database)
        if "dm_io_virtual_file_stats" in names:
            self._file_stats(database)
        for name in sorted(names):
            target = "tempdb" if f"tempdb.sys.{name}" in text.lower() else database
            if name in SERVER:
                self._load(target, SERVER[name], self._visible_on_server(name))
            elif name in DATABASE:
                rows = self._visible_in(self.world.databases[target], name)
                self._load(target, DATABASE[name], rows)

    def _permissions(self, database: str) -> None:
        if not self._is_new(database, "fn_my_permissions"):
            return
        rows = [("SERVER", item) for item in sorted(self._on_server)]
        rows += [("DATABASE", item) for item in sorted(self._in_database(database))]
        listed = ", ".join(f"('{class_}', '{name}')" for class_, name in rows)
        self._make(
            (database, "fn_my_permissions"),
            f"CREATE MACRO {self._alias(database)}.sys.fn_my_permissions(securable, of_class) "
            "AS TABLE SELECT '' AS entity_name, '' AS subentity_name, permission_name "
            f"FROM (VALUES {listed}) AS held(class, permission_name) WHERE class = of_class",
        )

    def _file_stats(self, database: str) -> None:
        view = SERVER["io_virtual_file_stats"]
        self._load(database, view, self._visible_on_server(view.name))
        if self._is_new(database, "dm_io_virtual_file_stats"):
            sys = f"{self._alias(database)}.sys"
            self._make(
                (database, "dm_io_virtual_file_stats"),
                f"CREATE MACRO {sys}.dm_io_virtual_file_stats(of_database, of_file) AS TABLE "
                f"SELECT * FROM {sys}.{view.name}",
            )

    def _is_new(self, database: str, name: str) -> bool:
        self._named[database, name] = None
        return (database, name) not in self._made

    def _make(self, name: tuple[str, str], statement: str, *more: tuple[str, list[Any]]) -> None:
        """Have something made once a statement that names it must be worked out."""
        statements = [(statement, []), *more]
        self._made[name] = Made(digest(statements), statements)

    def _load(self, database: str, view: View, rows: Sequence[Row]) -> None:
        if not self._is_new(database, view.name):
            return
        alias = self._alias(database)
        unknown = {column for row in rows for column in row} - set(view.columns)
        assert not unknown, f"{view.name} has no {unknown}"
        filling: list[tuple[str, list[Any]]] = []
        if rows:
            marks = "(" + ", ".join("?" for _ in view.columns) + ")"
            statement = f'INSERT INTO {alias}.sys."{view.name}" VALUES '
            values = [row.get(column) for row in rows for column in view.columns]
            filling = [(statement + ", ".join([marks] * len(rows)), values)]
        self._make((database, view.name), view.ddl(alias), *filling)

    def _visible_on_server(self, view: str) -> list[Row]:
        rows = self._all_on_server(view)
        sees = {"VIEW ANY DEFINITION", "VIEW ANY SECURITY DEFINITION"} & self._on_server
        if view in ("server_principals", "sql_logins") and not sees:
            return [r for r in rows if r["principal_id"] < 11 or r["name"] == self.world.username]
        if view in ("server_role_members", "server_permissions") and not sees:
            return []
        if view == "databases" and "VIEW ANY DATABASE" not in self._on_server:
            return [row for row in rows if row["name"] in ("master", "tempdb")]
        needs = {"VIEW ANY DEFINITION", "CREATE ANY DATABASE", "ALTER ANY DATABASE"}
        if view == "master_files" and not needs & self._on_server:
            return []
        in_definitions = ("endpoints", "availability_groups", "availability_replicas")
        if view in in_definitions and "VIEW ANY DEFINITION" not in self._on_server:
            return []
        return rows

    def _all_on_server(self, view: str) -> list[Row]:
        databases = self.world.databases.values()
        if view == "databases":
            return [
                {
                    "name": item.name,
                    "database_id": item.number,
                    **{k: v for k, v in item.listed.items() if k != "has_access"},
                }
                for item in databases
            ]
        if view == "master_files":
            return [row for item in databases for row in item.rows.get("master_files", ())]
        if view == "dm_exec_connections":
            encrypted = "TRUE" if self.world.is_encrypted else "FALSE"
            return [{"session_id": 51, "encrypt_option": encrypted}]
        if view == "dm_exec_sessions":
            return self._sessions()
        return self.world.server.rows.get(view, [])

    def _sessions(self) -> list[Row]:
        """Return the sessions, of others only to who may see them: its page, Permissions."""
        own: Row = {
            "session_id": 51,
            "is_user_process": True,
            "original_login_name": self.world.username,
            "original_security_id": self._sid_of(self.world.username),
            "authenticating_database_id": 0,
        }
        others = self.world.server.rows.get("dm_exec_sessions", [])
        sees = {"VIEW SERVER STATE", "VIEW SERVER PERFORMANCE STATE"} & self._on_server
        return [own, *others] if sees else [own]

    def _sid_of(self, login: str) -> bytes:
        rows = self.world.server.rows
        logins = (*rows.get("server_principals", ()), *rows.get("sql_logins", ()))
        return next((row["sid"] for row in logins if row["name"] == login), b"")

    def _visible_in(self, database: Database, view: str) -> list[Row]:
        rows = database.rows.get(view, [])
        held = self._in_database(database.name)
        sees = {"VIEW DEFINITION", "VIEW SECURITY DEFINITION"} & held
        if view == "database_principals" and not sees:
            return [row for row in rows if row["principal_id"] < 5 or row["is_fixed_role"]]
        if view in ("database_role_members", "database_permissions") and not sees:
            return []
        free = ("database_principals", "database_role_members", "database_permissions")
        is_open = view in (*free, "database_files", "dm_db_partition_stats")
        return rows if is_open or "VIEW DEFINITION" in held else []
