"""The engines that this system knows: one line each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sync_pipeline.engines.base import Engine
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
