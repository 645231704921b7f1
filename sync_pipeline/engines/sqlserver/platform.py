"""Whose service a SQL Server is, and which accounts and databases are its provider's. Pure.

Sources: SQL Server documentation, SERVERPROPERTY (EngineEdition 8); Amazon RDS User Guide,
"Microsoft SQL Server database users": the login `sa` is called `rdsa` and closed, and the database
`rdsadmin` is for the service.
"""

from __future__ import annotations

from collections.abc import Iterable

from sync_pipeline.model.platform import Platform

MANAGED_INSTANCE = 8
"""The EngineEdition of Azure SQL Managed Instance."""
FIRST_OF_RDS = "rdsa"
"""How Amazon RDS calls the login with the identifier of `sa`."""
_DATABASES = frozenset({"rdsadmin"})


def platform_of(edition: int, first_login: str, databases: Iterable[str]) -> Platform:
    """Return whose service a server is, from its edition, or from its first login and databases.

    A login or a database of such a name alone says nothing.
    """
    if edition == MANAGED_INSTANCE:
        return Platform.MANAGED_INSTANCE
    is_amazon = first_login == FIRST_OF_RDS and not _DATABASES.isdisjoint(databases)
    return Platform.RDS if is_amazon else Platform.SELF_RUN


def provider_accounts(platform: Platform) -> frozenset[str]:
    """Return the logins that are the provider's."""
    return frozenset({FIRST_OF_RDS}) if platform is Platform.RDS else frozenset()


def closed_databases(platform: Platform) -> frozenset[str]:
    """Return the databases that the provider keeps for itself."""
    return _DATABASES if platform is Platform.RDS else frozenset()
