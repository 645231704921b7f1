"""The real server behind the endpoints: what is in it, and what it answers to the collector."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.connect import Deadline
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.workflows.syncing.target import Source
from workbench.fleet.recording import Recording, recording_proxy
from workbench.servers import postgresql
from workbench.servers.running import RunningServer

MONITOR = "monitor"
PASSWORD = "not-asked-for-on-loopback"
_ROLES_A_TEAM = 5


@dataclass(frozen=True, slots=True)
class Contents:
    """What every instance of the benchmark's fleet holds."""

    accounts: int = 20
    databases: int = 1
    tables: int = 10


@contextmanager
def real_server(directory: Path, contents: Contents) -> Iterator[RunningServer]:
    """Run a server that holds the contents."""
    with postgresql.run_postgresql(postgresql.installations()[-1], directory) as server:
        _fill(server, contents)
        yield server


def recorded(server: RunningServer) -> Recording:
    """Return what the server answers to one collection of its accounts."""
    with recording_proxy(server.host, server.port) as (recording, port):
        collect(server.host, port)
    return recording


def empower(server: RunningServer) -> None:
    """Make one team a superuser, and so each of its members."""
    with _connect(server, server.database) as connection:
        connection.execute("ALTER ROLE team_0 SUPERUSER")


def change(server: RunningServer, *, granted: bool) -> None:
    """Grant one privilege on one table to one team, or take it away again."""
    words = ("GRANT", "TO") if granted else ("REVOKE", "FROM")
    with _connect(server, "shop_0") as connection:
        connection.execute(sql.SQL("{} UPDATE ON table_0 {} team_0").format(*map(sql.SQL, words)))


def collect(host: str, port: int, connect_seconds: float = 10) -> Snapshot:
    """Collect the accounts of an endpoint as the product does, without a store.

    Raises:
        SyncError: no connection, or the list of accounts was not readable.
    """
    timeouts = Timeouts(connect_seconds=connect_seconds)
    instance = Instance(
        0,
        "recorded",
        EngineName.POSTGRESQL,
        host,
        port,
        MONITOR,
        tls=TlsOptions(TlsMode.DISABLE),
        timeouts=timeouts,
    )
    target = Target(instance, MONITOR, Secret(PASSWORD), instance.timeouts.statement_seconds)
    engine = ENGINES[EngineName.POSTGRESQL]
    source = Source(engine, target, Deadline(timeouts.total_seconds))
    return collect_accounts(engine, source.open, CollectScope(MONITOR), datetime.now(UTC))


def _fill(server: RunningServer, contents: Contents) -> None:
    """Make teams with members, and databases whose tables are granted to the teams."""
    names = [f"person_{number:03}" for number in range(contents.accounts)]
    teams = [f"team_{number}" for number in range(1 + len(names) // _ROLES_A_TEAM)]
    with _connect(server, server.database) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN; GRANT pg_monitor TO {}").format(
                sql.Identifier(MONITOR), sql.Identifier(MONITOR)
            )
        )
        for team in teams:
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(team)))
        for number, name in enumerate(names):
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN IN ROLE {}").format(
                    sql.Identifier(name), sql.Identifier(teams[number // _ROLES_A_TEAM])
                )
            )
        for number in range(contents.databases):
            connection.execute(
                sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"shop_{number}"))
            )
    for number in range(contents.databases):
        with _connect(server, f"shop_{number}") as connection:
            for table in range(contents.tables):
                connection.execute(
                    sql.SQL("CREATE TABLE {0} (id integer); GRANT SELECT, INSERT ON {0} TO {1}")
                    .format(
                        sql.Identifier(f"table_{table}"),
                        sql.Identifier(teams[table % len(teams)]),
                    )
                )  # fmt: skip


def _connect(server: RunningServer, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=server.host, port=server.port, user=server.admin_user, dbname=database,
        autocommit=True,
    )  # fmt: skip
