"""Writing one day of a fleet's sizes, against a bare bulk upsert in the same run.

    python -m benchmarks.size_writes --store postgresql
    python -m benchmarks.size_writes --store sqlite

The baseline upserts ready rows of one table, in one transaction, in SQLAlchemy's bulk form.
Ours begins with snapshots, and writes the inventory, the databases' and the instances' rows,
replacing those of the date: all instances in one transaction ("bulk"), and one transaction
an instance, which is what the job does.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.dialects import postgresql, sqlite

from benchmarks.capacity_bench import QUARTER, Fleet, empty_store, register
from sync_pipeline.model.size import DatabaseSize, Measure, MeasuredDay, SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline.reconcile.databases import reconcile_databases
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline.store.database import Database
from sync_pipeline.store.sizes.schema import database_size_stats
from sync_pipeline.store.store import Store

NOW = datetime(2026, 7, 1, 3, tzinfo=UTC)
KEYS = ("instance_id", "collected_date", "database_id")


def snapshot(databases: int, offset: int) -> SizeSnapshot:
    """Return the sizes of one instance."""
    return SizeSnapshot(
        server=ServerIdentity("18.0", (18, 0)),
        observed_at=NOW,
        databases=tuple(
            DatabaseSize(
                f"database_{number}",
                Measure.known(10**9 + number * 1000 + offset),
                Measure.known(9 * 10**8 + number),
                Measure.known(10**8 + number),
            )
            for number in range(databases)
        ),
    )


def days(store: Store, fleet: Fleet, offset: int) -> list[MeasuredDay]:
    """Return a day of the whole fleet, reconciled with what the store knows."""
    found = []
    for instance in store.registry.instances():
        sizes = snapshot(fleet.databases, offset)
        inventory = reconcile_databases(store.sizes.known(instance.id), sizes, Scope())
        found.append(MeasuredDay(instance.id, QUARTER, sizes, inventory))
    return found


def timed(work: Callable[[], None]) -> float:
    """Return how many seconds the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def bare_upsert(database: Database, fleet: Fleet) -> float:
    """Upsert ready rows of the same table; return seconds."""
    rows = [
        {
            "instance_id": 1_000_000 + instance,
            "collected_date": QUARTER,
            "database_id": 1_000_000 + instance * fleet.databases + number,
            "total_bytes": 10**9 + number,
            "data_bytes": 9 * 10**8,
            "index_bytes": 10**8,
            "log_bytes": None,
            "temporary_bytes": None,
            "logical_bytes": 10**9,
            "unknown": None,
            "collected_at": NOW,
            "session_id": None,
        }
        for instance in range(fleet.instances)
        for number in range(fleet.databases)
    ]
    columns = [name for name in rows[0] if name not in KEYS]

    dialect = sqlite if database.is_sqlite else postgresql
    statement = dialect.insert(database_size_stats)
    changes = {name: statement.excluded[name] for name in columns}
    upsert = statement.on_conflict_do_update(index_elements=list(KEYS), set_=changes)

    def write() -> None:
        with database.write() as connection:
            connection.execute(upsert, rows)

    return timed(write)


def main() -> int:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="benchmarks.size_writes", description=__doc__)
    parser.add_argument("--store", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--databases", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    fleet = Fleet(options.instances, options.databases, 1)
    with empty_store(options.store) as url:
        store, database = Store.open(url), Database(url)
        register(store, fleet)
        store.sizes.put(days(store, fleet, 0))  # the inventory of every day but the first
        bare_upsert(database, fleet)  # counted rounds replace rows, on both sides
        base, bulk, single = [], [], []
        for number in range(options.rounds):
            base.append(bare_upsert(database, fleet))
            measured = days(store, fleet, number)
            bulk.append(timed(lambda found=measured: store.sizes.put(found)))
            single.append(timed(lambda found=measured: [store.sizes.put([day]) for day in found]))
        store.close()
        database.close()
    result = {
        "store": options.store,
        "sizes": fleet.rows,
        "baseline seconds": round(min(base), 2),
        "bulk seconds": round(min(bulk), 2),
        "bulk ratio": round(min(bulk) / min(base), 2),
        "one transaction an instance, seconds": round(min(single), 2),
        "one transaction an instance, ratio": round(min(single) / min(base), 2),
    }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
