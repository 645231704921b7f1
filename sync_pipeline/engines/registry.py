"""The engines that this system knows: one line each."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

from sync_pipeline.engines.base import Engine, sql_text
from sync_pipeline.engines.mariadb.engine import MariaDb
from sync_pipeline.engines.mysql.engine import MySql
from sync_pipeline.engines.oracle.engine import Oracle
from sync_pipeline.engines.postgresql.engine import PostgreSql
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.model.instance import EngineName

ENGINES: Mapping[EngineName, Engine] = MappingProxyType(
    {
        EngineName.MYSQL: MySql(),
        EngineName.MARIADB: MariaDb(),
        EngineName.POSTGRESQL: PostgreSql(),
        EngineName.ORACLE: Oracle(),
        EngineName.SQLSERVER: SqlServer(),
    }
)


def read_statements() -> None:
    """Read the statements of all engines now.

    They are read when they are needed, else, and an upgrade may have written others by then, which
    the code that this process has does not know.
    """
    for engine in ENGINES.values():
        package = type(engine).__module__.rpartition(".")[0]
        for item in (resources.files(package) / "sql").iterdir():
            if item.name.endswith(".sql"):
                sql_text(package, item.name)
