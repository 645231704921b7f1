"""A store filled with a fleet's sizes, for the benchmarks."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
from sqlalchemy import Engine, create_engine, event, text

from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.store.store import Store
from workbench.servers import postgresql

QUARTER = date(2026, 7, 1)
FILL_DATABASES = """
INSERT INTO instance_databases
  (instance_id, database_name, is_active, first_seen_at, last_seen_at)
SELECT i.id, 'database_' || n.number, {true}, '2026-01-01', '2026-01-01'
FROM instances AS i CROSS JOIN numbers AS n WHERE n.number < :databases
"""
FILL_SIZES = """
INSERT INTO database_size_stats
  (instance_id, collected_date, database_id, total_bytes, data_bytes, log_bytes, collected_at)
SELECT d.instance_id, {day}, d.id,
  1000000000 + d.id * 1000 + n.number * (d.id % 977) * 1000
    + (d.id * 7919 + n.number * 104729) % 100003 * 100,
  900000000 + d.id * 1000 + n.number * (d.id % 977) * 900,
  NULL, '2026-07-01'
FROM instance_databases AS d CROSS JOIN numbers AS n WHERE n.number < :days
"""
FILL_INSTANCES = """
INSERT INTO instance_size_stats
  (instance_id, collected_date, total_bytes, data_bytes, known_bytes, database_count,
   unread_count, collected_at)
SELECT instance_id, collected_date, SUM(total_bytes), SUM(data_bytes), SUM(total_bytes),
  COUNT(*), 0, '2026-07-01'
FROM database_size_stats GROUP BY instance_id, collected_date
"""


@dataclass(frozen=True)
class Fleet:
    """How large the fleet is: every database has a size for each of `days`."""

    instances: int
    databases: int
    days: int

    @property
    def rows(self) -> int:
        """Return how many daily sizes of databases there are."""
        return self.instances * self.databases * self.days


@dataclass(frozen=True)
class FilledStore:
    """A store with a fleet in it; `engine` reaches the same tables, for baselines."""

    url: str
    store: Store
    engine: Engine
    fleet: Fleet
    instance_ids: tuple[int, ...]


@contextmanager
def empty_store(kind: str) -> Iterator[str]:
    """Yield the URL of a new store: a SQLite file, or a database of a private server."""
    with tempfile.TemporaryDirectory(prefix="capacity-", dir="/tmp") as name:
        directory = Path(name)
        directory.chmod(0o755)
        if kind == "sqlite":
            yield f"sqlite:///{directory / 'store.db'}"
            return
        with postgresql.run_postgresql(postgresql.installations()[-1], directory / "pg") as server:
            with psycopg.connect(
                host=server.host, port=server.port, user=server.admin_user, autocommit=True,
                dbname=server.database,
            ) as link:  # fmt: skip
                link.execute("CREATE DATABASE bench")
            user = f"{server.admin_user}:{server.admin_password}"
            yield f"postgresql+psycopg://{user}@{server.host}:{server.port}/bench"


@contextmanager
def filled_store(kind: str, fleet: Fleet) -> Iterator[FilledStore]:
    """Yield a store with a fleet's registry, databases and daily sizes of a quarter."""
    with empty_store(kind) as url:
        store = Store.open(url)
        register(store, fleet)
        store.sizes.prepare(QUARTER + timedelta(days=number) for number in range(fleet.days))
        engine = raw_engine(url)
        is_sqlite = kind == "sqlite"
        day = (
            "date('2026-07-01', n.number || ' days')"
            if is_sqlite
            else "date '2026-07-01' + n.number"
        )
        with engine.begin() as connection:
            connection.execute(text("CREATE TEMPORARY TABLE numbers (number integer)"))
            connection.execute(
                text("INSERT INTO numbers VALUES (:n)"), [{"n": n} for n in range(1000)]
            )
            parameters = {"databases": fleet.databases, "days": fleet.days}
            for statement in (FILL_DATABASES, FILL_SIZES, FILL_INSTANCES):
                filled = statement.format(day=day, true="1" if is_sqlite else "true")
                connection.execute(text(filled), parameters)
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("ANALYZE" if is_sqlite else "VACUUM ANALYZE"))
        ids = tuple(item.id for item in store.registry.instances())
        try:
            yield FilledStore(url, store, engine, fleet, ids)
        finally:
            engine.dispose()
            store.close()


def register(store: Store, fleet: Fleet) -> None:
    """Put the instances of a fleet into the registry; nothing listens at their address."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    store.registry.put_credential(StoredCredential("monitor", "monitor", "env:NONE"), now)
    store.registry.put_instances(
        [
            Instance(0, f"instance-{n:05}", EngineName.POSTGRESQL, "127.0.0.1", 1, "monitor")
            for n in range(fleet.instances)
        ],
        now,
    )


def raw_engine(url: str) -> Engine:
    """Return an engine of SQLAlchemy with the pragmas of the store, and nothing else of it."""
    engine = create_engine(url)
    if url.startswith("sqlite"):

        @event.listens_for(engine, "connect")
        def _prepare(connection: sqlite3.Connection, _entry: object) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")

    return engine
