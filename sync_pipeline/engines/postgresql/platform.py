"""Whose service a PostgreSQL server is, and which accounts and databases are its provider's. Pure.

Sources: Amazon RDS User Guide and Aurora User Guide, "Understanding the rds_superuser role" and
"Kerberos, IAM and password roles"; Cloud SQL for PostgreSQL, "About PostgreSQL users and roles";
AlloyDB, "Predefined roles"; Azure Database for PostgreSQL, "Access management" and "Servers"
(azure_maintenance, azure_sys); ApsaraDB RDS for PostgreSQL, "Account permissions".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sync_pipeline.model.platform import Platform


@dataclass(frozen=True, slots=True)
class Service:
    """What a managed service makes of a server.

    `first` are names of the role that initdb makes, as whom the provider runs the server.
    `stand_in` is the role that customers get in the place of a superuser. `others` are further
    accounts of the provider's, `databases` those that it keeps for itself.
    """

    first: frozenset[str]
    stand_in: str
    others: frozenset[str] = frozenset()
    databases: frozenset[str] = frozenset()

    @property
    def accounts(self) -> frozenset[str]:
        """Return all accounts that are the provider's."""
        return self.first | self.others | {self.stand_in}


_AMAZON = Service(
    frozenset({"rdsadmin"}),
    "rds_superuser",
    frozenset({"rdsrepladmin", "rds_ad", "rds_iam", "rds_password", "rds_replication"}),
    frozenset({"rdsadmin"}),
)
SERVICES: Mapping[Platform, Service] = MappingProxyType(
    {
        Platform.RDS: _AMAZON,
        Platform.AURORA: _AMAZON,
        Platform.CLOUD_SQL: Service(
            frozenset({"cloudsqladmin"}),
            "cloudsqlsuperuser",
            frozenset(
                {
                    *("cloudsqlagent", "cloudsqlimportexport", "cloudsqlreplica"),
                    *("cloudsqliamuser", "cloudsqliamserviceaccount"),
                }
            ),
            frozenset({"cloudsqladmin"}),
        ),
        Platform.ALLOYDB: Service(
            frozenset({"alloydbadmin"}),
            "alloydbsuperuser",
            frozenset(
                {
                    *("alloydbagent", "alloydbimportexport", "alloydbreplica"),
                    "alloydbiamuser",
                }
            ),
            frozenset({"alloydbadmin", "alloydbmetadata"}),
        ),
        Platform.AZURE: Service(
            frozenset({"azuresu", "azure_superuser"}),
            "azure_pg_admin",
            databases=frozenset({"azure_maintenance", "azure_sys"}),
        ),
        Platform.ALIYUN: Service(
            frozenset({"alicloud_rds_admin"}),
            "pg_rds_superuser",
            frozenset({"aurora", "replicator"}),
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Signs:
    """What a server shows of whose it is: all of it is in every account's sight.

    `first` is the role of identifier 10 where it is a superuser, which initdb made. `stand_ins`
    are the roles of such names that are none, `accounts` and `databases` further names of
    providers: the latter are the first role's own.
    """

    first: str
    stand_ins: frozenset[str]
    accounts: frozenset[str]
    databases: frozenset[str]
    has_aurora: bool = False


def platform_of(signs: Signs) -> Platform:
    """Return whose service a server is; one sign alone, such as a name, says nothing.

    The role that initdb made is the provider's, the stand-in for a superuser is there, and so
    is one more account or database of that service.
    """
    for platform, service in SERVICES.items():
        more = (signs.accounts & service.others) | (signs.databases & service.databases)
        if signs.first in service.first and service.stand_in in signs.stand_ins and more:
            is_aurora = platform is Platform.RDS and signs.has_aurora
            return Platform.AURORA if is_aurora else platform
    return Platform.SELF_RUN


def provider_accounts(platform: Platform) -> frozenset[str]:
    """Return the accounts that are the provider's."""
    service = SERVICES.get(platform)
    return service.accounts if service else frozenset()


def stand_in(platform: Platform) -> str:
    """Return the role that stands in for a superuser; empty: none does."""
    service = SERVICES.get(platform)
    return service.stand_in if service else ""


def closed_databases(platform: Platform) -> frozenset[str]:
    """Return the databases that the provider keeps for itself."""
    service = SERVICES.get(platform)
    return service.databases if service else frozenset()
