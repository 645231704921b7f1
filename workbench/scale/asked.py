"""What the collector asks PostgreSQL, for a plain driver to ask too."""

from __future__ import annotations

from sync_pipeline.engines.base import sql_text
from sync_pipeline.engines.postgresql.engine import PACKAGE
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.instance import EngineName
from workbench.scale.roles import DATABASE
from workbench.servers.running import RunningServer


def catalog_statements(server: RunningServer) -> dict[str, list[str]]:
    """Return the statements by which the accounts of a server are collected, by database."""
    version = (int(server.version),)
    found: dict[str, list[str]] = {server.database: [], DATABASE: []}
    for query in ENGINES[EngineName.POSTGRESQL].account_queries:
        if (file := query.file_for(version)) is None:
            continue
        for database in found if query.per_database else (server.database,):
            found[database].append(sql_text(PACKAGE, file))
    return found
