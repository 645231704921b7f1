"""SQL Server: its connections, its catalog queries and its monitoring account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sync_pipeline.engines.access.cautious import cautious
from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.engines.base import (
    AccountRows,
    Asks,
    CatalogCheck,
    CertificateCheck,
    Connection,
    DatabaseEntry,
    GrantNote,
    Query,
    SizeReader,
    Target,
    check_names,
    filled,
    sql_text,
)
from sync_pipeline.engines.sqlserver.access.beyond import LENDING
from sync_pipeline.engines.sqlserver.access.doubts import also, unknown_grants, unknown_words
from sync_pipeline.engines.sqlserver.access.facts import is_of_provider
from sync_pipeline.engines.sqlserver.access.rules import SqlServerAccess
from sync_pipeline.engines.sqlserver.accounts.azure import (
    A_LOGIN,
    DEFINITIONS,
    LOGICAL_SERVER,
    OBJECTIVES,
    ONE_DATABASE,
    ONLY,
    OPENED,
    PLACES,
    ObjectiveRow,
    OpenedRow,
    azure_accounts,
    entries,
    of_one,
    of_some,
    with_azure,
)
from sync_pipeline.engines.sqlserver.accounts.grants import database_grants, server_grants
from sync_pipeline.engines.sqlserver.accounts.hidden import hidden_databases
from sync_pipeline.engines.sqlserver.accounts.logical import MASTER
from sync_pipeline.engines.sqlserver.accounts.parse import (
    caution,
    database_accounts,
    is_providers,
    lacks_connect,
    server_accounts,
    unreadable,
)
from sync_pipeline.engines.sqlserver.accounts.queries import (
    ACCOUNT_QUERIES,
    DATABASE_OWNERS,
    DATABASES,
    DENIED,
    DENIED_FILE,
    LOGINS,
    MEMBERS,
    MISSING_DATABASES,
    MISSING_STATE,
    OBJECT_OWNERS,
    OLDEST,
    PERMISSIONS,
    ROLE_OWNERS,
    SCHEMA_OWNERS,
    SERVER_MEMBERS,
    SERVER_OWNERS,
    SERVER_PERMISSIONS,
    USERS,
)
from sync_pipeline.engines.sqlserver.accounts.rows import DatabaseRow
from sync_pipeline.engines.sqlserver.accounts.use import use as sessions_of
from sync_pipeline.engines.sqlserver.accounts.well_known import is_first
from sync_pipeline.engines.sqlserver.azure_script import azure_script
from sync_pipeline.engines.sqlserver.names import (
    grant_server,
    in_azure_database,
    opens_database,
    written,
)
from sync_pipeline.engines.sqlserver.notes import GRANT_NOTES
from sync_pipeline.engines.sqlserver.platform import (
    AZURE_SQL,
    MANAGED_INSTANCE,
    REFUSED,
    closed_databases,
    platform_of,
    provider_accounts,
)
from sync_pipeline.engines.sqlserver.sizes import measure
from sync_pipeline.engines.sqlserver.sizes_azure import measure_azure
from sync_pipeline.engines.sqlserver.wire import connection as driver
from sync_pipeline.errors import PrivilegeError, QueryError, UnsupportedServer
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName, TlsMode
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import Grant, SectionName
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity, StateSources
from sync_pipeline.model.use import UseSample

PACKAGE = "sync_pipeline.engines.sqlserver"
ANY_DATABASE = "CONNECT ANY DATABASE"
NEEDED = (ANY_DATABASE, "VIEW ANY DEFINITION", "VIEW SERVER STATE")
"""What the monitoring account is granted, one permission a line of the script."""
ENTRA_ADMIN = (
    "Who the Microsoft Entra admin of the logical server is, Azure alone keeps: no catalog names "
    "that account or group, which may do everything, as the server admin does."
)

_NOTES = {LOGICAL_SERVER: (ENTRA_ADMIN,), ONE_DATABASE: (ONLY,)}


class SqlServer:
    """SQL Server 2016 to 2022 (and newer, read as 2022), and what Azure runs of it.

    That is Azure SQL Managed Instance, and the logical servers of Azure SQL Database.

    The principals of each database are accounts of their own, `[database].[name]`; those of
    the server go by their plain names. The catalog views leave rows out without an error
    where a permission is missing, so that permission is asked for before each of them.
    """

    name = EngineName.SQLSERVER
    product = "SQL Server"
    newest_tried: tuple[int, ...] = (16,)
    default_port = 1433
    size_connections = 2
    tells_tls = False
    # Microsoft's driver alone checks, with the system's authorities alone.
    certificate_check: CertificateCheck | None = CertificateCheck(TlsMode.VERIFY_FULL)
    # Whoever may not see who is a member of what is shown nobody as one of sysadmin.
    sources: StateSources = StateSources(superuser=frozenset({SectionName.MEMBERSHIPS}))
    # The logins of setup and of services are known by their identifiers (AccountState.is_system).
    system_accounts: tuple[str, ...] = ()
    system_databases: tuple[str, ...] = ()
    system_schemas: frozenset[str] = frozenset({"sys", "INFORMATION_SCHEMA"})
    users_are_schemas: bool = False
    is_of_service: bool = False
    elsewhere = LENDING
    grant_notes: tuple[GrantNote, ...] = GRANT_NOTES
    platforms: tuple[str, ...] = (Platform.AZURE_SQL, Platform.MANAGED_INSTANCE, Platform.RDS)
    account_queries: tuple[Query[Any], ...] = with_azure(ACCOUNT_QUERIES)
    counts: Query[Any] | None = None
    catalog: CatalogCheck | None = None

    def connect(self, target: Target, database: str | None = None) -> Connection:
        """Open a bounded connection; a database is opened after the login."""
        return driver.connect(target, database)

    def identify(self, connection: Connection) -> ServerIdentity:
        """Ask for the version, the edition and the state of TLS."""
        (row,) = connection.fetch(sql_text(PACKAGE, "identity.sql"))
        version, edition = str(row["product_version"]), int(row["engine_edition"])
        if edition in REFUSED:
            raise UnsupportedServer(f"The server is {row['edition']}: {REFUSED[edition]}.")
        number, place, account = _numbers(version), "", ""
        if edition == AZURE_SQL:
            opened = _opened(connection)
            place = LOGICAL_SERVER if opened.database_name == MASTER else ONE_DATABASE
            account = written(opened.account) if opened.account else ""
        if edition in (AZURE_SQL, MANAGED_INSTANCE):
            # It reports 12.0 for ever, and has the catalog of the newest version.
            number = max(number, (16, 0))
            service = platform_of(edition, "", ()).service
            version = f"16.0 ({service}, {version})"
        if number < OLDEST:
            raise UnsupportedServer(
                f"The server is SQL Server {version}; 13.0 (SQL Server 2016) or newer is needed.",
                hint="Upgrade it, or correct the instance's engine.",
            )
        platform = platform_of(edition, "", ())
        notes = _NOTES.get(place, ())
        return ServerIdentity(
            version, number, _tls(connection), place, account, notes=notes, platform=platform
        )

    def platform_by(
        self, rows: AccountRows, databases: Iterable[str], server: ServerIdentity
    ) -> Platform:
        """Return whose service a server is, from how its first login is called."""
        if server.platform.is_managed:
            return server.platform
        first = (row.name for row in rows.each(LOGINS) if is_first(row.sid))
        return platform_of(0, next(first, ""), databases)

    def closed_databases(self, platform: Platform) -> frozenset[str]:
        """Return the names of the databases that the provider keeps for itself."""
        return closed_databases(platform)

    def provider_accounts(self, platform: Platform) -> frozenset[str]:
        """Return the names of the logins by which the provider runs the server."""
        return provider_accounts(platform)

    def is_providers(self, account: AccountState, platform: Platform) -> bool:
        """Return whether an account is one by which the provider runs the server."""
        return is_of_provider(account, platform)

    def databases(self, connection: Connection, username: str) -> tuple[DatabaseEntry, ...]:
        """List the databases, with the reason where one can't be opened.

        Raises:
            HiddenDatabases: some may be hidden; what is not listed may be there all the same.
        """
        listed = connection.fetch(sql_text(PACKAGE, "databases.sql"))
        rows = map(DATABASES.bind, listed)
        found = tuple(_entry(row, username) for row in rows if not row.is_snapshot)
        for hidden in connection.fetch(sql_text(PACKAGE, "check_databases.sql")):
            missing = MISSING_DATABASES.bind(hidden).missing
            to = connection.fetch(sql_text(PACKAGE, DENIED_FILE), {"permission": missing})
            raise hidden_databases(found, missing, [DENIED.bind(row) for row in to], username)
        return found

    def databases_at(
        self, connection: Connection, username: str, server: ServerIdentity
    ) -> tuple[DatabaseEntry, ...]:
        """List the databases, those of a logical server as its `master` does.

        Raises:
            HiddenDatabases: some may be hidden; what is not listed may be there all the same.
        """
        account = server.account or written(username)
        if server.place == ONE_DATABASE:
            raise of_one(_opened(connection).database_name, filled(A_LOGIN, user=account))
        if server.place != LOGICAL_SERVER:
            return self.databases(connection, username)
        listed = connection.fetch(sql_text(PACKAGE, "azure_databases.sql"))
        found = tuple(entries(map(DATABASES.bind, listed), _objectives(connection)))
        if connection.fetch(sql_text(PACKAGE, "check_databases.sql")):
            raise of_some(found, filled(DEFINITIONS, user=account))
        return found

    def entering(self, database: str, server: ServerIdentity) -> str:
        """Return what begins statements that must run in a database."""
        if server.place in PLACES:
            return in_azure_database(database, "").rstrip()
        return f"USE {written(database)};"

    def written(self, name: str) -> str:
        """Return a name as a delimited identifier."""
        return written(name)

    def accounts(self, rows: AccountRows, server: ServerIdentity) -> tuple[AccountState, ...]:
        """Build one state for each principal of the server and of each database."""
        if server.place in PLACES:
            return azure_accounts(rows, server.place)
        found = list(
            server_accounts(
                rows.of(LOGINS),
                rows.of(SERVER_MEMBERS),
                server_grants(
                    rows.of(SERVER_PERMISSIONS), rows.of(SERVER_OWNERS), rows.of(DATABASE_OWNERS)
                ),
            )
        )
        for database in rows.databases(USERS):
            grants = database_grants(
                database,
                rows.of(PERMISSIONS, database),
                rows.of(SCHEMA_OWNERS, database),
                rows.of(OBJECT_OWNERS, database),
                rows.of(ROLE_OWNERS, database),
            )
            users, members = rows.of(USERS, database), rows.of(MEMBERS, database)
            found += database_accounts(database, users, members, grants)
        return tuple(found)

    def use(self, ask: Asks, rows: AccountRows, server: ServerIdentity, username: str) -> UseSample:  # noqa: ARG002
        """Return who is logged in now; logins are not counted by principal."""
        return sessions_of(ask, server, username)

    def sizes(self, reader: SizeReader) -> SizeSnapshot:
        """Measure every database, its log, and tempdb."""
        return (measure_azure if reader.server.place in PLACES else measure)(reader)

    def unknown_grants(self, state: AccountState) -> Iterable[Grant]:
        """Yield the permissions whose name, state or class the rules do not know."""
        return unknown_grants(state)

    def unknown_words(self, state: AccountState) -> Iterable[str]:
        """Yield the type of a principal, where the rules do not know it."""
        return unknown_words(state)

    def also(self, world: AccessWorld) -> Mapping[str, Iterable[str]]:
        """Return whose grants count for an account beside its roles."""
        return also(world)

    def access_rules(self, world: AccessWorld) -> AccessRules:
        """Return the rules of SQL Server over the accounts of a world."""
        return cautious(SqlServerAccess(world), world, self)

    def written_account(self, username: str, host: str) -> str:  # noqa: ARG002
        """Return the account as statements write it; it has no host."""
        return self.written(username)

    def grants_script(self, username: str, host: str, databases: Sequence[str]) -> str:  # noqa: ARG002
        """Return the script; a login of SQL Server has no host, and sees every database."""
        check_names(self, username)
        login = f"CREATE LOGIN {written(username)} WITH PASSWORD = '<password>';"
        return "\n".join([login, *(grant_server(item, username) for item in NEEDED)]) + "\n"

    def platform_script(
        self, username: str, platform: str, host: str = "%", databases: Sequence[str] = ()
    ) -> str:
        """Return the script for a managed service.

        Amazon RDS User Guide, "Microsoft SQL Server database users": nobody may grant CONNECT ANY
        DATABASE there, so each database gets a user, which are those given.
        """
        if Platform(platform) is Platform.AZURE_SQL:
            check_names(self, username, *databases)
            return azure_script(username, databases)
        if Platform(platform) is not Platform.RDS:
            return self.grants_script(username, host, databases)
        check_names(self, username, *databases)
        script = self.grants_script(username, host, ()).splitlines()
        lines = [line for line in script if ANY_DATABASE not in line]
        name = written(username)
        user = f"CREATE USER {name} FOR LOGIN {name};"
        lines += [f"USE {written(item)}; {user}" for item in databases]
        return "\n".join(lines) + "\n"


def _entry(row: DatabaseRow, username: str) -> DatabaseEntry:
    reason = unreadable(row)
    missing = opens_database(row.name, username) if lacks_connect(row) else ""
    return DatabaseEntry(
        row.name, not reason, reason, missing, caution(row), is_providers=is_providers(row)
    )


def _opened(connection: Connection) -> OpenedRow:
    """Return which database a login opened, and as whom.

    Raises:
        QueryError: the server does not say.
    """
    (row,) = connection.fetch(sql_text(PACKAGE, "azure_identity.sql"))
    found = OPENED.bind(row)
    if not found.database_name:
        raise QueryError("The server does not say which database the login opened.")
    return found


def _objectives(connection: Connection) -> tuple[ObjectiveRow, ...]:
    """Return the service objectives; they only say what is serverless, where they are shown."""
    try:
        rows = connection.fetch(sql_text(PACKAGE, "azure_service_objectives.sql"))
    except (PrivilegeError, QueryError):
        return ()
    return tuple(map(OBJECTIVES.bind, rows))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _tls(connection: Connection) -> str | None:
    """Return how this connection is encrypted, or why that is not known."""
    try:
        rows = connection.fetch(sql_text(PACKAGE, "tls.sql"))
        if rows:
            return "TLS" if any(row["encrypt_option"] == "TRUE" for row in rows) else None
        return "not known: the server does not list this connection"
    except PrivilegeError as error:
        return f"not known: {_refused(connection) or error.message}"
    except QueryError as error:
        return f"not known: {error.message}"


def _refused(connection: Connection) -> str:
    """Return which permission is missing where that is so, else nothing."""
    try:
        rows = connection.fetch(sql_text(PACKAGE, "check_state.sql"))
    except (PrivilegeError, QueryError):
        return ""
    return ", ".join(f"{MISSING_STATE.bind(row).missing} is missing" for row in rows)
