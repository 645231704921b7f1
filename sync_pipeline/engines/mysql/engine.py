"""MySQL: its connections, its catalog queries and its monitoring account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sync_pipeline.engines.access.cautious import cautious
from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.engines.access.doubts import UnknownNothing
from sync_pipeline.engines.base import (
    ANYBODY,
    AccountRows,
    CatalogCheck,
    Connection,
    DatabaseEntry,
    GrantNote,
    Query,
    SizeReader,
    Target,
    Variant,
    check_names,
)
from sync_pipeline.engines.mysql.access.doubts import CATALOG, unknown_grants, unknown_words
from sync_pipeline.engines.mysql.access.rules import MySqlAccess
from sync_pipeline.engines.mysql.accounts.parse import (
    AccountRow,
    CountsRow,
    DefaultRoleRow,
    DynamicRow,
    EdgeRow,
    MandatoryRow,
    account_states,
)
from sync_pipeline.engines.mysql.notes import GRANT_NOTES
from sync_pipeline.engines.mysql.sizes import GRANTS, measure
from sync_pipeline.engines.mysql_protocol.accounts.identity import identify
from sync_pipeline.engines.mysql_protocol.accounts.names import written, written_account
from sync_pipeline.engines.mysql_protocol.accounts.queries import (
    catalog_query,
    counts_query,
    monitoring_script,
)
from sync_pipeline.engines.mysql_protocol.accounts.rows import (
    ColumnRow,
    DatabaseRow,
    ProxyRow,
    RoutineRow,
    TableRow,
    shared_grants,
)
from sync_pipeline.engines.mysql_protocol.accounts.views import needs_view, view_variant
from sync_pipeline.engines.mysql_protocol.sizes import SYSTEM_DATABASES
from sync_pipeline.engines.mysql_protocol.wire.connection import connect
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, SectionName
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity

OLDEST = (8, 0)
PARTIAL_REVOKES = (8, 0, 16)
PACKAGE = "sync_pipeline.engines.mysql"

ACCOUNTS = catalog_query(
    "user",
    AccountRow,
    (SectionName.ACCOUNTS,),
    OLDEST,
    Variant(PARTIAL_REVOKES, "user_8_0_16.sql"),
    made=(view_variant("user", PARTIAL_REVOKES, "user_view.sql"),),
    needs=needs_view("user"),
)
DYNAMIC = catalog_query("global_grants", DynamicRow, (SectionName.SERVER,), OLDEST)
EDGES = catalog_query("role_edges", EdgeRow, (SectionName.MEMBERSHIPS,), OLDEST)
DEFAULT_ROLES = catalog_query("default_roles", DefaultRoleRow, (SectionName.MEMBERSHIPS,), OLDEST)
MANDATORY_ROLES = Query(
    "mandatory_roles",
    MandatoryRow,
    (SectionName.MEMBERSHIPS,),
    (Variant(OLDEST, "mandatory_roles.sql"),),
    ANYBODY,
)
DATABASES = catalog_query(
    "db", DatabaseRow, (SectionName.DATABASE,), OLDEST, Variant(PARTIAL_REVOKES, "db_8_0_16.sql")
)
TABLES = catalog_query("tables_priv", TableRow, (SectionName.TABLE,), OLDEST)
COLUMNS = catalog_query("columns_priv", ColumnRow, (SectionName.COLUMN,), OLDEST)
ROUTINES = catalog_query("procs_priv", RoutineRow, (SectionName.ROUTINE,), OLDEST)
PROXIES = catalog_query("proxies_priv", ProxyRow, (SectionName.PROXY,), OLDEST)

COUNTS = counts_query(CountsRow, OLDEST, PARTIAL_REVOKES)


class MySql(UnknownNothing):
    """MySQL 8.0 and newer."""

    name = EngineName.MYSQL
    product = "MySQL"
    newest_tried: tuple[int, ...] = (9, 7)
    default_port = 3306
    size_connections = 1
    system_accounts: tuple[str, ...] = (
        "'mysql.sys'@'localhost'",
        "'mysql.session'@'localhost'",
        "'mysql.infoschema'@'localhost'",
    )
    system_databases: tuple[str, ...] = SYSTEM_DATABASES
    system_schemas: frozenset[str] = frozenset()
    grant_notes: tuple[GrantNote, ...] = GRANT_NOTES
    account_queries: tuple[Query[Any], ...] = (
        ACCOUNTS,
        DYNAMIC,
        EDGES,
        DEFAULT_ROLES,
        MANDATORY_ROLES,
        DATABASES,
        TABLES,
        COLUMNS,
        ROUTINES,
        PROXIES,
    )
    counts: Query[Any] | None = COUNTS
    catalog: CatalogCheck | None = CATALOG

    def connect(self, target: Target, database: str | None = None) -> Connection:  # noqa: ARG002
        """Open a read-only connection whose statements the server itself bounds."""
        return connect(target, "MySQL")

    def identify(self, connection: Connection) -> ServerIdentity:
        """Ask for the version and the state of TLS; refuse MariaDB and what is too old."""
        return identify(connection, PACKAGE, "MySQL", OLDEST, "user")

    def databases(self, connection: Connection, username: str) -> tuple[DatabaseEntry, ...]:  # noqa: ARG002
        """Return nothing: the grant tables of all databases are in one catalog."""
        return ()

    def written(self, name: str) -> str:
        """Return a part of an account's name as statements write it."""
        return written(name)

    def accounts(self, rows: AccountRows, server: ServerIdentity) -> tuple[AccountState, ...]:  # noqa: ARG002
        """Build one state for each account, roles included."""
        grants = shared_grants(
            rows.of(DATABASES),
            rows.of(TABLES),
            rows.of(COLUMNS),
            rows.of(ROUTINES),
            rows.of(PROXIES),
        )
        return account_states(
            rows.of(ACCOUNTS),
            rows.of(DYNAMIC),
            rows.of(EDGES),
            rows.of(DEFAULT_ROLES),
            rows.of(MANDATORY_ROLES),
            grants,
        )

    def sizes(self, reader: SizeReader) -> SizeSnapshot:
        """Measure every database, the shared files and the logs."""
        return measure(reader)

    def unknown_grants(self, state: AccountState) -> Iterable[Grant]:
        """Yield the privileges that the rules do not know."""
        return unknown_grants(state)

    def unknown_words(self, state: AccountState) -> Iterable[str]:
        """Yield what of the account's `User_attributes` and login methods is not known."""
        return unknown_words(state)

    def access_rules(self, world: AccessWorld) -> AccessRules:
        """Return how MySQL decides what the accounts of a world may do."""
        return cautious(MySqlAccess(world), world, self)

    def written_account(self, username: str, host: str) -> str:
        """Return the account with its host as statements write it."""
        return written_account(username, host)

    def grants_script(self, username: str, host: str, databases: Sequence[str]) -> str:  # noqa: ARG002
        """Return the script: one table a line, no more than the queries read."""
        check_names(self, username, host)
        queries = (*self.account_queries, *GRANTS)
        return monitoring_script(written_account(username, host), PACKAGE, "user", queries)
