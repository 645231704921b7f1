"""PostgreSQL: its connections, its catalog queries and its monitoring account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg

from sync_pipeline.engines.access.cautious import cautious
from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.engines.access.doubts import UnknownNothing
from sync_pipeline.engines.access.parts import Elsewhere
from sync_pipeline.engines.base import (
    ANYBODY,
    AccountRows,
    Asks,
    CatalogCheck,
    CatalogColumn,
    CertificateCheck,
    Connection,
    DatabaseEntry,
    FactRow,
    GrantNote,
    Query,
    SizeReader,
    Target,
    Variant,
    check_names,
    filled,
    sql_text,
)
from sync_pipeline.engines.postgresql.access.doubts import kept_raw, unknown_words
from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline.engines.postgresql.access.unreviewed import is_unreviewed
from sync_pipeline.engines.postgresql.accounts.parse import (
    AclItem,
    AclRow,
    MembershipRow,
    RoleRow,
    SettingRow,
    account_states,
)
from sync_pipeline.engines.postgresql.accounts.predefined import RESERVED
from sync_pipeline.engines.postgresql.accounts.use import READS_SESSIONS
from sync_pipeline.engines.postgresql.accounts.use import use as sessions_of
from sync_pipeline.engines.postgresql.names import (
    NO_CONNECTIONS,
    UNSPEAKABLE,
    grant_connect,
    grant_monitor,
    quoted,
)
from sync_pipeline.engines.postgresql.notes import GRANT_NOTES, READS_LOGIN_RULES
from sync_pipeline.engines.postgresql.platform import (
    SERVICES,
    Signs,
    closed_databases,
    platform_of,
    provider_accounts,
)
from sync_pipeline.engines.postgresql.sizes import CONNECT, measure
from sync_pipeline.engines.postgresql.text import is_raw, unescaped
from sync_pipeline.engines.postgresql.wire.connection import PostgreSqlConnection, opened
from sync_pipeline.engines.postgresql.wire.errors import Attempt, connect_error
from sync_pipeline.engines.postgresql.wire.reading import RAW_ENCODING
from sync_pipeline.engines.postgresql.wire.session import start_up
from sync_pipeline.engines.wire.passwords import may_be_readable
from sync_pipeline.errors import UnsupportedServer
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName, TlsMode
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import Grant, SectionName
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity, StateSources
from sync_pipeline.model.use import UseSample

OLDEST = (14,)
PACKAGE = "sync_pipeline.engines.postgresql"
OWN_DATABASE = "postgres"
"""What initdb makes for people to connect to."""
_CHECKING = (TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL)
_HOLDER = "grantee"

ROLES = Query(
    "roles",
    RoleRow,
    (SectionName.ACCOUNTS,),
    (Variant(OLDEST, "roles.sql"),),
    ANYBODY,
    count="count_roles.sql",
)
MEMBERSHIPS = Query(
    "memberships",
    MembershipRow,
    (SectionName.MEMBERSHIPS,),
    (Variant(OLDEST, "memberships_14.sql"), Variant((16,), "memberships_16.sql")),
    ANYBODY,
)
SETTINGS = Query(
    "settings",
    SettingRow,
    (SectionName.SETTINGS,),
    (Variant(OLDEST, "settings.sql"),),
    ANYBODY,
)


def _server_acl(section: SectionName, file: str, since: tuple[int, ...] = OLDEST) -> Query[AclRow]:
    variants = (Variant(since, f"{file}.sql"),)
    return Query(file, AclRow, (section,), variants, ANYBODY, holder=_HOLDER, telling=RESERVED)


def _database_acl(section: SectionName, file: str) -> Query[AclRow]:
    variants = (Variant(OLDEST, f"{file}.sql"),)
    return Query(
        file,
        AclRow,
        (section,),
        variants,
        CONNECT,
        per_database=True,
        holder=_HOLDER,
        telling=RESERVED,
    )


SERVER_ACLS = (
    _server_acl(SectionName.DATABASE, "databases"),
    _server_acl(SectionName.TABLESPACE, "tablespaces"),
    _server_acl(SectionName.PARAMETER, "parameters_15", (15,)),
)
DATABASE_ACLS = (
    _database_acl(SectionName.SCHEMA, "schemas"),
    _database_acl(SectionName.TABLE, "relations"),
    _database_acl(SectionName.COLUMN, "columns"),
    _database_acl(SectionName.ROUTINE, "routines"),
    _database_acl(SectionName.TYPE, "types"),
    _database_acl(SectionName.LANGUAGE, "languages"),
    _database_acl(SectionName.FOREIGN, "foreign"),
    _database_acl(SectionName.LARGE_OBJECT, "large_objects"),
    _database_acl(SectionName.DEFAULT, "default_privileges"),
)


SERVER_SETTINGS = Query(
    "server_settings",
    FactRow,
    (SectionName.SERVER_SETTINGS,),
    (Variant(OLDEST, "server_settings.sql"),),
    ANYBODY,
)

DEFINERS = Query(
    "definers",
    FactRow,
    (SectionName.DEFINERS,),
    (Variant(OLDEST, "definers.sql"),),
    CONNECT,
    per_database=True,
)
LOGIN_RULES = Query(
    "login_rules",
    FactRow,
    (SectionName.LOGIN_RULES,),
    (Variant(OLDEST, "login_rules_14.sql"), Variant((16,), "login_rules_16.sql")),
    READS_LOGIN_RULES,
    check="check_login_rules.sql",
    is_providers=True,
)

CATALOG = CatalogCheck(
    Query("catalog_columns", CatalogColumn, (), (Variant(OLDEST, "catalog_columns.sql"),), ANYBODY),
    {
        "pg_authid": frozenset(
            {
                *("oid", "rolname", "rolsuper", "rolinherit", "rolcreaterole", "rolcreatedb"),
                *("rolcanlogin", "rolreplication", "rolbypassrls", "rolconnlimit"),
                *("rolpassword", "rolvaliduntil"),
            }
        ),
        "pg_auth_members": frozenset(
            {
                *("oid", "roleid", "member", "grantor", "admin_option"),
                *("inherit_option", "set_option"),
            }
        ),
        "pg_attribute": frozenset({"attacl"}),
        "pg_class": frozenset({"relacl"}),
        "pg_database": frozenset({"datacl"}),
        "pg_default_acl": frozenset({"defaclacl"}),
        "pg_foreign_data_wrapper": frozenset({"fdwacl"}),
        "pg_foreign_server": frozenset({"srvacl"}),
        "pg_init_privs": frozenset({"initprivs"}),
        "pg_language": frozenset({"lanacl"}),
        "pg_largeobject_metadata": frozenset({"lomacl"}),
        "pg_namespace": frozenset({"nspacl"}),
        "pg_parameter_acl": frozenset({"paracl"}),
        "pg_proc": frozenset({"proacl"}),
        "pg_tablespace": frozenset({"spcacl"}),
        "pg_type": frozenset({"typacl"}),
    },
)
"""Every column of the roles and their memberships, and every access control list."""


def _acl_items(rows: AccountRows) -> Iterator[AclItem]:
    for query in SERVER_ACLS:
        for row in rows.each(query):
            yield AclItem("", row)
    for query in DATABASE_ACLS:
        for database in rows.databases(query):
            for row in rows.each(query, database):
                yield AclItem(database, row)


class PostgreSql(UnknownNothing):
    """PostgreSQL 14 to 18 (and newer, read as 18, of which each answer says so).

    Grants are what the server's access control lists hold, the built-in defaults where
    none was set, so an owner's own rights and PUBLIC's are among them. `OWNER` stands
    beside them for ownership itself, which no list holds. Left out, so that a snapshot
    stays bounded: objects of the system's schemas whose list is still the one that
    initdb or an extension gave them, temporary objects, types that follow another
    (arrays, row types, multiranges from 17), and large objects that nobody was granted.
    """

    name = EngineName.POSTGRESQL
    product = "PostgreSQL"
    newest_tried: tuple[int, ...] = (18,)
    default_port = 5432
    size_connections = 2
    tells_tls = True
    certificate_check: CertificateCheck | None = None
    sources: StateSources = StateSources()
    system_accounts: tuple[str, ...] = (r"pg\_%",)
    keeps_own: bool = True
    system_databases: tuple[str, ...] = ()
    system_schemas: frozenset[str] = frozenset({"pg_catalog", "information_schema"})
    users_are_schemas: bool = False
    is_of_service: bool = False
    elsewhere = Elsewhere()
    grant_notes: tuple[GrantNote, ...] = GRANT_NOTES
    platforms: tuple[str, ...] = tuple(sorted(SERVICES))
    account_queries: tuple[Query[Any], ...] = (
        ROLES,
        MEMBERSHIPS,
        SETTINGS,
        *SERVER_ACLS,
        *DATABASE_ACLS,
        SERVER_SETTINGS,
        LOGIN_RULES,
        DEFINERS,
    )
    counts: Query[Any] | None = None
    catalog: CatalogCheck | None = CATALOG

    def connect(self, target: Target, database: str | None = None) -> Connection:
        """Open a read-only connection whose statements the server itself bounds."""
        instance = target.instance
        name = database or own_database(target)
        try:
            raw = opened(
                target,
                {
                    "host": instance.host,
                    "port": instance.port,
                    "user": target.username,
                    "password": target.password.reveal(),
                    "dbname": unescaped(name),
                    "application_name": "sync_pipeline",
                    # Not converted by the server, which fails at what it can't: `text`.
                    "client_encoding": RAW_ENCODING,
                    "options": start_up(target.statement_seconds),
                    **_tls(target),
                },
            )
        except (psycopg.Error, UnicodeError) as error:
            raise connect_error(error, Attempt(target, name, is_own=database is None)) from None
        is_own = name == own_database(target)
        return PostgreSqlConnection(raw, target, None if is_own else own_database(target))

    def identify(self, connection: Connection) -> ServerIdentity:
        """Ask for the product, the version and the state of TLS."""
        (row,) = connection.fetch(sql_text(PACKAGE, "identity.sql"))
        number = int(row["version_number"])
        version = (number // 10000, number % 10000)
        if not str(row["product"]).startswith("PostgreSQL ") or version < OLDEST:
            raise UnsupportedServer(
                f"The server is {row['product']}; PostgreSQL 14 or newer is needed.",
                hint="Upgrade it, or correct the instance's engine.",
            )
        acts_as = row.get("acts_as")
        account = quoted(str(acts_as)) if acts_as else ""
        return ServerIdentity(
            str(row["version"]),
            version,
            row["tls"],
            account=account,
            platform=platform_of(_signs(row)),
        )

    def closed_databases(self, platform: Platform) -> frozenset[str]:
        """Return the names of the databases that the provider keeps for itself."""
        return closed_databases(platform)

    def provider_accounts(self, platform: Platform) -> frozenset[str]:
        """Return the names of the accounts by which the provider runs the server."""
        return provider_accounts(platform)

    def is_providers(self, account: AccountState, platform: Platform) -> bool:
        """Return whether an account is one by which the provider runs the server."""
        return account.name in provider_accounts(platform)

    def databases(self, connection: Connection, username: str) -> tuple[DatabaseEntry, ...]:
        """List the databases, with the reason where one can't be opened."""
        return tuple(
            _entry(row, username)
            for row in connection.fetch(sql_text(PACKAGE, "catalog_databases.sql"))
        )

    def written(self, name: str) -> str:
        """Return a name as a quoted identifier."""
        return quoted(name)

    def accounts(self, rows: AccountRows, server: ServerIdentity) -> tuple[AccountState, ...]:  # noqa: ARG002
        """Build one state for each role, and one for PUBLIC."""
        return account_states(
            rows.each(ROLES), rows.each(MEMBERSHIPS), rows.each(SETTINGS), _acl_items(rows)
        )

    def use(
        self,
        ask: Asks,
        rows: AccountRows,  # noqa: ARG002
        server: ServerIdentity,
        username: str,
    ) -> UseSample:
        """Return who is logged in now; logins are not counted by role."""
        needs = filled(READS_SESSIONS, user=server.account or quoted(username))
        return sessions_of(ask, username, needs)

    def sizes(self, reader: SizeReader) -> SizeSnapshot:
        """Measure every database, its tablespaces and the write-ahead log."""
        return measure(reader)

    def unknown_words(self, state: AccountState) -> Iterable[str]:
        """Yield the predefined roles that the rules do not know."""
        return unknown_words(state)

    def kept_raw(self, state: AccountState) -> Iterable[str]:
        """Yield the names and values that hold bytes of another encoding."""
        return kept_raw(state)

    def access_rules(self, world: AccessWorld) -> AccessRules:
        """Return the rules of roles, ownership and privileges over a world."""
        return cautious(PostgreSqlAccess(world), world, self)

    def is_unreviewed(self, holder: AccountState, grant: Grant) -> bool:
        """Return whether all findings are the same with a grant of an account and without it."""
        return is_unreviewed(holder, grant)

    def written_account(self, username: str, host: str) -> str:  # noqa: ARG002
        """Return the account as statements write it; it has no host."""
        return self.written(username)

    def grants_script(self, username: str, host: str, databases: Sequence[str]) -> str:  # noqa: ARG002
        """Return the script; PostgreSQL's accounts have no host."""
        check_names(self, username, *databases)
        lines = [f"CREATE ROLE {quoted(username)} LOGIN PASSWORD '<password>';"]
        lines += [grant_connect(name, username) for name in databases]
        lines.append(grant_monitor(username))
        lines.append(f"ALTER ROLE {quoted(username)} SET default_transaction_read_only = on;")
        return "\n".join(lines) + "\n"

    def platform_script(
        self, username: str, platform: str, host: str = "%", databases: Sequence[str] = ()
    ) -> str:
        """Return the script for a managed service: its administrator may run all of it.

        The stand-in for a superuser has pg_monitor with ADMIN OPTION or CREATEROLE; nobody is
        let into the provider's databases, so that none of them is among the lines.
        """
        closed = closed_databases(Platform(platform))
        chosen = [name for name in databases or (OWN_DATABASE,) if name not in closed]
        return self.grants_script(username, host, chosen)


def _signs(row: dict[str, Any]) -> Signs:
    def names(column: str) -> frozenset[str]:
        return frozenset(str(row.get(column) or "").split(","))

    return Signs(
        first=str(row.get("first_role") or ""),
        stand_ins=names("stand_ins"),
        accounts=names("provider_accounts"),
        databases=names("provider_databases"),
        has_aurora=row.get("has_aurora") is True,
    )


def _entry(row: dict[str, Any], username: str) -> DatabaseEntry:
    name = str(row["name"])
    if row["is_invalid"]:
        return DatabaseEntry(name, is_readable=False, reason="it is invalid; drop it")
    if not row["allows_connections"]:
        return DatabaseEntry(name, is_readable=False, reason=NO_CONNECTIONS)
    if not row["may_connect"]:
        missing = grant_connect(name, username)
        return DatabaseEntry(name, is_readable=False, reason="CONNECT is missing", missing=missing)
    if is_raw(name):
        return DatabaseEntry(name, is_readable=False, reason=UNSPEAKABLE)
    return DatabaseEntry(name, is_readable=True)


def own_database(target: Target) -> str:
    """Return the database that the instance itself is read in."""
    return target.instance.database or OWN_DATABASE


def _tls(target: Target) -> dict[str, Any]:
    """Return libpq's TLS parameters; the modes are libpq's own words.

    A client certificate is sent only where one was given, never one that lies in the
    home directory. Checking a server without a CA file uses the system's authorities,
    which libpq allows with the strictest mode only.
    """
    tls = target.instance.tls
    given = {"sslrootcert": tls.ca_file, "sslcert": tls.cert_file, "sslkey": tls.key_file}
    parameters = {name: value for name, value in given.items() if value}
    if not tls.cert_file:
        parameters["sslcertmode"] = "disable"
    refused = _refused_forms(target)
    if refused:
        parameters["require_auth"] = ",".join(f"!{form}" for form in refused)
    if tls.mode in _CHECKING and not tls.ca_file:
        return {"sslmode": str(TlsMode.VERIFY_FULL), **parameters, "sslrootcert": "system"}
    return {"sslmode": str(tls.mode), **parameters}


def _refused_forms(target: Target) -> tuple[str, ...]:
    """Return the methods (libpq `require_auth`) with which the password is not given.

    A server that picks the salt gets an MD5 answer that it can hand on to the real server.
    """
    mode = target.instance.tls.mode
    if may_be_readable(target) or mode in _CHECKING:
        return ()
    return ("password",) if mode is TlsMode.DISABLE else ("password", "md5")
