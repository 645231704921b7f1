"""What MySQL and MariaDB are alike as engines: connections, names and the monitoring account."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sync_pipeline.engines.access.doubts import UnknownNothing
from sync_pipeline.engines.access.parts import Elsewhere
from sync_pipeline.engines.base import (
    AccountRows,
    CertificateCheck,
    Connection,
    DatabaseEntry,
    Query,
    Target,
    Variant,
    Version,
    check_names,
)
from sync_pipeline.engines.mysql_protocol.accounts.identity import identify
from sync_pipeline.engines.mysql_protocol.accounts.names import (
    account_name,
    written,
    written_account,
)
from sync_pipeline.engines.mysql_protocol.accounts.queries import catalog_query, monitoring_script
from sync_pipeline.engines.mysql_protocol.accounts.rows import (
    ColumnRow,
    DatabaseRow,
    Principal,
    ProxyRow,
    RoutineRow,
    TableRow,
    shared_grants,
)
from sync_pipeline.engines.mysql_protocol.accounts.views import DEFINER
from sync_pipeline.engines.mysql_protocol.platform import SERVICES, provider_accounts
from sync_pipeline.engines.mysql_protocol.sizes import SYSTEM_DATABASES
from sync_pipeline.engines.mysql_protocol.wire.connection import connect
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import Grant, SectionName
from sync_pipeline.model.snapshot import ServerIdentity


@dataclass(frozen=True, slots=True)
class ObjectQueries:
    """The queries of the grant tables that both products have; `databases` differs by version."""

    databases: Query[DatabaseRow]
    tables: Query[TableRow]
    columns: Query[ColumnRow]
    routines: Query[RoutineRow]
    proxies: Query[ProxyRow]

    @classmethod
    def since(cls, oldest: Version, *newer: Variant) -> ObjectQueries:
        """Declare them; `newer` are the later texts of the databases'."""
        return cls(
            catalog_query(
                "db", DatabaseRow, (SectionName.DATABASE,), oldest, *newer, is_visible=True
            ),
            catalog_query("tables_priv", TableRow, (SectionName.TABLE,), oldest, is_visible=True),
            catalog_query(
                "columns_priv", ColumnRow, (SectionName.COLUMN,), oldest, is_visible=True
            ),
            catalog_query("procs_priv", RoutineRow, (SectionName.ROUTINE,), oldest),
            catalog_query("proxies_priv", ProxyRow, (SectionName.PROXY,), oldest),
        )

    def all(self) -> tuple[Query[Any], ...]:
        """Return each of them."""
        return (self.databases, self.tables, self.columns, self.routines, self.proxies)

    def grants(
        self, rows: AccountRows, accounts: Collection[Principal]
    ) -> dict[Principal, list[Grant]]:
        """Return the grants of their rows, by account; `accounts` are all of the server."""
        return shared_grants(
            rows.of(self.databases),
            rows.of(self.tables),
            rows.of(self.columns),
            rows.of(self.routines),
            rows.of(self.proxies),
            accounts,
        )


class Family(UnknownNothing):
    """An engine of the two. `accounts_table` holds its accounts, `package` its statements."""

    name: EngineName
    product: str
    package: str
    oldest: Version
    accounts_table: str
    size_grants: tuple[Query[Any], ...]
    """One query for each grant that the sizes need."""
    default_port = 3306
    size_connections = 1
    tells_tls = True
    certificate_check: CertificateCheck | None = None
    system_databases: tuple[str, ...] = SYSTEM_DATABASES
    system_schemas: frozenset[str] = frozenset()
    users_are_schemas: bool = False
    is_of_service: bool = False
    platforms: tuple[str, ...] = tuple(sorted(SERVICES))
    elsewhere = Elsewhere()
    reads_through: frozenset[str] = frozenset({DEFINER, account_name(DEFINER, "%")})
    account_queries: tuple[Query[Any], ...]

    def connect(self, target: Target, database: str | None = None) -> Connection:  # noqa: ARG002
        """Open a read-only connection whose statements the server itself bounds."""
        return connect(target, self.product)

    def identify(self, connection: Connection) -> ServerIdentity:
        """Ask for the version and the state of TLS; refuse the other product, and what is old."""
        table = self.accounts_table
        return identify(connection, self.package, self.product, self.oldest, table)

    def databases(self, connection: Connection, username: str) -> tuple[DatabaseEntry, ...]:  # noqa: ARG002
        """Return nothing: the grant tables of all databases are in one catalog."""
        return ()

    def closed_databases(self, platform: Platform) -> frozenset[str]:  # noqa: ARG002
        """Return nothing: the grant tables of all databases are in one catalog."""
        return frozenset()

    def provider_accounts(self, platform: Platform) -> frozenset[str]:
        """Return the names of the accounts by which the provider runs the server."""
        return provider_accounts(platform)

    def is_providers(self, account: AccountState, platform: Platform) -> bool:
        """Return whether an account is one by which the provider runs the server."""
        return account.name in provider_accounts(platform)

    def platform_script(
        self, username: str, platform: str, host: str = "%", databases: Sequence[str] = ()
    ) -> str:
        """Return the script for a managed service: that of any server.

        Its administrator has SELECT with the grant option on the grant tables, or is refused the
        lines of those that the service hides; the sections of these stay unread, by name.
        """
        Platform(platform)
        return self.grants_script(username, host, databases)

    def written(self, name: str) -> str:
        """Return a part of an account's name as statements write it."""
        return written(name)

    def written_account(self, username: str, host: str) -> str:
        """Return the account with its host as statements write it."""
        return written_account(username, host)

    def grants_script(self, username: str, host: str, databases: Sequence[str]) -> str:  # noqa: ARG002
        """Return the script: one table a line, no more than the queries read.

        Raises:
            ConfigurationError: no statement can hold one of the names.
        """
        check_names(self, username, host)
        queries = (*self.account_queries, *self.size_grants)
        account = written_account(username, host)
        return monitoring_script(account, self.package, self.accounts_table, queries)
