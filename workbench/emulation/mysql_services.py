"""Managed services of MySQL and MariaDB, emulated on a private server by what is documented.

The accounts are real, and so is all that they may do. What the vendor's program says of itself,
its directories and variables, is put into the one row that the server answers of itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sync_pipeline.engines.base import Connection
from sync_pipeline.model.platform import Platform


@dataclass(frozen=True)
class Emulated:
    """One service: the page that says so, what its server says of itself, and its accounts.

    `stand_in` is the role of MySQL that the customer's administrator has; empty: there is none.
    """

    page: str
    said: Mapping[str, str]
    statements: tuple[str, ...]
    provider: str
    stand_in: str = ""


_AMAZON = {"programs": "/rdsdbbin/mysql-8.0.40.R1/", "data": "/rdsdbdata/db/"}
_RDS_ACCOUNTS = (
    "CREATE USER 'rdsadmin'@'localhost' IDENTIFIED BY 'hidden'",
    "GRANT ALL PRIVILEGES ON *.* TO 'rdsadmin'@'localhost' WITH GRANT OPTION",
)
_MASTER = (
    "CREATE USER 'admin'@'%' IDENTIFIED BY 'master'",
    (
        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, "
        "ALTER, SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, "
        "REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, "
        "EVENT, TRIGGER ON *.* TO 'admin'@'%' WITH GRANT OPTION"
    ),
)
SERVICES: dict[Platform, Emulated] = {
    Platform.RDS: Emulated(
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html",
        _AMAZON,
        (*_RDS_ACCOUNTS, *_MASTER),
        "'rdsadmin'@'localhost'",
        stand_in="rds_superuser_role",
    ),
    Platform.AURORA: Emulated(
        "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/"
        "AuroraMySQL.Compare-80-v3.html",
        {**_AMAZON, "settings": "aurora_version=3.08.0"},
        (*_RDS_ACCOUNTS, *_MASTER),
        "'rdsadmin'@'localhost'",
        stand_in="rds_superuser_role",
    ),
    Platform.AZURE: Emulated(
        "https://learn.microsoft.com/azure/mysql/flexible-server/concepts-server-parameters",
        {"version": "{version}-azure", "settings": "aad_auth_only=OFF"},
        (
            "CREATE USER 'azure_superuser'@'127.0.0.1' IDENTIFIED BY 'hidden'",
            "GRANT ALL PRIVILEGES ON *.* TO 'azure_superuser'@'127.0.0.1' WITH GRANT OPTION",
            *_MASTER,
        ),
        "'azure_superuser'@'127.0.0.1'",
    ),
    Platform.CLOUD_SQL: Emulated(
        "https://cloud.google.com/sql/docs/mysql/users",
        {"version": "{version}-google", "comment": "(Google)"},
        (
            "CREATE USER 'cloudsqlimport'@'localhost' IDENTIFIED BY 'hidden'",
            "GRANT ALL PRIVILEGES ON *.* TO 'cloudsqlimport'@'localhost' WITH GRANT OPTION",
            *_MASTER,
        ),
        "'cloudsqlimport'@'localhost'",
        stand_in="cloudsqlsuperuser",
    ),
    Platform.ALIYUN: Emulated(
        "https://www.alibabacloud.com/help/en/rds/apsaradb-rds-for-mysql/"
        "account-permissions-of-apsaradb-rds-for-mysql",
        {"settings": "maintain_user_list=aliyun_root\nrds_reserved_connections=512"},
        (
            "CREATE USER 'aliyun_root'@'127.0.0.1' IDENTIFIED BY 'hidden'",
            "GRANT ALL PRIVILEGES ON *.* TO 'aliyun_root'@'127.0.0.1' WITH GRANT OPTION",
            *_MASTER,
        ),
        "'aliyun_root'@'127.0.0.1'",
    ),
}


class SaysOfItself:
    """A real connection whose row about the server says what the service's says."""

    def __init__(self, inner: Connection, said: Mapping[str, str]) -> None:
        self._inner = inner
        self._said = said

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        rows = self._inner.fetch(sql, parameters)
        if "CURRENT_USER() AS account" not in sql:
            return rows
        (row,) = rows
        said = {name: text.format(version=row["version"]) for name, text in self._said.items()}
        return [{**row, **said}]

    def abort(self) -> None:
        self._inner.abort()

    def close(self) -> None:
        self._inner.close()


@contextmanager
def saying(opened: Iterator[Connection], said: Mapping[str, str]) -> Iterator[Connection]:
    """Yield the connection of a context, saying what a service's server says of itself."""
    for connection in opened:
        yield SaysOfItself(connection, said)
