"""Whose service a server is: what it says of that, and how people are told.

A platform is a label. It says which accounts and databases are the provider's, and never gives or
takes a right: those are what the server's catalogs say.
"""

from __future__ import annotations

from enum import StrEnum


class Platform(StrEnum):
    """A managed service, by the name that the command line takes."""

    SELF_RUN = "self-run"
    RDS = "rds"
    AURORA = "aurora"
    CLOUD_SQL = "cloudsql"
    ALLOYDB = "alloydb"
    AZURE = "azure"
    MANAGED_INSTANCE = "azure-managed-instance"
    AZURE_SQL = "azure-sql-database"
    ALIYUN = "aliyun"
    AUTONOMOUS = "autonomous"

    @property
    def service(self) -> str:
        """Return how its provider calls it."""
        return _TITLES[self]

    @property
    def is_managed(self) -> bool:
        """Return whether a provider runs the server."""
        return self is not Platform.SELF_RUN


_TITLES = {
    Platform.SELF_RUN: "self-run",
    Platform.RDS: "Amazon RDS",
    Platform.AURORA: "Amazon Aurora",
    Platform.CLOUD_SQL: "Cloud SQL",
    Platform.ALLOYDB: "AlloyDB",
    Platform.AZURE: "Azure Database",
    Platform.MANAGED_INSTANCE: "Azure SQL Managed Instance",
    Platform.AZURE_SQL: "Azure SQL Database",
    Platform.ALIYUN: "Aliyun RDS",
    Platform.AUTONOMOUS: "Autonomous Database",
}


def platform_named(text: str | None) -> Platform:
    """Return the platform that was recorded; a name that is not known says nothing."""
    try:
        return Platform(text or Platform.SELF_RUN)
    except ValueError:
        return Platform.SELF_RUN
