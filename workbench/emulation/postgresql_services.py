"""Managed services of PostgreSQL, emulated on a private server by what their vendors document.

The role that initdb made gets the provider's name, further roles and databases are made, and the
customer's administrator is no superuser. What only the vendor's own program does is not there:
what his administrator may beyond the grants is not emulated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from sync_pipeline.model.platform import Platform
from workbench.servers.postgresql_bench import PostgresBench, raw, statement

_HELPER = "emulation_helper"
_FIRST = "postgres"
ADMINISTRATOR = "postgres"
"""How the services call their customer's administrator unless told otherwise."""


@dataclass(frozen=True)
class Emulated:
    """One service: the page that says so, whose the server is, and what is made on it.

    `database` is the provider's own; empty: it has none.
    """

    page: str
    provider: str
    database: str
    statements: tuple[str, ...]
    closes_by: str = "grants"


_CREATES = "CREATE ROLE postgres LOGIN CREATEDB CREATEROLE VALID UNTIL 'infinity'"
_AMAZON = (
    "CREATE ROLE rds_superuser",
    "CREATE ROLE rds_replication",
    "CREATE ROLE rds_iam",
    "CREATE ROLE rds_password",
    "CREATE ROLE rds_ad",
    "CREATE ROLE rdsrepladmin REPLICATION",
    "GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION",
    "GRANT rds_replication, rds_password TO rds_superuser WITH ADMIN OPTION",
    _CREATES,
    "GRANT rds_superuser TO postgres",
    "CREATE DATABASE rdsadmin",
    "REVOKE ALL ON DATABASE rdsadmin FROM PUBLIC",
)
_RESERVED = "pg_rds_superuser"


def _named(before: str, after: str) -> tuple[str, ...]:
    """Return the statements that give a role a name which a server keeps for its own roles."""
    return (
        "SET allow_system_table_mods = on",
        f"UPDATE pg_authid SET rolname = '{after}' WHERE rolname = '{before}'",
    )


_AURORA_VERSION = "pg_catalog.aurora_version()"
SERVICES: dict[Platform, Emulated] = {
    Platform.RDS: Emulated(
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
        "Appendix.PostgreSQL.CommonDBATasks.Roles.rds_superuser.html",
        "rdsadmin",
        "rdsadmin",
        _AMAZON,
    ),
    Platform.AURORA: Emulated(
        "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/"
        "AuroraPostgreSQL.Updating.html",
        "rdsadmin",
        "rdsadmin",
        (*_AMAZON, f"CREATE FUNCTION {_AURORA_VERSION} RETURNS text RETURN '17.4.0'"),
    ),
    Platform.CLOUD_SQL: Emulated(
        "https://cloud.google.com/sql/docs/postgres/users",
        "cloudsqladmin",
        "cloudsqladmin",
        (
            "CREATE ROLE cloudsqlsuperuser LOGIN CREATEDB CREATEROLE",
            "CREATE ROLE cloudsqlagent LOGIN CREATEDB CREATEROLE IN ROLE cloudsqlsuperuser",
            "CREATE ROLE cloudsqlimportexport LOGIN CREATEDB CREATEROLE IN ROLE cloudsqlsuperuser",
            "CREATE ROLE cloudsqlreplica LOGIN REPLICATION",
            "CREATE ROLE cloudsqliamuser",
            "CREATE ROLE cloudsqliamserviceaccount",
            "GRANT pg_monitor TO cloudsqlsuperuser WITH ADMIN OPTION",
            f"{_CREATES} IN ROLE cloudsqlsuperuser",
            "CREATE DATABASE cloudsqladmin",
        ),
        closes_by="pg_hba",
    ),
    Platform.ALLOYDB: Emulated(
        "https://cloud.google.com/alloydb/docs/database-users/about",
        "alloydbadmin",
        "alloydbadmin",
        (
            "CREATE ROLE alloydbsuperuser LOGIN CREATEDB CREATEROLE",
            "CREATE ROLE alloydbagent LOGIN CREATEDB CREATEROLE",
            "CREATE ROLE alloydbimportexport LOGIN CREATEDB CREATEROLE",
            "CREATE ROLE alloydbreplica LOGIN REPLICATION",
            "CREATE ROLE alloydbiamuser",
            "GRANT pg_monitor TO alloydbsuperuser WITH ADMIN OPTION",
            f"{_CREATES} IN ROLE alloydbsuperuser",
            "CREATE DATABASE alloydbadmin",
        ),
        closes_by="pg_hba",
    ),
    Platform.AZURE: Emulated(
        "https://learn.microsoft.com/azure/postgresql/security/security-access-control",
        "azuresu",
        "azure_maintenance",
        (
            "CREATE ROLE azure_pg_admin",
            "GRANT pg_monitor TO azure_pg_admin WITH ADMIN OPTION",
            f"{_CREATES} REPLICATION IN ROLE azure_pg_admin",
            "CREATE DATABASE azure_maintenance",
            "REVOKE ALL ON DATABASE azure_maintenance FROM PUBLIC",
            "CREATE DATABASE azure_sys",
        ),
    ),
    Platform.ALIYUN: Emulated(
        "https://www.alibabacloud.com/help/en/rds/apsaradb-rds-for-postgresql/account-permissions",
        "alicloud_rds_admin",
        "",
        (
            "CREATE ROLE stand_in",
            *_named("stand_in", _RESERVED),
            "CREATE ROLE aurora SUPERUSER LOGIN",
            "CREATE ROLE replicator LOGIN REPLICATION",
            "GRANT pg_monitor TO pg_rds_superuser WITH ADMIN OPTION",
            f"{_CREATES} IN ROLE pg_rds_superuser",
        ),
    ),
}


@contextmanager
def service_on(bench: PostgresBench, platform: Platform) -> Iterator[PostgresBench]:
    """Make a service of a bench's server for a while: administered by its provider's account.

    The bench's own database belongs to the customer's administrator.
    """
    emulated = SERVICES[platform]
    _rename(bench, _FIRST, emulated.provider)
    provided = replace(bench, server=replace(bench.server, admin_user=emulated.provider))
    try:
        provided.run(*emulated.statements, database="postgres")
        provided.run(*_to_customer(bench.database), database="postgres")
        lines = (f"host {emulated.database} all 127.0.0.1/32 reject",)
        with provided.hba(*(lines if emulated.closes_by == "pg_hba" else ())):
            yield provided
    finally:
        _undo(provided)
        _rename(provided, emulated.provider, _FIRST)


def customer(provided: PostgresBench, user: str = ADMINISTRATOR) -> PostgresBench:
    """Return the server as the customer's administrator has it."""
    return replace(provided, server=replace(provided.server, admin_user=user))


def _to_customer(database: str) -> Sequence[Any]:
    return (
        statement("ALTER DATABASE {} OWNER TO {}", database, ADMINISTRATOR),
        statement("ALTER DATABASE postgres OWNER TO {}", ADMINISTRATOR),
    )


def _undo(provided: PostgresBench) -> None:
    """Drop what was made, so that the first role can have its old name again."""
    with provided.admin("postgres") as link:
        for text in _named(_RESERVED, "stand_in"):
            link.execute(raw(text))
        link.execute(raw(f"DROP FUNCTION IF EXISTS {_AURORA_VERSION}"))
        for (name,) in link.execute("SELECT datname FROM pg_database").fetchall():
            if name not in ("postgres", "template0", "template1"):
                link.execute(statement("DROP DATABASE {} WITH (FORCE)", name))
        roles = link.execute(
            "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND oid <> 10"
        ).fetchall()
        link.execute("ALTER DATABASE postgres OWNER TO CURRENT_USER")
        for (name,) in roles:
            link.execute(statement("DROP OWNED BY {} CASCADE", name))
        for (name,) in roles:
            link.execute(statement("DROP ROLE {}", name))


def _rename(bench: PostgresBench, before: str, after: str) -> None:
    """Give the role that initdb made another name: nobody can rename whoever he is himself."""
    bench.run(f"CREATE ROLE {_HELPER} SUPERUSER LOGIN", database="postgres")
    host, port = bench.server.host, bench.server.port
    with psycopg.connect(
        host=host, port=port, user=_HELPER, dbname="postgres", autocommit=True
    ) as link:
        link.execute(statement("ALTER ROLE {} RENAME TO {}", before, after))
    with psycopg.connect(
        host=host, port=port, user=after, dbname="postgres", autocommit=True
    ) as link:
        link.execute(raw(f"DROP ROLE {_HELPER}"))
