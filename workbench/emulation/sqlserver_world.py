"""A SQL Server instance as rows of its system views: logins, databases, users, files."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Row = dict[str, Any]
LOGIN_TYPES = {
    "S": "SQL_LOGIN",
    "U": "WINDOWS_LOGIN",
    "G": "WINDOWS_GROUP",
    "R": "SERVER_ROLE",
    "C": "CERTIFICATE_MAPPED_LOGIN",
    "K": "ASYMMETRIC_KEY_MAPPED_LOGIN",
    "E": "EXTERNAL_LOGIN",
    "X": "EXTERNAL_GROUP",
}
USER_TYPES = {
    "S": "SQL_USER",
    "U": "WINDOWS_USER",
    "G": "WINDOWS_GROUP",
    "R": "DATABASE_ROLE",
    "A": "APPLICATION_ROLE",
    "C": "CERTIFICATE_MAPPED_USER",
    "K": "ASYMMETRIC_KEY_MAPPED_USER",
    "E": "EXTERNAL_USER",
    "X": "EXTERNAL_GROUPS",
}
AUTHENTICATION = ("NONE", "INSTANCE", "DATABASE", "WINDOWS", "EXTERNAL")
FIXED_SERVER_ROLES = (
    "sysadmin",
    "securityadmin",
    "serveradmin",
    "setupadmin",
    "processadmin",
    "diskadmin",
    "dbcreator",
    "bulkadmin",
)
FIXED_DATABASE_ROLES = {
    16384: "db_owner",
    16385: "db_accessadmin",
    16386: "db_securityadmin",
    16387: "db_ddladmin",
    16389: "db_backupoperator",
    16390: "db_datareader",
    16391: "db_datawriter",
    16392: "db_denydatareader",
    16393: "db_denydatawriter",
}
OPTIONS = {
    "clr enabled": 0,
    "clr strict security": 1,
    "contained database authentication": 0,
    "cross db ownership chaining": 0,
    "Ole Automation Procedures": 0,
    "remote access": 1,
    "show advanced options": 0,
    "xp_cmdshell": 0,
}
"""Options of a new server (Server configuration options: their default values)."""
STATES = ("ONLINE", "RESTORING", "RECOVERING", "RECOVERY_PENDING", "SUSPECT", "", "OFFLINE")
CLASSES = {
    0: "DATABASE",
    1: "OBJECT_OR_COLUMN",
    3: "SCHEMA",
    4: "DATABASE_PRINCIPAL",
    5: "ASSEMBLY",
    6: "TYPE",
    10: "XML_SCHEMA_COLLECTION",
    15: "MESSAGE_TYPE",
    16: "SERVICE_CONTRACT",
    17: "SERVICE",
    18: "REMOTE_SERVICE_BINDING",
    19: "ROUTE",
    23: "FULLTEXT_CATALOG",
    24: "SYMMETRIC_KEYS",
    25: "CERTIFICATE",
    26: "ASYMMETRIC_KEY",
    29: "FULLTEXT_STOPLIST",
    31: "SEARCH_PROPERTY_LIST",
    32: "DATABASE_SCOPED_CREDENTIAL",
    100: "SERVER",
    101: "SERVER_PRINCIPAL",
    105: "ENDPOINT",
    108: "AVAILABILITY GROUP",
}
_STATE_NAMES = {"G": "GRANT", "W": "GRANT_WITH_GRANT_OPTION", "D": "DENY", "R": "REVOKE"}


def _permission(class_: int, major: int, minor: int, grantee: int, name: str, state: str) -> Row:
    return {
        "class": class_,
        "class_desc": CLASSES[class_],
        "major_id": major,
        "minor_id": minor,
        "grantee_principal_id": grantee,
        "grantor_principal_id": 1,
        "type": "XX  ",
        "permission_name": name,
        "state": state,
        "state_desc": _STATE_NAMES[state],
    }


class Catalog:
    """Rows by the name of their view."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {}

    def add(self, view: str, **row: Any) -> Row:
        """Add one row; columns that are not given are NULL."""
        self.rows.setdefault(view, []).append(row)
        return row

    def find(self, view: str, name: str) -> Row:
        """Return the row of a name."""
        return next(row for row in self.rows[view] if row["name"] == name)


class Database(Catalog):
    """One database: its catalog and how the server lists it."""

    def __init__(self, name: str, number: int, **listed: Any) -> None:
        super().__init__()
        self.name = name
        self.number = number
        self.listed = listed
        self.is_reachable = True
        self._next_id = 5
        self._next_object = 1000
        for number_, principal, type_ in (
            (0, "public", "R"),
            (1, "dbo", "S"),
            (2, "guest", "S"),
            (3, "INFORMATION_SCHEMA", "S"),
            (4, "sys", "S"),
        ):
            authentication = 1 if principal == "dbo" else 0
            sid = {"dbo": b"\x01", "guest": b"\x00"}.get(principal)
            self._principal(principal, number_, type_, sid, authentication, is_fixed=False)
        for number_, role in FIXED_DATABASE_ROLES.items():
            self._principal(role, number_, "R", None, 0, is_fixed=True)
        for number_, schema in ((1, "dbo"), (2, "guest"), (3, "INFORMATION_SCHEMA"), (4, "sys")):
            self.add("schemas", name=schema, schema_id=number_, principal_id=number_)
        self.add("schemas", name="db_owner", schema_id=16384, principal_id=16384)

    def _principal(
        self,
        name: str,
        number: int,
        type_: str,
        sid: bytes | None,
        authentication: int,
        *,
        is_fixed: bool,
    ) -> Row:
        return self.add(
            "database_principals",
            name=name,
            principal_id=number,
            type=type_,
            type_desc=USER_TYPES[type_],
            default_schema_name="dbo" if type_ in "SU" else None,
            owning_principal_id=1 if type_ in "RA" else None,
            sid=sid,
            is_fixed_role=is_fixed,
            authentication_type=authentication,
            authentication_type_desc=AUTHENTICATION[authentication],
        )

    def user(
        self,
        name: str,
        *,
        type_: str = "S",
        sid: bytes | None = None,
        authentication: int | None = None,
        owner: int | None = None,
    ) -> int:
        """Add a principal and return its id."""
        number, self._next_id = self._next_id, self._next_id + 1
        usual = {"S": 1, "U": 3, "G": 3, "E": 4, "X": 4}.get(type_, 0)
        kind = usual if authentication is None else authentication
        row = self._principal(name, number, type_, sid, kind, is_fixed=False)
        if owner is not None:
            row["owning_principal_id"] = owner
        return number

    def member(self, role: str, member: str) -> None:
        """Make a principal a member of a role."""
        self.add(
            "database_role_members",
            role_principal_id=self.id_of(role),
            member_principal_id=self.id_of(member),
        )

    def id_of(self, name: str) -> int:
        """Return the id of a principal."""
        return int(self.find("database_principals", name)["principal_id"])

    def grant(
        self,
        grantee: str,
        name: str,
        class_: int = 0,
        major: int = 0,
        minor: int = 0,
        state: str = "G",
    ) -> None:
        """Add a row of sys.database_permissions."""
        row = _permission(class_, major, minor, self.id_of(grantee), name, state)
        self.add("database_permissions", **row)

    def schema(self, name: str, owner: str = "dbo") -> int:
        """Add a schema and return its id."""
        number, self._next_id = self._next_id, self._next_id + 1
        self.add("schemas", name=name, schema_id=number, principal_id=self.id_of(owner))
        return number

    def thing(
        self,
        name: str,
        type_: str = "U",
        schema: str = "dbo",
        owner: str | None = None,
        columns: tuple[str, ...] = (),
        object_id: int | None = None,
    ) -> int:
        """Add an object (of the system, where its id is negative) and return its id."""
        number = object_id
        if number is None:
            number, self._next_object = self._next_object, self._next_object + 1
        row = {
            "name": name,
            "object_id": number,
            "principal_id": self.id_of(owner) if owner else None,
            "schema_id": self.find("schemas", schema)["schema_id"],
            "parent_object_id": 0,
            "type": f"{type_:<2}",
            "is_ms_shipped": number < 0,
        }
        self.add("all_objects", **row)
        if number > 0:
            self.add("objects", **row)
        for position, column in enumerate(columns, start=1):
            self.add("all_columns", object_id=number, name=column, column_id=position)
        return number

    def runs_as(self, object_id: int, user: str | None = None) -> None:
        """Have a module run as a user, or as its owner."""
        number = self.id_of(user) if user else -2
        self.add("sql_modules", object_id=object_id, execute_as_principal_id=number)

    def file(
        self,
        type_: int = 0,
        size: int = 128,
        max_size: int = -1,
        growth: int = 8192,
        state: int = 0,
        container_size: int = 0,
        *,
        is_sparse: bool = False,
    ) -> None:
        """Add a file; sizes are pages of 8 KiB."""
        row = {
            "file_id": len(self.rows.get("database_files", [])) + 1,
            "type": type_,
            "type_desc": ("ROWS", "LOG", "FILESTREAM")[type_],
            "state": state,
            "size": size,
            "max_size": max_size,
            "growth": growth,
            "is_sparse": is_sparse,
            "is_percent_growth": False,
        }
        self.add("database_files", **{**row, "size": container_size or size})
        self.add("master_files", database_id=self.number, **row)

    def pages(self, object_id: int, index_id: int, used: int) -> None:
        """Add a partition that uses pages."""
        self.add(
            "dm_db_partition_stats",
            partition_id=len(self.rows.get("dm_db_partition_stats", [])) + 1,
            object_id=object_id,
            index_id=index_id,
            used_page_count=used,
        )


@dataclass
class World:
    """One instance. `permissions` are the server permissions of the account that asks."""

    version: str = "15.0.4355.3"
    engine_edition: int = 3
    time_zone: str = "Europe/Berlin"
    username: str = "mon"
    password: str = "p"
    permissions: set[str] = field(
        default_factory=lambda: {"CONNECT ANY DATABASE", "VIEW ANY DEFINITION", "VIEW SERVER STATE"}
    )
    denied: set[str] = field(default_factory=set)
    is_encrypted: bool = True
    machine: str = "SQL01"
    is_windows_only: bool = True
    server: Catalog = field(default_factory=Catalog)
    databases: dict[str, Database] = field(default_factory=dict)
    login_properties: dict[tuple[str, str], str | int | datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._next_id = 300
        self._principal("sa", 1, "S", b"\x01", is_fixed=False)
        self._principal("public", 2, "R", b"\x02", is_fixed=False)
        for number, role in enumerate(FIXED_SERVER_ROLES, start=3):
            self._principal(role, number, "R", bytes([number]), is_fixed=True)
        self.member("sysadmin", "sa")
        self.login(self.username)
        for name, value in OPTIONS.items():
            self.option(name, value)
        for name in ("master", "tempdb"):
            database = self.database(name)
            database.file(0, 1024)
            database.file(1, 256, 268435456)

    def _principal(
        self, name: str, number: int, type_: str, sid: bytes, *, is_fixed: bool, **more: Any
    ) -> None:
        row: Row = {
            "name": name,
            "principal_id": number,
            "sid": sid,
            "type": type_,
            "type_desc": LOGIN_TYPES[type_],
            "is_disabled": 0,
            "default_database_name": None if type_ == "R" else "master",
            "is_fixed_role": is_fixed,
            "owning_principal_id": 1 if type_ == "R" else None,
            **more,
        }
        self.server.add("server_principals", **row)
        if type_ == "S":
            shared = {k: v for k, v in row.items() if k != "is_fixed_role"}
            shared.pop("owning_principal_id")
            self.server.add(
                "sql_logins",
                **shared,
                is_policy_checked=True,
                is_expiration_checked=False,
                password_hash=b"\x02\x00secret",
            )
            for prop in ("IsLocked", "IsExpired", "IsMustChange"):
                self.login_properties.setdefault((name, prop), 0)

    def login(self, name: str, type_: str = "S", sid: bytes | None = None, **more: Any) -> bytes:
        """Add a principal and return its SID."""
        number, self._next_id = self._next_id, self._next_id + 1
        own = sid if sid is not None else b"\x77" + number.to_bytes(4, "big")
        self._principal(name, number, type_, own, is_fixed=False, **more)
        return own

    def option(self, name: str, value: int) -> None:
        """Set an option of the server (sp_configure), in force at once."""
        rows = self.server.rows.setdefault("configurations", [])
        rows[:] = [row for row in rows if row["name"] != name]
        self.server.add("configurations", name=name, value=str(value), value_in_use=str(value))

    def id_of(self, name: str) -> int:
        """Return the id of a server principal."""
        return int(self.server.find("server_principals", name)["principal_id"])

    def member(self, role: str, member: str) -> None:
        """Make a server principal a member of a server role."""
        self.server.add(
            "server_role_members",
            role_principal_id=self.id_of(role),
            member_principal_id=self.id_of(member),
        )

    def grant(
        self, grantee: str, name: str, class_: int = 100, major: int = 0, state: str = "G"
    ) -> None:
        """Add a row of sys.server_permissions."""
        row = _permission(class_, major, 0, self.id_of(grantee), name, state)
        self.server.add("server_permissions", **row)

    def database(self, name: str, state: int = 0, owner: bytes = b"\x01", **more: Any) -> Database:
        """Add a database with the principals that every one has."""
        listed = {
            "state": state,
            "state_desc": STATES[state],
            "owner_sid": owner,
            "user_access": 0,
            "user_access_desc": "MULTI_USER",
            "containment": 0,
            **more,
        }
        database = Database(name, len(self.databases) + 1, **listed)
        self.databases[name] = database
        return database


FIXED_ROLES_2022 = (
    "##MS_ServerStateReader##",
    "##MS_ServerStateManager##",
    "##MS_DefinitionReader##",
    "##MS_DatabaseConnector##",
    "##MS_DatabaseManager##",
    "##MS_LoginManager##",
    "##MS_SecurityDefinitionReader##",
    "##MS_PerformanceDefinitionReader##",
    "##MS_ServerSecurityStateReader##",
    "##MS_ServerPerformanceStateReader##",
)
SETUP_LOGINS = {
    "##MS_SQLResourceSigningCertificate##": "C",
    "##MS_SQLReplicationSigningCertificate##": "C",
    "##MS_SQLAuthenticatorCertificate##": "C",
    "##MS_PolicySigningCertificate##": "C",
    "##MS_SmoExtendedSigningCertificate##": "C",
    "##MS_AgentSigningCertificate##": "C",
    "##MS_PolicyEventProcessingLogin##": "S",
    "##MS_PolicyTsqlExecutionLogin##": "S",
}
SERVICES = ("MSSQLSERVER", "SQLSERVERAGENT", "SQLWriter", "Winmgmt", "SQLTELEMETRY")
SYSADMIN_SERVICES = SERVICES[:4]
LOCAL_SYSTEM = bytes.fromhex("010100000000000512000000")


def service_sid(number: int) -> bytes:
    """Return a security identifier of a service: S-1-5-80 and five numbers."""
    return bytes.fromhex("010600000000000550000000") + number.to_bytes(20, "little")


def installed(
    version: str = "16.0.4165.4", sa: str = "sa", authority: str = "NT AUTHORITY"
) -> World:
    """Return an instance as setup leaves it, beside the monitoring login.

    Source: SQL Server documentation, Principals (Database Engine); Server-level roles; System
    databases; Configure Windows service accounts and permissions; and what public and guest
    are granted at setup (Server and database roles, public).
    """
    world = World(version=version)
    _rename(world, sa)
    if version >= "16":
        for number, role in enumerate(FIXED_ROLES_2022, start=11):
            world._principal(role, number, "R", bytes([number]), is_fixed=True)
    _logins(world, authority)
    world.grant("public", "VIEW ANY DATABASE")
    for number, name in enumerate(("Dedicated Admin Connection", "TSQL Default TCP"), start=1):
        world.server.add("endpoints", name=name, endpoint_id=number, principal_id=1)
        world.grant("public", "CONNECT", 105, number)
    for name in ("model", "msdb"):
        database = world.database(name, is_trustworthy_on=name == "msdb")
        database.file(0, 1024)
        database.file(1, 256, 268435456)
    for database in world.databases.values():
        _own_rows(database)
    return world


def _logins(world: World, authority: str) -> None:
    for name, type_ in SETUP_LOGINS.items():
        world.login(name, type_, is_disabled=int(type_ == "S"))
    for number, service in enumerate(SERVICES, start=1):
        world.login(f"NT SERVICE\\{service}", "U", service_sid(number))
        if service in SYSADMIN_SERVICES:
            world.member("sysadmin", f"NT SERVICE\\{service}")
    world.login(f"{authority}\\SYSTEM", "U", LOCAL_SYSTEM)
    for row in world.server.rows["server_principals"]:
        if row["type"] != "R":
            world.grant(row["name"], "CONNECT SQL")


def _rename(world: World, sa: str) -> None:
    for view in ("server_principals", "sql_logins"):
        for row in world.server.rows[view]:
            row["name"] = sa if row["sid"] == b"\x01" else row["name"]
    for prop in ("IsLocked", "IsExpired", "IsMustChange"):
        world.login_properties[(sa, prop)] = 0


def _own_rows(database: Database) -> None:
    """Add what every database has: rights of dbo and guest, and what setup makes for itself."""
    database.grant("dbo", "CONNECT")
    database.member("db_owner", "dbo")
    if database.name in ("master", "tempdb", "msdb"):
        database.grant("guest", "CONNECT")
    for view, id_column, name in (
        ("service_message_types", "message_type_id", "DEFAULT"),
        ("service_contracts", "service_contract_id", "DEFAULT"),
        ("services", "service_id", "http://schemas.microsoft.com/SQL/ServiceBroker/ServiceBroker"),
        ("routes", "route_id", "AutoCreatedLocal"),
    ):
        database.add(view, name=name, principal_id=1, **{id_column: 1})
    database.add(
        "assemblies", name="Microsoft.SqlServer.Types", principal_id=4, is_user_defined=False
    )
    database.add("types", name="sysname", schema_id=4, user_type_id=256, is_user_defined=False)
