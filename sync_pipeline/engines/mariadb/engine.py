"""MariaDB: its connections, its catalog queries and its monitoring account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sync_pipeline.engines.access.cautious import cautious
from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.engines.access.doubts import UnknownNothing
from sync_pipeline.engines.base import (
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
from sync_pipeline.engines.mariadb.access.doubts import CATALOG
from sync_pipeline.engines.mariadb.access.rules import MariaDbAccess
from sync_pipeline.engines.mariadb.accounts.parse import (
    AccountRow,
    CountsRow,
    RoleMappingRow,
    account_states,
)
from sync_pipeline.engines.mariadb.notes import GRANT_NOTES
from sync_pipeline.engines.mariadb.sizes import GRANTS, measure
from sync_pipeline.engines.mysql_protocol.accounts.identity import identify
from sync_pipeline.engines.mysql_protocol.accounts.json_text import unknown_words
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
from sync_pipeline.model.privilege import SectionName
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity

OLDEST = (10, 6)
PACKAGE = "sync_pipeline.engines.mariadb"

ACCOUNTS = catalog_query(
    "global_priv",
    AccountRow,
    (SectionName.ACCOUNTS, SectionName.SERVER),
    OLDEST,
    made=(view_variant("global_priv", OLDEST, "global_priv_view.sql"),),
    needs=needs_view("global_priv"),
)
ROLES = catalog_query("roles_mapping", RoleMappingRow, (SectionName.MEMBERSHIPS,), OLDEST)
DATABASES = catalog_query(
    "db",
    DatabaseRow,
    (SectionName.DATABASE,),
    OLDEST,
    Variant((11, 3), "db_11_3.sql"),
    Variant((11, 4, 2), "db_11_4_2.sql"),
)
TABLES = catalog_query("tables_priv", TableRow, (SectionName.TABLE,), OLDEST)
COLUMNS = catalog_query("columns_priv", ColumnRow, (SectionName.COLUMN,), OLDEST)
ROUTINES = catalog_query("procs_priv", RoutineRow, (SectionName.ROUTINE,), OLDEST)
PROXIES = catalog_query("proxies_priv", ProxyRow, (SectionName.PROXY,), OLDEST)

COUNTS = counts_query(CountsRow, OLDEST, OLDEST)


class MariaDb(UnknownNothing):
    """MariaDB 10.6 and newer."""

    name = EngineName.MARIADB
    product = "MariaDB"
    newest_tried: tuple[int, ...] = (11, 8)
    default_port = 3306
    size_connections = 1
    system_accounts: tuple[str, ...] = ("'mariadb.sys'@'localhost'",)
    system_databases: tuple[str, ...] = SYSTEM_DATABASES
    system_schemas: frozenset[str] = frozenset()
    grant_notes: tuple[GrantNote, ...] = GRANT_NOTES
    account_queries: tuple[Query[Any], ...] = (
        ACCOUNTS,
        ROLES,
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
        return connect(target, "MariaDB")

    def identify(self, connection: Connection) -> ServerIdentity:
        """Ask for the version and the state of TLS; refuse MySQL and what is too old."""
        return identify(connection, PACKAGE, "MariaDB", OLDEST, "global_priv")

    def databases(self, connection: Connection, username: str) -> tuple[DatabaseEntry, ...]:  # noqa: ARG002
        """Return nothing: the grant tables of all databases are in one catalog."""
        return ()

    def written(self, name: str) -> str:
        """Return a part of an account's name as statements write it."""
        return written(name)

    def accounts(self, rows: AccountRows, server: ServerIdentity) -> tuple[AccountState, ...]:
        """Build one state for each account, role and PUBLIC."""
        grants = shared_grants(
            rows.of(DATABASES),
            rows.of(TABLES),
            rows.of(COLUMNS),
            rows.of(ROUTINES),
            rows.of(PROXIES),
        )
        return account_states(rows.of(ACCOUNTS), rows.of(ROLES), grants, server.version_number)

    def sizes(self, reader: SizeReader) -> SizeSnapshot:
        """Measure every database, the shared files and the logs."""
        return measure(reader)

    def unknown_words(self, state: AccountState) -> Iterable[str]:
        """Yield what of the account's row in `mysql.global_priv` is not known."""
        return unknown_words(state)

    def access_rules(self, world: AccessWorld) -> AccessRules:
        """Return how MariaDB decides what the accounts of a world may do."""
        return cautious(MariaDbAccess(world), world, self)

    def written_account(self, username: str, host: str) -> str:
        """Return the account with its host as statements write it."""
        return written_account(username, host)

    def grants_script(self, username: str, host: str, databases: Sequence[str]) -> str:  # noqa: ARG002
        """Return the script: one table a line, no more than the queries read."""
        check_names(self, username, host)
        queries = (*self.account_queries, *GRANTS)
        return monitoring_script(written_account(username, host), PACKAGE, "global_priv", queries)
