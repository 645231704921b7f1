"""Whose service a SQL Server is, and which accounts and databases are its provider's. Pure.

Sources: SQL Server documentation, SERVERPROPERTY (EngineEdition); Amazon RDS User Guide,
"Microsoft SQL Server database users": the login `sa` is called `rdsa` and closed, and the database
`rdsadmin` is for the service.
"""

from __future__ import annotations

from collections.abc import Iterable

from sync_pipeline.model.platform import Platform

AZURE_SQL, MANAGED_INSTANCE = 5, 8
"""The EngineEdition of Azure SQL Database and of Azure SQL Managed Instance."""
REFUSED = {
    6: "a dedicated SQL pool of Azure Synapse has other catalogs and rules, and is not read",
    11: "a serverless SQL pool of Azure Synapse has other catalogs and rules, and is not read",
    12: "who may use a SQL database in Microsoft Fabric is decided by roles of its workspace, "
    "which are in no catalog, so it is not read",
}
"""EngineEdition → why a server is not read (SERVERPROPERTY; Microsoft Fabric documentation,
"Authorization in SQL database")."""
FIRST_OF_RDS = "rdsa"
"""How Amazon RDS calls the login with the identifier of `sa`."""
_DATABASES = frozenset({"rdsadmin"})
_AZURE = {AZURE_SQL: Platform.AZURE_SQL, MANAGED_INSTANCE: Platform.MANAGED_INSTANCE}


def platform_of(edition: int, first_login: str, databases: Iterable[str]) -> Platform:
    """Return whose service a server is, from its edition, or from its first login and databases.

    A login or a database of such a name alone says nothing.
    """
    if edition in _AZURE:
        return _AZURE[edition]
    is_amazon = first_login == FIRST_OF_RDS and not _DATABASES.isdisjoint(databases)
    return Platform.RDS if is_amazon else Platform.SELF_RUN


def provider_accounts(platform: Platform) -> frozenset[str]:
    """Return the logins that are the provider's."""
    return frozenset({FIRST_OF_RDS}) if platform is Platform.RDS else frozenset()


def closed_databases(platform: Platform) -> frozenset[str]:
    """Return the databases that the provider keeps for itself."""
    return _DATABASES if platform is Platform.RDS else frozenset()
